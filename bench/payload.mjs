/** What is deployed: files of npm packages, always the same ones for the same package-lock.json. */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Packages that only the bench itself brings, so that adding them did not change the payload. */
const OWN = new Set(['echarts', 'zrender']);
/** The time of every file in the first version, in seconds. */
const FIRST = 1_700_000_000;

/**
 * @typedef {object} Payload
 * @property {string} folder
 * @property {readonly string[]} files paths below the folder, sorted
 * @property {number} bytes
 * @property {(version: number) => string[]} change makes another version: 1 % of the files, others each time; returns their paths
 * @property {(paths?: readonly string[]) => string} sums what `sha256sum --check` reads for these files, or all
 * @property {() => void} renew gives every file a new time, as a checkout on a fresh runner does
 * @property {() => void} restore takes that back: a file's time is that of its last change
 */

/**
 * Copies whole packages in alphabetical order until `count` files are there. Left out: packages with native code (they
 * differ between machines), links, and git's own files (they would change what git takes).
 * @returns {Payload}
 */
export function makePayload(modules, folder, count) {
  const files = [];
  let bytes = 0;
  for (const name of packages(modules)) {
    const found = walk(join(modules, name));
    if (OWN.has(name) || found.some((path) => path.endsWith('.node'))) continue;
    for (const path of found.slice(0, count - files.length)) {
      const own = relative(modules, path);
      mkdirSync(dirname(join(folder, own)), { recursive: true });
      copyFileSync(path, join(folder, own));
      bytes += lstatSync(path).size;
      files.push(own);
    }
    if (files.length === count) break;
  }
  files.sort();
  const times = new Map(files.map((path) => [path, FIRST]));
  const setTimes = (time) => { for (const path of files) utimesSync(join(folder, path), time(path), time(path)); };
  let renewed = FIRST;
  const restore = () => setTimes((path) => times.get(path));
  restore();
  return {
    folder, files, bytes, restore,
    renew: () => { renewed += 1; setTimes(() => renewed); },
    change(version) {
      const changed = files.filter((_, index) => index % 100 === version % 100);
      // In the middle, as an edit would be; the file keeps most of its bytes.
      for (const path of changed) {
        const old = readFileSync(join(folder, path));
        const middle = old.length >> 1;
        writeFileSync(join(folder, path), Buffer.concat([old.subarray(0, middle), Buffer.from(`\n// version ${version}\n`), old.subarray(middle)]));
        times.set(path, Math.round(Date.now() / 1000));
        utimesSync(join(folder, path), times.get(path), times.get(path));
      }
      return changed;
    },
    sums: (paths = files) => paths.map((path) => `${createHash('sha256').update(readFileSync(join(folder, path))).digest('hex')}  ${path}\n`).join(''),
  };
}

function packages(modules) {
  const names = readdirSync(modules).filter((name) => !name.startsWith('.'));
  return names.flatMap((name) => (name.startsWith('@') ? readdirSync(join(modules, name)).map((part) => `${name}/${part}`) : [name]))
    .filter((name) => existsSync(join(modules, name, 'package.json'))).sort();
}

function walk(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.git'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
