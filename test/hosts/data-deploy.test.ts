import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { faultHost, type FaultHost } from './fault-host.js';
import { Job, runAction, type Ran, type RunOptions } from './run-action.js';
import { releases } from './state-of.js';

const DB = '/srv/tiny/shared/data/app.db';
/** Migrations of a team, in the smallest form: a script that goes from one number to the next. */
const migration = (...steps: string[]): string => ['set -eu', 'sql() { sqlite3 -bail "$SLIPWAY_ROOT/shared/data/app.db" "$1"; }', ...steps, ''].join('\n');
const FIRST = migration("sql 'CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, note TEXT); PRAGMA user_version = 1'");
const to = (version: number, more = ''): string => migration(more, `sql 'PRAGMA user_version = ${version}'`, `echo "now at ${version}"`);

let faults: FaultHost;
beforeAll(async () => {
  faults = await faultHost('systemd', {
    changes: {
      'release.shared': ['data'],
      'release.keep': 9,
      'site.drain': '200ms',
      databases: { main: { engine: 'sqlite', path: 'data/app.db', migrate: 'sh migrate.sh', rollback: 'sh down.sh', 'schema-version': `sqlite3 ${DB} 'PRAGMA user_version'`, 'on-failure': 'restore' } },
    },
    files: { 'migrate.sh': FIRST, 'down.sh': migration('sql "PRAGMA user_version = $SLIPWAY_SCHEMA_TO"') },
  });
}, 180_000);
afterAll(() => faults.stop());

