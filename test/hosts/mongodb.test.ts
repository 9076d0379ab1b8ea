import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
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
const TOKEN = 'token-of-the-test';
/** PATH with the tools, once they are there. */
const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/' };

let root = '';
let server: ChildProcess | undefined;
let port: number;
let seen = '';
let watching: NodeJS.Timeout | undefined;

const answers = async (): Promise<boolean> => {
  const socket = connect({ port, host: '127.0.0.1' });
  const said = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(() => false);
  socket.destroy();
  return said;
};

const uri = (password = PASSWORD, at = port): string =>
  `mongodb://app:${encodeURIComponent(password).replaceAll("'", '%27')}@127.0.0.1:${at}/?serverSelectionTimeoutMS=3000&authSource=admin&authMechanism=SCRAM-SHA-256`;

async function shell(database: string, script: string): Promise<string> {
  const file = join(root, 'shell.js');
  await writeFile(file, `db = connect(${JSON.stringify(uri())}).getSiblingDB('${database}');\n${script}\n`, { mode: 0o600 });
  const done = await finish('env', [`PATH=${env.PATH}`, `HOME=${root}`, 'mongosh', '--quiet', '--norc', '--nodb', file], { limit: 30_000 });
  expect(done).toMatchObject({ code: 0 });
  return done.stdout.trim();
}

function start(name: ScriptName | 'whole', args: readonly string[] = [], settings: Readonly<Record<string, string>> = {}): ChildProcess & { said: Promise<Finished> } {
  const child = spawn('sh', [join(root, `${name}.sh`), join(root, 'app'), 'main', ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
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
    if (/mongo/.test(line) && Number(pid) !== server?.pid) seen += `${line}\n`;
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
    await mkdir(join(root, 'data'));
    await writeFile(join(root, 'app/.slipway/app'), 'shop production\n');
    await writeFile(join(root, 'app/.slipway/lease'), `token=${TOKEN}\n`);
    for (const name of ['backup-create', 'backup-drill', 'backup-restore', 'backup-rows'] as const) await writeFile(join(root, `${name}.sh`), scriptText(name, 'mongodb'));
    port = await freePort();
    server = spawn('ferretdb', ['-listen', `127.0.0.1:${port}`, '-data', join(root, 'data'), '-set', 'rs0'], { env: { ...env, FERRETDB_USERNAME: 'app', FERRETDB_PASSWORD: PASSWORD }, stdio: 'ignore' });
    for (const end = Date.now() + 120_000; !(await answers()); ) {
      if (Date.now() > end) throw new Error('FerretDB does not start');
      await sleep(50);
    }
    await shell('shop', `
      for (let at = 0; at < 3000; at += 1000) db.users.insertMany([...Array(1000).keys()].map((i) => ({ _id: at + i, name: 'Zoë 😀 ' + (at + i), note: 'x'.repeat(500) })));
      db.users.createIndex({ name: 1 });
      db.getCollection('with space.and dot').insertMany([{ a: BinData(0, 'AP8n') }, { a: null }]);
      db.createCollection('nothing');`);
    watching = setInterval(() => void look(), 300);
  }, 900_000);

  afterAll(async () => {
    clearInterval(watching);
    if (server !== undefined && server.exitCode === null) {
      server.kill('SIGKILL');
      await once(server, 'exit');
    }
    if (root !== '') await rm(root, { recursive: true, force: true });
  });

  const rowsOf = (text: string, key: string): Record<string, number> =>
    Object.fromEntries([...text.matchAll(new RegExp(`^${key}\\t(\\d+)\\t(.*)$`, 'gm'))].map(([, count, table]) => [table ?? '', Number(count)] as const));
  const idOf = ({ stdout }: Finished): string => /^backup\t(\S+)$/m.exec(stdout)?.[1] ?? '';
  /** FerretDB keeps each database in a file of its own. */
  const databases = async (): Promise<string> => (await readdir(join(root, 'data'))).filter((name) => /^slipway.*\.sqlite$/.test(name)).join();
  let id: string;

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

  test('a drill that is killed leaves a scratch database that the next backup drops', async () => {
    const drill = start('backup-drill', [id]);
    for (const end = Date.now() + 30_000; (await databases()) === ''; await sleep(10)) expect(Date.now()).toBeLessThan(end);
    drill.kill('SIGKILL');
    await drill.said;
    expect(await databases()).not.toBe('');
    expect(await script('backup-create')).toMatchObject({ code: 0 });
    expect(await databases()).toBe('');
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
    ['a wrong password', () => uri('geheim'), /AuthenticationFailed/],
    ['a server that cannot be reached', () => uri('geheim', 1), /server selection/],
  ])('%s is said in the words of the tools, without the address they repeat', async (_, address, words) => {
    const refused = await script('backup-create', [], { uri: address() });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(words);
    expect(refused.stderr).not.toMatch(/geheim/);
  }, 90_000);

  // FerretDB has no applyOps, so mongorestore --oplogReplay is not tried here.
  test('a whole replica set goes with its oplog by the commands of docs/backups.md, and one database does not', async () => {
    await writeFile(join(root, 'app/shared/mongo.yml'), `uri: '${uri()}'\n`, { mode: 0o600 });
    // It is kept from here on: the server reads all of it again and again.
    await shell('shop', "db.getSiblingDB('local').createCollection('oplog.rs', { capped: true, size: 1e8 }); db.users.updateOne({ _id: 5 }, { $set: { name: 'y' } });");
    await writeFile(join(root, 'whole.sh'), scriptText('backup-create', 'command'));
    const dump = /^ +dump: (mongodump .*)$/m.exec(await readFile('docs/backups.md', 'utf8'))?.[1] ?? '';
    const refused = await finish('env', [`PATH=${env.PATH}`, `SLIPWAY_ROOT=${join(root, 'app')}`, 'sh', '-c', `${dump} --db=shop`]);
    expect(refused.stderr).toMatch(/--oplog mode only supported on full dumps/);
    const made = await script('whole', [], { engine: 'command', dump_b64: Buffer.from(dump).toString('base64') });
    expect(made).toMatchObject({ code: 0 });
    expect(made.stderr).toMatch(/done dumping shop\.users \(3000 documents\)[^]*dumped \d+ oplog entr/);
  }, 90_000);

  test('the password was in no command line', () => {
    expect(seen).toMatch(/mongodump --config=/);
    expect(seen).toMatch(/mongorestore --config=/);
    expect(seen).not.toContain(encodeURIComponent(PASSWORD).slice(0, 8));
    expect(seen).not.toContain(PASSWORD);
  });
});
