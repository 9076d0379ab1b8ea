import { Command, Option } from 'commander';
import { readFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { describeConfig } from '../config/describe.js';
import { environmentOf } from '../config/environment.js';
import { hostList } from '../config/exclude.js';
import { jsonSchema } from '../config/json-schema.js';
import type { BackupAction } from '../commands/backup.js';
import { sayExcluded } from '../commands/excluded.js';
import { releases, status } from '../commands/status.js';
import { trust } from '../commands/trust.js';
import { unlock } from '../commands/unlock.js';
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
import { githubAccess } from './github.js';
import { makeContext, readConfig, type Settings } from './settings.js';
import { stopSignal } from './stop.js';
import { renderOffers, renderReleases, renderStatus } from './tables.js';

interface Options {
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

/** The command line. Exits with 0 only when what was asked for was done. */
export function cli(argv: readonly string[]): void {
  process.exitCode = 1;
  const program = new Command('slipway')
    .description('From a commit to production on your own servers over SSH, with a rollback that works.')
    .showHelpAfterError()
    .enablePositionalOptions();

  const shared = (command: Command): Command =>
    command
      .argument('<environment>', 'the environment, as named in slipway.yml')
      .option('--config <file>', 'the configuration', 'slipway.yml')
      .option('--identity <file>', 'the private key (its passphrase in SLIPWAY_SSH_PASSPHRASE); without it the ssh-agent is asked')
      .option('--known-hosts <file>', 'host keys to trust beside those pinned in the configuration')
      .option('--app-env <file>', "the environment's variables and secrets, dotenv text (- for standard input)")
      .option('--exclude-host <name>', 'leave this host out (more: repeat it, or commas between); recorded', (value: string, before: string[]) => [...before, ...hostList(value)], [])
      .option('--evidence <file>', 'where to append the evidence, JSON Lines')
      .option('--json', 'print the result as JSON on standard output, the log on standard error')
      .option('--debug', 'say more, with a time line of each host');
  const plan = new Option('--plan', 'show what would be done and change nothing');

  shared(program.command('preflight').description('check repository, runner, hosts and variables; changes nothing'))
    .addOption(plan)
    .option('--tag <tag>', 'the release tag that is to go out')
    .option('--part <names>', 'only a part: repository, build, hosts')
    .action((name: string, options: Options & Arguments) => execute('preflight', name, options));
  shared(program.command('build').description('build the release and put it into one file, with its digest; asks no host'))
    .addOption(plan)
    .requiredOption('--to <file>', 'the file, such as ../release.tar.gz')
    .action((name: string, options: Options & Arguments) => execute('build', name, options));
  shared(program.command('deploy').description('stage, switch and prove a release'))
    .addOption(plan)
    .option('--artifact <path>', 'a folder or tar that was put together elsewhere')
    .option('--digest <hex>', 'send nothing but the release with this digest')
    .option('--override-window <reason>', 'go out although the window is closed; for those the configuration names, recorded')
    .action((name: string, options: Options & Arguments) => execute('deploy', name, options));
  shared(program.command('smoke').description('run the smoke scenarios and confirm the live release'))
    .addOption(plan)
    .option('--url <url>', "ask this instead of the environment's URL")
    .option('--junit <file>', 'write a JUnit file')
    .action((name: string, options: Options & Arguments) => execute('smoke', name, options));
  shared(program.command('rollback').description('go back to the last good release'))
    .addOption(plan)
    .option('--release <id>', 'go back to this release')
    .option('--reason <text>', 'why; kept in the journal')
    .option('--restore-database [choice]', 'with the data: true (the backup from before), down (the `rollback` command of the database), false (left alone, whether it fits or not)')
    .option('--key <file>', 'what opens encrypted backups: the identity of age, or the passphrase (- for standard input)')
    .action((name: string, options: Options & Omit<Arguments, 'restoreDatabase'> & { restoreDatabase?: string | true }) =>
      execute('rollback', name, { ...options, restoreDatabase: options.restoreDatabase === undefined ? undefined : String(options.restoreDatabase) }));
  shared(program.command('go-live').description('preflight, deploy, smoke, and back again when smoke is red'))
    .addOption(plan)
    .option('--artifact <path>', 'a folder or tar that was put together elsewhere')
    .option('--digest <hex>', 'send nothing but the release with this digest')
    .option('--override-window <reason>', 'go out although the window is closed; for those the configuration names, recorded')
    .option('--tag <tag>', 'the release tag that is to go out')
    .option('--junit <file>', 'write a JUnit file')
    .action((name: string, options: Options & Arguments) => execute('go-live', name, options));

  shared(program.command('server').description('prepare the hosts: users, software, firewall; what is as wanted is not touched'))
    .addOption(plan)
    .option('--login <user>', 'log in as this user instead of the deploy user (user or user:port); a new host is tried as root by itself')
    .action((name: string, options: Options & Arguments) => execute('server', name, options));

  shared(program.command('certbot').description('get, extend and renew the certificate of the site; leaves a good one alone'))
    .addOption(plan)
    .option('--force-renewal', 'ask for a new one, however long the one there is valid')
    .option('--prove-renewal', 'prove that the host can renew it alone, also when nothing was issued')
    .action((name: string, options: Options & Arguments) => execute('certbot', name, options));

  shared(program.command('signoff').description('whether the roles have signed a run of GitHub Actions off; changes nothing (GITHUB_TOKEN)'))
    .addOption(plan)
    .requiredOption('--stage <stage>', 'before production, or after going live')
    .option('--role <role>', 'one role; without it all of the stage')
    .option('--run <id>', 'the run, the number in its address')
    .option('--digest <hex>', 'the digest of the artefact')
    .action((name: string, options: Options & Arguments) => execute('signoff', name, options));

  shared(program.command('report').description('what the ledgers of a run tell: a page, release notes, messages; asks no host'))
    .addOption(plan)
    .requiredOption('--ledger <path>', 'a ledger, a folder of them or a pattern (more: repeat it)', (value: string, before: string[] | undefined) => [...(before ?? []), value])
    .option('--html <file>', 'where to write the page', 'report.html')
    .option('--junit <file>', 'write a JUnit file')
    .option('--notes <file>', 'write a section for release notes')
    .option('--release <tag>', 'append the notes to the release of this tag on GitHub (GITHUB_TOKEN, GITHUB_REPOSITORY)')
    .option('--webhooks <file>', 'lines such as `slack https://…` (- for standard input)')
    .option('--title <text>', 'the title, instead of one by what was done')
    .action((name: string, options: Options & Arguments & { ledger: string[] }) => execute('report', name, {
      ...options, ledgers: options.ledger.join('\n'), html: resolve(options.html ?? 'report.html'), ...(options.notes === undefined ? {} : { notes: resolve(options.notes) }),
      ...(options.webhooks === undefined ? {} : { webhooks: readFileSync(options.webhooks === '-' ? 0 : options.webhooks, 'utf8') }),
    }));

  const backup = program.command('backup').description('make, prove and bring back backups of the databases: slipway backup <command> <environment>');
  const backupCommand = (name: BackupAction, description: string, one: 'one backup' | 'all'): Command => {
    const command = shared(backup.command(name).description(description)).addOption(plan).option('--database <name>', 'one database; without it all of them');
    if (one === 'one backup') command.option('--id <backup>', 'this backup; without it the newest good one');
    if (one === 'one backup' || name === 'create') command.option('--key <file>', 'what opens encrypted archives: the identity of age, or the passphrase (- for standard input)');
    return command.action((environment: string, options: Options & Arguments) => execute('backup', environment, { ...options, do: name }));
  };
  backupCommand('create', 'back up, read back, copy, delete what `keep` no longer wants', 'all');
  backupCommand('list', 'the backups there are, with their states', 'all');
  backupCommand('verify', 'read an archive whole', 'one backup');
  backupCommand('drill', 'restore into a scratch database beside the live one, compare, drop it', 'one backup');
  backupCommand('restore', 'replace the live data; stops the app meanwhile', 'one backup')
    .option('--confirm <environment>', "the environment's name: yes, replace its data")
    .option('--no-safety', 'take no backup of what is replaced: for data that cannot be read any more');
  backupCommand('fetch', 'bring archive and manifest to this machine', 'one backup')
    .option('--to <folder>', 'the folder to put them into', '.');
  backupCommand('prune', 'delete what `keep` no longer wants', 'all');
  backupCommand('schedule', "give the hosts the timers of the configuration, so that they back up by themselves", 'all');

  shared(program.command('watch').description('look at what is live; with GITHUB_TOKEN and GITHUB_REPOSITORY one issue per alarm is kept'))
    .addOption(plan)
    .action((name: string, options: Options & Arguments) => execute('watch', name, options));
  shared(program.command('status').description('what is live, and what could be gone back to'))
    .action((name: string, options: Options) => show(name, options, async (context) => print(options, await status(context), renderStatus)));
  shared(program.command('releases').description('the releases on the hosts, with their states'))
    .action((name: string, options: Options) => show(name, options, async (context) => print(options, await releases(context), renderReleases)));
  shared(program.command('unlock').description('remove a lease whose run is known to be dead'))
    .addOption(plan)
    .action((name: string, options: Options) => show(name, options, unlock));

  program.command('trust').description('print the host keys of an environment, to compare and pin')
    .argument('<environment>', 'the environment, as named in slipway.yml')
    .option('--config <file>', 'the configuration', 'slipway.yml')
    .option('--identity <file>', 'the private key for jump hosts; without it the ssh-agent is asked')
    .option('--json', 'print JSON')
    .action((name: string, options: Options) => guarded(async () => {
      const config = await readConfig(process.cwd(), options.config);
      print(options, await trust(environmentOf(config, name), credentials(options)), renderOffers);
    }));
  program.command('config').description('print the configuration with every default filled in')
    .argument('[environment]', 'check that it exists')
    .option('--config <file>', 'the configuration', 'slipway.yml')
    .option('--json', 'print JSON')
    .action((name: string | undefined, options: Options) => guarded(async () => {
      const config = await readConfig(process.cwd(), options.config);
      if (name !== undefined) environmentOf(config, name);
      print(options, config, describeConfig);
    }));
  program.command('schema').description('print the JSON Schema of slipway.yml').action(() => guarded(() => {
    process.stdout.write(`${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
    return Promise.resolve();
  }));

  program.parseAsync(argv as string[]).then(
    () => process.exit(),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
}

/** Runs one of the commands that actions have too. */
async function execute(name: CommandName, environment: string, options: Options & Arguments): Promise<void> {
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
