import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDatabaseFacts, type DatabaseVisit } from '../../src/checks/database-facts.js';
import { runPreflight } from '../../src/checks/run.js';
import { jobFiles, wantedTimer } from '../../src/commands/backup-job.js';
import { doorsOf, visitDatabases } from '../../src/commands/preflight-databases.js';
import { loadConfig } from '../../src/config/load.js';
import type { Config } from '../../src/config/schema.js';
import { HostData } from '../../src/databases/host-data.js';
import { Redactor } from '../../src/evidence/redact.js';
import type { RemoteHost } from '../../src/host/remote-host.js';
import { OWNER, startGround, type Ground } from '../support/host-fixture.js';

describe('what the host says of a database', () => {
  test('is read as it stands, and what it does not say is absent', () => {
    const facts = parseDatabaseFacts(['a banner', 'live\tr7', 'version\t10.11.6-MariaDB\tmariadb-dump 10.11.6', 'size\t12', 'encrypted\tno', 'anonymous\taccepted', 'connections\t3 151',
      'table\todd name', 'row\t5\todd name', 'privileges\tUSAGE ON *.*', 'bad\t20261121-000000\tit is empty', 'end\tok'].join('\n'));
    expect(facts).toEqual({
      live: 'r7', version: { server: '10.11.6-MariaDB', client: 'mariadb-dump 10.11.6' }, size: 12, encrypted: 'no', anonymous: 'accepted', connections: { used: 3, max: 151 },
      tables: ['odd name'], rows: new Map([['odd name', 5]]), privileges: ['USAGE ON *.*'], excess: [], untold: [], empty: false, replica: false, scheduled: false, bad: [{ id: '20261121-000000', reason: 'it is empty' }],
    });
    expect(parseDatabaseFacts('anonymous\tcould not be tried\nconnections\t3 none\nsize\t\nunreachable\t\nend\tok')).toMatchObject({ anonymous: 'unknown', unreachable: 'it does not answer' });
    expect(parseDatabaseFacts('connections\t3 none\nsize\t\nend\tok')).toEqual({ tables: [], privileges: [], excess: [], untold: [], empty: false, replica: false, scheduled: false, bad: [] });
  });
  test('is refused when it ends half-way', () => {
    expect(() => parseDatabaseFacts('version\t16\t16\n')).toThrow('not whole');
  });
});

describe('the ports that must be closed', () => {
  test.each([
    ['a server of PostgreSQL', 'postgres', { host: 'db.example.com' }, ['db.example.com 5432']],
    ['several, each with its port', 'postgres', { host: 'a.example.com,b.example.com', port: '5433,5434' }, ['a.example.com 5433', 'b.example.com 5434']],
    ['MariaDB', 'mysql', { host: '198.51.100.7' }, ['198.51.100.7 3306']],
    ['the members of a set of MongoDB', 'mongodb', { uri: 'mongodb://shop:p%40ss@a.example.com,[2001:db8::1]:27018,%2Frun%2Fmongo.sock/?tls=true' }, ['a.example.com 27017', '2001:db8::1 27018']],
    ['a socket', 'postgres', { host: '/run/postgresql' }, []],
    ['the host itself', 'mysql', { host: '127.0.0.1', port: '3307' }, []],
    ['the host itself by name', 'mongodb', { uri: 'mongodb://localhost/' }, []],
    ['a file', 'sqlite', { path: '/srv/app.db' }, []],
    ['a way of the team\'s own', 'command', { dump_b64: 'eA==' }, []],
  ] as const)('of %s', async (_, engine, reached, doors) => {
    expect((await doorsOf(engine, reached)).map(({ address, port }) => `${address} ${port}`)).toEqual(doors);
  });
  test('of MongoDB behind one name, as the name server says', async () => {
    const asked: string[] = [];
    const resolve = (name: string) => (asked.push(name), Promise.resolve([{ name: 's0.example.com', port: 27016, priority: 0, weight: 0 }]));
    expect(await doorsOf('mongodb', { uri: 'mongodb+srv://u:p@cluster.example.com/' }, resolve as never)).toEqual([{ address: 's0.example.com', port: 27016 }]);
    expect(asked).toEqual(['_mongodb._tcp.cluster.example.com']);
    expect(await doorsOf('mongodb', { uri: 'mongodb+srv://u:p@cluster.example.com/' }, () => Promise.reject(new Error('no name')))).toEqual([]);
  });
});

