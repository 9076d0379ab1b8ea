import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { deploy } from '../../src/commands/deploy.js';
import { rollback, type RollbackOptions } from '../../src/commands/rollback.js';
import { type RunContext } from '../../src/commands/run-context.js';
import { environmentOf } from '../../src/config/environment.js';
import { excludeHosts } from '../../src/config/exclude.js';
import { loadConfig } from '../../src/config/load.js';
import type { Evidence } from '../../src/evidence/record.js';
import { Redactor } from '../../src/evidence/redact.js';
import { plainReporter } from '../../src/evidence/reporters.js';
import { startEmbeddedHost, type EmbeddedHost } from '../support/embedded-host.js';

const ROOT = '/srv/slipway-data-test';
const present = ((): boolean => { try { execFileSync('sh', ['-c', 'command -v sqlite3 && command -v zstd && command -v age-keygen']); return true; } catch { return false; } })();

let servers: EmbeddedHost[];
let workspace: string;
let log: string[];
let clock: number;

beforeEach(async () => {
  workspace = mkdtempSync(join(tmpdir(), 'slipway-data-'));
  mkdirSync(join(workspace, 'app'));
  const first = await startEmbeddedHost({ root: ROOT });
  servers = [first, await startEmbeddedHost({ root: ROOT, clientKey: first.clientKey })];
  clock = Date.now();
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  rmSync(workspace, { recursive: true, force: true });
});

interface Settings {
  readonly database?: string;
  readonly backup?: string;
  readonly exclude?: readonly string[];
  readonly plan?: boolean;
  readonly variables?: Readonly<Record<string, string>>;
}

/** A run of its own against both hosts; the database lives on the second. */
function run({ database = '', backup = '', exclude = [], plan = false, variables = {} }: Settings = {}): { context: RunContext; records: Evidence[] } {
  const config = loadConfig(
    `app: data
environments:
  production:
    root: ${ROOT}
    hosts:
${servers.map((server, index) => `      - { address: "${server.user}@${server.address}:${server.port}", host-key: ${server.hostKeyLine}, roles: [${index === 1 ? 'db' : 'web'}] }`).join('\n')}
release: { include: [app], shared: [data], keep: 3, maintenance: true }
databases:
  main:
    engine: sqlite
    path: data/app.db
    roles: [db]
    migrate: sh app/migrate.sh
    rollback: sh app/down.sh
    schema-version: sqlite3 data/app.db 'PRAGMA user_version'
    backup: { keep: 50${backup} }
    ${database}
`,
    'slipway.yml',
  );
  const records: Evidence[] = [];
  log = [];
  const { environment, excluded } = excludeHosts(environmentOf(config, 'production'), 'production', exclude);
  return {
    records,
    context: {
      config, environmentName: 'production', environment, excluded: excluded.map(({ name }) => name), credentials: { privateKey: servers[0]!.clientKey }, appEnv: undefined,
      phase: 'deploy', runnerEnv: { PATH: process.env['PATH'] ?? '' }, lookup: (name) => variables[name], workspace, redactor: new Redactor(), signal: new AbortController().signal,
      reporter: { ...plainReporter((text) => void log.push(text)), evidence: (record) => void records.push(record) }, author: { actor: 'ann', run: 'a test' },
      plan, leaseToken: `token-${clock}`, keepLease: false, outputs: { hosts: new Map() }, now: () => new Date((clock += 1000)),
    },
  };
}

const below = (path: string, server = servers[1]!): string => join(server.home, 'app', path);
const sql = (text: string): string => execFileSync('sqlite3', ['-batch', '-init', '/dev/null', below('shared/data/app.db'), text], { encoding: 'utf8' }).trim();
const live = (): (string | undefined)[] => servers.map((server) => (existsSync(below('current', server)) ? readlinkSync(below('current', server)).replace('releases/', '') : undefined));
const failing = (work: Promise<unknown>): Promise<Error & { remedy?: string }> => work.then(() => Promise.reject(new Error('did not fail')), (error: unknown) => error as Error);
const backups = (): string[] => readdirSync(below('.slipway/backups/main')).filter((name) => /^\d/.test(name)).sort();
const isClosed = (): boolean => existsSync(below('.slipway/maintenance')) || existsSync(below('.slipway/paused'));

