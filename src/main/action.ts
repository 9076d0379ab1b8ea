import * as core from '@actions/core';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Outputs } from '../commands/run-context.js';
import { sayExcluded } from '../commands/excluded.js';
import { backupTable } from '../commands/backup-report.js';
import { hostList } from '../config/exclude.js';
import { asError, messageOf, UserError } from '../evidence/errors.js';
import { Ledger } from '../evidence/ledger.js';
import { Redactor } from '../evidence/redact.js';
import { renderSummary } from '../evidence/summary.js';
import { githubReporter } from '../github/reporter.js';
import { endingEarly } from './ending.js';
import { recordFailure } from './failure.js';
import { githubAccess } from './github-access.js';
import { COMMANDS, type Arguments, type CommandName } from './commands.js';
import type { Settings } from './settings.js';
import { stopSignal } from './stop.js';

/** Runs one action: inputs, one command, outputs. Never throws; the exit code says how it ended. */
export async function runAction(action: string): Promise<void> {
  // Whatever happens from here on, a process that ends without having said so has failed.
  process.exitCode = 1;
  const name = commandName(action);
  const command = COMMANDS[name];
  const started = performance.now();
  const redactor = new Redactor((form) => core.setSecret(form));
  const ledger = new Ledger(join(scratch(), 'evidence.jsonl'), redactor);
  const reporter = githubReporter(core, { redactor, ledger });
  let outputs: Outputs = { hosts: new Map() };
  let settings: Settings | undefined;
  const write = (result: string): void => writeOutputs(name, result, outputs, ledger.file ?? '');
  const signal = stopSignal(() => write('failure'));
  const ending = endingEarly();
  let failure: Error | undefined;
  let url: string | undefined;
  let app = '';
  let excluded: readonly string[] = [];
  try {
    settings = readInputs();
    const { makeContext } = await import('./settings.js');
    const context = await Promise.race([ending, makeContext(settings, {
      phase: command.phase,
      reporter,
      redactor,
      signal,
      author: author(),
      processEnv: process.env,
      ...leaseOf(name),
      uses: command.uses,
    })]);
    outputs = context.outputs;
    url = context.environment.url;
    app = context.config.app;
    ({ excluded } = context);
    sayExcluded(context);
    await Promise.race([ending, command.run(context, readArguments(settings))]);
  } catch (error) {
    failure = asError(error);
    recordFailure(failure, command, settings?.environment ?? 'runner', { ledger, reporter });
  }
  write(failure === undefined ? (settings?.plan === true ? 'plan' : 'success') : 'failure');
  await writeSummary(name, { app, environment: settings?.environment ?? '', url, excluded, outputs, ledger, failure: failure === undefined ? undefined : redactor.redact(explained(failure)), started });
  if (failure === undefined) {
    process.exitCode = 0;
    return;
  }
  if (ledger.failure !== undefined) core.warning(`not all evidence could be written: ${ledger.failure.message}`);
  core.setFailed(redactor.redact(explained(failure)));
  if (!(failure instanceof UserError)) core.debug(redactor.redact(failure.stack ?? ''));
}

/** The post step of deploy and go-live: frees the leases this job still holds. Warns, and never fails the job. */
export async function runPost(): Promise<void> {
  const redactor = new Redactor((form) => core.setSecret(form));
  const reporter = githubReporter(core, { redactor });
  const ending = endingEarly();
  try {
    if (!existsSync(tokenFile())) return;
    const settings = readInputs();
    const [{ makeContext }, { freeLeases }] = await Promise.all([import('./settings.js'), import('../commands/free-leases.js')]);
    const context = await Promise.race([ending, makeContext(settings, {
      phase: 'deploy', reporter, redactor, signal: AbortSignal.timeout(120_000), author: author(), processEnv: process.env,
      leaseToken: readFileSync(tokenFile(), 'utf8').trim(), keepLease: false, uses: [],
    })]);
    if (!settings.plan) await Promise.race([ending, freeLeases(context)]);
  } catch (error) {
    core.warning(redactor.redact(`the lease could not be freed; it expires by itself: ${messageOf(error)}`));
  }
}

