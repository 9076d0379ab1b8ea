import { posix } from 'node:path';

/** The folders above `path`, from the outermost: `a/b/c` has `a` and `a/b`. */
export function parents(path: string): string[] {
  const names = path.split('/').slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join('/'));
}

/** Whether a link at `path` points to something outside the release, as its text stands. */
export function leadsOut(path: string, target: string): boolean {
  if (target === '' || posix.isAbsolute(target)) return true;
  const resolved = posix.normalize(posix.join(posix.dirname(path), target));
  return resolved === '..' || resolved.startsWith('../');
}

/** Linux follows this many links at most, path_resolution(7). */
const MOST_LINKS = 40;

/**
 * Whether a link leads outside the release when the links on its way are followed too: `a -> b/..` is outside when `b` is
 * a link to a folder at the top.
 * @param links the targets of all links of the release, by their paths.
 */
export function leadsOutThrough(path: string, links: ReadonlyMap<string, string>): boolean {
  const here = path.split('/').slice(0, -1);
  const ahead = (links.get(path) ?? '').split('/');
  let followed = 0;
  for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (here.pop() === undefined) return true;
      continue;
    }
    here.push(name);
    const target = links.get(here.join('/'));
    if (target === undefined) continue;
    // A circle leads nowhere.
    if ((followed += 1) > MOST_LINKS) return false;
    here.pop();
    ahead.unshift(...target.split('/'));
  }
  return false;
}
