import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readBackups } from '../../src/databases/backup.js';
import { inputOf } from '../../src/databases/input.js';
import { scriptText, type ScriptName } from '../../src/host/script.js';
import { freePort } from '../support/free-port.js';
import { type Finished, finish } from './docker.js';

/**
 * The scripts of a backup against FerretDB with MongoDB's own tools and shell, on this machine: no package of Debian has them.
 * test/support/mongodb-tools.sh builds them once; `npm test` begins that while the unit tests run (tools/test.mjs).
 */
const TOOLS = 'test/support/mongodb-tools.sh';
const lacking = spawnSync('sh', [TOOLS, '--check']).status !== 0;
/** CI has to have them: there the tests fail and say why. */
const passedOver = lacking && process.env['CI'] !== 'true';

const PASSWORD = 'pä$ #"\'\\ x';
/** All databases of the set, as another entry of `databases`. */
const WHOLE = { whole: 'yes', wait: '60' };
const TOKEN = 'token-of-the-test';
/** PATH with the tools, once they are there. */
const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/' };

let root = '';
const servers: ChildProcess[] = [];
let main: Awaited<ReturnType<typeof serve>> | undefined;
let port: number;
let seen = '';
let watching: NodeJS.Timeout | undefined;

const answers = async (port: number): Promise<boolean> => {
  const socket = connect({ port, host: '127.0.0.1' });
  const said = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(() => false);
  socket.destroy();
  return said;
};

const uri = (password = PASSWORD, at = port, user = 'app'): string =>
  `mongodb://${user}:${encodeURIComponent(password).replaceAll("'", '%27')}@127.0.0.1:${at}/?serverSelectionTimeoutMS=3000&authSource=admin&authMechanism=SCRAM-SHA-256`;

async function until(condition: () => Promise<boolean>, limit = 60_000): Promise<void> {
  for (const end = Date.now() + limit; !(await condition()); await sleep(20)) if (Date.now() > end) throw new Error('what was waited for did not come');
}

/** FerretDB; with the name of a set it says it is the member of a replica set. */
async function serve(folder: string, set: string): Promise<{ port: number; end: () => Promise<void> }> {
  await mkdir(join(root, folder));
  const own = await freePort();
  const child = spawn('ferretdb', ['-listen', `127.0.0.1:${own}`, '-data', join(root, folder), '-set', set], { env: { ...env, FERRETDB_USERNAME: 'app', FERRETDB_PASSWORD: PASSWORD }, stdio: 'ignore' });
  servers.push(child);
  await until(() => answers(own), 120_000);
  return {
    port: own,
    end: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

/** A gzip in front of the real one that stops at `wait_for_go` until it is told to go on: no run is faster than its test. */
async function holding(text: string): Promise<{ env: Readonly<Record<string, string>>; held: () => Promise<boolean>; go: () => Promise<void> }> {
  const folder = await mkdtemp(join(root, 'hold-'));
  const real = spawnSync('sh', ['-c', 'command -v gzip']).stdout.toString().trim();
  await writeFile(join(folder, 'gzip'), `#!/bin/sh\nreal=${real}\nwait_for_go() { : >held; until [ -e go ]; do sleep 0.05; done; }\ncd '${folder}' || exit 1\n${text}\n`, { mode: 0o755 });
  return { env: { PATH: `${folder}:${env.PATH}` }, held: async () => (await readdir(folder)).includes('held'), go: () => writeFile(join(folder, 'go'), '') };
}

async function shell(database: string, script: string): Promise<string> {
  const file = join(root, 'shell.js');
  await writeFile(file, `db = connect(${JSON.stringify(uri())}).getSiblingDB('${database}');\n${script}\n`, { mode: 0o600 });
  const done = await finish('env', [`PATH=${env.PATH}`, `HOME=${root}`, 'mongosh', '--quiet', '--norc', '--nodb', file], { limit: 60_000 });
  expect(done).toMatchObject({ code: 0 });
  return done.stdout.trim();
}

function start(name: ScriptName, args: readonly string[] = [], settings: Readonly<Record<string, string>> = {}, more: Readonly<Record<string, string>> = {}): ChildProcess & { said: Promise<Finished> } {
  const child = spawn('sh', [join(root, `${name}.sh`), join(root, 'app'), 'whole' in settings ? 'whole' : 'main', ...args], { env: { ...env, ...more }, stdio: ['pipe', 'pipe', 'pipe'] });
  const said = new Promise<Finished>((resolve) => {
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    child.on('exit', (code) => setTimeout(() => resolve({ code: code ?? -1, stdout, stderr }), 20));
  });
  child.stdin.end(inputOf({ engine: 'mongodb', uri: uri(), database: 'shop', compress: 'gzip', wait: '20', ...settings }));
  return Object.assign(child, { said });
}
const script = (...args: Parameters<typeof start>): Promise<Finished> => start(...args).said;

/** Every command line of this machine that names what we look at. */
async function look(): Promise<void> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const line = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
    if (/mongo/.test(line) && !servers.some((one) => one.pid === Number(pid))) seen += `${line}\n`;
  }
}

