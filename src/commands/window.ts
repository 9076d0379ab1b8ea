import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { WindowFacts } from '../checks/model.js';
import type { WindowConfig } from '../config/schema.js';
import { UserError } from '../evidence/errors.js';
import { judge, type Judgement } from '../window/judge.js';
import { judgementInWords, momentInWords, windowInWords } from '../window/words.js';
import { stopwatch, type RunContext } from './run-context.js';

/** What a run is told about its window. */
export interface WindowChoice {
  /** Why it goes out although the window is closed. */
  readonly overrideWindow?: string | undefined;
}

/** The window of an environment and what it says now. */
export interface WindowNow {
  readonly window: WindowConfig;
  readonly judgement: Judgement;
  /** Since when the release is there, where that was asked and found. */
  readonly since: Date | undefined;
  readonly wanted: string;
  readonly observed: string;
}

/** What is kept of a judgement: for reports and other programs. */
function dataOf({ window, judgement: { open, why, opensAt, closesAt } }: WindowNow): Record<string, unknown> {
  return {
    timezone: window.timezone, open, why,
    ...(opensAt === undefined ? {} : { opensAt: opensAt.toISOString() }), ...(closesAt === undefined ? {} : { closesAt: closesAt.toISOString() }),
  };
}

/** The same for the preflight. */
export function windowFacts(now: WindowNow): WindowFacts {
  return { open: now.judgement.open, expected: now.wanted, observed: now.observed, data: dataOf(now) };
}

/** Looks at the window; undefined where the environment has none. Git is asked only when notice is wanted. */
export async function windowNow({ environment: { window }, workspace, now }: Pick<RunContext, 'environment' | 'workspace' | 'now'>): Promise<WindowNow | undefined> {
  if (window === undefined) return undefined;
  const since = window.notice === undefined ? undefined : await releasedSince(workspace);
  const judgement = judge(window, now(), { since });
  return { window, judgement, since, wanted: windowInWords(window), observed: judgementInWords(judgement, window.timezone) };
}

/**
 * Refuses to go on while the window is closed, unless somebody who may do so overrides it with a reason. With `--plan` it says
 * what it finds and refuses nothing.
 * @param moment `plan`: before anything is dialled or built; `switch`: before what users see is touched.
 * @throws UserError with why it is closed, when it opens, and who may override it.
 */
export async function requireWindow(context: RunContext, moment: 'plan' | 'switch', { overrideWindow }: WindowChoice = {}): Promise<void> {
  const watch = stopwatch(context.now);
  const found = await windowNow(context);
  if (found === undefined) return;
  const { window, judgement, wanted, observed } = found;
  const { reporter, environmentName, author } = context;
  const write = (status: 'pass' | 'warn' | 'fail', text: string, rest: { remedy?: string; override?: { reason: string; by: string } } = {}): void => {
    const { remedy, override } = rest;
    reporter.evidence({
      id: 'deploy.window', phase: 'deploy', title: moment === 'plan' ? 'The window is open' : 'The window is open at the switch', subject: environmentName, status,
      expected: wanted, observed: text, ...(remedy === undefined ? {} : { remedy }), at: watch.at, duration: watch.elapsed(),
      data: { moment, ...dataOf(found), ...(override === undefined ? {} : { override: override.reason, by: override.by }) },
    });
  };
  if (judgement.open) {
    write('pass', observed);
    reporter.step('window', observed);
    return;
  }
  const reason = (overrideWindow ?? '').replace(/\s+/g, ' ').trim().slice(0, 300);
  const may = window.override.some((login) => login.toLowerCase() === author.actor.toLowerCase());
  if (reason !== '' && may) {
    const text = `${observed}; overridden by ${author.actor}: ${reason}`;
    write('warn', text, { override: { reason, by: author.actor } });
    reporter.warn(`window of ${environmentName}: ${text}`);
    return;
  }
  const remedy = `${howToWait(found)} ${howToOverride(window.override)}`;
  if (context.plan) {
    write('warn', observed, { remedy });
    reporter.warn(`window of ${environmentName}: ${observed}; a deploy would be refused now`);
    return;
  }
  write('fail', observed, { remedy });
  const refused = reason === '' ? '' : `\n${author.actor} may not override it.`;
  const state = moment === 'plan' ? 'Nothing was changed.' : 'Nothing was switched: what was live still is.';
  throw new UserError(`the window of ${environmentName} is ${observed}${refused}\nThe window: ${wanted}.`, { remedy: `${state} ${remedy}` });
}

function howToWait({ window, judgement: { opensAt }, since }: WindowNow): string {
  if (opensAt !== undefined) return `Run again from ${momentInWords(opensAt, window.timezone)}.`;
  return window.notice !== undefined && since === undefined ? 'Notice counts from the commit: check the repository out with git (actions/checkout).' : 'Change the window in slipway.yml.';
}

function howToOverride(people: readonly string[]): string {
  if (people.length === 0) return 'Nobody may override it: `window.override` names no one.';
  return `To go out all the same, one of ${people.join(', ')} starts it with a reason in \`override-window\`; it is recorded.`;
}

/**
 * Since when everybody could see that this release comes: the newest of the dates of the commit that is checked out and of the
 * tags on it. Annotated tags have a date of their own; actions/checkout brings them along only with `fetch-tags` or `fetch-depth: 0`.
 */
async function releasedSince(workspace: string): Promise<Date | undefined> {
  const git = async (...args: string[]): Promise<number[]> => {
    const { stdout } = await promisify(execFile)('git', args, { cwd: workspace });
    return stdout.split('\n').filter((line) => /^\d+$/.test(line)).map(Number);
  };
  try {
    const commit = await git('log', '-1', '--format=%ct', 'HEAD');
    const tags = await git('for-each-ref', '--points-at=HEAD', '--format=%(creatordate:unix)', 'refs/tags');
    return commit.length === 0 ? undefined : new Date(Math.max(...commit, ...tags) * 1000);
  } catch {
    return undefined;
  }
}
