import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { BackupRow } from '../../src/commands/backup-row.js';
import { type Host, startHost } from './harness.js';
import { postgresAdmin, startPostgres } from './postgres-server.js';
import { type Ran, runAction, runCli } from './run-action.js';
import { answer, expectNothingLeft } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

const PORT = 3001;
const PASSWORD = 's3cr:et\\of%41 pg';
const url = (user: string, password = PASSWORD, place = '127.0.0.1:5432/shop'): string => `postgresql+asyncpg://${user}:${encodeURIComponent(password)}@${place}?ssl=require`;
const BACKUPS = '/srv/tiny/.slipway/backups/main';

const SCHEMA = `
CREATE EXTENSION pgcrypto; CREATE EXTENSION pg_stat_statements;
SET ROLE app;
CREATE SCHEMA books;
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE orders (id bigserial PRIMARY KEY, note text NOT NULL, mood mood DEFAULT 'glad');
CREATE TABLE books."The ledger" (id bigserial PRIMARY KEY, order_id bigint NOT NULL REFERENCES orders);
CREATE VIEW sad AS SELECT * FROM orders WHERE mood = 'sad';
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.note = upper(new.note); RETURN new; END $$;
CREATE TRIGGER loud BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION shout();
INSERT INTO orders (note) SELECT md5(g::text) || repeat(' and so on', 15) FROM generate_series(1, 120000) g;
INSERT INTO books."The ledger" (order_id) SELECT id FROM orders;
SELECT lo_from_bytea(0, 'a large object');
`;

/** Two tables that always have as many rows as each other, unless a dump tears a transaction apart. */
const WRITE = `
while [ ! -e /tmp/enough-writes ]; do
  echo "BEGIN; WITH made AS (INSERT INTO orders (note) VALUES ('while it was dumped') RETURNING id) INSERT INTO books.\\"The ledger\\" (order_id) SELECT id FROM made; COMMIT;"
  sleep 0.01
done | runuser -u postgres -- psql -Xq shop`;

/** Every command line on the host, and the environment of everything that a backup starts. */
const WATCH = `
cd /proc
while [ ! -e /tmp/enough ]; do
  for pid in [0-9]*; do
    tr '\\0' ' ' <$pid/cmdline && echo
    case $(cat $pid/comm) in psql | pg_dump | pg_restore | sh | dash | zstd) tr '\\0' ' ' <$pid/environ && echo ;; esac
  done >>/tmp/seen
  sleep 0.05
done 2>/dev/null`;

let host: Host;
let work: Workspace;
let watch: Promise<unknown>;
let env = `DATABASE_URL="${url('app').replaceAll('\\', '\\\\')}"\n`;

beforeAll(async () => {
  host = await startHost({ publish: [PORT] });
  const roles = [{ name: 'app', password: PASSWORD, createdb: true }, { name: 'modest', password: PASSWORD }];
  const [made] = await Promise.all([
    workspace(host, { kind: 'tiny', port: PORT, changes: { databases: { main: { engine: 'postgres', url: '$DATABASE_URL', backup: { keep: 30 }, drill: { probes: ['SELECT count(*) FROM orders'] } } } } }),
    startPostgres(host, roles, { shop: 'app', small: 'modest' }).then(() => postgresAdmin(host, 'shop', SCHEMA)),
  ]);
  work = made;
  expect(await runAction('go-live', { workspace: work.folder, inputs: { ...work.inputs, 'app-env': env } })).toMatchObject({ code: 0 });
  watch = host.run(WATCH, { limit: 1_200_000 });
}, 120_000);

afterAll(async () => {
  await host.run('touch /tmp/enough /tmp/enough-writes');
  await watch;
  await host.stop();
  await work.remove();
});

function backup(inputs: Record<string, string> = {}): Promise<Ran> {
  return runAction('backup', { workspace: work.folder, inputs: { ...work.inputs, 'app-env': env, ...inputs } });
}

async function list(): Promise<BackupRow[]> {
  const ran = await runCli(['backup', 'list', 'production', '--json', '--identity', work.identity, '--app-env', '-'], { workspace: work.folder, input: env });
  expect(ran.code).toBe(0);
  return (JSON.parse(ran.stdout) as { backups: BackupRow[] }).backups;
}

/** Data and schema in a few words: equal ones mean that nothing is different. */
async function fingerprint(): Promise<string> {
  const rows = await postgresAdmin(host, 'shop', `SELECT count(*), sum(hashtext(note)::bigint), max(id) FROM orders; SELECT count(*), sum(order_id) FROM books."The ledger"; SELECT lo_get(oid) FROM pg_largeobject_metadata;`);
  const schema = await host.run(`runuser -u postgres -- pg_dump -s shop | grep -v -e restrict | sha256sum`);
  return `${rows}\n${schema.stdout}`;
}

