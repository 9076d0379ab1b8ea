import type { Evidence } from '../evidence/record.js';

/** The records of one ledger; the name says which job wrote it: the folder it came in, or the file's own name. */
export interface Source {
  readonly name: string;
  readonly records: readonly Evidence[];
}

/** A record and the ledger it stands in. */
export interface Sourced {
  readonly source: string;
  readonly record: Evidence;
}

export interface Merged {
  /** All of them, in order of time. */
  readonly all: readonly Sourced[];
  /** Without what a later attempt of the same job has repeated: the verdict is about these. */
  readonly counted: readonly Sourced[];
  /** Names of ledgers whose job was run again. */
  readonly repeated: readonly string[];
}

/**
 * One list from the ledgers of all jobs. What stands in several of them in the very same form is one record: a job's ledger may
 * have been handed on with the next job's. Records of the same moment stay in the order in which they were written.
 */
export function merge(sources: readonly Source[]): Merged {
  const seen = new Set<string>();
  const all = sources
    .flatMap(({ name, records }) => records.map((record) => ({ source: name, record, line: JSON.stringify(record) })))
    .filter(({ line }) => !seen.has(line) && seen.add(line))
    .map(({ source, record }) => ({ source, record }))
    .sort((one, other) => time(one.record.at) - time(other.record.at));
  const repeated = repeatedOf(sources.map(({ name }) => name));
  return { all, counted: all.filter(({ source }) => !repeated.includes(source)), repeated };
}

/** The end of the year 9999. */
const LATEST = Date.UTC(10_000, 0, 1);

/** Milliseconds; what is no time of these centuries comes first. */
export function time(at: string): number {
  const ms = Date.parse(at);
  return ms > 0 && ms < LATEST ? ms : 0;
}

/** Ledgers are kept as `<job>-<attempt>`: of several attempts of a job the last one counts. */
function repeatedOf(names: readonly string[]): string[] {
  const attempts = names.flatMap((name) => {
    const [, job, attempt] = /^(.+)-(\d+)$/.exec(name) ?? [];
    return job === undefined ? [] : [{ name, job, attempt: Number(attempt) }];
  });
  return attempts.filter(({ job, attempt }) => attempts.some((other) => other.job === job && other.attempt > attempt)).map(({ name }) => name);
}

/** A ledger's name as people know the job: `evidence-4-staging-1` is `staging`. */
export function jobOf(source: string): string {
  return source.replace(/^evidence-/, '').replace(/^\d+-/, '').replace(/-\d+$/, '').replaceAll('-', ' ');
}
