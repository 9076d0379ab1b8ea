#!/usr/bin/env node
/**
 * `npm run demo`: all of Slipway in a minute, on a machine with nothing but Node. A real SSH server (ssh2's, on loopback)
 * with a home of its own plays the host; PM2 from npm runs the app in examples/express-sqlite on it.
 * Release 1 is good, release 2 changes a few files, release 3 is healthy but wrong: smoke finds it and the host goes back
 * by itself. Then a rollback by hand, and the report of it all as a page. Nothing else stays behind.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { freePort } from './free-port.mjs';

const root = join(import.meta.dirname, '..');
const slipway = join(root, 'dist', 'slipway.cjs');
const scratch = mkdtempSync(join(tmpdir(), 'slipway-demo-'));
const [home, workspace] = ['host', 'repository'].map((name) => join(scratch, name));
for (const folder of [home, workspace]) mkdirSync(folder);
const page = join(root, 'build', 'demo', 'report.html');
const rows = [];
let host;
let running;

process.on('SIGINT', () => running?.kill('SIGINT'));

try {
  const port = await freePort();
  host = await startHost();
  const key = join(scratch, 'id_ed25519');
  writeFileSync(key, host.clientKey, { mode: 0o600 });
  prepareRepository(host, port);
  const common = ['production', '--identity', key, '--evidence', join(scratch, 'evidence.jsonl')];
  const release = ['--app-env', join(scratch, 'app.env')];

  say('The host', `An SSH server on 127.0.0.1:${host.port}, its key pinned in slipway.yml:`, ...readFileSync(join(workspace, 'slipway.yml'), 'utf8').split('\n').slice(2, 9));

  say('Release 1', 'A first go-live: preflight, stage, install, switch, smoke, confirm.');
  await step('release 1, good', 0, 'go-live', ...common, ...release);

  say('Release 2', 'Three files change; only they are sent.');
  change(2);
  await step('release 2, good', 0, 'go-live', ...common, ...release);

  say('Release 3', 'Healthy, but it reports the wrong release: smoke is red, the site goes back by itself.');
  change(3);
  spoil();
  await step('release 3, bad: rolled back by itself', 1, 'go-live', ...common, ...release);

  say('Rollback', 'A customer complains about release 2 as well: one command.');
  await step('rollback by hand, to release 1', 0, 'rollback', ...common, '--release', firstRelease(), '--reason', 'prices are wrong');

  say('Status', 'What runs now, and what the journal says.');
  await step('status', 0, 'status', 'production', '--identity', key);
  await step('releases', 0, 'releases', 'production', '--identity', key);

  say('Report', 'All the evidence as one page. It asks nobody, and opens from disk.');
  await step('report', 0, 'report', 'production', '--ledger', join(scratch, 'evidence.jsonl'), '--html', page, '--title', 'Two releases, a broken one and a rollback');
  closing(port);
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  if (host !== undefined) {
    pm2('kill');
    await host.stop();
  }
  rmSync(scratch, { recursive: true, force: true });
}

/** The embedded host is written in TypeScript beside the tests; its own imports are packages and types only. */
async function startHost() {
  const source = readFileSync(join(root, 'test', 'support', 'embedded-host.ts'), 'utf8');
  const { outputText } = ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } });
  // Beside node_modules, so that the packages it imports are found.
  const compiled = join(root, 'build', 'demo', 'embedded-host.mjs');
  mkdirSync(dirname(compiled), { recursive: true });
  writeFileSync(compiled, outputText);
  const { startEmbeddedHost } = await import(pathToFileURL(compiled).href);
  return startEmbeddedHost({ home, path: hostPath(), env: hostEnvironment() });
}

function hostPath() {
  return [join(root, 'node_modules', '.bin'), dirname(process.execPath), process.env.PATH].join(delimiter);
}

/** The host has its own home, so its npm is told where this machine's settings and cache are. */
function hostEnvironment() {
  const npm = (name) => spawnSync('npm', ['config', 'get', name], { encoding: 'utf8' }).stdout.trim();
  return { PM2_HOME: join(home, '.pm2'), npm_config_userconfig: npm('userconfig'), npm_config_cache: npm('cache'), npm_config_update_notifier: 'false' };
}

function pm2(...args) {
  spawnSync(process.execPath, [join(root, 'node_modules', 'pm2', 'bin', 'pm2'), ...args], { env: { ...process.env, HOME: home, PM2_HOME: join(home, '.pm2') }, stdio: 'ignore' });
}

