import picomatch from 'picomatch';
import type { Selects } from './manifest.js';
import { parents } from './paths.js';

/** Never part of a release, whatever is included: history, and what Slipway keeps for itself. */
const NEVER = ['.git', '.slipway'];

/**
 * Which paths of the workspace a release takes: those that match `include` (a folder means all that is below it), less
 * `exclude`, less the shared folders (they survive releases and never come from one).
 * Patterns are picomatch's; a pattern without wildcard is a path.
 */
export function selection(release: { include: readonly string[]; exclude: readonly string[]; shared: readonly string[] }): Selects {
  const include = release.include.map(pattern);
  const exclude = [...release.exclude.map(pattern), ...release.shared.map(pattern), ...NEVER.map(pattern)];
  return (path, isFolder) => {
    if (exclude.some((matches) => matches(path))) return 'leave';
    if (include.some((matches) => matches(path) || parents(path).some(matches))) return 'take';
    return isFolder ? 'look-inside' : 'leave';
  };
}

/** Everything is taken: for an artifact that was put together elsewhere. */
export function wholeFolder(release: { shared: readonly string[] }): Selects {
  return selection({ include: ['.'], exclude: [], shared: release.shared });
}

function pattern(text: string): (path: string) => boolean {
  const plain = text.replace(/^\.\//, '').replace(/\/+$/, '');
  if (plain === '.' || plain === '') return () => true;
  const matches = picomatch(plain, { dot: true, nonegate: true, flags: 's' });
  return (path) => path === plain || matches(path);
}

/** Says which `include` patterns selected nothing: a build that was not run, or a slip of the pen. */
export function unmatched(include: readonly string[], paths: Iterable<string>): string[] {
  const left = new Map(include.map((text) => [text, pattern(text)]));
  for (const path of paths) {
    for (const [text, matches] of left) if (matches(path) || parents(path).some(matches)) left.delete(text);
    if (left.size === 0) break;
  }
  return [...left.keys()];
}
