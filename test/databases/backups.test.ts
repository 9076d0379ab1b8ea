import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, lstat, mkdir, readFile, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../src/config/load.js';
import type { Config } from '../../src/config/schema.js';
import { HostData } from '../../src/databases/host-data.js';
import { Redactor } from '../../src/evidence/redact.js';
import { EXIT, HostError } from '../../src/host/failure.js';
import type { RemoteHost } from '../../src/host/remote-host.js';
import { OWNER, startGround, type Ground } from '../support/host-fixture.js';

const TOOLS = ['sqlite3', 'zstd', 'age', 'openssl'];
const missing = TOOLS.filter((tool) => { try { execFileSync('sh', ['-c', `command -v ${tool}`]); return false; } catch { return true; } });

test('the tools of backups are here', () => {
  if (missing.length > 0) process.stderr.write(`${missing.join(', ')} missing: the tests of backups did not run (Debian: apt-get install sqlite3 zstd age openssl).\n`);
  expect(missing.length === 0 || process.env['CI'] === undefined).toBe(true);
});

const PASSPHRASE = `it's a "secret" $phrase`;
let ground: Ground;
let host: RemoteHost;
let live: string;

function sql(file: string, text: string): string {
  return execFileSync('sqlite3', ['-batch', '-init', '/dev/null', '-cmd', '.timeout 20000', file, text], { encoding: 'utf8' }).trim();
}

async function data(settings: Record<string, unknown> = {}, name = 'main', on = host): Promise<HostData> {
  const config = await configOf(settings, name);
  const database = config.databases[name];
  if (database === undefined) throw new Error('no database');
  return HostData.of({ config, lookup: (variable) => (variable === 'PHRASE' ? PASSPHRASE : undefined), redactor: new Redactor(() => undefined) }, on, database);
}

async function configOf(settings: Record<string, unknown>, name: string): Promise<Config> {
  const file = join(ground.root, '..', 'slipway.yml');
  await writeFile(file, JSON.stringify({
    app: 'shop', environments: { production: { hosts: ['deploy@203.0.113.10'] } }, release: { shared: ['data'] },
    databases: { [name]: settings['engine'] === undefined ? { engine: 'sqlite', path: 'data/app.db', ...settings } : settings },
  }));
  return loadConfig(await readFile(file, 'utf8'), 'slipway.yml');
}

/** The error of a step that must fail. */
async function failureOf(work: Promise<unknown>): Promise<HostError> {
  const error: unknown = await work.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof HostError)) throw new Error(`not a HostError: ${String(error)}`);
  return error;
}

const place = (name = 'main'): string => join(ground.root, '.slipway/backups', name);

