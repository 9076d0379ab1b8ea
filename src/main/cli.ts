import { Command, Option } from 'commander';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { BackupAction } from '../commands/backup.js';
import { hostList } from '../config/exclude.js';
import type { Options } from './cli-commands.js';
import type { Arguments, CommandName } from './commands.js';
import { leaveAfter } from './leave.js';

/** The command line; `version` is Slipway's. Exits with 0 only when what was asked for was done. */
export function cli(argv: readonly string[], version: string): void {
  process.exitCode = 1;
  const program = new Command('slipway')
    .description('From a commit to production on your own servers over SSH, with a rollback that works.')
    .version(version, '-V, --version', 'print the version of Slipway')
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
    .action(async (name: string, options: Options) => (await commands()).showStatus(name, options));
  shared(program.command('releases').description('the releases on the hosts, with their states'))
    .action(async (name: string, options: Options) => (await commands()).showReleases(name, options));
  shared(program.command('unlock').description('remove a lease whose run is known to be dead'))
    .addOption(plan)
    .action(async (name: string, options: Options) => (await commands()).unlockHosts(name, options));

  program.command('trust').description('print the host keys of an environment, to compare and pin')
    .argument('<environment>', 'the environment, as named in slipway.yml')
    .option('--config <file>', 'the configuration', 'slipway.yml')
    .option('--identity <file>', 'the private key for jump hosts; without it the ssh-agent is asked')
    .option('--json', 'print JSON')
    .action(async (name: string, options: Options) => (await commands()).showHostKeys(name, options));
  program.command('config').description('print the configuration with every default filled in')
    .argument('[environment]', 'check that it exists')
    .option('--config <file>', 'the configuration', 'slipway.yml')
    .option('--json', 'print JSON')
    .action(async (name: string | undefined, options: Options) => (await commands()).showConfig(name, options));
  program.command('schema').description('print the JSON Schema of slipway.yml').action(async () => (await commands()).showSchema());

  leaveAfter(program.parseAsync(argv));
}

/** What the words ask for, evaluated only then: `--help` and a misspelt word are answered without it. */
function commands(): Promise<typeof import('./cli-commands.js')> {
  return import('./cli-commands.js');
}

async function execute(name: CommandName, environment: string, options: Options & Arguments): Promise<void> {
  await (await commands()).execute(name, environment, options);
}
