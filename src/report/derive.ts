import { formatDuration } from '../evidence/format.js';
import type { Evidence, Status } from '../evidence/record.js';
import { countsText, worstStatus } from '../evidence/verdict.js';
import { merge, time, type Sourced } from './merge.js';
import type { Report, ReportInput, Sample } from './model.js';
import { releasesOf, switches, type Switch } from './releases.js';
import { phaseSpans, stepSpans } from './spans.js';
import { dataTable, jobsTable, overrideTable, signOffsOf } from './tables.js';

/** Everything a report shows, from the records alone and what the run knows of itself. */
export function derive(input: ReportInput): Report {
  const { environment, hosts } = input;
  const { all, counted, repeated } = merge(input.sources);
  const records = counted.map(({ record }) => record);
  const everything = all.map(({ record }) => record);
  const moves = switches(everything);
  const own = ownMoves(moves, hosts, environment);
  const times = everything.flatMap(({ at, duration, id }) => (time(at) === 0 ? [] : id.endsWith('.budget') ? [time(at)] : [time(at), time(at) + duration]));
  const verdict = verdictOf(records, input);
  const release = own.at(-1)?.release;
  const built = records.findLast(({ id }) => id === 'deploy.artifact' || id === 'deploy.build');
  const digest = [...records].reverse().map(({ data }) => data?.['digest']).find((value) => typeof value === 'string' && value !== '');
  return {
    title: input.title ?? titleOf(records, input),
    app: input.app, environment, url: input.url, actor: input.actor, run: input.run, tag: input.tag,
    verdict, outcome: outcomeOf(records, own, verdict, input),
    from: times.reduce((least, one) => Math.min(least, one), Infinity), to: times.reduce((most, one) => Math.max(most, one), 0),
    made: input.now,
    release, digest: digest as string | undefined, content: built?.observed,
    records,
    releases: releasesOf(everything, hosts, environment),
    phases: phaseSpans(all), steps: stepSpans(everything, hosts),
    samples: samplesOf(everything, own, input.url),
    signOffs: signOffsOf(records),
    tables: [jobsTable(input.jobs), dataTable(records), overrideTable(records)].filter(({ rows }) => rows.length > 0),
    notes: [
      ...(repeated.length === 0 ? [] : [`Run again, so that only the last attempt counts: ${repeated.join(', ')}.`]),
      ...input.unreadable.map((text) => `Left out, since it cannot be read: ${text}`),
    ],
    rollback: { command: `slipway rollback ${environment}`, dispatch: `gh workflow run rollback.yml -f environment=${environment} -f reason='…'` },
  };
}

/** The switches of the environment that is reported; of all, when the configuration knows none of the hosts. */
function ownMoves(moves: readonly Switch[], hosts: ReadonlyMap<string, string>, environment: string): Switch[] {
  const own = moves.filter(({ host }) => hosts.get(host) === environment);
  return own.length > 0 ? own : moves.filter(({ host }) => !hosts.has(host));
}

const ENDED_BADLY = new Set(['failure', 'cancelled']);

function verdictOf(records: readonly Evidence[], { jobs, unreadable }: ReportInput): Status {
  const worst = worstStatus(records);
  if (worst === 'fail' || [...jobs.values()].some((result) => ENDED_BADLY.has(result))) return 'fail';
  return unreadable.length > 0 ? 'warn' : worst;
}

function titleOf(records: readonly Evidence[], { tag }: ReportInput): string {
  const phases = new Set(records.map(({ phase }) => phase));
  if (phases.has('deploy')) return tag === undefined ? 'Release' : `Release ${tag}`;
  if (phases.has('rollback')) return 'Rollback';
  return phases.has('backup') ? 'Backup' : phases.has('watch') ? 'Watch' : 'Checks';
}

/** How it ended for those who use the environment: what is live, and why. */
function outcomeOf(records: readonly Evidence[], own: readonly Switch[], verdict: Status, { environment, jobs }: ReportInput): string {
  const failed = records.find(({ status }) => status === 'fail');
  const job = [...jobs].find(([, result]) => ENDED_BADLY.has(result));
  const cause = failed !== undefined ? `“${failed.title}” failed (${failed.subject})` : job === undefined ? '' : `the job ${job[0]} ended with ${job[1]}`;
  const because = cause === '' ? '' : `: ${cause}`;
  const last = own.findLast(({ passed }) => passed);
  if (last === undefined) {
    const tried = own.length > 0;
    if (verdict === 'fail') return `${tried ? 'The switch failed' : 'Nothing was switched'} in ${environment}${because}`;
    return records.length === 0 ? 'The ledgers hold no records' : `${countsText(records)}; nothing was switched in ${environment}`;
  }
  const live = last.release === '' ? `nothing is live in ${environment}` : `${last.release} is live in ${environment}`;
  if (last.back) return `${verdict === 'fail' ? 'Went back' : 'Rolled back'}: ${live}${verdict === 'fail' && cause !== '' ? `; ${cause}` : ''}`;
  if (verdict === 'fail') return `${live}, but not all is well${because}`;
  const good = records.some(({ id, status, observed }) => id === 'deploy.confirm' && status !== 'fail' && (observed ?? '').startsWith(last.release));
  return good ? `${live} and good` : live;
}

/** Answers that were timed, each with the release that was live then. Those of other addresses are left out where the environment's own is known. */
function samplesOf(records: readonly Evidence[], own: readonly Switch[], url: string | undefined): Sample[] {
  const timed = records.filter(({ data }) => typeof data?.['responseTime'] === 'number');
  const here = url === undefined ? [] : timed.filter(({ subject }) => subject.startsWith(url.replace(/\/+$/, '')));
  return (here.length > 0 ? here : timed).map((record) => {
    const at = time(record.at);
    const move = own.findLast(({ passed, ended }) => passed && ended <= at);
    return { step: record.title, release: move?.release ?? own[0]?.before ?? '', at, ms: Number(record.data?.['responseTime']) };
  });
}

/** `12:11:53 – 12:12:45 UTC, 52 s`. */
export function whenText({ from, to }: Pick<Report, 'from' | 'to'>): string {
  if (!Number.isFinite(from)) return 'no records';
  return `${clock(from)} – ${clock(to).slice(clock(from).slice(0, 10) === clock(to).slice(0, 10) ? 11 : 0)} UTC, ${formatDuration(to - from)}`;
}

/** `2026-11-21 12:11:53`, UTC. */
export function clock(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

export type { Sourced };
