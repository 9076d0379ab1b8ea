import type { CookieJar } from 'tough-cookie';
import type { Expect, HttpStep, RunStep, Step } from '../config/schema.js';
import { resolveVariables, type Lookup } from '../config/variables.js';
import { UserError } from '../evidence/errors.js';
import { formatBytes, formatDuration } from '../evidence/format.js';
import { Answer } from './answer.js';
import { bodyOf } from './body.js';
import { capture, CaptureError } from './capture.js';
import { commandEnvironment, describeEnd, runCommand } from './command.js';
import type { ProbeContext } from './context.js';
import { ProbeError } from './explain.js';
import { checkExpectations } from './expectations.js';
import { follow, showUrl, type Hop } from './follow.js';
import { remedyFor } from './remedy.js';
import { hideCredentials, isPrivateName, looksLikeToken, scrub, snippet } from './scrub.js';

/** What one scenario carries from step to step. */
export interface Session {
  readonly jar: CookieJar;
  /** Captured values by name; they win over the variables of the environment. */
  readonly captures: Map<string, string>;
}

/** How one step ended. */
export interface Outcome {
  readonly status: 'pass' | 'fail';
  readonly subject: string;
  readonly expected: string;
  readonly observed: string;
  readonly remedy?: string;
  readonly data: Record<string, unknown>;
  /** Trying again cannot help: the configuration is wrong, or the run was cancelled. */
  readonly final?: true;
}

/** A step as people see it before it runs: its name, or what it does. */
export function stepTitle(step: Step): string {
  if (step.name !== undefined) return step.name;
  if ('run' in step) return `run ${step.run.trim().split('\n')[0]?.slice(0, 60) ?? ''}`;
  return `${step.method} ${hideCredentials(step.url)}`;
}

/** What a record of a step that sent nothing is about. */
export function subjectOf(step: Step): string {
  return 'run' in step ? 'runner' : hideCredentials(step.url);
}

/** Runs one step. Whatever goes wrong is an outcome; nothing is thrown. */
export async function runStep(step: Step, place: string, session: Session, context: ProbeContext): Promise<Outcome> {
  const lookup: Lookup = (name) => session.captures.get(name) ?? context.lookup(name);
  try {
    return 'run' in step ? await runCommandStep(step, place, lookup, context) : await runHttpStep(step, place, lookup, session, context);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return {
      status: 'fail', subject: subjectOf(step), expected: 'the step can be run', observed: error.message,
      ...(error.remedy === undefined ? {} : { remedy: error.remedy }), data: {}, final: true,
    };
  }
}

/** A path below the base; a whole URL, or a variable that may hold one, stays. */
export function joinUrl(url: string, baseUrl: string): string {
  return url.startsWith('/') ? baseUrl.replace(/\/+$/, '') + url : url;
}

