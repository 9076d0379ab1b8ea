import { formatDuration } from '../evidence/format.js';
import type { Evidence, Status } from '../evidence/record.js';
import { byPhase, worstStatus } from '../evidence/verdict.js';
import { jobOf, time, type Sourced } from './merge.js';
import type { Span } from './model.js';

/** A pause as long as this within a phase makes two of it: between them others were waited for. */
const PAUSE = 60_000;

/** What each job did, phase by phase: one span for records that follow each other. */
export function phaseSpans(all: readonly Sourced[]): Span[] {
  const jobs = [...new Set(all.map(({ source }) => source))];
  const spans = jobs.flatMap((job) => {
    const runs: Evidence[][] = [];
    let end = 0;
    for (const { source, record } of all) {
      if (source !== job || !isTimed(record)) continue;
      const run = runs.at(-1);
      if (run?.[0]?.phase === record.phase && time(record.at) - end < PAUSE) run.push(record);
      else runs.push([record]);
      end = Math.max(end, time(record.at) + record.duration);
    }
    return runs.map((run) => {
      const phase = byPhase(run)[0]?.title ?? '';
      const label = jobOf(job);
      const lane = jobs.length === 1 || label === '' || label.toLowerCase() === phase.toLowerCase() ? phase : `${label}: ${phase}`;
      const [from, to] = [startOf(run), endOf(run)];
      return { lane, label: `${phase} ${formatDuration(to - from)}`, status: statusOf(run), from, to };
    });
  });
  return spans.sort((one, other) => one.from - other.from);
}

/** What was done on each host, step by step; checks that only look take no time worth showing. */
export function stepSpans(records: readonly Evidence[], hosts: ReadonlyMap<string, string>): Span[] {
  const switched = new Set(records.filter(({ id }) => /\.(lease|stage|switch)$/.test(id)).map(({ subject }) => subject));
  const isHost = (name: string): boolean => hosts.has(name) || switched.has(name);
  return records.filter((record) => isTimed(record) && record.phase !== 'preflight' && isHost(record.subject)).map((record) => {
    const from = time(record.at);
    return { lane: record.subject, label: `${stepName(record)} ${formatDuration(record.duration)}`, status: record.status, from, to: from + record.duration };
  });
}

/** The last words of an id name the step: `deploy.install.web` is `install web`. */
function stepName({ id }: Evidence): string {
  return id.split('.').slice(1).join(' ');
}

/** A budget tells how long others took, from its end on. */
function isTimed({ at, id, status, duration }: Evidence): boolean {
  return time(at) > 0 && !id.endsWith('.budget') && !(status === 'skip' && duration === 0);
}

function startOf(run: readonly Evidence[]): number {
  return run.reduce((start, { at }) => Math.min(start, time(at)), Infinity);
}

function endOf(run: readonly Evidence[]): number {
  return run.reduce((end, { at, duration }) => Math.max(end, time(at) + duration), 0);
}

function statusOf(run: readonly Evidence[]): Status {
  return worstStatus(run);
}
