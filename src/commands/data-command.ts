import type { ReleaseCommand } from '../host/remote-host.js';
import type { DataSite } from './data-places.js';
import type { RunContext } from './run-context.js';
import { complaintOf, runTeamCommand } from './team-command.js';

/** Where a command of a database runs: in a release that is not live yet, or in the live one. */
export type InRelease = Pick<ReleaseCommand, 'release' | 'which' | 'schemaTo'>;

/**
 * Runs one of a database's commands once, on its host, with the release's environment; shows what it says line by line.
 * @throws HostError with its last words.
 */
export async function runDataCommand(context: RunContext, { name, database, member }: DataSite, what: 'migrate' | 'pending' | 'rollback', command: string, where: InRelease): Promise<string> {
  return runTeamCommand(context, member, { ...where, folder: database.directory, command, limit: database.migrateLimit }, {
    id: `${context.phase}.data.${what}`, title: TITLES[what], subject: name, called: `${name}: \`${command}\` (${what})`,
  });
}

const TITLES = {
  migrate: 'The schema is brought up to the release',
  pending: 'What is about to be migrated',
  rollback: 'The schema is taken back',
} as const;

/** The version of the schema as the team's own command tells it; undefined without such a command, or when it cannot tell. */
export async function schemaVersion(context: RunContext, { name, database, member }: DataSite, { release, which }: InRelease): Promise<string | undefined> {
  const { schemaVersion: command } = database;
  if (command === undefined || release === '') return undefined;
  // Package managers say what they run before they run it: the version is the last thing that is said.
  const result = await member.host.runCommand({ release, which, folder: database.directory, command, limit: database.migrateLimit }, () => undefined);
  const version = result.stdout.split('\n').map((line) => line.trim()).filter((line) => line !== '').at(-1);
  if (result.code === 0) return version;
  context.reporter.warn(`${name}: the version of the schema is not known: \`${command}\` ended with ${result.code}: ${complaintOf(result).trim().split('\n').at(-1) ?? ''}`);
  return undefined;
}
