import { hostOf } from '../config/roles.js';
import type { DatabaseConfig } from '../config/schema.js';
import { HostData } from '../databases/host-data.js';
import { UserError } from '../evidence/errors.js';
import type { RemoteHost } from '../host/remote-host.js';
import { FleetError } from '../release/fleet.js';
import { connectHosts, throwIfStopped } from './fleet-session.js';
import type { RunContext } from './run-context.js';

/** One database, and the host on which it is backed up. */
export interface DataPlace {
  /** The database's name. */
  readonly name: string;
  readonly database: DatabaseConfig;
  readonly host: RemoteHost;
  readonly data: HostData;
}

/**
 * The databases a command works on, in the order of the configuration.
 * @throws UserError when there are none, or not the one that was named.
 */
export function chosenDatabases(context: Pick<RunContext, 'config'>, name: string | undefined): DatabaseConfig[] {
  const all = Object.values(context.config.databases);
  if (all.length === 0) throw new UserError('slipway.yml has no `databases`', { remedy: 'Name at least one: `databases: { main: { engine: sqlite, path: database/app.db } }`. See docs/backups.md.' });
  const chosen = all.filter((database) => name === undefined || database.name === name);
  if (chosen.length === 0) throw new UserError(`there is no database \`${name ?? ''}\``, { remedy: `slipway.yml has: ${all.map((database) => database.name).join(', ')}.` });
  return chosen;
}

/** The only database, or the one that was named: for what must never happen to several at once. */
export function oneDatabase(context: Pick<RunContext, 'config'>, name: string | undefined, what: string): DatabaseConfig {
  const [first, ...others] = chosenDatabases(context, name);
  if (first === undefined || others.length > 0) {
    throw new UserError(`which database is to be ${what}?`, { remedy: `Name one (\`database\`, --database): ${chosenDatabases(context, undefined).map((database) => database.name).join(', ')}.` });
  }
  return first;
}

/** Connects to the hosts that these databases live on, and to no others; changes nothing by itself. */
export async function withDatabases<T>(context: RunContext, databases: readonly DatabaseConfig[], body: (places: readonly DataPlace[]) => Promise<T>): Promise<T> {
  const { environment } = context;
  const needed = new Set(databases.map((database) => hostOf(database, environment).name));
  const hosts = await connectHosts({ ...context, environment: { ...environment, hosts: environment.hosts.filter(({ name }) => needed.has(name)) } });
  try {
    return await body(databases.map((database) => placeOf(context, hosts, database)));
  } finally {
    await Promise.all(hosts.map((host) => host.connection.close().catch(() => undefined)));
  }
}

/** A database on one of the hosts that are connected to. */
export function placeOf(context: RunContext, hosts: readonly RemoteHost[], database: DatabaseConfig): DataPlace {
  const { name } = hostOf(database, context.environment);
  const host = hosts.find((one) => one.name === name);
  if (host === undefined) throw new UserError(`${database.name} lives on ${name}, which is left out`);
  return { name: database.name, database, host, data: HostData.of(context, host, database) };
}

/**
 * Does `work` for each database, one after the other: two dumps at once would take the disk from the app.
 * @throws FleetError naming every one for which it failed.
 */
export async function everyDatabase<T>(context: RunContext, places: readonly DataPlace[], work: (place: DataPlace) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  const failures: { host: string; error: Error }[] = [];
  for (const place of places) {
    throwIfStopped(context.signal);
    try {
      results.push(await work(place));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      context.reporter.error(`${place.name}: ${error.message}`);
      failures.push({ host: place.name, error: new UserError(`${place.name}: ${error.message}`, { cause: error, ...(error.remedy === undefined ? {} : { remedy: error.remedy }) }) });
    }
  }
  if (failures.length > 0) throw new FleetError(failures);
  return results;
}