function commandName(name: string): CommandName {
  if (!Object.hasOwn(COMMANDS, name)) throw new Error(`there is no action ${name}`);
  return name as CommandName;
}

/** What happened and what to do next. */
function explained(error: Error): string {
  return error instanceof UserError && error.remedy !== undefined ? `${error.message}\n${error.remedy}` : error.message;
}

function readInputs(): Settings {
  const environment = input('environment');
  if (environment === undefined) throw new UserError('the input `environment` is required', { remedy: 'Name one of the environments in slipway.yml: `with: { environment: production }`.' });
  const plan = input('plan') ?? 'false';
  if (plan !== 'true' && plan !== 'false') throw new UserError(`the input \`plan\` must be true or false, is ${plan}`, { remedy: 'true shows what would be done and changes nothing.' });
  const secret = { trimWhitespace: false };
  const privateKey = input('ssh-private-key', secret);
  const passphrase = input('ssh-passphrase', secret);
  const sudoPassword = input('sudo-password', secret);
  const knownHosts = input('known-hosts');
  const agent = process.env['SSH_AUTH_SOCK'];
  return {
    environment,
    config: input('config') ?? 'slipway.yml',
    workspace: resolve(process.env['GITHUB_WORKSPACE'] ?? process.cwd(), input('working-directory') ?? '.'),
    credentials: {
      ...(privateKey === undefined ? {} : { privateKey }),
      ...(passphrase === undefined ? {} : { passphrase }),
      ...(sudoPassword === undefined ? {} : { sudoPassword }),
      ...(knownHosts === undefined ? {} : { knownHosts }),
      ...(privateKey === undefined && agent !== undefined && agent !== '' ? { agent } : {}),
    },
    appEnv: input('app-env', secret),
    buildEnv: input('build-env', secret),
    plan: plan === 'true',
    excludeHosts: hostList(input('exclude-hosts') ?? ''),
    github: { ...githubAccess(process.env, input('github-token')), membersToken: input('members-token') },
  };
}

function readArguments(settings: Settings): Arguments {
  const path = (name: string): string | undefined => {
    const value = input(name);
    return value === undefined ? undefined : resolve(settings.workspace, value);
  };
  const tag = input('tag') ?? (process.env['GITHUB_REF_TYPE'] === 'tag' ? process.env['GITHUB_REF_NAME'] : undefined);
  const { privateKey, agent } = settings.credentials;
  return {
    artifact: path('artifact'), digest: input('digest'), overrideWindow: input('override-window'), part: input('part'), requireWindow: input('require-window') === 'true', requireTag: input('require-tag') === 'true', tellIssue: input('tell-issue') === 'true', tag, url: input('url'), junit: path('junit'), release: input('release'), reason: input('reason'), restoreDatabase: input('restore-database'),
    hosts: privateKey !== undefined || agent !== undefined,
    do: input('do'), database: input('database'), id: input('id'), backupKey: input('backup-key', { trimWhitespace: false }), confirm: input('confirm'),
    safety: input('safety') !== 'false', to: path('to') ?? join(scratch(), 'release.tar.gz'), shared: true, login: input('login'),
    stage: input('stage'), role: input('role'), run: input('run'), issue: input('issue'), issueNumber: input('issue-number'), workflow: input('workflow'),
    ledgers: input('ledgers') ?? join(scratch(), 'evidence.jsonl'), html: path('html') ?? join(scratch(), 'report.html'), notes: path('notes'), webhooks: input('webhooks'), title: input('title'), jobs: input('jobs'),
    deployment: input('deployment'),
    forceRenewal: input('force-renewal') === 'true', proveRenewal: input('prove-renewal') === 'true',
  };
}

/** An input, or undefined when it is absent or empty: GitHub does not tell the two apart. */
function input(name: string, options?: { trimWhitespace: boolean }): string | undefined {
  const value = core.getInput(name, options);
  return value.trim() === '' ? undefined : value;
}

