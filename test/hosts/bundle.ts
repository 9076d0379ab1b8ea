import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { finish } from './docker.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** Below `build/`, which is ignored by git and lint; inside the repository, so that packages are found. */
const PLACE = join(ROOT, 'build', 'host-tests');
const SOURCES = ['src', 'tools', 'tsconfig.json'];
/** With it a test can stop a script of ours on a host at a marked step. */
const HOOK = 'test/hosts/fault-hook.sh';
const STALE_MS = 3_600_000;

let made: Promise<string> | undefined;

/**
 * The folder of bundles built from the sources as they are now, with `dist/`'s names in it. Built once for each state of
 * the sources, also when several workers ask at the same time: a test never depends on the committed `dist/` being fresh.
 * SLIPWAY_TEST_BUNDLE names a folder to use instead, such as `dist` itself.
 */
export function bundles(): Promise<string> {
  const given = process.env['SLIPWAY_TEST_BUNDLE'];
  return (made ??= given === undefined ? make() : Promise.resolve(resolve(ROOT, given)));
}

async function make(): Promise<string> {
  const digest = await digestOf([...SOURCES, HOOK, 'package-lock.json']);
  const done = join(PLACE, digest);
  const lock = `${done}.lock`;
  await mkdir(PLACE, { recursive: true });
  for (;;) {
    if (await exists(join(done, 'index.cjs'))) return done;
    try {
      await mkdir(lock);
    } catch {
      // Another worker builds the same; one that died leaves a lock that a later run must not wait for.
      const owner = await readFile(join(lock, 'pid'), 'utf8').catch(() => String(process.pid));
      if (!(await exists(`/proc/${owner}`))) await rm(lock, { recursive: true, force: true });
      await sleep(200);
      continue;
    }
    try {
      await writeFile(join(lock, 'pid'), String(process.pid));
      await removeStale();
      // A copy: others may build, or edit, in the repository meanwhile.
      const copy = join(PLACE, `${digest}.sources`);
      await rm(copy, { recursive: true, force: true });
      await mkdir(join(copy, 'schema'), { recursive: true });
      for (const name of SOURCES) await cp(join(ROOT, name), join(copy, name), { recursive: true });
      await writeFile(join(copy, 'package.json'), '{"type":"module","version":"0.0.0-test"}\n');
      await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
      const built = await finish(process.execPath, [join(copy, 'tools', 'build.mjs'), '--out', join(copy, 'dist'), '--hook', join(ROOT, HOOK)], { limit: 300_000 });
      if (built.code !== 0) throw new Error(`The bundle cannot be built:\n${built.stdout}${built.stderr}`);
      await rename(join(copy, 'dist'), done);
      await rm(copy, { recursive: true, force: true });
    } finally {
      await rm(lock, { recursive: true, force: true });
    }
  }
}

/** Over names and contents. */
async function digestOf(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) {
    const whole = join(ROOT, path);
    const folder = (await stat(whole)).isDirectory();
    const files = folder ? (await readdir(whole, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort() : [whole];
    for (const file of files) {
      // Written from the scripts while building.
      if (!file.endsWith('.generated.ts')) hash.update(`${file}\0`).update(await readFile(file)).update('\0');
    }
  }
  return hash.digest('hex').slice(0, 16);
}

async function removeStale(): Promise<void> {
  for (const name of await readdir(PLACE)) {
    const age = Date.now() - (await stat(join(PLACE, name)).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs;
    if (age > STALE_MS) await rm(join(PLACE, name), { recursive: true, force: true });
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false);
}