(passedOver ? describe.skip : describe)('MongoDB', () => {
  beforeAll(async () => {
    const made = await finish('sh', [TOOLS], { limit: 880_000 });
    const [word, ...rest] = (made.stdout.trim().split('\n').at(-1) ?? '').split(' ');
    if (word !== 'tools') throw new Error(`MongoDB's tools cannot be had: ${rest.join(' ')}`);
    env.PATH = `${join(rest.join(' '), 'bin')}:${env.PATH}`;
    root = await mkdtemp(join(tmpdir(), 'slipway-mongodb-'));
    for (const folder of ['.slipway', 'shared', 'releases/1']) await mkdir(join(root, 'app', folder), { recursive: true });
    await symlink('releases/1', join(root, 'app/current'));
    await writeFile(join(root, 'app/.slipway/app'), 'shop production\n');
    await writeFile(join(root, 'app/.slipway/lease'), `token=${TOKEN}\n`);
    for (const name of ['backup-create', 'backup-drill', 'backup-restore', 'backup-rows'] as const) await writeFile(join(root, `${name}.sh`), scriptText(name, 'mongodb'));
    main = await serve('data', 'rs0');
    port = main.port;
    await shell('shop', `
      for (let at = 0; at < 3000; at += 1000) db.users.insertMany([...Array(1000).keys()].map((i) => ({ _id: at + i, name: 'Zoë 😀 ' + (at + i), note: 'x'.repeat(500) })));
      db.users.createIndex({ name: 1 });
      db.getCollection('with space.and dot').insertMany([{ a: BinData(0, 'AP8n') }, { a: null }]);
      db.createCollection('nothing');`);
    // It takes its ten seconds beside the other tests.
    unreachable = script('backup-rows', [], { uri: uri('geheim', 1) });
    watching = setInterval(() => void look(), 300);
  }, 900_000);

  afterAll(async () => {
    clearInterval(watching);
    await main?.end();
    if (root !== '') await rm(root, { recursive: true, force: true });
  });

  const rowsOf = (text: string, key: string): Record<string, number> =>
    Object.fromEntries([...text.matchAll(new RegExp(`^${key}\\t(\\d+)\\t(.*)$`, 'gm'))].map(([, count, table]) => [table ?? '', Number(count)] as const));
  const idOf = ({ stdout }: Finished): string => /^backup\t(\S+)$/m.exec(stdout)?.[1] ?? '';
  /** FerretDB keeps each database in a file of its own. */
  const databases = async (): Promise<string> => (await readdir(join(root, 'data'))).filter((name) => /^slipway.*\.sqlite$/.test(name)).join();
  let id: string;
  let whole: string;
  let unreachable: Promise<Finished> | undefined;

  test('a drill of a backup has the same collections and documents, and the probes are asked there', async () => {
    const made = await script('backup-create');
    expect(made).toMatchObject({ code: 0, stderr: '' });
    id = idOf(made);
    const rows = rowsOf(made.stdout, 'manifest\trows');
    expect(rows).toEqual({ users: 3000, 'with space.and dot': 2, nothing: 0 });
    const probe = Buffer.from('db.users.countDocuments({ name: "Zoë 😀 7" })').toString('base64');
    const drilled = await script('backup-drill', [id], { probes_b64: Buffer.from(`${probe}\n`).toString('base64') });
    expect(drilled).toMatchObject({ code: 0, stderr: '' });
    expect(rowsOf(drilled.stdout, 'row')).toEqual(rows);
    expect(drilled.stdout).toMatch(/^probe\t1$/m);
    expect(await databases()).toBe('');
  }, 90_000);

  test('a restore brings back the backup, and what came after it is gone', async () => {
    await shell('shop', 'db.users.deleteOne({ _id: 7 }); db.users.updateOne({ _id: 5 }, { $set: { name: "x" } }); db.newer.insertOne({});');
    expect(await script('backup-restore', [TOKEN, id, ''])).toMatchObject({ code: 0 });
    expect(await shell('shop', 'print([db.users.countDocuments({}), db.users.findOne({ _id: 5 }).name, db.users.getIndexes().length, db.getCollectionNames().sort()].join())')).toBe('3000,Zoë 😀 5,2,nothing,users,with space.and dot');
    expect(rowsOf((await script('backup-rows')).stdout.replace(/^/gm, 'row\t'), 'row')).toMatchObject({ users: 3000 });
  }, 90_000);

  test('a cut archive is not whole, wherever it was cut', async () => {
    const folder = join(root, 'app/.slipway/backups/main', id);
    const dump = spawnSync('gzip', ['-dc', join(folder, 'archive')], { maxBuffer: 1 << 28 }).stdout;
    const library = ['set -eu', 'work=$1', scriptText('backup-verify', 'mongodb').replace(/[\s\S]*(?=^engine_scan\(\))/m, '').replace(/^}\n[\s\S]*/m, '}'), 'engine_scan'].join('\n');
    const scan = (data: Buffer): number | null => spawnSync('sh', ['-c', library, 'sh', root], { input: data }).status;
    expect(scan(dump)).toBe(0);
    for (const length of [0, 3, 100, 700, Math.floor(dump.length / 2), dump.length - 4, dump.length - 40]) expect([length, scan(dump.subarray(0, length))]).not.toEqual([length, 0]);
  });

  test.each([
    ['a wrong password', () => script('backup-rows', [], { uri: uri('geheim') }), /AuthenticationFailed/],
    ['a server that cannot be reached', () => unreachable, /server selection/],
  ])('%s is said in the words of the tools, without the address they repeat', async (_, run, words) => {
    const refused = await run();
    expect(refused?.code).toBe(1);
    expect(refused?.stderr).toMatch(words);
    expect(refused?.stderr).not.toMatch(/geheim/);
  }, 90_000);

  test('all databases of a replica set go together, and what is written meanwhile goes with them', async () => {
    // The server reads all of its oplog again and again, so it has none before.
    await shell('local', `
      db.createCollection('oplog.rs', { capped: true, size: 1e8 });
      db.getSiblingDB('other').things.insertMany([{ _id: 1 }, { _id: 2 }]);
      db.getSiblingDB('admin').createUser({ user: 'reader', pwd: 'x', roles: [] });`);
    // The dump waits with its first documents on their way.
    const hold = await holding('case $1 in -d) exec "$real" "$@" ;; esac; head -c 65536 >first; wait_for_go; cat first - | "$real" "$@"');
    const making = start('backup-create', [], WHOLE, hold.env);
    await until(async () => making.exitCode !== null || (await hold.held()));
    await shell('shop', "db.users.deleteOne({ _id: 0 }); db.users.insertOne({ _id: 'late' }); db.users.updateOne({ _id: 5 }, { $set: { name: 'late' } }); db.getSiblingDB('other').things.insertOne({ _id: 3 });");
    await hold.go();
    const made = await making.said;
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(made.stdout).toMatch(/^manifest\tkind\tmongo-oplog$[^]*^manifest\tconsistent\tyes/m);
    const { rows, moved } = readBackups(made.stdout)[0] ?? {};
    expect(Object.keys(Object.fromEntries(rows ?? []))).toEqual(['other.things', 'shop.nothing', 'shop.users', 'shop.with space.and dot']);
    expect(Object.fromEntries(moved ?? [])).toEqual({ 'shop.users': 2, 'other.things': 1 });
    whole = idOf(made);
  }, 150_000);

  test('a drill of them puts each under a scratch name, and one that was killed leaves none for long', async () => {
    const hold = await holding('"$real" "$@" | { head -c 200000; wait_for_go; }; exit 1');
    const killed = start('backup-drill', [whole], WHOLE, hold.env);
    await until(async () => killed.exitCode !== null || ((await hold.held()) && (await databases()) !== ''));
    killed.kill('SIGKILL');
    await killed.said;
    expect(await databases()).not.toBe('');
    await hold.go();
    const probe = Buffer.from("db.getSiblingDB('other').things.countDocuments({ _id: 1 }) && db.getSiblingDB('shop').users.countDocuments({ _id: 0 })").toString('base64');
    const drilled = await script('backup-drill', [whole], { ...WHOLE, probes_b64: Buffer.from(`${probe}\n`).toString('base64') });
    expect(drilled).toMatchObject({ code: 0, stderr: '' });
    expect(rowsOf(drilled.stdout, 'row')).toEqual(rowsOf(drilled.stdout, 'manifest\trows'));
    expect(drilled.stdout).toMatch(/^probe\t1$/m);
    expect(await databases()).toBe('');
  }, 150_000);

  test('a restore of them replays the oplog; who may not is told so before anything is changed', async () => {
    const refused = await script('backup-restore', [TOKEN, whole, ''], { ...WHOLE, uri: uri('x', port, 'reader') });
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toMatch(/anyAction on anyResource[^]*the data is as it was/);
    const counts = "print([db.users.countDocuments({}), db.users.countDocuments({ _id: 'late' }), db.users.countDocuments({ _id: 0 }), db.users.findOne({ _id: 5 }).name, db.getSiblingDB('other').things.countDocuments({}), db.getSiblingDB('newer').things.countDocuments({})].join());";
    expect(await shell('shop', `${counts} db.users.deleteMany({}); db.getSiblingDB('newer').things.insertOne({});`)).toBe('3000,1,0,late,3,0');
    expect(await script('backup-restore', [TOKEN, whole, ''], WHOLE)).toMatchObject({ code: 0 });
    expect(await shell('shop', counts)).toBe('3000,1,0,late,3,0');
  }, 150_000);

  test('a server that is no replica set has no oplog, and that is said', async () => {
    const alone = await serve('alone', '');
    try {
      const refused = await script('backup-create', [], { ...WHOLE, uri: uri(PASSWORD, alone.port) });
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toMatch(/no replica set, so it has no oplog/);
    } finally {
      await alone.end();
    }
  }, 150_000);

  test('the password was in no command line', () => {
    expect(seen).toMatch(/mongodump --config=/);
    expect(seen).toMatch(/mongorestore --config=/);
    expect(seen).not.toContain(encodeURIComponent(PASSWORD).slice(0, 8));
    expect(seen).not.toContain(PASSWORD);
  });
});
