import { setTimeout as delay } from 'node:timers/promises';
import { CookieJar } from 'tough-cookie';
import type { Scenario, Step } from '../config/schema.js';
import { formatDuration } from '../evidence/format.js';
import { evidence, startTimer } from '../evidence/ledger.js';
import type { Evidence } from '../evidence/record.js';
import { redactRecord } from '../evidence/redact.js';
import { MARKS } from '../evidence/verdict.js';
import type { ProbeContext } from './context.js';
import { hideCredentials } from './scrub.js';
import { slug, Slugs } from './slug.js';
import { runStep, stepTitle, subjectOf, type Outcome } from './step.js';

/** One step of one try, ready to become evidence. */
interface Done {
  readonly step: Step;
  readonly outcome: Outcome | undefined;
  readonly at: string;
  readonly duration: number;
}

async function runOnce(scenario: Scenario, captures: Map<string, string>, context: ProbeContext): Promise<Done[]> {
  const session = { jar: new CookieJar(undefined, { rejectPublicSuffixes: false }), captures };
  const done: Done[] = [];
  let failed = false;
  for (const step of scenario.steps) {
    const timer = startTimer();
    const outcome: Outcome | undefined = failed ? undefined : await runStep(step, placeOf(scenario, step), session, context);
    failed ||= outcome?.status === 'fail';
    done.push({ step, outcome, at: timer.at, duration: timer.elapsed() });
  }
  return done;
}

function titleOf(scenario: Scenario, step: Step): string {
  const name = hideCredentials(scenario.name); // made from the URL where the team gave none
  return scenario.steps.length === 1 && step.name === undefined ? name : `${name}: ${stepTitle(step)}`;
}

function placeOf(scenario: Scenario, step: Step): string {
  return `smoke ${titleOf(scenario, step)}`;
}

function recordOf(scenario: Scenario, { step, outcome, at, duration }: Done, id: string, tries: number): Evidence {
  const base = { id, phase: 'smoke' as const, title: titleOf(scenario, step) };
  const timer = { at, elapsed: () => duration };
  if (outcome === undefined) {
    return evidence({ ...base, subject: subjectOf(step), status: 'skip', observed: 'not run: an earlier step of the scenario failed' }, timer);
  }
  const { subject, status, expected, remedy, data } = outcome;
  const all = scenario.retries + 1;
  const note = tries === 1 ? '' : status === 'pass' ? `\npassed on try ${tries} of ${all}` : `\nfailed on try ${tries} of ${all}`;
  return evidence({ ...base, subject, status, expected, observed: outcome.observed + note, remedy, data: { ...data, tries } }, timer);
}

function tell(record: Evidence, context: ProbeContext): void {
  const { reporter } = context;
  const mark = MARKS[record.status];
  if (record.status === 'skip') {
    reporter.step(record.subject, `${mark} ${record.title}: not run`);
  } else if (record.status === 'pass') {
    reporter.step(record.subject, `${mark} ${record.title}: ${(record.observed ?? '').replaceAll('\n', '; ')}`, record.duration);
  } else {
    reporter.step(record.subject, `${mark} ${record.title}`, record.duration);
    reporter.line('expected', record.expected ?? '');
    reporter.line('observed', record.observed ?? '');
    if (record.remedy !== undefined) reporter.line('to mend', record.remedy);
  }
}

/**
 * Runs one scenario: its steps in order with cookies of their own; a failed step skips the rest. A failed scenario is
 * tried again from its start as often as it says, unless trying again cannot help; evidence tells of the last try and
 * how many there were. `captures` holds values of earlier scenarios by name and gets this one's. Each step is told to
 * the reporter and its record (`smoke.<scenario>.<step>`) is given to it; the same records are returned, redacted.
 */
export async function runScenario(
  scenario: Scenario, context: ProbeContext, captures = new Map<string, string>(), scenarioSlug = slug(hideCredentials(scenario.name)),
): Promise<Evidence[]> {
  let done: Done[] = [];
  let found = captures;
  let tries = 0;
  for (;;) {
    tries += 1;
    found = new Map(captures);
    done = await runOnce(scenario, found, context);
    const failure = done.find(({ outcome }) => outcome?.status === 'fail');
    if (failure === undefined || failure.outcome?.final === true || tries > scenario.retries || context.signal?.aborted === true) break;
    const reason = failure.outcome?.observed.split('\n')[0] ?? '';
    context.reporter.step(failure.outcome?.subject ?? '', `${titleOf(scenario, failure.step)}: ${reason}; try ${tries + 1} of ${scenario.retries + 1} in ${formatDuration(scenario.retryDelay)}`);
    await delay(scenario.retryDelay, undefined, context.signal === undefined ? {} : { signal: context.signal }).catch(() => undefined);
  }
  for (const [name, value] of found) captures.set(name, value);
  const slugs = new Slugs();
  return done.map((one) => {
    const raw = recordOf(scenario, one, `smoke.${scenarioSlug}.${slugs.next(stepTitle(one.step))}`, tries);
    const record = context.redactor === undefined ? raw : redactRecord(raw, context.redactor);
    tell(record, context);
    context.reporter.evidence(record);
    return record;
  });
}

/**
 * Runs all scenarios in order; a failed one does not keep the later ones from running. What a step captures, the steps
 * of later scenarios may use too; cookies stay within their scenario.
 */
export async function runSmoke(scenarios: readonly Scenario[], context: ProbeContext): Promise<Evidence[]> {
  const captures = new Map<string, string>();
  const slugs = new Slugs();
  const records: Evidence[] = [];
  for (const scenario of scenarios) {
    records.push(...await runScenario(scenario, context, captures, slugs.next(hideCredentials(scenario.name))));
  }
  return records;
}