/** The URL a step asks for: a path goes below the base URL, whatever path that has itself. Throws UserError. */
function stepUrl(url: string, baseUrl: string | undefined): URL {
  if (url.startsWith('/') && baseUrl === undefined) {
    throw new UserError(`${url} needs the environment's url.`, { remedy: 'Set `url` of the environment in slipway.yml, or give the step a whole URL.' });
  }
  const whole = joinUrl(url, baseUrl ?? '');
  if (!/^https?:\/\//.test(whole) || !URL.canParse(whole)) throw new UserError(`${hideCredentials(whole)} is not an http or https URL.`, { remedy: 'Begin it with http:// or https://, or with / for a path below the environment\'s url. A variable in it may have another value than expected.' });
  return new URL(whole);
}

/** Regular expressions are left alone: a dollar has a meaning of its own there. */
function resolveExpect(expect: Expect, lookup: Lookup, place: string): Expect {
  const fill = <T>(value: T): T => resolveVariables(value, lookup, `${place}: expect`);
  const { headers, json, text } = expect;
  return {
    ...expect,
    ...(headers === undefined ? {} : { headers: mapValues(headers, (value) => typeof value === 'string' ? fill(value) : value) }),
    ...(json === undefined ? {} : {
      json: mapValues(json, (value) => {
        if (typeof value !== 'object' || value === null || Array.isArray(value)) return fill(value);
        const { matches, ...rest } = value;
        return matches === undefined ? fill(rest) : { ...fill(rest), matches };
      }),
    }),
    ...(text === undefined ? {} : { text: { ...text, contains: fill(text.contains), absent: fill(text.absent) } }),
  };
}

function mapValues<T, R>(record: Record<string, T>, change: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

async function runHttpStep(step: HttpStep, place: string, lookup: Lookup, session: Session, context: ProbeContext): Promise<Outcome> {
  const fill = <T>(value: T, what: string): T => resolveVariables(value, lookup, `${place}: ${what}`);
  const expect = resolveExpect(step.expect, lookup, place);
  const url = stepUrl(fill(step.url, step.method.toLowerCase()), context.baseUrl);
  const sent: HttpStep = {
    ...step, headers: fill(step.headers, 'headers'),
    ...('json' in step ? { json: fill(step.json, 'json') } : {}),
    ...(step.form === undefined ? {} : { form: fill(step.form, 'form') }),
    ...(step.body === undefined ? {} : { body: fill(step.body, 'body') }),
    ...(step.upload === undefined ? {} : { upload: { ...step.upload, ...(step.upload.fields === undefined ? {} : { fields: fill(step.upload.fields, 'upload.fields') }) } }),
  };
  const outgoing = { method: step.method, url, headers: sent.headers, body: bodyOf(sent, context.cwd) };
  const subject = scrub(showUrl(url));
  const base = { subject, data: { method: step.method, url: subject } as Record<string, unknown> };
  try {
    const journey = await follow(outgoing, session.jar, step.redirects, context.http ?? {}, step.timeout, context.signal);
    const answer = new Answer(journey.answer, journey.time);
    const data = { ...base.data, ...measures(answer, journey.hops) };
    return { ...base, ...await judge(answer, journey.hops, { ...step, expect }, session, context), data };
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    return { ...base, status: 'fail', expected: 'an answer', observed: error.message, remedy: error.remedy, ...(context.signal?.aborted === true ? { final: true } : {}) };
  }
}

function measures(answer: Answer, hops: readonly Hop[]): Record<string, unknown> {
  const { exchange } = answer;
  return {
    httpStatus: exchange.status, responseTime: Math.round(answer.time), firstByte: Math.round(exchange.firstByte), bytes: exchange.body.length,
    ...(hops.length === 0 ? {} : { redirects: hops.map((hop) => ({ status: hop.status, from: scrub(hop.from), to: scrub(hop.to) })) }),
  };
}

type Judgement = Pick<Outcome, 'status' | 'expected' | 'observed'> & { remedy?: string };

async function judge(answer: Answer, hops: readonly Hop[], step: HttpStep, session: Session, context: ProbeContext): Promise<Judgement> {
  const findings = checkExpectations(answer, step.expect, context.release);
  const failed = findings.filter(({ ok }) => !ok);
  const way = hops.map((hop) => `${hop.status} ${scrub(hop.from)} → ${scrub(hop.to)}`);
  const [first] = failed;
  if (first !== undefined) {
    const body = answer.exchange.body.length === 0 || isBinary(answer.type) ? [] : [`body: ${snippet(answer.text)}`];
    return {
      status: 'fail', expected: unique(failed.map(({ expected }) => expected)).join('\n'),
      observed: unique([...failed.map(({ observed }) => observed), ...way, ...body]).join('\n'), remedy: remedyFor(first, answer),
    };
  }
  const missing = await takeCaptures(step.capture, answer, session, context);
  if (missing.length > 0) {
    return {
      status: 'fail', expected: missing.map(([name]) => `a value for ${name}`).join('\n'), observed: missing.map(([, problem]) => problem).join('\n'),
      remedy: 'Compare the capture with what the app answers; later steps need the value.',
    };
  }
  const { status, body } = answer.exchange;
  return {
    status: 'pass', expected: findings.map(({ expected }) => expected).join('\n'),
    observed: [`status ${status}, ${formatBytes(body.length)} in ${formatDuration(answer.time)}`, ...way].join('\n'),
  };
}

/** Keeps what can be captured and tells what cannot, as pairs of name and problem. */
async function takeCaptures(sources: Record<string, string>, answer: Answer, session: Session, context: ProbeContext): Promise<[string, string][]> {
  const missing: [string, string][] = [];
  for (const [name, source] of Object.entries(sources)) {
    try {
      const value = await capture(source, answer, session.jar);
      if (source.startsWith('cookie:') || isPrivateName(name) || isPrivateName(source) || looksLikeToken(value)) context.redactor?.add(value);
      session.captures.set(name, value);
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      missing.push([name, error.message]);
    }
  }
  return missing;
}

function isBinary(type: string | undefined): boolean {
  return type !== undefined && !/^text\/|json|xml|javascript|x-www-form-urlencoded/.test(type);
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

async function runCommandStep(step: RunStep, place: string, lookup: Lookup, context: ProbeContext): Promise<Outcome> {
  const env = resolveVariables(step.env, lookup, `${place}: env`);
  const { end, lastLines, duration } = await runCommand(step.run, {
    cwd: context.cwd, limit: step.timeout, signal: context.signal,
    env: {
      ...commandEnvironment(context.env ?? {}),
      ...(context.baseUrl === undefined ? {} : { SLIPWAY_URL: context.baseUrl }),
      ...(context.release === undefined ? {} : { SLIPWAY_RELEASE: context.release }),
      ...env,
    },
    onLine: (line) => context.reporter.line('runner', line),
  });
  const base = { subject: 'runner', expected: 'exit code 0', data: { command: step.run, commandTime: duration } };
  if (end.kind === 'exit' && end.code === 0) return { ...base, status: 'pass', observed: `exit code 0 after ${formatDuration(duration)}` };
  const limit = end.kind === 'limit' ? ` after ${formatDuration(step.timeout)}` : '';
  return {
    ...base, status: 'fail', observed: [`${describeEnd(end)}${limit}`, ...lastLines.map((line) => scrub(line))].join('\n'),
    remedy: end.kind === 'limit' ? 'If the command may take this long, raise `timeout` of the step.' : 'Its last lines are shown; run the command by hand with the same variables.',
    ...(end.kind === 'cancelled' ? { final: true } : {}),
  };
}