const has = (tool: string): boolean => { try { execFileSync('sh', ['-c', `command -v ${tool}`]); return true; } catch { return false; } };
const missing = ['sqlite3', 'zstd'].filter((tool) => !has(tool));

test('the tools of backups are here', () => {
  if (missing.length > 0) process.stderr.write(`${missing.join(', ')} missing: the tests of preflight on databases did not run (Debian: apt-get install sqlite3 zstd).\n`);
  expect(missing.length === 0 || process.env['CI'] === undefined).toBe(true);
});

if (missing.length === 0) describe('preflight of a database on its host', () => {
  let ground: Ground;
  let host: RemoteHost;
  let live: string;
  const variables: Record<string, string> = {};
  const settings: Record<string, unknown> = {};

  const config = (database: Record<string, unknown>): Config => loadConfig(JSON.stringify({
    app: 'shop', environments: { production: { hosts: ['deploy@203.0.113.10'], root: ground.root } }, release: { shared: ['data'] }, databases: { main: database },
  }), 'slipway.yml');
  const sqlite = (more: Record<string, unknown> = {}): Config => config({ engine: 'sqlite', path: 'data/app.db', ...settings, ...more });
  const contextOf = (of: Config) => ({ config: of, environmentName: 'production', environment: of.environments['production']!, lookup: (name: string) => variables[name], redactor: new Redactor(() => undefined) });

  async function visit(of: Config): Promise<DatabaseVisit> {
    const [found, ...others] = await visitDatabases(contextOf(of), of.environments['production']!.hosts[0]!, host.connection);
    if (found === undefined || others.length > 0) throw new Error('not one visit');
    return found;
  }
  /** What the checks say: `name result` of those that do not pass, after a visit. */
  async function verdicts(of: Config): Promise<string[]> {
    const records = runPreflight({ config: of, environment: 'production', hosts: [], databases: [await visit(of)], now: new Date() });
    return records.filter(({ id, status }) => id.startsWith('preflight.databases.') && status !== 'pass').map(({ id, status, observed }) => `${status} ${id.slice('preflight.databases.'.length)}: ${observed ?? ''}`);
  }
  const dataOf = (of: Config): HostData => HostData.of(contextOf(of), host, of.databases['main']!);
  const looks = async (): Promise<string[]> => (await readdir(tmpdir())).filter((name) => name.startsWith('slipway-look-'));

  beforeAll(async () => {
    ground = await startGround();
    host = await ground.host();
    live = join(ground.root, 'shared/data/app.db');
  });
  afterAll(() => ground.end());

  test('a first deploy is asked nothing it cannot answer: neither folder nor data are there', async () => {
    const found = await visit(sqlite({ expect: { tables: ['users'], rows: { users: 1 } }, pending: 'echo x', migrate: 'true', backup: { schedule: '02:00' }, drill: { 'max-age': '7d' } }));
    expect(found.facts).toMatchObject({ empty: true });
    expect(found.facts?.live).toBeUndefined();
    expect(await verdicts(sqlite({ expect: { tables: ['users'] }, backup: { schedule: '02:00' }, drill: { 'max-age': '7d' } }))).toEqual([]);
    await expect(readdir(ground.root)).rejects.toThrow('ENOENT');
  });

  test('a server that nobody listens at, and variables without a value, are said in plain words; no password is', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const of = config({ engine: 'postgres', url: '$DATABASE_URL' });
    delete variables['DATABASE_URL'];
    expect((await visit(of)).error?.message).toContain('DATABASE_URL');
    variables['DATABASE_URL'] = `postgresql://shop:password@127.0.0.1:${port}/shop`;
    const found = await visit(of);
    expect(found).toMatchObject({ password: { sample: true }, doors: [] });
    expect(JSON.stringify(found)).not.toContain('shop:password');
    const said = await verdicts(of);
    expect(said).toContainEqual(expect.stringContaining('fail sample-password'));
    expect(said).toContainEqual(has('psql') && has('pg_dump') ? expect.stringMatching(/^fail reachable: .*(refused|nothing answers)/) : expect.stringMatching(/^fail tools: missing: .*postgresql-client/));
  });

  describe('that is live', () => {
    beforeEach(async () => {
      await rm(ground.root, { recursive: true, force: true });
      host = await ground.host();
      await host.take('token', OWNER, false);
      await mkdir(join(ground.root, 'shared/data'), { recursive: true });
      await mkdir(join(ground.root, 'releases/r1/backend'), { recursive: true });
      await symlink('releases/r1', join(ground.root, 'current'));
      await writeFile(join(ground.root, 'releases/r1/.env'), `STEP='041 users'\n`);
      execFileSync('sqlite3', [live, 'CREATE TABLE users (id); CREATE TABLE tenants (id); INSERT INTO users VALUES (1), (2)']);
      await chmod(live, 0o640);
      Object.assign(settings, { expect: { version: '>=3', tables: ['users', 'tenants'], rows: { users: 2 } } });
    });

    test('without a backup only that is missed; with one everything passes, and the look leaves nothing', async () => {
      const before = await looks();
      expect(await verdicts(sqlite())).toEqual(['fail backup-age: there is no good backup']);
      const backup = await dataOf(sqlite()).create({ why: 'manual' });
      await dataOf(sqlite()).drill(undefined, { probes: [] });
      expect(await verdicts(sqlite({ drill: { 'max-age': '7d' } }))).toEqual([]);
      const { facts } = await visit(sqlite());
      expect(facts).toMatchObject({ live: 'r1', tables: ['tenants', 'users'], integrity: 'ok', encrypted: 'local', backup: { id: backup.id, size: backup.size, stored: backup.stored, why: 'manual' }, drill: { ok: true } });
      expect(facts?.rows).toEqual(new Map([['users', 2], ['tenants', 0]]));
      expect(await looks()).toEqual(before);
    });

    test('what is wrong with the data is said: lost rows and tables, a mode for everybody, a broken page', async () => {
      await dataOf(sqlite()).create({ why: 'manual' });
      execFileSync('sqlite3', [live, 'DELETE FROM users WHERE id = 1; DROP TABLE tenants']);
      await chmod(live, 0o666);
      expect(await verdicts(sqlite())).toEqual(['fail tables: missing: tenants', 'fail rows: users 1', 'warn privileges: everybody may write to the file']);
      execFileSync('sqlite3', [live, 'CREATE TABLE tenants (id)']);
      execFileSync('dd', ['if=/dev/urandom', `of=${live}`, 'bs=1', 'seek=4096', 'count=2000', 'conv=notrunc', 'status=none']);
      expect(await verdicts(sqlite())).toContainEqual(expect.stringMatching(/^fail integrity: ./));
      await rm(live);
      expect(await verdicts(sqlite())).toEqual([expect.stringMatching(/^fail reachable: there are no data at `data\/app\.db`, and r1 is live/)]);
    });

    test('what is wrong with the backups is said: a bad one since, an archive that was cut, a drill that failed, half a restore', async () => {
      const store = dataOf(sqlite());
      const { id } = await store.create({ why: 'manual' });
      const place = join(ground.root, '.slipway/backups/main');
      await store.drill(id, { probes: ['SELECT 0'] }).catch(() => undefined);
      expect(await verdicts(sqlite())).toEqual([expect.stringMatching(/^fail drill-result: .*the probe is not true/)]);
      await rm(join(place, id, 'drilled'));
      // Newer than the other, and not so far in the future that its clock was wrong.
      const newer = new Date(Date.now() + 30_000).toISOString().replaceAll(/[-:]|\..*/g, '').replace('T', '-');
      await mkdir(join(place, newer));
      await writeFile(join(place, newer, 'bad'), 'the dump has shrunk\n');
      expect(await verdicts(sqlite())).toEqual([`fail backup-good: ${newer}: the dump has shrunk`]);
      await rm(join(place, newer), { recursive: true });
      await truncate(join(place, id, 'archive'), 10);
      expect(await verdicts(sqlite())).toEqual([expect.stringMatching(/^fail backup-good: .*10 bytes instead of/)]);
      await writeFile(join(place, 'restoring'), `id\t${id}\nsafety\t20260101-000000\n`);
      expect(await verdicts(sqlite())).toContainEqual(`fail half-restored: the restore of ${id} has not ended: the data is half of one state and half of another`);
    });

    test('what is pending is asked in the live release, in its folder, with its environment; a command that fails is no verdict', async () => {
      await dataOf(sqlite()).create({ why: 'manual' });
      const asking = { migrate: 'true', directory: 'backend', 'schema-version': 'echo 42; echo "v $SLIPWAY_RELEASE"' };
      expect((await visit(sqlite({ ...asking, pending: 'echo "$STEP"; basename "$PWD"' }))).facts).toMatchObject({ pending: { code: 0, lines: ['041 users', 'backend'] }, schema: 'v r1' });
      expect(await verdicts(sqlite({ ...asking, pending: 'true' }))).toEqual([]);
      expect(await verdicts(sqlite({ ...asking, pending: 'echo no table >&2; exit 3' }))).toEqual(['skip pending: it ended with 3: no table']);
    });

    test('a schedule without a timer is a warning', async () => {
      await dataOf(sqlite()).create({ why: 'manual' });
      expect(await verdicts(sqlite({ backup: { schedule: '02:00' } }))).toEqual(['warn schedule: no timer']);
    });

    test('a timer that is gone, runs something else than it would now, or is no longer wanted is a warning, and no secret is sent to tell', async () => {
      await dataOf(sqlite()).create({ why: 'manual' });
      const of = (times: string): Config => sqlite({ backup: { schedule: times, copy: [{ s3: 's3://acme/shop', 'access-key': 'id', 'secret-key': '$COPY_SECRET' }] } });
      const schedule = join(ground.root, '.slipway/backups/main/.schedule');
      await mkdir(join(schedule, 'job'), { recursive: true });
      await writeFile(join(schedule, 'installed'), 'cron\n');
      // As root and with cron the host's crontab has no line of ours, which it says in any case.
      delete variables['COPY_SECRET'];
      expect(await verdicts(of('02:00'))).toEqual(['warn schedule: the timer is gone']);
      variables['COPY_SECRET'] = 'one secret';
      expect(await verdicts(of('02:00'))).toEqual(['warn schedule: the timer is gone',
        'warn schedule-current: the scripts are those of another version of Slipway; its settings or credentials are not those of now; its times are others; its PATH is not that of a login']);
      const files = jobFiles(contextOf(of('02:00')), { database: of('02:00').databases['main']!, host, data: dataOf(of('02:00')) });
      for (const [name, text] of files) await writeFile(join(schedule, 'job', name), text);
      await writeFile(join(schedule, 'path'), (await host.connection.exec('printf "%s\\n" "$PATH"')).stdout);
      expect(await verdicts(of('02:00'))).toEqual(['warn schedule: the timer is gone', 'warn schedule-current: its times are others']);
      variables['COPY_SECRET'] = 'another secret';
      expect(await verdicts(of('02:00'))).toContain('warn schedule-current: its settings or credentials are not those of now; its times are others');
      expect(JSON.stringify(wantedTimer(contextOf(of('02:00')), { database: of('02:00').databases['main']!, host, data: dataOf(of('02:00')) }))).not.toContain(Buffer.from('another secret').toString('base64').slice(0, 12));
      expect(await verdicts(sqlite())).toEqual(['warn schedule: the host still has a timer, which makes backups as it once was told']);
    });

    test('a folder of uploads and a way of the team\'s own are asked what they can tell', async () => {
      const of = config({ engine: 'files', path: 'data' });
      expect((await visit(of)).facts).toMatchObject({ empty: false, integrity: 'not asked', encrypted: 'local' });
      expect(await verdicts(of)).toEqual(['fail backup-age: there is no good backup']);
      const own = config({ engine: 'command', dump: 'cat', restore: 'cat', rows: 'echo "3 users"', expect: { rows: { users: 4 }, tables: ['users'] } });
      expect(await verdicts(own)).toEqual(['fail rows: users 3', 'fail backup-age: there is no good backup']);
    });

    test('nobody is asked when the family is off', async () => {
      const of = sqlite();
      const off: Config = { ...of, preflight: { ...of.preflight, severity: { databases: 'off' } } };
      expect(await visitDatabases(contextOf(off), off.environments['production']!.hosts[0]!, host.connection)).toEqual([]);
    });
  });
});