function writeOutputs(name: CommandName, result: string, outputs: Outputs, evidence: string): void {
  core.setOutput('result', result);
  core.setOutput('evidence', evidence);
  if (name === 'preflight') {
    core.setOutput('sign-off-before', JSON.stringify(outputs.signOff?.before ?? []));
    core.setOutput('sign-off-after', JSON.stringify(outputs.signOff?.after ?? []));
  }
  if (name === 'preflight' || name === 'server' || name === 'certbot' || name === 'watch') return;
  if (name === 'smoke') {
    const junit = input('junit');
    if (junit !== undefined) core.setOutput('junit', junit);
    return;
  }
  if (name === 'report') {
    core.setOutput('html', outputs.html ?? '');
    core.setOutput('verdict', outputs.verdict ?? '');
    return;
  }
  if (name === 'signoff') {
    core.setOutput('issue-number', String(outputs.issue ?? ''));
    return;
  }
  if (name === 'build') {
    core.setOutput('artifact', outputs.archive ?? '');
    core.setOutput('digest', outputs.digest ?? '');
    return;
  }
  if (name === 'backup') {
    core.setOutput('backup', outputs.backup ?? '');
    core.setOutput('archive', outputs.archive ?? '');
    return;
  }
  core.setOutput('release', outputs.release ?? '');
  core.setOutput('previous-release', outputs.previousRelease ?? '');
  core.setOutput('switched', String(outputs.switched ?? false));
}

async function writeSummary(
  name: CommandName,
  run: { app: string; environment: string; url: string | undefined; excluded: readonly string[]; outputs: Outputs; ledger: Ledger; failure: string | undefined; started: number },
): Promise<void> {
  if (process.env['GITHUB_STEP_SUMMARY'] === undefined) return;
  const { outputs } = run;
  const changed = [...outputs.hosts].some(([, { before, after }]) => before !== after);
  const text = outputs.summary ?? renderSummary({
    action: COMMANDS[name].title,
    app: run.app,
    environment: run.environment,
    url: run.url,
    ...(run.failure === undefined ? {} : { verdict: 'fail' as const }),
    outcome: outputs.outcome,
    notes: run.excluded.length === 0 ? [] : [`Left out by name: ${run.excluded.join(', ')}`],
    failure: run.failure,
    duration: performance.now() - run.started,
    releases: [...outputs.hosts].map(([host, { before, after }]) => ({ host, before: before === '' ? undefined : before, after: after === '' ? undefined : after })),
    records: run.ledger.records,
    tables: [...(outputs.backups === undefined ? [] : [backupTable(outputs.backups, new Date())]), ...(outputs.tables ?? [])],
    ...(changed ? { rollback: { command: `slipway rollback ${run.environment}` } } : {}),
    ledger: run.ledger.file,
  });
  await core.summary.addRaw(text, true).write().catch((error: unknown) => core.warning(`the job summary could not be written: ${String(error)}`));
}

/** Files that live as long as the job. */
function scratch(): string {
  const folder = join(process.env['RUNNER_TEMP'] ?? '/tmp', 'slipway');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

function tokenFile(): string {
  return join(scratch(), 'lease-token');
}

/**
 * One token for all steps of a job, so that smoke and rollback go on with the lease that deploy took. The lease outlives a
 * step only when an action with a post step has begun it: that step frees it, whatever happened between.
 */
function leaseOf(name: CommandName): { leaseToken: string | undefined; keepLease: boolean } {
  if (!COMMANDS[name].changes) return { leaseToken: undefined, keepLease: false };
  const begun = existsSync(tokenFile());
  const token = begun ? readFileSync(tokenFile(), 'utf8').trim() : randomUUID();
  if (!begun && (name === 'deploy' || name === 'go-live')) writeFileSync(tokenFile(), token, { mode: 0o600 });
  return { leaseToken: token, keepLease: begun || name === 'deploy' };
}

function author(): { actor: string; run: string } {
  const { GITHUB_ACTOR, GITHUB_TRIGGERING_ACTOR, GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID } = process.env;
  return {
    // Whoever starts a run again answers for it, not the one who started it first.
    actor: GITHUB_TRIGGERING_ACTOR ?? GITHUB_ACTOR ?? 'unknown',
    run: GITHUB_RUN_ID === undefined ? 'a run outside GitHub' : `${GITHUB_SERVER_URL ?? 'https://github.com'}/${GITHUB_REPOSITORY ?? ''}/actions/runs/${GITHUB_RUN_ID}`,
  };
}