/** Deploys a release whose migration is this SQL; `down` takes it back. */
async function deployed(up: string, settings: Settings & { down?: string } = {}): Promise<RunContext> {
  writeFileSync(join(workspace, 'app/migrate.sh'), `mkdir -p data; sqlite3 -bail data/app.db "${up}"\n`);
  writeFileSync(join(workspace, 'app/down.sh'), `sqlite3 -bail data/app.db "${settings.down ?? 'SELECT 1'}"\n`);
  writeFileSync(join(workspace, 'app/text'), up);
  const { context } = run(settings);
  await deploy(context, {});
  return context;
}
async function rolledBack(options: RollbackOptions, settings: Settings = {}): Promise<{ context: RunContext; records: Evidence[] }> {
  const made = run(settings);
  await rollback({ ...made.context, phase: 'rollback' }, options);
  return made;
}

const FIRST = 'CREATE TABLE orders (id INTEGER PRIMARY KEY); INSERT INTO orders VALUES (1), (2), (3); PRAGMA user_version = 1';
const SECOND = 'ALTER TABLE orders ADD COLUMN note; PRAGMA user_version = 2';

test('the tools of backups are here', () => {
  if (!present) process.stderr.write('sqlite3, zstd or age missing: the tests of data in deploys did not run.\n');
  expect(present || process.env['CI'] === undefined).toBe(true);
});