/** The team's repository: the example app, with its configuration pointed at the embedded host. */
function prepareRepository({ user, port: sshPort, hostKeyLine }, port) {
  cpSync(join(root, 'examples', 'express-sqlite'), workspace, { recursive: true, filter: (path) => !path.includes('node_modules') });
  const config = readFileSync(join(workspace, 'slipway.yml'), 'utf8')
    .replace(/^#.*\n/, '')
    .replace(/^environments:[\s\S]*?(?=^release:)/m, [
      'environments:',
      '  production:',
      `    url: http://127.0.0.1:${port}`,
      `    root: ${join(home, 'srv', 'express-sqlite')}`,
      '    hosts:',
      `      - address: ${user}@127.0.0.1:${sshPort}`,
      `        host-key: ${hostKeyLine}`,
      '', '',
    ].join('\n'))
    .replaceAll('3001', String(port))
    // Backups need sqlite3, and this host has nothing but Node: here the install brings the schema up.
    .replace(/^databases:\n[\s\S]*?(?=^services:)/m, '')
    .replace('npm ci --omit=dev', '$& && npm run migrate')
    .replace(/^preflight:\n/m, 'preflight:\n  severity: { repository: "off", clock: warn }\n');
  writeFileSync(join(workspace, 'slipway.yml'), config);
  const secret = () => randomBytes(32).toString('base64url');
  writeFileSync(join(scratch, 'app.env'), `JWT_SECRET=${secret()}\nADMIN_EMAIL=admin@example.com\nADMIN_PASSWORD=${secret()}\n`, { mode: 0o600 });
}

/** A new version: two sources and a text change. */
function change(version) {
  for (const name of ['app.js', 'config.js']) appendFileSync(join(workspace, 'src', name), `\n// version ${version}\n`);
  writeFileSync(join(workspace, 'src', 'notes.txt'), `Version ${version}\n`);
}

/** Health still passes; what the app says of its release does not. */
function spoil() {
  const file = join(workspace, 'src', 'app.js');
  const text = readFileSync(file, 'utf8');
  const spoilt = text.replace('release: config.release', "release: 'something else'");
  if (spoilt === text) throw new Error('the example app no longer reports its release where the demo spoils it');
  writeFileSync(file, spoilt);
}

function firstRelease() {
  return readdirSync(join(home, 'srv', 'express-sqlite', 'releases')).sort()[0];
}

/** Runs one command of Slipway's as a user would, and notes how long it took. */
async function step(title, expected, ...args) {
  console.log(`$ slipway ${args.filter((arg, index) => !isPath(arg) && !isPathFlag(args[index])).join(' ')}`);
  const started = performance.now();
  running = spawn(process.execPath, [slipway, ...args], { cwd: workspace, stdio: 'inherit', env: { ...process.env, SSH_AUTH_SOCK: '' } });
  const code = await new Promise((resolve) => running.once('close', resolve));
  running = undefined;
  rows.push({ title, code, seconds: (performance.now() - started) / 1000 });
  if (code !== expected) throw new Error(`${title}: exit code ${code}, expected ${expected}`);
}

function isPath(arg) {
  return arg.startsWith(scratch);
}

function isPathFlag(arg) {
  return ['--identity', '--evidence', '--app-env', '--ledger'].includes(arg);
}

function say(title, ...lines) {
  console.log(`\n━━ ${title} ${'━'.repeat(Math.max(0, 90 - title.length))}`);
  for (const line of lines) console.log(line);
  console.log();
}

function closing(port) {
  say('What happened');
  const records = readFileSync(join(scratch, 'evidence.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  const staged = records.filter(({ id }) => id === 'deploy.stage');
  const width = Math.max(...rows.map(({ title }) => title.length));
  for (const { title, code, seconds } of rows) console.log(`  ${title.padEnd(width)}  exit ${code}  ${seconds.toFixed(1).padStart(5)} s`);
  console.log();
  staged.forEach(({ data }, index) => console.log(`  release ${index + 1}: ${data.filesSent} files sent, ${data.filesLinked} linked, ${data.bytesSent} bytes on the wire`));
  const count = (status) => records.filter((record) => record.status === status).length;
  console.log(`\n  ${records.length} records of evidence: ${count('pass')} passed, ${count('warn')} warned, ${count('fail')} failed (release 3), ${count('skip')} skipped.`);
  console.log(`  The report: ${relative('.', page)}`);
  console.log(`  The app answered on port ${port}; it, PM2, the SSH server and every other file are gone now.`);
}
