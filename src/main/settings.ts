import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Phase } from '../evidence/record.js';
import { messageOf, UserError } from '../evidence/errors.js';
import type { Redactor } from '../evidence/redact.js';
import type { Reporter } from '../evidence/reporter.js';
import { parseDotenv } from '../config/dotenv.js';
import { environmentOf, inEnvironment } from '../config/environment.js';
import { excludeHosts } from '../config/exclude.js';
import { loadConfig } from '../config/load.js';
import { missingVariables } from '../config/missing-variables.js';
import type { Config } from '../config/schema.js';
import type { RunContext } from '../commands/run-context.js';
import type { Author } from '../host/journal.js';
import { commandEnvironment } from '../probe/command.js';
import type { Credentials } from '../ssh/types.js';
import { alarmDoor } from './alarms.js';
import { originEnv, repositoryState } from './github.js';
import type { GitHubAccess } from './github-access.js';
import { plots } from './plots.js';
import { publisherDoor } from './publisher.js';
import { signOffDoor } from './sign-off.js';

/** What an action's inputs and the CLI's options have in common, as texts; absent is undefined, never ''. */
export interface Settings {
  readonly environment: string;
  readonly config: string;
  readonly workspace: string;
  readonly credentials: Credentials;
  readonly appEnv: string | undefined;
  /** Variables for the team's commands on the runner, dotenv text. */
  readonly buildEnv?: string | undefined;
  readonly plan: boolean;
  /** Hosts left out by name. */
  readonly excludeHosts: readonly string[];
  /** Absent for commands that ask GitHub nothing. */
  readonly github?: GitHubAccess;
}

/** Reads and checks the configuration; the file's name in messages is the one the user gave. */
export async function readConfig(workspace: string, file: string): Promise<Config> {
  const path = resolve(workspace, file);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${messageOf(error)}`, {
      cause: error,
      remedy: 'Is the repository checked out (actions/checkout), and is `config` relative to its root?',
    });
  }
  return loadConfig(text, file);
}

/** Tells the redactor every secret before anything is said. */
function maskSecrets({ credentials, github }: Settings, variables: readonly Readonly<Record<string, string>>[], redactor: Redactor): void {
  const { privateKey, passphrase, sudoPassword } = credentials;
  for (const secret of [privateKey, passphrase, sudoPassword, github?.token, github?.membersToken, ...variables.flatMap((values) => Object.values(values))]) {
    if (secret !== undefined && secret !== '') redactor.add(secret);
  }
}

/** Everything a command needs, from settings and the process's surroundings. */
export async function makeContext(
  settings: Settings,
  world: {
    readonly phase: Phase;
    readonly reporter: Reporter;
    readonly redactor: Redactor;
    readonly signal: AbortSignal;
    readonly author: Author;
    readonly processEnv: NodeJS.ProcessEnv;
    readonly leaseToken?: string | undefined;
    readonly keepLease: boolean;
    /** Sections of the config whose variables this command needs. */
    readonly uses: readonly (keyof Config)[];
  },
): Promise<RunContext> {
  const appEnv = settings.appEnv === undefined ? undefined : parseDotenv(settings.appEnv);
  const buildEnv = settings.buildEnv === undefined ? {} : parseDotenv(settings.buildEnv);
  maskSecrets(settings, [appEnv ?? {}, buildEnv], world.redactor);
  const config = await readConfig(settings.workspace, settings.config);
  const { environment, excluded } = excludeHosts(environmentOf(config, settings.environment), settings.environment, settings.excludeHosts);
  const lookup = (name: string): string | undefined => appEnv?.[name] ?? world.processEnv[name];
  const missing = missingVariables(config, lookup, world.uses);
  if (missing.length > 0) {
    throw new UserError(missing.join('\n'), { remedy: 'Give them in `app-env`, or as environment variables of the step. A secret that is not passed to the job is silently empty.' });
  }
  const runnerEnv = { ...commandEnvironment(world.processEnv), ...buildEnv };
  const board = alarmDoor(settings.github, world);
  return {
    config: inEnvironment(config, settings.environment),
    environmentName: settings.environment,
    environment,
    excluded: excluded.map(({ name }) => name),
    credentials: settings.credentials,
    appEnv,
    lookup,
    phase: world.phase,
    runnerEnv,
    originEnv: originEnv(settings.github),
    repositoryState: repositoryState(settings.github, {
      config, environmentName: settings.environment, workspace: settings.workspace, env: runnerEnv, reporter: world.reporter, signal: world.signal,
    }),
    signOff: signOffDoor(settings.github, { workspace: settings.workspace, env: runnerEnv, reporter: world.reporter, signal: world.signal }),
    publisher: publisherDoor(settings.github, world),
    plots,
    ...(board === undefined ? {} : { alarmBoard: board }),
    workspace: settings.workspace,
    reporter: world.reporter,
    redactor: world.redactor,
    signal: world.signal,
    author: world.author,
    plan: settings.plan,
    leaseToken: world.leaseToken ?? randomUUID(),
    keepLease: world.keepLease,
    outputs: { hosts: new Map() },
    now: () => new Date(),
  };
}
