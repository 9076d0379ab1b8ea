import { environmentOf } from '../config/environment.js';
import { hostOf } from '../config/roles.js';
import type { DatabaseConfig } from '../config/schema.js';
import { HostData } from '../databases/host-data.js';
import { UserError } from '../evidence/errors.js';
import { EXIT, HostError } from '../host/failure.js';
import type { Member } from '../release/fleet.js';
import type { RunContext } from './run-context.js';

/** A database, and the host on which its data is looked after. */
export interface DataSite {
  readonly name: string;
  readonly database: DatabaseConfig;
  readonly member: Member;
}

/** The same, with what is needed to reach it. */
export interface DataPlace extends DataSite {
  readonly data: HostData;
}

/**
 * The databases and their hosts. Those whose host was left out by name are not among them.
 * @param needed says for a database whose host was left out whether that is to stop the run.
 * @throws UserError naming what cannot be done without its host.
 */
export function dataSites(context: Pick<RunContext, 'config' | 'environmentName' | 'excluded'>, members: readonly Member[], needed: (database: DatabaseConfig) => boolean = () => false): DataSite[] {
  const environment = environmentOf(context.config, context.environmentName);
  return Object.values(context.config.databases).flatMap((database) => {
    const { name: host } = hostOf(database, environment);
    const member = members.find(({ name }) => name === host);
    if (member !== undefined) return [{ name: database.name, database, member }];
    if (!needed(database)) return [];
    throw new UserError(`${database.name}: its host ${host} is left out by name, and its migrations run there`, {
      remedy: 'Nothing was changed. Deploy with that host; or name the host that can reach the database with `roles` under the database.',
    });
  });
}

/** How the data of a database is reached. Variables that have no value are an error. */
export function placeOf(context: RunContext, site: DataSite): DataPlace {
  return { ...site, data: HostData.of(context, site.member.host, site.database) };
}

/**
 * Refuses to work on data of which a restore has replaced only a part.
 * @throws UserError with the command that finishes it.
 */
export async function refuseHalfRestored(context: RunContext, places: readonly DataPlace[]): Promise<void> {
  for (const { name, member, data } of places) {
    const { halfRestored } = await data.list().catch((error: unknown) => {
      if (error instanceof HostError && error.code === EXIT.halfRestored) throw halfError(context, name, member.name, undefined);
      throw error;
    });
    if (halfRestored !== undefined) throw halfError(context, name, member.name, halfRestored.id);
  }
}

function halfError(context: RunContext, name: string, host: string, id: string | undefined): UserError {
  return new UserError(`${name}: a restore on ${host} was interrupted: the data is half of one state and half of another`, {
    remedy: `Nothing was changed. Finish it first: slipway backup restore ${context.environmentName} --database ${name}${id === undefined ? '' : ` --id ${id}`}`,
  });
}