/** What an operation leaves when it is over: no scratch database, nothing half-made, no client of the database. */
async function expectClean(): Promise<void> {
  expect(await postgresAdmin(host, 'postgres', "SELECT datname FROM pg_database WHERE datname LIKE 'slipway%'")).toBe('');
  expect((await host.run(`ls -d ${BACKUPS}/.work ${BACKUPS}/.scratch ${BACKUPS}/restoring 2>/dev/null; pgrep -u deploy -a 'psql|pg_dump|pg_restore'`)).stdout).toBe('');
  await expectNothingLeft(host, work);
}

/** The backups that count. */
const good = (): Promise<string> => host.run(`cd ${BACKUPS} && for one in 2*; do if [ -e "$one/verified" ] && [ ! -e "$one/bad" ] && ! grep -q '^why.safety' "$one/manifest"; then echo "$one"; fi; done`).then(({ stdout }) => stdout);

/**
 * Kills with -9 once a process of deploy's has come whose command line begins so: it alone, the psql beside it, or everything
 * of its SSH session at once, as the kernel does when memory is out. Says so when there was somebody to kill.
 */
async function killWhen(pattern: string, what: 'it' | 'its psql' | 'its session'): Promise<string> {
  const victims = { it: 'kill -9 "$pid"', 'its psql': 'pkill -9 -u deploy -x psql', 'its session': 'pkill -9 -s "$(ps -o sid= -p "$pid" | tr -d " ")"' };
  return (await host.run(
    `for try in $(seq 3000); do pid=$(pgrep -u deploy -f '^([^ ]*/)?${pattern}' | tail -n 1); [ -n "$pid" ] && break; sleep 0.01; done
    sleep 0.1; ${victims[what]} && echo killed`,
    { limit: 60_000 },
  )).stdout.trim();
}

let first: string;

describe('a backup of PostgreSQL', () => {
  test('is made while the app writes, of one moment, with the rows of that moment', async () => {
    const writes = host.run(WRITE, { limit: 60_000 });
    const ran = await backup();
    await host.run('touch /tmp/enough-writes');
    await writes;
    expect(ran.log).not.toContain('::error');
    expect(ran).toMatchObject({ code: 0, outputs: { result: 'success' } });
    first = ran.outputs['backup']!;
    const [made] = await list();
    expect(made).toMatchObject({ id: first, state: 'good', engine: 'postgres' });
    expect(made!.rows['orders']).toBeGreaterThan(120_000);
    expect(made!.rows['books.The ledger']).toBe(made!.rows['orders']);
    expect((await host.run(`cat ${BACKUPS}/${first}/manifest`)).stdout).toMatch(/^server\t15\..*\nclient\t15\.|^note\.extensions\tpg_stat_statements.*pgcrypto/m);
    await expectClean();
  }, 60_000);

  test('is restored by a drill with the same rows, without what only a superuser may make', async () => {
    const ran = await backup({ do: 'drill', id: first });
    expect(ran.log).not.toContain('::error');
    expect(ran).toMatchObject({ code: 0 });
    expect((await list())[0]).toMatchObject({ id: first, state: 'drilled' });
    await expectClean();
  }, 60_000);

  test('brings the live data back, and nothing else is left of what was there', async () => {
    const made = await backup();
    const before = await fingerprint();
    await postgresAdmin(host, 'shop', `SET ROLE app; DELETE FROM books."The ledger" WHERE id > 100; UPDATE orders SET mood = 'sad' WHERE id < 1000; DROP VIEW sad; CREATE TABLE later AS SELECT 1 AS one; CREATE SCHEMA more CREATE TABLE other (a int); SELECT lo_from_bytea(0, 'another');`);
    const ran = await backup({ do: 'restore', id: made.outputs['backup']!, confirm: 'production' });
    expect(ran.log).not.toContain('::error');
    expect(ran).toMatchObject({ code: 0 });
    expect(await fingerprint()).toBe(before);
    expect(await answer(host, PORT)).toMatchObject({ release: expect.any(String) });
    await expectClean();
  }, 60_000);
});

