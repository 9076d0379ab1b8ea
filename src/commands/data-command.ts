import { HostError } from '../host/failure.js';
import { recorded, type RunContext } from './run-context.js';
import type { DataSite } from './data-places.js';

/** Where a command of a database runs: in a release that is not live yet, or in the live one. */
export interface InRelease {
  readonly release: string;
  readonly which: 'staged' | 'live';
  /** What it finds in SLIPWAY_SCHEMA_TO. */
  readonly schemaTo?: string | undefined;
}

/**
 * Runs one of a database's commands once, on its host, with the release's environment; shows what it says line by line.
 * @throws HostError with its last words.
 */
export async function runDataCommand(context: RunContext, { name, database, member }: DataSite, what: 'migrate' | 'pending' | 'rollback', command: string, { release, which, schemaTo }: InRelease): Promise<string> {
  const { phase, reporter, signal } = context;
  let lines = 0;
  return recorded(
    context,
    { id: `${phase}.data.${what}`, phase, title: TITLES[what], subject: name, expected: 'exit code 0' },
    async () => {
      const say = (line: string): void => {
        lines += 1;
        reporter.line(member.name, line);
      };
      const result = await member.host.runCommand(release, database.directory, command, database.migrateLimit, say, signal, which, schemaTo);
      if (result.code !== 0) throw new HostError(member.name, `${name}: \`${command}\` (${what})`, { ...result, stderr: result.stderr.trim() === '' ? result.stdout : result.stderr });
      return result.stdout;
    },
    () => ({ observed: `\`${command}\` succeeded${lines === 0 ? ' and said nothing' : ''}` }),
  );
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
  const { code, stdout, stderr } = await member.host.runCommand(release, database.directory, command, database.migrateLimit, () => undefined, undefined, which);
  const version = stdout.split('\n').map((line) => line.trim()).filter((line) => line !== '').at(-1);
  if (code === 0) return version;
  context.reporter.warn(`${name}: the version of the schema is not known: \`${command}\` ended with ${code}: ${(stderr.trim() === '' ? stdout : stderr).trim().split('\n').at(-1) ?? ''}`);
  return undefined;
}
