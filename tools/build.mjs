/**
 * Builds `dist/`: one bundle that all actions and the CLI share, and a one-line stub for each.
 *
 *   node tools/build.mjs [--out <folder>] [--hook <file>]     default: dist; a hook is for tests alone (see generate.mjs)
 *
 * generate → tsc (src → build/) → ncc (tools/entry.cjs → index.cjs, tools/plots.cjs → plots.cjs) → stubs. The same sources give
 * the same bytes anywhere: no source maps, no path of the building machine, no native code. plots.cjs is ECharts: the report alone
 * reads it, so that nothing else pays for it.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import ncc from '@vercel/ncc';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({ options: { out: { type: 'string', default: join(root, 'dist') }, hook: { type: 'string' } } });
const out = resolve(values.out);

/** What `runs.main` and `runs.post` in the action.yml files name. */
const entries = ['preflight', 'build', 'deploy', 'deploy-post', 'smoke', 'rollback', 'backup', 'server', 'certbot', 'signoff', 'report', 'watch', 'go-live', 'go-live-post'];

/** ssh2 names PuTTY's agent helper, which it starts on Windows only; the program is not shipped. */
const leftOut = ['pagent.exe'];

/** The other bundle, as tools/entry.cjs asks for it. */
const PLOTS = './plots.cjs';

/**
 * What our dependencies import and we never reach: ssh2 works without its optional native part, and @actions/core speaks HTTP
 * for OIDC tokens only and starts programs only to describe the machine. Without undici the bundle is a megabyte smaller.
 * In their place stands a module of Node's that has none of these names.
 */
const unused = ['cpu-features', '@actions/http-client', '@actions/http-client/lib/auth', '@actions/exec'];

const stubs = Object.fromEntries(entries.map((name) => [`${name}.cjs`, `require('./start.cjs').run('${name}');\n`]));
stubs['slipway.cjs'] = "#!/usr/bin/env node\nrequire('./start.cjs').cli(process.argv);\n";
stubs['start.cjs'] = readFileSync(join(root, 'tools/start.cjs'), 'utf8');

run('tools/generate.mjs', ...(values.hook === undefined ? [] : ['--hook', values.hook]));
run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json');
const main = await bundle('tools/entry.cjs', { ...nothing(unused), [PLOTS]: PLOTS });
const plots = await bundle('tools/plots.cjs', {});
mkdirSync(out, { recursive: true });
const files = { 'index.cjs': main.code, 'plots.cjs': plots.code, 'licenses.txt': `${main.licenses}\n\n${plots.licenses}`, ...stubs };
for (const stale of readdirSync(out).filter((name) => !(name in files))) rmSync(join(out, stale), { recursive: true });
for (const [name, text] of Object.entries(files)) writeFileSync(join(out, name), text);
chmodSync(join(out, 'slipway.cjs'), 0o755);
console.log(`${out}: index.cjs ${Math.round(main.code.length / 1024)} KiB, plots.cjs ${Math.round(plots.code.length / 1024)} KiB, ${Object.keys(stubs).length} stubs`);

/** Runs a program of Node's in the repository; what it found is on the terminal, so a failure needs no stack of ours. */
function run(program, ...args) {
  const { status } = spawnSync(process.execPath, [program, ...args], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

/** Requests that are answered with a module of Node's that has none of their names. */
function nothing(names) {
  return Object.fromEntries(names.map((name) => [name, 'node:constants']));
}

/** Bundles what was compiled; throws when the result is more than one file of plain JavaScript. */
async function bundle(entry, externals) {
  const { code, assets } = await ncc(join(root, entry), {
    cache: false,
    externals,
    license: 'licenses.txt',
    minify: false,
    quiet: true,
    sourceMap: false,
    target: 'es2022',
  });
  const licenses = assets['licenses.txt']?.source?.toString() ?? '';
  const extra = Object.keys(assets).filter((name) => name !== 'licenses.txt' && !leftOut.includes(name));
  if (extra.length > 0) {
    // Native code would tie the bundle to one machine. ssh2 works without its optional parts: `externals` above
    // leaves one out, `ignore-scripts=true` in .npmrc keeps npm from building the other. A chunk means import().
    throw new Error(`The bundle must be one file, but ncc also made: ${extra.join(', ')}`);
  }
  if (code.includes(root)) {
    const line = code.split('\n').find((text) => text.includes(root));
    throw new Error(`The bundle holds a path of this machine: ${line?.trim().slice(0, 300)}`);
  }
  // Packages name source maps that are not shipped.
  return { code: code.replace(/^\/\/# sourceMappingURL=.*\n/gm, ''), licenses };
}
