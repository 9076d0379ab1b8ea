import type { Reverted, Unfinished } from '../host/history.js';
import type { JournalEvent } from '../host/journal.js';
import type { Findings } from '../host/findings.js';
import type { RemoteHost } from '../host/remote-host.js';

/** What was found and done on a host before anything else, in words for the log. */
export interface Recovery {
  readonly said: readonly string[];
  /** True when `current` was brought to a release and that is healthy. */
  readonly switched: boolean;
}

/**
 * Finishes or undoes what a run that died left on this host (DESIGN §4, law 6). Needs the lease.
 *
 * - Files on their way, or staged and never switched to: removed.
 * - A switch towards a good release, or back to what was live before: finished.
 * - A rollback's last word, that what it left is bad: written; else the next rollback would take the site further back.
 * - A deploy's switch: undone, `current` goes back to the release before it.
 * - Services that were stopped for the data's sake: started again, and the site opened.
 * - A release whose time to be confirmed is over although its host still runs it (its timer was lost): gone back from.
 *
 * @param stayClosed why services that are paused must not be started: their data does not fit them.
 *
 * A release that was put back and does not become healthy is said, and does not stop what comes next: the next deploy may
 * be what mends it.
 * @throws UserError when the host cannot be put in order; nothing else may be started then.
 */
export async function recover(host: RemoteHost, findings: Findings, at: string, onLine: (line: string) => void, stayClosed?: string): Promise<Recovery> {
  const said: string[] = [];
  let switched = false;
  for (const left of findings.history.unfinished) {
    const record = findings.history.releases.find((release) => release.id === left.release);
    const by = record?.by === undefined ? '' : ` by ${record.by.actor} (${record.by.run})`;
    if (left.kind === 'staging') {
      const found = `a run${by} ended before the switch`;
      const { stuck } = await host.finish([{ event: 'undone', release: left.release, at, found }], [left.release]);
      said.push(`release ${left.release}: ${found}; ${stuck.length === 0 ? 'its files were removed' : 'its files cannot be deleted, look at who owns them'}`);
      continue;
    }
    if (left.kind === 'leaving') {
      await host.finish([leftBehind(left.release, at)], [], { retire: true });
      said.push(`release ${left.release}: a run rolled back from it to ${left.to} and died; it is marked bad`);
      continue;
    }
    const target = record?.state === 'good' || left.why !== 'deploy' ? left.release : left.previous;
    const undoes = target !== left.release;
    const trouble = await switchTo(host, left, target, undoes, at, onLine);
    switched = trouble === undefined;
    const done = target === '' ? 'its services were stopped, there was no release before it' : `went back to ${target}`;
    const story = undoes ? `release ${left.release}: a run${by} died during the switch; ${done}` : `a run died on the way to release ${target}; the way was finished`;
    if (trouble === undefined) await host.finish(left.why === 'rollback' && left.previous !== '' ? [leftBehind(left.previous, at)] : [], [], { retire: true });
    said.push(trouble === undefined ? story : `${story}, BUT IT IS NOT HEALTHY: ${trouble}`);
  }
  const { reverted } = findings.history;
  if (reverted !== undefined) said.push(`the host ${describeReverted(reverted)}`);
  const { armed } = findings;
  if (armed !== undefined && armed.secondsLeft < -TIMER_IS_LATE && armed.release === findings.current) {
    await host.revert();
    said.push(`release ${armed.release} was not confirmed in time and the host's timer was lost; went back to ${armed.target}`);
    switched = true;
  }
  if (findings.paused !== undefined && stayClosed !== undefined) said.push(`ITS SERVICES STAY STOPPED: ${stayClosed}`);
  else if (findings.paused !== undefined) {
    const { since, why } = findings.paused;
    const result = await host.resume(onLine);
    said.push(`its services were stopped since ${since} (${why}) by a run that died; ${result.outcome === 'active' ? 'they run again' : `THEY DO NOT START: ${result.reason}`}`);
  }
  return { said, switched };
}

/** For people: what a host did by itself. */
export function describeReverted({ release, to, at, reason }: Reverted): string {
  return `went back from ${release} to ${to} by itself at ${at}: ${reason}`;
}

/** Seconds after which a timer will not act any more. */
const TIMER_IS_LATE = 30;

function leftBehind(release: string, at: string): JournalEvent {
  return { event: 'bad', release, at, reason: 'rolled back; the run that did it died' };
}

/** @returns why the target is not healthy, with the last lines of the service; undefined when it is. */
async function switchTo(
  host: RemoteHost,
  left: Extract<Unfinished, { kind: 'switching' }>,
  target: string,
  undoes: boolean,
  at: string,
  onLine: (line: string) => void,
): Promise<string | undefined> {
  if (undoes) await host.finish([{ event: 'bad', release: left.release, at, reason: 'its run died during the switch' }]);
  const result = await host.activate(
    target,
    '-',
    {
      switching: { event: 'switching', release: target, at, previous: left.previous, why: 'recovery' },
      active: { event: 'active', release: target, at },
      bad: { event: 'unhealthy', release: target, at, reason: 'did not start when a dead run was being put right' },
      back: undefined,
    },
    { siteMustAnswer: false },
    onLine,
  );
  return result.outcome === 'active' ? undefined : [result.reason, ...result.logs.map((line) => `    ${line}`)].join('\n');
}