test('an archive that is newer than the clients here is not called bad for that: what is missing is named', async () => {
  const newer = '20200101-000000';
  await host.run(
    `cd ${BACKUPS} && cp -r ${first} ${newer} && cd ${newer} && zstd -qd <archive >/tmp/dump && printf '\\143' | dd of=/tmp/dump bs=1 seek=6 conv=notrunc status=none && zstd -q </tmp/dump >archive &&
    sed -i "/^check\t/d; s/^sum\t.*/sum\t$(sha256sum <archive | cut -d ' ' -f 1)/; s/^stored\t.*/stored\t$(wc -c <archive)/" manifest`, { user: 'deploy' },
  );
  const ran = await backup({ do: 'verify', id: newer });
  const left = (await host.run(`ls ${BACKUPS}/${newer}; rm -r ${BACKUPS}/${newer}`)).stdout;
  expect(ran).toMatchObject({ code: 1 });
  expect(ran.log).toContain('a newer PostgreSQL has made the dump than the clients here can read (15)');
  expect(left).not.toMatch(/^bad$/m);
}, 60_000);

describe('killed with -9', () => {
  test.each([
    ['the session with the snapshot', 'create', 'pg_dump -Fc', 'its psql'],
    ['all of a backup', 'create', 'pg_dump -Fc', 'its session'],
    ['all of a drill', 'drill', 'pg_restore --exit', 'its session'],
    ['pg_restore of a restore', 'restore', 'pg_restore --single', 'it'],
    ['all of a restore', 'restore', 'pg_restore --single', 'its session'],
  ] as const)('%s: red, the data as before, and nothing counts as a backup', async (_, action, pattern, what) => {
    const before = [await fingerprint(), await good()];
    const [ran, killed] = await Promise.all([
      backup({ do: action, ...(action === 'create' ? {} : { id: first }), ...(action === 'restore' ? { confirm: 'production' } : {}) }),
      killWhen(pattern, what),
    ]);
    expect(killed).toBe('killed');
    expect(ran).toMatchObject({ code: 1 });
    expect([await fingerprint(), await good()]).toEqual(before);
    expect((await answer(host, PORT))['release']).toEqual(expect.any(String));
  }, 60_000);

  test('the next run clears away what they left', async () => {
    expect(await backup({ do: 'drill', id: first })).toMatchObject({ code: 0 });
    await expectClean();
  }, 60_000);
});

describe('an account', () => {
  test('that only owns its database backs up and restores; the drill says what it lacks', async () => {
    const kept = env;
    env = `DATABASE_URL="${url('modest', PASSWORD, '127.0.0.1:5432/small').replaceAll('\\', '\\\\')}"\n`;
    await postgresAdmin(host, 'small', 'SET ROLE modest; CREATE TABLE things (a int); INSERT INTO things VALUES (1), (2);');
    // Not half of the last one: this is another database.
    await work.configure({ 'databases.main.backup.shrink': '100%' });
    const made = await backup();
    expect(made.log).not.toContain('::error');
    await postgresAdmin(host, 'small', 'SET ROLE modest; DELETE FROM things; CREATE TABLE more (a int);');
    const drill = await backup({ do: 'drill', id: made.outputs['backup']! });
    expect(drill).toMatchObject({ code: 1 });
    expect(drill.log).toContain('ALTER ROLE modest CREATEDB;');
    expect(await backup({ do: 'restore', id: made.outputs['backup']!, confirm: 'production' })).toMatchObject({ code: 0 });
    expect(await postgresAdmin(host, 'small', "SELECT count(*), to_regclass('more') FROM things")).toBe('2|');
    env = kept;
  }, 60_000);

  test.each([
    ['a wrong password', url('app', 'wrong'), /password authentication failed[^]*check user and password/],
    ['a port where nobody listens', url('app', PASSWORD, '127.0.0.1:5999/shop'), /Connection refused[^]*is PostgreSQL running/],
    ['a database that is not there', url('app', PASSWORD, '127.0.0.1:5432/nowhere'), /"nowhere" does not exist/],
  ])('with %s is told so', async (_, wrong, message) => {
    const ran = await backup({ 'app-env': `DATABASE_URL="${wrong.replaceAll('\\', '\\\\')}"\n` });
    expect(ran).toMatchObject({ code: 1 });
    expect(ran.log).toMatch(message);
    expect(ran.raw.replace(/^::add-mask::.*$/gm, '')).not.toContain(PASSWORD);
  }, 60_000);
});

test('none of all this had the password in a command line or an environment', async () => {
  const seen = (await host.run('grep -a -c "pg_dump -Fc" /tmp/seen; grep -a -c PGPASSFILE= /tmp/seen; grep -a -F -f - /tmp/seen | head -3', { input: `${PASSWORD}\n${encodeURIComponent(PASSWORD)}\n` })).stdout;
  expect(seen).toMatch(/^[1-9]\d*\n[1-9]\d*\n$/);
});