if (present) describe('a fleet whose database lives on one host', () => {
  test('migrates once, there, after a backup that was read back; the other host has none', async () => {
    const first = await deployed(FIRST);
    expect(sql('SELECT count(*) FROM orders')).toBe('3');
    expect(existsSync(below('shared/data/app.db', servers[0]))).toBe(false);
    const second = await deployed(SECOND);
    expect(live()).toEqual([second.outputs.release, second.outputs.release]);
    expect(backups()).toHaveLength(1);
    expect(readFileSync(below(`.slipway/backups/main/${backups()[0] ?? ''}/manifest`), 'utf8')).toContain(`release\t${first.outputs.release ?? ''}\nwhy\tdeploy\nschema\t1\n`);
  });

  test('gets a database with a later release; one that was there and is gone stops the deploy before a migration makes an empty one', async () => {
    writeFileSync(join(workspace, 'app/text'), 'no data yet');
    const { context } = run();
    await deploy({ ...context, config: { ...context.config, databases: {} } }, {});
    const second = await deployed(FIRST);
    expect(log.join('\n')).toContain('main: there is no data yet');
    expect(sql('SELECT count(*) FROM orders')).toBe('3');
    rmSync(below('shared/data/app.db'));
    const error = await failing(deployed(SECOND));
    expect(error.message).toContain('there was data on');
    expect(error.remedy).toContain('slipway backup restore production --database main');
    expect(existsSync(below('shared/data/app.db'))).toBe(false);
    expect(live()).toEqual([second.outputs.release, second.outputs.release]);
  });

  test('whose host is left out by name is not deployed to at all', async () => {
    await deployed(FIRST);
    const name = `${servers[1]!.user}@${servers[1]!.address}:${servers[1]!.port}`;
    const error = await failing(deployed(SECOND, { exclude: [name] }));
    expect(error.message).toMatch(/its host .* is left out by name, and its migrations run there/);
    expect(sql('PRAGMA user_version')).toBe('1');
  });

  test('keeps the old release and, told so, the old data when a migration fails half-way', async () => {
    const first = await deployed(FIRST);
    const error = await failing(deployed('DELETE FROM orders WHERE id = 1; INSERT INTO nowhere VALUES (1)', { database: 'on-failure: restore' }));
    expect(error.message).toMatch(/no such table: nowhere/);
    expect(live()).toEqual([first.outputs.release, first.outputs.release]);
    expect(sql('SELECT count(*) FROM orders')).toBe('3');
    expect(isClosed()).toBe(false);
  });

  test('does not begin a migration that may need the key of its backups without that key', async () => {
    const key = execFileSync('age-keygen', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const backup = `, age: ${/public key: (\S+)/.exec(key)?.[1] ?? ''}`;
    await deployed(FIRST, { backup });
    const broken = 'DELETE FROM orders; INSERT INTO nowhere VALUES (1)';
    expect((await failing(deployed(broken, { backup, database: 'on-failure: restore' }))).message).toMatch(/encrypted by age, and a migration that fails needs the key/);
    expect(sql('SELECT count(*) FROM orders')).toBe('3');
    const variables = { SLIPWAY_BACKUP_KEY: key.trim().split('\n').at(-1) ?? '' };
    expect((await failing(deployed(broken, { backup, database: 'on-failure: restore', variables }))).message).toMatch(/no such table/);
    expect(sql('SELECT count(*) FROM orders')).toBe('3');
  });

  test('refuses to deploy and to roll back on data that is half restored, and names the command', async () => {
    await deployed(FIRST);
    await deployed(SECOND);
    writeFileSync(below('.slipway/backups/main/restoring'), `id\t${backups()[0] ?? ''}\n`);
    for (const attempt of [() => deployed(FIRST), () => rolledBack({})]) {
      const error = await failing(attempt());
      expect(error.message).toMatch(/a restore on .* was interrupted/);
      expect(error.remedy).toContain(`slipway backup restore production --database main --id ${backups()[0] ?? ''}`);
    }
  });
});

if (present) describe('a rollback', () => {
  test('leaves the data alone, and says that the schema fits', async () => {
    const first = await deployed(FIRST);
    await deployed(SECOND);
    sql('INSERT INTO orders VALUES (9, 9)');
    await rolledBack({});
    expect(live()).toEqual([first.outputs.release, first.outputs.release]);
    expect(sql('SELECT count(*) FROM orders')).toBe('4');
    expect(log.join('\n')).toMatch(/main.*(fits|expand)/i);
  });

  test('with its data: shows what will be lost, changes nothing in a plan, and keeps the lost rows in a safety backup', async () => {
    const first = await deployed(FIRST);
    const second = await deployed(SECOND);
    sql('INSERT INTO orders VALUES (8, 8), (9, 9)');
    await rolledBack({ restoreDatabase: 'true' }, { plan: true });
    expect(log.join('\n')).toMatch(/orders +5 +3 /);
    expect(log.join('\n')).toMatch(/would bring main back from \S+ \(.*2 rows/);
    expect([live()[0], sql('SELECT count(*) FROM orders'), isClosed()]).toEqual([second.outputs.release, '5', false]);
    const { records } = await rolledBack({ restoreDatabase: 'true' });
    expect(live()).toEqual([first.outputs.release, first.outputs.release]);
    expect(sql('SELECT count(*) FROM orders')).toBe('3');
    expect(sql('PRAGMA user_version')).toBe('1');
    expect(isClosed()).toBe(false);
    const lost = records.find(({ id }) => id === 'rollback.data.lost');
    expect(lost?.observed).toMatch(/2 rows/);
    const safety = backups().at(-1) ?? '';
    expect(readFileSync(below(`.slipway/backups/main/${safety}/manifest`), 'utf8')).toContain('rows\t5\torders');
  });

  test('with its data, down: the release that is left takes its own migration back', async () => {
    await deployed(FIRST);
    await deployed(SECOND, { down: 'ALTER TABLE orders DROP COLUMN note; PRAGMA user_version = 1' });
    sql('INSERT INTO orders VALUES (9, 9)');
    await rolledBack({ restoreDatabase: 'down' });
    expect([sql('PRAGMA user_version'), sql('SELECT count(*) FROM orders')]).toEqual(['1', '4']);
  });

  test('with its data that fails on the way puts everything back as it was', async () => {
    await deployed(FIRST);
    const second = await deployed(SECOND, { down: 'DELETE FROM orders; INSERT INTO nowhere VALUES (1)' });
    const error = await failing(rolledBack({ restoreDatabase: 'down' }));
    expect(error.message).toMatch(/no such table: nowhere/);
    expect(live()).toEqual([second.outputs.release, second.outputs.release]);
    expect([sql('PRAGMA user_version'), sql('SELECT count(*) FROM orders'), isClosed()]).toEqual(['2', '3', false]);
  });

  test('with its data stops before anything when the backup is gone or damaged', async () => {
    await deployed(FIRST);
    const second = await deployed(SECOND);
    const [backup = ''] = backups();
    writeFileSync(below(`.slipway/backups/main/${backup}/archive`), 'x');
    expect((await failing(rolledBack({ restoreDatabase: 'true' }))).message).toMatch(/truncated/);
    rmSync(below(`.slipway/backups/main/${backup}`), { recursive: true });
    expect((await failing(rolledBack({ restoreDatabase: 'true' }))).message).toMatch(new RegExp(`${backup}|backup`));
    expect([live()[0], sql('PRAGMA user_version'), isClosed()]).toEqual([second.outputs.release, '2', false]);
  });

  test('over a breaking migration asks what becomes of the data before it changes anything', async () => {
    const breaking = { database: 'migrations: breaking' };
    const { id } = { id: (await deployed(FIRST)).outputs.release };
    const second = await deployed(SECOND, breaking);
    expect(isClosed()).toBe(false);
    const error = await failing(rolledBack({}, breaking));
    expect(`${error.message} ${error.remedy ?? ''}`).toMatch(/breaking.*(true|down|false)/s);
    expect(live()).toEqual([second.outputs.release, second.outputs.release]);
    await rolledBack({ restoreDatabase: 'true' }, breaking);
    expect([live()[0], sql('PRAGMA user_version'), isClosed()]).toEqual([id, '1', false]);
  });
});
