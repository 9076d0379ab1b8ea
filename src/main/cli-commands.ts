import { readFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { describeConfig } from '../config/describe.js';
import { environmentOf } from '../config/environment.js';
import { jsonSchema } from '../config/json-schema.js';
import { sayExcluded } from '../commands/excluded.js';
import type { RunContext } from '../commands/run-context.js';
import { asError, UserError } from '../evidence/errors.js';
import { formatDuration } from '../evidence/format.js';
import { Ledger } from '../evidence/ledger.js';
import { Redactor } from '../evidence/redact.js';
import { plainReporter, terminalReporter } from '../evidence/reporters.js';
import { countsText } from '../evidence/verdict.js';
import type { Credentials } from '../ssh/types.js';
import { COMMANDS, type Arguments, type Command as SharedCommand, type CommandName } from './commands.js';
import { endingEarly } from './ending.js';
import { recordFailure } from './failure.js';
import { githubAccess } from './github-access.js';
import { makeContext, readConfig, type Settings } from './settings.js';
import { stopSignal } from './stop.js';
import { renderOffers, renderReleases, renderStatus } from './tables.js';

/** The options that commands of the CLI have. */
export interface Options {
  config: string;
  plan?: boolean;
  json?: boolean;
  identity?: string;
  knownHosts?: string;
  appEnv?: string;
  evidence?: string;
  debug?: boolean;
  excludeHost?: string[];
  key?: string;
}

/** Runs one of the commands that actions have too. */
export async function execute(name: CommandName, environment: string, options: Options & Arguments): Promise<void> {
  const started = performance.now();
  const command: SharedCommand = COMMANDS[name];
  await withContext(environment, options, { phase: command.phase, uses: command.uses, ledger: command.tells !== true, hosts: command.asksHosts?.({ ...options, hosts: true }) ?? true }, async (context, ledger) => {
    let failure: Error | undefined;
    try {
      sayExcluded(context);
      await command.run(context, { ...options, junit: options.junit === undefined ? undefined : resolve(options.junit), artifact: options.artifact === undefined ? undefined : resolve(options.artifact), ...backupArguments(options), hosts: true });
    } catch (error) {
      failure = asError(error);
      recordFailure(failure, command, environment, { ledger, reporter: context.reporter });
    }
    const { hosts, summary: _, ...outputs } = context.outputs;
    const result = failure === undefined ? (outputs.verdict ?? (context.plan ? 'plan' : 'success')) : 'failure';
    const own = ledger.records.length > 0;
    if (options.json === true) {
      process.stdout.write(`${JSON.stringify({ result, ...outputs, hosts: Object.fromEntries(hosts), evidence: ledger.file })}\n`);
    } else {
      const out = failure === undefined ? process.stdout : process.stderr;
      out.write(`\n${command.title} of ${context.config.app} to ${environment}: ${result}${outputs.outcome === undefined ? '' : `: ${outputs.outcome}`} (${own ? `${countsText(ledger.records)} in ` : ''}${formatDuration(performance.now() - started)})\n`);
      if (own) out.write(`Evidence: ${ledger.file ?? ''}\n`);
      if (outputs.switched === true && name !== 'rollback') out.write(`To go back: slipway rollback ${environment}\n`);
    }
    if (failure !== undefined) throw failure;
  });
}

/** `slipway status`. */
export async function showStatus(environment: string, options: Options): Promise<void> {
  await show(environment, options, async (context) => print(options, await (await import('../commands/status.js')).status(context), renderStatus));
}

/** `slipway releases`. */
export async function showReleases(environment: string, options: Options): Promise<void> {
  await show(environment, options, async (context) => print(options, await (await import('../commands/status.js')).releases(context), renderReleases));
}

/** `slipway unlock`. */
export async function unlockHosts(environment: string, options: Options): Promise<void> {
  await show(environment, options, async (context) => (await import('../commands/unlock.js')).unlock(context));
}

/** `slipway trust`. */
export async function showHostKeys(environment: string, options: Options): Promise<void> {
  await guarded(async () => {
    const config = await readConfig(process.cwd(), options.config);
    const { trust } = await import('../commands/trust.js');
    print(options, await trust(environmentOf(config, environment), credentials(options)), renderOffers);
  });
}

/** `slipway config`: of no environment, or of one that must exist. */
export async function showConfig(environment: string | undefined, options: Options): Promise<void> {
  await guarded(async () => {
    const config = await readConfig(process.cwd(), options.config);
    if (environment !== undefined) environmentOf(config, environment);
    print(options, config, describeConfig);
  });
}

/** `slipway schema`. */
export async function showSchema(): Promise<void> {
  await guarded(() => {
    process.stdout.write(`${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
    return Promise.resolve();
  });
}

/** What only `backup` is told: the key's text instead of its file, and who may be asked. */
function backupArguments(options: Options & Arguments): Partial<Arguments> {
  return {
    ...(options.key === undefined ? {} : { backupKey: readFileSync(options.key === '-' ? 0 : options.key, 'utf8') }),
    ...(options.to === undefined ? {} : { to: resolve(options.to) }),
    ...(process.stdin.isTTY && process.stderr.isTTY && options.json !== true ? { ask } : {}),
  };
}

async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(question);
  } finally {
    terminal.close();
  }
}

/** Runs a command that only reads, or `unlock`. */
async function show(environment: string, options: Options, body: (context: RunContext) => Promise<void>): Promise<void> {
  await withContext(environment, options, { phase: 'deploy', uses: [], ledger: false }, body);
}

async function withContext(
  environment: string,
  options: Options,
  what: { phase: RunContext['phase']; uses: Parameters<typeof makeContext>[1]['uses']; ledger: boolean; hosts?: boolean },
  body: (context: RunContext, ledger: Ledger) => Promise<void>,
): Promise<void> {
  const redactor = new Redactor();
  await guarded(async () => {
    const file = options.evidence ?? join(tmpdir(), `slipway-${userInfo().username}`, `evidence-${new Date().toISOString().replace(/[:.]/g, '')}.jsonl`);
    const ledger = what.ledger ? new Ledger(resolve(file), redactor) : new Ledger(undefined, redactor);
    const log = options.json === true ? process.stderr : process.stdout;
    const shared = { redactor, ledger, debug: options.debug ?? false };
    const reporter = log.isTTY && process.env['NO_COLOR'] === undefined ? terminalReporter({ out: log, err: process.stderr }, shared) : plainReporter((text) => log.write(text), shared);
    const settings: Settings = {
      environment,
      config: options.config,
      workspace: process.cwd(),
      credentials: credentials(options),
      appEnv: options.appEnv === undefined ? undefined : readFileSync(options.appEnv === '-' ? 0 : options.appEnv, 'utf8'),
      plan: options.plan ?? false,
      excludeHosts: options.excludeHost ?? [],
      github: githubAccess(process.env, process.env['GITHUB_TOKEN']),
    };
    if (what.hosts !== false) requireKey(settings.credentials);
    const context = await makeContext(settings, {
      phase: what.phase, reporter, redactor, signal: stopSignal(() => process.stderr.write('stopped\n')),
      author: { actor: userInfo().username, run: `slipway on ${hostname()}` },
      processEnv: process.env, keepLease: false, uses: what.uses,
    });
    await body(context, ledger);
  }, redactor);
}

/** Said before anything is dialled: without a key every server would answer only that the login is refused. */
function requireKey({ privateKey, agent }: Credentials): void {
  if (privateKey !== undefined || agent !== undefined) return;
  throw new UserError('there is no key to log in with: no ssh-agent runs and no --identity was given', {
    remedy: 'Give the deploy key: --identity ~/.ssh/id_ed25519, or start an agent: eval "$(ssh-agent)" && ssh-add.',
  });
}

function credentials(options: Options): Credentials {
  const agent = process.env['SSH_AUTH_SOCK'];
  const passphrase = process.env['SLIPWAY_SSH_PASSPHRASE'];
  const sudoPassword = process.env['SLIPWAY_SUDO_PASSWORD'];
  return {
    ...(options.identity === undefined ? {} : { privateKey: readFileSync(options.identity, 'utf8') }),
    ...(options.identity === undefined && agent !== undefined && agent !== '' ? { agent } : {}),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(sudoPassword === undefined ? {} : { sudoPassword }),
    ...(options.knownHosts === undefined ? {} : { knownHosts: readFileSync(options.knownHosts, 'utf8') }),
  };
}

/** Errors the user can mend are told without a stack; the exit code is 0 only when `body` came to its end. */
async function guarded(body: () => Promise<void>, redactor = new Redactor()): Promise<void> {
  try {
    await Promise.race([endingEarly(), body()]);
    process.exitCode = 0;
  } catch (error) {
    process.exitCode = 1;
    if (error instanceof UserError) {
      process.stderr.write(redactor.redact(`\nerror: ${error.message}\n${error.remedy === undefined ? '' : `  → ${error.remedy.replaceAll('\n', '\n    ')}\n`}`));
    } else if (error instanceof Error && 'code' in error && typeof error.code === 'string' && 'path' in error) {
      process.stderr.write(`\nerror: ${error.message}\n`);
    } else {
      process.stderr.write(redactor.redact(`\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\nThis is a defect of Slipway's; please report it.\n`));
    }
  }
}

function print<T>(options: Options, value: T, render: (value: T) => string): void {
  process.stdout.write(options.json === true ? `${JSON.stringify(value, undefined, 2)}\n` : `${render(value).trimEnd()}\n`);
}
