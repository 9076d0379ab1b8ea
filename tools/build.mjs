/**
 * Builds `dist/`: one bundle that all actions and the CLI share, those that are read when something needs them, and a one-line stub for each entry.
 *
 *   node tools/build.mjs [--out <folder>] [--hook <file>]     default: dist; a hook is for tests alone (see generate.mjs)
 *
 * generate → esbuild (entry.mjs → index.cjs, parts/scenario.mjs → scenario.cjs, …) → stubs. Types are stripped, not
 * checked: that is `npm run typecheck`. The same sources give the same bytes anywhere: no source maps, no path of the building
 * machine, no native code.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { fromIndex, LATER, leftOut, readLater } from './bundle-parts.mjs';
import { licensesOf } from './licenses.mjs';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({ options: { out: { type: 'string', default: join(root, 'dist') }, hook: { type: 'string' } } });
const out = resolve(values.out);

/** What `runs.main` and `runs.post` in the action.yml files name. */
const entries = ['preflight', 'build', 'deploy', 'deploy-post', 'smoke', 'rollback', 'backup', 'server', 'certbot', 'signoff', 'report', 'watch', 'go-live', 'go-live-post'];

/** What ssh2 tries, and does without: native code would tie the bundle to one machine. */
const withoutThem = ['*.node', 'cpu-features'];

/** The bundles, as they read each other when something needs them. */
const beside = ['index', ...Object.keys(LATER)].map((name) => `./${name}.cjs`);

/** What all actions read at their start may not be larger, in bytes: what only some need goes into a bundle of its own. */
const MOST = 3_000_000;

const stubs = Object.fromEntries(entries.map((name) => [`${name}.cjs`, `require('./start.cjs').run('${name}');\n`]));
stubs['slipway.cjs'] = "#!/usr/bin/env node\nrequire('./start.cjs').cli(process.argv);\n";
stubs['start.cjs'] = readFileSync(join(root, 'tools/start.cjs'), 'utf8');

const { status } = spawnSync(process.execPath, ['tools/generate.mjs', ...(values.hook === undefined ? [] : ['--hook', values.hook])], { cwd: root, stdio: 'inherit' });
if (status !== 0) process.exit(1);
const parts = await Promise.all([
  bundle('tools/entry.mjs', 'index.cjs', [leftOut(), readLater()]),
  ...Object.keys(LATER).map((name) => bundle(`tools/parts/${name}.mjs`, `${name}.cjs`, name === 'cli' ? [fromIndex()] : [])),
]);
if (parts[0].text.length > MOST) throw new Error(`index.cjs has ${parts[0].text.length} bytes, more than ${MOST}`);
const packages = new Set(parts.flatMap(({ inputs }) => inputs));
const files = { ...Object.fromEntries(parts.map(({ name, text }) => [name, text])), 'licenses.txt': licensesOf(root, packages), ...stubs };
mkdirSync(out, { recursive: true });
for (const stale of readdirSync(out).filter((name) => !(name in files))) rmSync(join(out, stale), { recursive: true });
for (const [name, text] of Object.entries(files)) writeFileSync(join(out, name), text);
chmodSync(join(out, 'slipway.cjs'), 0o755);
console.log(`${out}: ${parts.map(({ name, text }) => `${name} ${Math.round(text.length / 1024)} KiB`).join(', ')}, ${Object.keys(stubs).length} stubs`);

/** Bundles an entry; throws when the result is more than one file of plain JavaScript, or tells where it was built. */
async function bundle(entry, name, plugins = []) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    // Also where node_modules is a link, every file has the name it has here.
    preserveSymlinks: true,
    entryPoints: [entry],
    bundle: true,
    // ssh2 reads __dirname, which an ES module does not have.
    format: 'cjs',
    platform: 'node',
    charset: 'ascii',
    // In licenses.txt.
    legalComments: 'none',
    external: [...withoutThem, ...beside],
    plugins,
    metafile: true,
    write: false,
    outfile: name,
    logLevel: 'warning',
  });
  if (outputFiles.length !== 1) throw new Error(`${entry} must become one file, but became ${outputFiles.map(({ path }) => basename(path)).join(', ')}`);
  const missing = Object.values(metafile.outputs)[0].imports.map(({ path }) => path).filter((path) => !isBuiltin(path) && !beside.includes(path) && !path.endsWith('.node') && !withoutThem.includes(path));
  if (missing.length > 0) throw new Error(`${entry} would ask a user's machine for ${missing.join(', ')}`);
  // V8 keeps a text with a single other character in two bytes each. What esbuild leaves of them stands in comments and patterns.
  const text = outputFiles[0].text.replace(/[^\0-\x7f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  if (text.includes(root)) {
    const line = text.split('\n').find((one) => one.includes(root));
    throw new Error(`The bundle holds a path of this machine: ${line?.trim().slice(0, 300)}`);
  }
  return { name, text, inputs: Object.keys(metafile.inputs) };
}