if (missing.length === 0) describe('backups of SQLite', () => {
  beforeAll(async () => {
    ground = await startGround();
    host = await ground.host();
    await host.take('token', OWNER, false);
    live = join(ground.root, 'shared/data/app.db');
  });
  afterAll(() => ground.end());
  beforeEach(async () => {
    await rm(join(ground.root, '.slipway/backups'), { recursive: true, force: true });
    await rm(join(ground.root, 'shared/data'), { recursive: true, force: true });
    await mkdir(join(ground.root, 'shared/data'), { recursive: true });
    sql(live, `PRAGMA journal_mode = WAL; CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL); CREATE TABLE "odd ""name" (x);
      CREATE TABLE orders (id INTEGER PRIMARY KEY, owner REFERENCES users (id), text);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO users SELECT i, 'user ' || hex(randomblob(40)) FROM n;
      INSERT INTO orders SELECT id, id, hex(randomblob(100)) FROM users; INSERT INTO "odd ""name" VALUES (1), (2);`);
  });

  test('a backup is good once it was read back; it knows its size, its sum and the rows of each table', async () => {
    const backup = await (await data()).create({ why: 'manual', schema: '42' });
    expect(backup).toMatchObject({ database: 'main', engine: 'sqlite', state: 'good', compress: 'zstd', encrypted: 'none', schema: '42', why: 'manual', consistent: true, verified: { level: 'whole' } });
    expect(Object.fromEntries(backup.rows)).toEqual({ users: 500, orders: 500, 'odd "name': 2 });
    expect(backup.size).toBe(Number(sql(live, 'SELECT page_count * page_size FROM pragma_page_count, pragma_page_size')));
    expect(backup.stored).toBe((await stat(join(place(), backup.id, 'archive'))).size);
    expect(backup.sum).toBe(execFileSync('sha256sum', [join(place(), backup.id, 'archive')], { encoding: 'utf8' }).slice(0, 64));
    expect((await stat(place())).mode & 0o77).toBe(0);
    expect((await stat(join(place(), backup.id, 'archive'))).mode & 0o77).toBe(0);
    expect((await (await data()).list()).backups).toEqual([backup]);
    expect(await readdir(place())).not.toContain('.work');
  });

  test('a drill restores it beside the live data, compares rows, asks the probes, and leaves nothing', async () => {
    const store = await data();
    const backup = await store.create({ why: 'manual' });
    const drilled = await store.drill(undefined, { probes: ['SELECT count(*) FROM users', "SELECT 'it''s fine'"] });
    expect(drilled).toMatchObject({ id: backup.id, probes: ['500', "it's fine"] });
    expect(drilled.rows).toEqual(backup.rows);
    expect(drilled.age).toBeLessThan(60);
    expect((await store.list()).backups).toMatchObject([{ state: 'drilled', drill: { ok: true } }]);
    expect((await readdir(place())).filter((name) => name.startsWith('.'))).toEqual([]);
    const failure = await failureOf(store.drill(undefined, { probes: ['SELECT count(*) FROM users WHERE id > 1000'] }));
    expect(failure.code).toBe(EXIT.drillFailed);
    expect(failure.message).toContain('the probe is not true: SELECT count(*) FROM users WHERE id > 1000: 0');
  });

  test('data that breaks its own rules fails the drill, not the backup', async () => {
    const store = await data();
    sql(live, 'PRAGMA foreign_keys = 0; DELETE FROM users WHERE id = 7');
    await store.create({ why: 'manual' });
    expect((await failureOf(store.drill(undefined, { probes: [] }))).message).toMatch(/row 7 of orders refers to a row of users that is not there/);
  });

  test.each([
    ['a byte that flipped', async (archive: string) => { const bytes = await readFile(archive); bytes[bytes.length >> 1]! ^= 1; await writeFile(archive, bytes); }, /its archive has changed/],
    ['a truncated one', async (archive: string) => { await truncate(archive, 1000); }, /its archive is truncated: 1000 of \d+ bytes/],
    ['an empty one', async (archive: string) => { await truncate(archive, 0); }, /its archive is empty/],
    ['one that has grown', async (archive: string) => { await appendFile(archive, 'x'); }, /its archive has grown/],
    ['one that is gone', async (archive: string) => { await rm(archive); }, /its archive is gone/],
    ['one whose manifest has a row more than it had', async (archive: string) => { const manifest = join(archive, '../manifest'); await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('rows\t500', 'rows\t501')); }, /its manifest has changed/],
    ['one whose manifest was cut', async (archive: string) => { const manifest = join(archive, '../manifest'); await truncate(manifest, (await readFile(manifest)).indexOf('rows\t')); }, /its manifest has changed/],
    ['one whose manifest has no number where there must be one', async (archive: string) => { const manifest = join(archive, '../manifest'); await writeFile(manifest, (await readFile(manifest, 'utf8')).replace(/^check\t.*\n/, '').replace(/^epoch\t.*$/m, 'epoch\tx[$(id)]')); }, /its manifest is damaged: epoch is no number/],
  ])('%s is refused by verify, drill and restore, each saying so, and never counts again', async (_, damage, message) => {
    const store = await data();
    const { id } = await store.create({ why: 'manual' });
    await damage(join(place(), id, 'archive'));
    for (const attempt of [() => store.drill(id, { probes: [] }), () => store.restore(id), () => store.verify(id)]) {
      const failure = await failureOf(attempt());
      expect(failure.code).toBe(EXIT.notWhole);
      expect(failure.message).toMatch(message);
    }
    expect((await store.list()).backups).toMatchObject([{ state: 'bad' }]);
    expect((await failureOf(store.drill(undefined, { probes: [] }))).code).toBe(EXIT.noBackup);
    expect(sql(live, 'SELECT count(*) FROM users')).toBe('500');
  });

  test('encrypted by OpenSSL: whole with the passphrase, refused with another, and no passphrase lies anywhere', async () => {
    const sealed = await data({ backup: { passphrase: '$PHRASE' } });
    const { id } = await sealed.create({ why: 'manual' });
    expect(await sealed.verify(id)).toMatchObject({ encrypted: 'openssl', level: 'whole' });
    const failure = await failureOf(sealed.verify(id, 'another'));
    expect(failure.code).toBe(EXIT.notWhole);
    expect(failure.message).toContain('the passphrase does not open it');
    expect((await sealed.list()).backups).toMatchObject([{ state: 'good' }]);
    expect((await failureOf(sealed.restore(id, { key: 'another' }))).message).toMatch(/nothing was changed: the passphrase does not open it/);
    expect(spawnSync('grep', ['-rlF', PASSPHRASE, ground.root], { encoding: 'utf8' })).toMatchObject({ status: 1, stdout: '' });
  });

  test('another passphrase is known for what it is also where nothing is compressed and nothing checks the dump', async () => {
    const release = join(ground.root, 'releases/one');
    await mkdir(release, { recursive: true });
    await writeFile(join(release, 'store'), 'as it is\n');
    execFileSync('ln', ['-sfn', 'releases/one', join(ground.root, 'current')]);
    const own = { engine: 'command', path: undefined, dump: 'cat store', restore: 'cat > store', backup: { passphrase: '$PHRASE', compress: 'none' } };
    for (const [settings, name] of [[own, 'own'], [{ backup: own.backup }, 'main']] as const) {
      const store = await data(settings, name);
      const { id } = await store.create({ why: 'manual' });
      for (const attempt of [() => store.verify(id, 'another'), () => store.restore(id, { key: 'another' }), () => store.drill(id, { probes: [], key: 'another' })]) {
        const failure = await failureOf(attempt());
        expect(failure.code).toBe(EXIT.notWhole);
        expect(failure.message).toContain('the passphrase does not open it');
      }
      expect((await store.list()).backups).toMatchObject([{ id, state: 'good' }]);
      expect(await store.verify(id)).toMatchObject({ level: 'whole' });
    }
    expect(await readFile(join(release, 'store'), 'utf8')).toBe('as it is\n');
    expect(sql(live, 'SELECT count(*) FROM users')).toBe('500');
  });

  test('encrypted by age: without the key the archive is read back sealed, with it whole, with another it is refused', async () => {
    const key = execFileSync('age-keygen', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const recipient = /public key: (\S+)/.exec(key)?.[1] ?? '';
    const sealed = await data({ backup: { age: recipient } });
    const { id } = await sealed.create({ why: 'manual' });
    expect((await sealed.list()).backups).toMatchObject([{ state: 'good', verified: { level: 'sealed' } }]);
    expect((await failureOf(sealed.drill(id, { probes: [] }))).message).toMatch(/encrypted, and no key was given/);
    expect(await sealed.verify(id, key)).toMatchObject({ level: 'whole' });
    const other = execFileSync('age-keygen', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    for (const attempt of [() => sealed.verify(id, other), () => sealed.drill(id, { probes: [], key: other })]) {
      const failure = await failureOf(attempt());
      expect([failure.code, failure.message]).toEqual([EXIT.notWhole, expect.stringContaining('the key does not open it')]);
    }
    // Another key says nothing about the backup.
    expect((await sealed.list()).backups[0]!.drill).toBeUndefined();
    await expect(sealed.drill(id, { probes: ['SELECT 1'], key })).resolves.toMatchObject({ id });
  });

  test('a restore takes everything back in one transaction; what came later is gone', async () => {
    const store = await data();
    const { id } = await store.create({ why: 'manual' });
    sql(live, "DROP TABLE orders; INSERT INTO users (name) VALUES ('late'); CREATE TABLE later (x)");
    await store.restore(id);
    expect(Object.fromEntries(await store.rows())).toEqual({ users: 500, orders: 500, 'odd "name': 2 });
    expect(sql(live, 'PRAGMA integrity_check')).toBe('ok');
  });

  test('a restore fits a database of another page size with a write-ahead log, too', async () => {
    const store = await data();
    const { id } = await store.create({ why: 'manual' });
    await rm(join(ground.root, 'shared/data'), { recursive: true });
    await mkdir(join(ground.root, 'shared/data'));
    sql(live, 'PRAGMA page_size = 16384; CREATE TABLE t (x); PRAGMA journal_mode = WAL; INSERT INTO t VALUES (1)');
    await store.restore(id);
    expect((await store.rows()).get('users')).toBe(500);
  });

  test('a live file that is gone, or is no database any more, is brought back all the same; what was broken is kept beside it', async () => {
    const store = await data();
    const { id } = await store.create({ why: 'manual' });
    const folder = join(ground.root, 'shared/data');
    await rm(folder, { recursive: true });
    await store.restore(id);
    expect((await store.rows()).get('users')).toBe(500);
    expect((await stat(live)).mode & 0o777).toBe(0o640);
    await writeFile(live, 'no database '.repeat(1000));
    // A log of the broken file must not be played into the new one.
    await writeFile(`${live}-wal`, 'nor a log');
    const said: string[] = [];
    await store.restore(id, {}, (line) => said.push(line));
    expect((await store.rows()).get('users')).toBe(500);
    const kept = (await readdir(folder)).filter((name) => /^app\.db\.broken-[\d-]+(-wal)?$/.test(name));
    expect(kept).toHaveLength(2);
    expect(said.join('\n')).toContain(kept[0]);
    expect(await readFile(join(folder, kept[0]!), 'utf8')).toMatch(/^no database/);
  });

  test('a table that needs what only the app brings is not counted, and does not keep the rest from being saved and proven', async () => {
    sql(live, "PRAGMA writable_schema = 1; INSERT INTO sqlite_master VALUES ('table', 'near', 'near', 0, 'CREATE VIRTUAL TABLE near USING vec0(place)')");
    const store = await data();
    const { id, rows } = await store.create({ why: 'manual' });
    expect(Object.fromEntries(rows)).toEqual({ users: 500, orders: 500, 'odd "name': 2 });
    await expect(store.drill(id, { probes: [] })).resolves.toMatchObject({ id });
    await store.restore(id);
    expect(sql(live, "SELECT count(*) FROM sqlite_master WHERE name = 'near'")).toBe('1');
  });

  test('a backup that only a newer SQLite can read is told so', async () => {
    const { id } = await (await data()).create({ why: 'manual' });
    const tools = join(ground.root, '../tools');
    await mkdir(tools, { recursive: true });
    await writeFile(join(tools, 'sqlite3'), `#!/bin/sh\ncase "$*" in *'PRAGMA integrity_check'*) echo 'Error: in prepare, malformed database schema (t) - near "LATER": syntax error (11)' >&2; exit 1 ;; esac\nexec ${execFileSync('sh', ['-c', 'command -v sqlite3'], { encoding: 'utf8' }).trim()} "$@"\n`, { mode: 0o755 });
    const failure = await failureOf((await data({}, 'main', await ground.host({ path: [tools] }))).drill(id, { probes: [] }));
    expect(failure.message).toMatch(/its schema has what the sqlite3 here \([\d.]+\) does not know: install one as new as the app's/);
  });

  test('a dump that shrank, is too small, or lacks rows is kept as bad, and the run fails', async () => {
    const first = await (await data()).create({ why: 'manual' });
    sql(live, 'DELETE FROM orders; DELETE FROM users; VACUUM');
    const shrunk = await failureOf((await data()).create({ why: 'manual' }));
    expect(shrunk.code).toBe(EXIT.suspicious);
    expect(shrunk.message).toMatch(/has shrunk by more than 50 %/);
    expect((await (await data()).list()).backups.map(({ id, state }) => [id, state])).toEqual([[first.id, 'good'], [expect.any(String), 'bad']]);
    const few = await failureOf((await data({ expect: { rows: { users: 10, tenants: 1 } }, backup: { shrink: '100%' } })).create({ why: 'manual' }));
    expect(few.message).toMatch(/users has 0 rows, and at least 10 are expected.*tenants is not in it/);
    const small = await failureOf((await data({ backup: { 'min-size': '1MB', shrink: '100%' } })).create({ why: 'manual' }));
    expect(small.message).toMatch(/at least 1000000 are expected/);
  });

  test('a database that is not there, is no database, or is broken gives no backup', async () => {
    expect((await failureOf((await data({ path: 'data/other.db' })).create({ why: 'manual' }))).message).toMatch(/there is no database at/);
    await writeFile(join(ground.root, 'shared/data/text.db'), 'this is no database, only words that go on for some time '.repeat(40));
    expect((await failureOf((await data({ path: 'data/text.db' })).create({ why: 'manual' }))).message).toMatch(/file is not a database/);
    expect((await (await data()).list()).backups).toEqual([]);
  });

  test.each([
    ['of a backup, before it is asked anything', 'sqlite_master', (store: HostData) => store.create({ why: 'manual' })],
    ['of a backup, before its pages are read', '.backup main', (store: HostData) => store.create({ why: 'manual' })],
    ['of its rows', 'char(9)', (store: HostData) => store.rows()],
  ])('a file that vanishes in the midst %s is said to be gone, and no empty one takes its place', async (_, moment, work) => {
    const tools = join(ground.root, '../tools');
    await mkdir(tools, { recursive: true });
    await writeFile(join(tools, 'sqlite3'), `#!/bin/sh\ncase "$*" in *'${moment}'*) rm -f '${live}' ;; esac\nexec ${execFileSync('sh', ['-c', 'command -v sqlite3'], { encoding: 'utf8' }).trim()} "$@"\n`, { mode: 0o755 });
    const failure = await failureOf(work(await data({}, 'main', await ground.host({ path: [tools] }))));
    expect(failure.message).toContain(`the file is gone: ${live}`);
    expect((await readdir(join(ground.root, 'shared/data'))).filter((name) => name === 'app.db')).toEqual([]);
    expect((await (await data()).list()).backups).toEqual([]);
  });

  test('a path may have what means something else in a URI', async () => {
    const odd = join(ground.root, "shared/data/a b?c=1#d%41&'");
    await mkdir(odd);
    await rename(live, join(odd, 'x%3f.db'));
    const store = await data({ path: "data/a b?c=1#d%41&'/x%3f.db" });
    const { id, rows } = await store.create({ why: 'manual' });
    expect(rows.get('users')).toBe(500);
    await store.drill(id, { probes: ['SELECT count(*) FROM users'] });
    sql(join(odd, 'x%3f.db'), 'DROP TABLE orders');
    await store.restore(id);
    expect((await store.rows()).get('orders')).toBe(500);
    expect((await readdir(odd)).filter((name) => !/-(?:wal|shm)$/.test(name))).toEqual(['x%3f.db']);
  });

  test('rows that are written all the while are in the backup wholly or not at all', async () => {
    const writer = spawn('sh', ['-c', 'while :; do sqlite3 -cmd ".timeout 5000" "$1" "BEGIN; INSERT INTO users (name) VALUES (1); INSERT INTO orders (owner) SELECT max(id) FROM users; COMMIT" || exit 1; done', 'writer', live], { stdio: 'ignore', detached: true });
    try {
      const store = await data();
      for (let round = 0; round < 3; round += 1) {
        const backup = await store.create({ why: 'manual' });
        expect(backup.rows.get('users')).toBe(backup.rows.get('orders'));
        expect((await store.drill(backup.id, { probes: [] })).rows).toEqual(backup.rows);
      }
      expect(writer.exitCode).toBeNull();
    } finally {
      await end(writer);
    }
  });

  test('two at once: the second waits, or says who is at work', async () => {
    const store = await data();
    const [one, two] = await Promise.all([store.create({ why: 'manual' }), (await data({}, 'main', await ground.host())).create({ why: 'manual' })]);
    expect(one.id).not.toBe(two.id);
    const holder = spawn('flock', [join(place(), 'lock'), 'sleep', '60'], { stdio: 'ignore', detached: true });
    try {
      while (spawnSync('flock', ['-n', join(place(), 'lock'), 'true']).status === 0) await sleep(20);
      await writeFile(join(place(), 'holder'), 'a drill since long ago (process 1)\n');
      const busy = await failureOf(new Waiting(store).create());
      expect(busy.code).toBe(EXIT.dataBusy);
      expect(busy.message).toContain('a drill since long ago');
    } finally {
      await end(holder);
    }
  });

  test('a disk without room is found out before the dump, with the numbers', async () => {
    const failure = await failureOf(new Waiting(await data(), { free: '1000' }).create());
    expect(failure.code).toBe(EXIT.noRoom);
    expect(failure.message).toMatch(/\d+ bytes are needed in .*, 1000 are free/);
  });

  test('killed at any time, a backup, a drill or a restore leaves the data whole, and the next one clears up', async () => {
    const store = await data();
    const { id } = await store.create({ why: 'manual' });
    const before = new Set(ground.server.running());
    for (let round = 0; round < 24; round += 1) {
      const work = [() => store.create({ why: 'manual' }), () => store.drill(id, { probes: [] }), () => store.restore(id)][round % 3]!;
      const running = work().catch((error: unknown) => error);
      await sleep(Math.floor(round / 3) * 40);
      for (const pid of ground.server.running()) if (!before.has(pid)) kill(pid);
      await running;
      expect(sql(live, 'PRAGMA integrity_check')).toBe('ok');
      expect(sql(live, 'SELECT count(*) FROM users')).toBe('500');
    }
    await store.create({ why: 'manual' });
    const left = await readdir(place());
    expect(left.filter((name) => name.startsWith('.'))).toEqual([]);
    for (const backup of (await store.list()).backups) {
      if (backup.state === 'unverified') await store.verify(backup.id);
      expect(backup.state).not.toBe('bad');
    }
  });

  test('a folder that another app keeps its backups in is refused', async () => {
    const folder = join(ground.root, '../backups');
    await mkdir(join(folder, 'main'), { recursive: true });
    await writeFile(join(folder, 'main/app'), 'other production\n');
    expect((await failureOf((await data({ backup: { folder } })).create({ why: 'manual' }))).message).toMatch(/holds backups of other production/);
  });
});

if (missing.length === 0) describe('keep', () => {
  beforeAll(async () => {
    ground = await startGround();
    host = await ground.host();
    await host.take('token', OWNER, false);
  });
  afterAll(() => ground.end());
  beforeEach(() => rm(place(), { recursive: true, force: true }));

  /** Backups as many days old, `!` for bad, `?` for not read back. */
  async function made(...ages: string[]): Promise<void> {
    await mkdir(place(), { recursive: true });
    await writeFile(join(place(), 'app'), await readFile(join(ground.root, '.slipway/app')));
    for (const age of ages) {
      const at = new Date(Date.now() - Number.parseFloat(age) * 86_400_000);
      const folder = join(place(), at.toISOString().replaceAll(/[-:]|\..*/g, '').replace('T', '-'));
      await mkdir(folder);
      await writeFile(join(folder, 'manifest'), `epoch\t${Math.floor(at.getTime() / 1000)}\n`);
      if (age.endsWith('!')) await writeFile(join(folder, 'bad'), 'small\n');
      else if (!age.endsWith('?')) await writeFile(join(folder, 'verified'), 'level\twhole\n');
    }
  }
  async function left(keep: unknown): Promise<number[]> {
    const store = await data({ backup: { keep } });
    const { keep: policy } = (await configOf({ backup: { keep } }, 'main')).databases['main']!.backup;
    const planned = await store.prune(policy, true);
    const before = (await readdir(place())).filter((name) => /^\d/.test(name)).length;
    const done = await store.prune(policy, false);
    expect(done).toEqual(planned);
    const names = (await readdir(place())).filter((name) => /^\d/.test(name));
    expect(names).toHaveLength(before - done.removed.length);
    expect(done.kept).toBe(names.length);
    return names.sort().reverse().map((name) => Math.round((Date.now() - Date.parse(name.replace(/(....)(..)(..)-(..)(..)(..)/, '$1-$2-$3T$4:$5:$6Z'))) / 86_400_000));
  }

  test('by count the newest good ones stay', async () => {
    await made('1', '2', '3', '4');
    expect(await left(2)).toEqual([1, 2]);
  });
  test('by age the younger ones stay, and the newest good one however old it is', async () => {
    await made('40', '50');
    expect(await left('30d')).toEqual([40]);
  });
  test('what is newer than the newest good one stays; bad ones go after a week and count for nothing', async () => {
    await made('1?', '2!', '9!', '10', '20');
    expect(await left(1)).toEqual([1, 2, 10]);
  });
  test('of days and months the newest stays', async () => {
    // About noon of the 20th, so that a day more is not the month before, whenever this runs.
    const now = new Date();
    const [same, other] = [2, 4].map((months) => Math.round((now.getTime() - Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months, 20, 12)) / 86_400_000)) as [number, number];
    await made(...['0.1', '0.2', '1.1', '1.2', '2.1', same, same + 1, other].map(String));
    const kept = await left({ daily: 2, monthly: 12 });
    expect(kept).toContain(0);
    expect(kept.filter((age) => age > 20)).toEqual([same, other]);
  });
  test('nothing is deleted while a restore is half done: what it needs may be old', async () => {
    await made('1', '2', '3');
    await writeFile(join(place(), 'restoring'), 'id\told\nsafety\tnew\n');
    const { keep } = (await configOf({ backup: { keep: 1 } }, 'main')).databases['main']!.backup;
    expect((await failureOf((await data()).prune(keep, false))).code).toBe(EXIT.halfRestored);
    expect((await readdir(place())).filter((name) => /^\d/.test(name))).toHaveLength(3);
  });
  test('a clock that was wrong: what is from the future is not the newest, stands for no other, and is not deleted', async () => {
    await made('-400', '1', '2', '3');
    expect((await (await data()).list()).backups.map(({ began, id }) => began || id.slice(0, 4)).at(0)).toBe(String(new Date(Date.now() + 400 * 86_400_000).getUTCFullYear()));
    expect(await left({ count: 2, daily: 2 })).toEqual([-400, 1, 2]);
  });
  test('of weeks the newest stays', async () => {
    await made('0', '7', '14', '21');
    expect(await left({ weekly: 3 })).toEqual([0, 7, 14]);
  });
});

if (missing.length === 0) describe('backups of folders, and by commands of one’s own', () => {
  beforeAll(async () => {
    ground = await startGround();
    host = await ground.host();
    await host.take('token', OWNER, false);
  });
  afterAll(() => ground.end());

  test('a folder comes back as it was, with names of any kind, modes and links', async () => {
    const folder = join(ground.root, 'shared/uploads');
    await mkdir(join(folder, 'deep er'), { recursive: true });
    await writeFile(join(folder, 'deep er/name with "quotes" and ä'), 'one', { mode: 0o640 });
    await writeFile(join(folder, '-n'), 'two');
    execFileSync('ln', ['-s', './-n', join(folder, 'link')]);
    const before = execFileSync('ls', ['-lAR', '--time-style=full-iso', folder], { encoding: 'utf8' });
    const store = await data({ engine: 'files', path: folder }, 'uploads');
    const { id, rows } = await store.create({ why: 'manual' });
    expect(Object.fromEntries(rows)).toEqual({ files: 3 });
    await expect(store.drill(id, { probes: ['ls | wc -l'] })).resolves.toMatchObject({ probes: ['3'] });
    await rm(join(folder, '-n'));
    await writeFile(join(folder, 'later'), 'x');
    await store.restore(id);
    expect(execFileSync('ls', ['-lAR', '--time-style=full-iso', folder], { encoding: 'utf8' })).toBe(before);
    expect((await readdir(join(folder, '..'))).filter((name) => name.includes('slipway'))).toEqual([]);
  });

  test('a folder behind a link, with a line break in a name and a socket, is counted as tar counts it, and the link stays', async () => {
    const [real, path] = [join(ground.root, 'shared/real'), join(ground.root, 'shared/linked')];
    await mkdir(real);
    await writeFile(join(real, 'two\nlines'), 'x');
    await writeFile(join(real, 'one'), 'x'.repeat(5000));
    const socket = createServer().unref().listen(join(real, 'socket'));
    await once(socket, 'listening');
    execFileSync('ln', ['-s', real, path]);
    const store = await data({ engine: 'files', path }, 'linked');
    const { id, rows } = await store.create({ why: 'manual' });
    expect(await store.rows()).toEqual(new Map([['files', 2]]));
    expect(rows).toEqual(await store.rows());
    expect(Number(/^size\t(\d+)$/m.exec((await store.facts({})).stdout)?.[1])).toBeGreaterThan(5000);
    await expect(store.drill(id, { probes: [] })).resolves.toMatchObject({ id });
    await rm(join(real, 'one'));
    await store.restore(id);
    expect((await readdir(real)).sort()).toEqual(['one', 'two\nlines']);
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
    socket.close();
  });

  test('a folder that is gone comes back; when it cannot be unpacked nothing counts as half done', async () => {
    const path = join(ground.root, 'shared/deep/uploads');
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'one'), 'x');
    const store = await data({ engine: 'files', path }, 'deep');
    const { id } = await store.create({ why: 'manual' });
    await rm(join(path, '..'), { recursive: true });
    await writeFile(join(path, '..'), 'a file in the way');
    const failure = await failureOf(store.restore(id));
    expect(failure.message).toContain('the data is as it was');
    expect((await store.list()).halfRestored).toBeUndefined();
    await rm(join(path, '..'));
    await store.restore(id);
    expect(await readdir(path)).toEqual(['one']);
  });

  test('a check that has seen enough may end early, and what opens an archive may be missing here: neither makes a backup bad', async () => {
    const release = join(ground.root, 'releases/one');
    await mkdir(release, { recursive: true });
    execFileSync('ln', ['-sfn', 'releases/one', join(ground.root, 'current')]);
    const own = { engine: 'command', dump: 'head -c 3000000 /dev/zero', restore: 'cat >/dev/null' };
    const store = await data({ ...own, check: 'head -c 1 >/dev/null' }, 'early');
    const { id, state } = await store.create({ why: 'manual' });
    expect(state).toBe('good');
    const manifest = join(place('early'), id, 'manifest');
    const text = await readFile(manifest, 'utf8');
    await writeFile(manifest, text.replace(/^check\t.*\n/, '').replace('compress\tzstd', 'compress\tno-such-tool'));
    const failure = await failureOf(store.verify(id));
    expect(failure.message).toContain('what opens it is missing on this host: no-such-tool');
    await writeFile(manifest, text);
    expect((await store.verify(id)).state).toBe('good');
  });

  test('commands run in the live release with its environment; what they print is the dump', async () => {
    const release = join(ground.root, 'releases/one');
    await mkdir(release, { recursive: true });
    await writeFile(join(release, '.env'), 'SECRET="s p"\n');
    await writeFile(join(release, 'store'), 'some data\n');
    execFileSync('ln', ['-sfn', 'releases/one', join(ground.root, 'current')]);
    const store = await data({ engine: 'command', dump: 'printf "%s\\n" "$SECRET"; cat store', restore: 'cat > store', check: 'grep -q data', rows: 'echo "12 my table"' }, 'own');
    const { id, rows } = await store.create({ why: 'manual' });
    expect(Object.fromEntries(rows)).toEqual({ 'my table': 12 });
    await store.restore(id);
    expect(await readFile(join(release, 'store'), 'utf8')).toBe('s p\nsome data\n');
    const failing = await data({ engine: 'command', dump: 'echo half; false', restore: 'cat > store' }, 'own');
    expect((await failureOf(failing.create({ why: 'manual' }))).message).toContain('the dump of own failed');
    const broken = await data({ engine: 'command', dump: 'echo half', restore: 'head -c 2 > store; false' }, 'own');
    const half = await broken.create({ why: 'manual' }).catch(async () => (await broken.list()).backups.at(-1)!);
    const failure = await failureOf(broken.restore(half.id));
    expect(failure.code).toBe(EXIT.halfRestored);
    expect(await broken.list()).toMatchObject({ halfRestored: { id: half.id } });
    expect((await failureOf(broken.create({ why: 'manual' }))).code).toBe(EXIT.halfRestored);
    await store.restore(id);
    expect((await store.list()).halfRestored).toBeUndefined();
  });
});

/** The same store, with parameters that only tests give. */
class Waiting {
  readonly #store: HostData;
  constructor(store: HostData, more: Record<string, string> = { wait: '1' }) {
    this.#store = Object.assign(Object.create(store) as HostData, {});
    Object.assign(store.common, more);
    this.#store = store;
  }
  create(): Promise<unknown> {
    return this.#store.create({ why: 'manual' });
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It had ended already.
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const closed = once(child, 'exit');
  process.kill(-child.pid, 'SIGKILL');
  await closed;
}