const sql = async (text: string): Promise<string> => {
  const { code, stdout, stderr } = await faults.host.run(`sqlite3 ${DB} '${text}'`, { user: 'deploy' });
  if (code !== 0) throw new Error(stderr);
  return stdout.trim();
};
const rows = async (): Promise<number> => Number(await sql('SELECT count(*) FROM orders'));
const schema = async (): Promise<number> => Number(await sql('PRAGMA user_version'));
const write = (count: number): Promise<string> => sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) INSERT INTO orders (note) SELECT "new" FROM n`);
const deploy = async (files: Readonly<Record<string, string | undefined>>, options: RunOptions = {}): Promise<Ran> => {
  await faults.work.commit({ text: `${Date.now()}`, ...files });
  return runAction('deploy', { workspace: faults.work.folder, ...options, inputs: { ...faults.work.inputs, ...options.inputs } });
};
const rollback = (inputs: Readonly<Record<string, string>> = {}): Promise<Ran> => runAction('rollback', { workspace: faults.work.folder, inputs: { ...faults.work.inputs, ...inputs } });
const live = async (): Promise<string> => (await faults.host.run('readlink /srv/tiny/current')).stdout.trim().split('/').at(-1) ?? '';
const closed = async (): Promise<string> => (await faults.host.run('ls -d /srv/tiny/.slipway/maintenance /srv/tiny/.slipway/paused 2>/dev/null')).stdout;
const served = async (): Promise<string> => (JSON.parse((await faults.host.run('curl -s http://127.0.0.1/version')).stdout) as { release: string }).release;
/** Nothing is closed, and what answers is what is live. */
const expectOpen = async (release: string): Promise<void> => {
  expect([await live(), await closed()]).toEqual([release, '']);
  expect(await served()).toBe(release);
};

describe('data and releases, on a real host with users', () => {
  let first = '';
  test('the first deploy makes the data, and has nothing to back up', async () => {
    const ran = await deploy({});
    expect(ran.log).toContain('there is no data yet');
    expect(ran.outputs).toMatchObject({ result: 'success' });
    first = ran.outputs['release'] ?? '';
    await write(5);
    expect([await rows(), await schema()]).toEqual([5, 1]);
    faults.load.mark();
    faults.load.resume();
  }, 180_000);

  test('a migration that fails half-way: the release before serves throughout, and the data is as before', async () => {
    faults.load.mark();
    const ran = await deploy({ 'migrate.sh': migration("sql 'ALTER TABLE orders ADD COLUMN price INTEGER; DELETE FROM orders; PRAGMA user_version = 2'", 'echo half of it is done', 'exit 7') });
    const { failures, requests } = faults.load.mark();
    expect([ran.code, ran.outputs['result'], ran.outputs['switched']]).toEqual([1, 'failure', 'false']);
    expect(ran.log).toContain('half of it is done');
    expect(ran.log).toMatch(/main: the data of before was brought back from \d{8}-\d{6} \(schema 2 → 1\)/);
    expect(ran.log).toContain(`${first} is still live`);
    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(50);
    expect([await rows(), await schema()]).toEqual([5, 1]);
    expect(await sql('SELECT count(*) FROM pragma_table_info("orders")')).toBe('2');
    await expectOpen(first);
  }, 60_000);

  test('a rollback with restore-database: app and data of before; the safety backup has the new rows, the report tells how many', async () => {
    const second = await deploy({ 'migrate.sh': to(2, "sql 'ALTER TABLE orders ADD COLUMN price INTEGER'") });
    expect(second.outputs).toMatchObject({ result: 'success' });
    expect(second.log).toContain('schema 1 → 2');
    await write(3);
    const [newest] = await releases(faults.work);
    expect(newest?.data).toMatchObject([{ outcome: 'begun' }, { outcome: 'migrated', before: '1', after: '2', migrations: 'expand', backup: expect.stringMatching(/^\d{8}-\d{6}$/) }]);
    const plan = await rollback({ plan: 'true' });
    expect(plan.log).toContain(`${first} runs on that too`);

    faults.load.mark();
    const back = await rollback({ 'restore-database': 'true' });
    expect(back.outputs).toMatchObject({ result: 'success', release: first });
    expect(back.summary).toContain('3 rows written since are lost');
    expect([await rows(), await schema()]).toEqual([5, 1]);
    await expectOpen(first);
    const lost = back.evidence.find(({ id }) => id === 'rollback.data.lost');
    expect(lost?.data?.['tables']).toEqual([{ table: 'orders', now: 8, then: 5 }]);
    const safety = String(lost?.data?.['safety']);
    expect((await faults.host.run(`grep -P '^rows\\t8\\torders$' /srv/tiny/.slipway/backups/main/${safety}/manifest`)).code).toBe(0);
    // Users have seen the page, and nothing worse.
    expect(faults.load.mark().failures.filter((text) => !text.includes('status 503'))).toEqual([]);
  }, 90_000);

  test('breaking migrations: the site is closed with 503 and Retry-After meanwhile, and open afterwards', async () => {
    await faults.work.configure({ 'databases.main.migrations': 'breaking' });
    const refused = await deploy({ 'migrate.sh': to(3) });
    expect(refused.log).toContain('needs `release.maintenance: true`');
    await faults.work.configure({ 'release.maintenance': true });
    const before = await live();
    faults.load.mark();
    // The answer as it is while the migration runs.
    const ran = await deploy({ 'migrate.sh': to(3, `curl -s -D - -o /dev/null http://127.0.0.1/version; ss -Hltn 'sport = :3001 or sport = :13001' | wc -l | sed 's/^/listening: /'`) });
    expect(ran.outputs).toMatchObject({ result: 'success' });
    expect(ran.log).toMatch(/HTTP\/1.1 503/);
    expect(ran.log).toMatch(/Retry-After: 120/);
    expect(ran.log).toContain('listening: 0');
    const { failures, releases: seen } = faults.load.mark();
    expect(failures.length).toBeGreaterThan(0);
    expect(failures.filter((text) => !text.includes('status 503'))).toEqual([]);
    expect(seen).toEqual([before, ran.outputs['release']]);
    expect(await schema()).toBe(3);
    await expectOpen(ran.outputs['release'] ?? '');

    const blind = await rollback();
    expect([blind.code, await live()]).toEqual([1, ran.outputs['release']]);
    for (const choice of ['  true ', '  down ', '  false ']) expect(blind.log).toContain(choice);
    const down = await rollback({ 'restore-database': 'down' });
    expect(down.outputs).toMatchObject({ result: 'success', release: before });
    expect([await rows(), await schema()]).toEqual([5, 1]);
    await expectOpen(before);
  }, 120_000);

  test('a breaking release that does not become healthy: its data is taken back before the site is open again', async () => {
    const before = await live();
    const ran = await deploy({ sick: 'on purpose', 'migrate.sh': to(4, "sql 'DELETE FROM orders'") });
    expect([ran.code, ran.outputs['switched']]).toEqual([1, 'false']);
    expect(ran.log).toMatch(/main: brought back from \S+ \(schema 4 → 1\); nothing is lost/);
    expect([await rows(), await schema()]).toEqual([5, 1]);
    await expectOpen(before);
  }, 90_000);

  test('a runner that is killed in a breaking migration: the next deploy takes the data back, opens the site and goes on', async () => {
    await faults.work.commit({ sick: undefined, 'migrate.sh': to(5, "sql 'DELETE FROM orders'; echo in the middle; sleep 20") });
    const job = await Job.begin(faults.work.folder, { inputs: faults.work.inputs });
    const ran = await job.run('deploy', { onLine: (line, child) => { if (line.includes('in the middle')) child.kill('SIGKILL'); } });
    expect(ran.code).toBe('SIGKILL');
    await job.abandon();
    await faults.settled();
    expect([await rows(), (await closed()).split('\n').length]).toEqual([0, 3]);
    const next = await deploy({ 'migrate.sh': to(6) });
    expect(next.log).toMatch(/main: a run died before what it migrated was live; its data was brought back from/);
    expect(next.outputs).toMatchObject({ result: 'success' });
    expect([await rows(), await schema()]).toEqual([5, 6]);
    await expectOpen(next.outputs['release'] ?? '');
  }, 120_000);

  test('a runner that is killed in the restore of a rollback: the next run puts back what was live, with its rows', async () => {
    await write(2);
    const before = await live();
    const job = await Job.begin(faults.work.folder, { inputs: faults.work.inputs });
    const ran = await job.run('rollback', { inputs: { 'restore-database': 'true' }, onLine: (line, child) => { if (line.includes('is live: 1 table')) child.kill('SIGKILL'); } });
    expect(ran.code).toBe('SIGKILL');
    await job.abandon();
    await faults.settled();
    const next = await deploy({ 'migrate.sh': to(7) });
    expect(next.outputs).toMatchObject({ result: 'success' });
    expect(next.outputs['previous-release']).toMatch(before);
    expect([await rows(), await schema()]).toEqual([7, 7]);
    await expectOpen(next.outputs['release'] ?? '');
  }, 120_000);
});
