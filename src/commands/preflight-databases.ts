import { resolveSrv } from 'node:dns/promises';
import { parseDatabaseFacts, type DatabaseVisit } from '../checks/database-facts.js';
import { probeDirect } from '../checks/gather/host.js';
import { estimateBits } from '../checks/measure/entropy.js';
import { isSamplePassword, passwordInUrl } from '../checks/measure/placeholders.js';
import { authorityOf, isLoopback } from '../checks/measure/urls.js';
import { asksFamily } from '../checks/run.js';
import { environmentOf } from '../config/environment.js';
import { hostOf } from '../config/roles.js';
import type { DatabaseConfig, HostConfig } from '../config/schema.js';
import { engines } from '../databases/engines.js';
import { HostData } from '../databases/host-data.js';
import type { Parameters } from '../databases/engine.js';
import { UserError } from '../evidence/errors.js';
import { RemoteHost } from '../host/remote-host.js';
import type { Connection } from '../ssh/types.js';
import { staleText, timerOf, timerTrouble } from './backup-timer.js';
import type { RunContext } from './run-context.js';

type Context = Pick<RunContext, 'config' | 'environmentName' | 'environment' | 'lookup' | 'redactor'>;

/** Asks the databases that are looked after on this host; one after the other, so that a small host is not asked all at once. */
export async function visitDatabases(context: Context, { name }: Pick<HostConfig, 'name'>, connection: Connection): Promise<DatabaseVisit[]> {
  const { config } = context;
  if (!asksFamily('databases', config.preflight.severity)) return [];
  const all = environmentOf(config, context.environmentName);
  const here = Object.values(config.databases).filter((database) => hostOf(database, all).name === name);
  const visits: DatabaseVisit[] = [];
  for (const database of here) visits.push(await visitDatabase(context, connection, database));
  return visits;
}

/** A failure becomes part of the visit; only defects are thrown. */
async function visitDatabase(context: Context, connection: Connection, database: DatabaseConfig): Promise<DatabaseVisit> {
  const { config, environment, environmentName, lookup } = context;
  const { root } = environment;
  const base = { database, host: connection.name };
  try {
    const host = new RemoteHost(connection, { root, app: config.app, environment: environmentName, envFile: config.release.envFile });
    const data = HostData.of(context, host, database);
    const reached = engines[database.engine].parameters(database, { root, shared: config.release.shared, lookup });
    // Beside the questions, not before them: a probe may wait for its whole limit.
    const probes = doorsOf(database.engine, reached).then((doors) => Promise.all(doors.map(async ({ address, port }) => ({ place: `port ${port}${doors.length === 1 ? '' : ` of ${address}`}`, answer: await probeDirect(address, port) }))));
    const [asked, doors] = await Promise.all([ask(context, data, host, database), probes]);
    const password = reached['password'] ?? passwordInUrl(reached['uri'] ?? '');
    return { ...base, ...asked, doors, ...(password === undefined || password === '' ? {} : { password: { sample: isSamplePassword(password), bits: estimateBits(password) } }) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { ...base, error: { message: error.message, ...(error.remedy === undefined ? {} : { remedy: error.remedy }) } };
  }
}

async function ask(context: Context, data: HostData, host: RemoteHost, database: DatabaseConfig): Promise<Pick<DatabaseVisit, 'facts' | 'timer'>> {
  const result = await data.facts(questionsOf(database));
  if (result.code !== 0) {
    const words = result.stderr.trim().split('\n').at(-1)?.replace(/^slipway: /, '') ?? '';
    throw new UserError(words === '' ? `the questions about the database ended with ${result.code}` : words);
  }
  const facts = parseDatabaseFacts(result.stdout);
  if (database.backup.schedule === undefined || result.stdout.startsWith('absent\t')) return { facts };
  const { stale, ...timer } = await timerOf(context, { host, database, data });
  const trouble = timerTrouble(timer);
  return { facts, timer: { ...timer, ...(trouble === undefined ? {} : { trouble }), ...(stale === undefined ? {} : { stale: staleText({ stale }) ?? '' }) } };
}

/** What `backup-facts.sh` is told beside what every script is. */
function questionsOf({ directory, pending, schemaVersion, expect }: DatabaseConfig): Parameters {
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  return {
    directory,
    ...(Object.keys(expect.rows).length === 0 ? {} : { count: 'yes' }),
    ...(pending === undefined ? {} : { pending_b64: encode(pending) }),
    ...(schemaVersion === undefined ? {} : { schema_version_b64: encode(schemaVersion) }),
  };
}

/** Where a database listens, as far as that is not the host itself: its ports must not be open to everybody. */
export async function doorsOf(engine: DatabaseConfig['engine'], reached: Parameters, resolve: typeof resolveSrv = resolveSrv): Promise<{ address: string; port: number }[]> {
  const { host = '', port = '', uri } = reached;
  const doors = uri === undefined ? paired(host, port, engine === 'mysql' ? 3306 : 5432) : await mongoDoors(uri, resolve);
  return doors.filter(({ address }) => address !== '' && !address.startsWith('/') && address.toLowerCase() !== 'localhost' && !isLoopback(address));
}

/** PostgreSQL may be told several hosts, each with its port. */
function paired(host: string, port: string, fallback: number): { address: string; port: number }[] {
  const ports = port.split(',');
  return host.split(',').map((address, index) => ({ address, port: Number(ports[index] || ports[0]) || fallback }));
}

async function mongoDoors(uri: string, resolve: typeof resolveSrv): Promise<{ address: string; port: number }[]> {
  const authority = authorityOf(uri) ?? '';
  const hosts = authority.slice(authority.lastIndexOf('@') + 1);
  if (uri.startsWith('mongodb+srv:')) {
    const found = await resolve(`_mongodb._tcp.${hosts}`).catch(() => []);
    return found.map(({ name, port }) => ({ address: name, port }));
  }
  return hosts.split(',').filter((host) => !/^%2F/i.test(host)).map((host) => {
    const [, bracketed, plain = '', port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(host) ?? [];
    return { address: bracketed ?? plain, port: Number(port ?? 27017) };
  });
}
