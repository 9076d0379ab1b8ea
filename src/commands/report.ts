import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '../evidence/errors.js';
import { renderJUnit } from '../evidence/junit.js';
import { derive } from '../report/derive.js';
import { webAddress } from '../report/escape.js';
import { notesSection, reportSummary } from '../report/markdown.js';
import type { Report } from '../report/model.js';
import { renderPage } from '../report/page.js';
import { readLedgers } from './report-ledgers.js';
import { sendWebhooks, webhooksOf } from './report-send.js';
import type { RunContext } from './run-context.js';

export interface ReportOptions {
  /** Files, folders and patterns, one per line. */
  readonly ledgers?: string | undefined;
  /** Where to write the page, the JUnit file and the section for release notes. */
  readonly html?: string | undefined;
  readonly junit?: string | undefined;
  readonly notes?: string | undefined;
  /** The tag whose release on GitHub gets the notes appended. */
  readonly release?: string | undefined;
  /** Lines `slack https://…`: secret. */
  readonly webhooks?: string | undefined;
  readonly title?: string | undefined;
  /** `toJSON(needs)` of the job: how the jobs before it ended. */
  readonly jobs?: string | undefined;
  /** The commit or tag whose deployment on GitHub is told how it stands. */
  readonly deployment?: string | undefined;
  readonly tag?: string | undefined;
}

/**
 * Report: reads the ledgers of all jobs and writes what they tell: page, summary, JUnit, release notes, messages. Asks no host.
 * What GitHub or a webhook does not take is a warning: the files are there all the same.
 * @throws UserError when there are no ledgers, or an input is wrong.
 */
export async function report(context: RunContext, options: ReportOptions): Promise<void> {
  const { reporter, outputs, redactor, config, environment, environmentName } = context;
  for (const line of (options.webhooks ?? '').split('\n')) redactor.add(line.trim().split(/\s+/).at(-1) ?? '');
  const webhooks = webhooksOf(options.webhooks ?? '');
  const { sources, unreadable } = await readLedgers(options.ledgers ?? '', context.workspace);
  for (const text of unreadable) reporter.warn(text);
  const made = derive({
    app: config.app, environment: environmentName, url: environment.url,
    hosts: new Map(Object.entries(config.environments).flatMap(([name, { hosts }]) => hosts.map((host) => [host.name, name] as const))),
    title: options.title, actor: context.author.actor, run: context.author.run, tag: options.release ?? options.tag,
    jobs: jobsOf(options.jobs), sources, unreadable, now: context.now(),
  });
  outputs.verdict = made.verdict;
  outputs.outcome = made.outcome;
  outputs.summary = redactor.redact(reportSummary(made));
  if (options.html !== undefined) {
    outputs.html = options.html;
    await write(context, 'page', options.html, renderPage(made, context.plots?.()));
  }
  if (options.junit !== undefined) await write(context, 'JUnit', options.junit, renderJUnit(`${config.app} ${environmentName}`, made.records));
  const notes = notesSection(made);
  if (options.notes !== undefined) await write(context, 'release notes', options.notes, notes);
  reporter.step('report', made.outcome);
  if (context.plan) {
    reporter.step('report', `plan only: nothing was told to GitHub${webhooks.length === 0 ? '' : `, and nothing sent to ${webhooks.map(({ service }) => service).join(', ')}`}`);
    return;
  }
  if (options.release !== undefined) await tell(context, async (github) => `notes appended: ${await github.appendNotes(options.release ?? '', environmentName, redactor.redact(notes))}`);
  if (options.deployment !== undefined) await tellDeployment(context, made, options.deployment);
  await sendWebhooks(context, made, webhooks);
}

async function write({ reporter, redactor }: RunContext, what: string, file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, redactor.redact(text));
  reporter.step('report', `${what}: ${file}`);
}

/** A run that switched nothing has no say in it: the newest deployment of that commit may be the one that is live, of an earlier run. */
async function tellDeployment(context: RunContext, made: Report, ref: string): Promise<void> {
  if (made.release === undefined) context.reporter.step('report', `nothing was switched in ${made.environment}: its deployment on GitHub is left as it stands`);
  else await tell(context, (github) => github.deploymentStatus(statusOf(made, ref)));
}

async function tell({ reporter, publisher }: RunContext, work: (github: Awaited<ReturnType<NonNullable<RunContext['publisher']>>>) => Promise<string>): Promise<void> {
  try {
    if (publisher === undefined) throw new UserError('GitHub cannot be told here');
    reporter.step('report', await work(await publisher()));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    reporter.warn(`${error.message}${error.remedy === undefined ? '' : ` → ${error.remedy}`}`);
  }
}

function statusOf({ verdict, outcome, environment, url, run }: Report, ref: string): Parameters<Awaited<ReturnType<NonNullable<RunContext['publisher']>>>['deploymentStatus']>[0] {
  return { environment, ref, state: verdict === 'fail' ? 'failure' : 'success', url: webAddress(url), log: webAddress(run), description: outcome };
}

/** The results in `toJSON(needs)`: `{"staging": {"result": "success", …}, …}`. @throws UserError for anything else. */
export function jobsOf(text: string | undefined): ReadonlyMap<string, string> {
  if (text === undefined) return new Map();
  try {
    const jobs = JSON.parse(text) as Record<string, { result?: unknown }>;
    return new Map(Object.entries(jobs).map(([name, { result }]) => [name, typeof result === 'string' ? result : 'unknown']));
  } catch (error) {
    throw new UserError('`jobs` must be what toJSON(needs) gives', { remedy: 'jobs: ${{ toJSON(needs) }}', cause: error });
  }
}
