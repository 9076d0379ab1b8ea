import type { SummaryTable } from '../evidence/summary.js';
import type { Evidence, Status } from '../evidence/record.js';
import type { Source } from './merge.js';

/** What a report is made from: the ledgers, and what they do not say. */
export interface ReportInput {
  readonly app: string;
  readonly environment: string;
  readonly url: string | undefined;
  /** By name of a host: its environment. */
  readonly hosts: ReadonlyMap<string, string>;
  readonly title: string | undefined;
  /** Who started the run, and the run's address. */
  readonly actor: string;
  readonly run: string;
  readonly tag: string | undefined;
  /** How the jobs of the workflow ended, by name: `success`, `failure`, `cancelled`, `skipped`. */
  readonly jobs: ReadonlyMap<string, string>;
  readonly sources: readonly Source[];
  /** Ledgers that could not be read, and why. */
  readonly unreadable: readonly string[];
  /** When the report is made. */
  readonly now: Date;
}

/** Which release answered on a host before and after. Undefined: the ledgers do not tell; '': none. */
export interface HostRelease {
  readonly environment: string;
  readonly host: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** A stretch of time in which something was done. Milliseconds since 1970. */
export interface Span {
  readonly lane: string;
  readonly label: string;
  readonly status: Status;
  readonly from: number;
  readonly to: number;
}

export interface SignOff {
  readonly stage: string;
  readonly role: string;
  readonly state: string;
  readonly status: Status;
  readonly login: string;
  readonly seen: string;
  readonly comment: string;
  readonly digest: string;
}

/** One answer that was timed. */
export interface Sample {
  readonly step: string;
  /** The release that was live then; '' when that is not known. */
  readonly release: string;
  readonly at: number;
  /** Milliseconds. */
  readonly ms: number;
}

/** All that is shown, whatever it is rendered as. */
export interface Report {
  readonly title: string;
  readonly app: string;
  readonly environment: string;
  readonly url: string | undefined;
  readonly actor: string;
  readonly run: string;
  readonly tag: string | undefined;
  readonly verdict: Status;
  /** One sentence on how it ended. */
  readonly outcome: string;
  readonly from: number;
  readonly to: number;
  readonly made: Date;
  /** The release that went out, or the one that was gone back to. */
  readonly release: string | undefined;
  readonly digest: string | undefined;
  readonly content: string | undefined;
  readonly records: readonly Evidence[];
  readonly releases: readonly HostRelease[];
  readonly phases: readonly Span[];
  readonly steps: readonly Span[];
  readonly samples: readonly Sample[];
  readonly signOffs: readonly SignOff[];
  /** Jobs, backups, migrations, overrides: tables of texts. */
  readonly tables: readonly SummaryTable[];
  /** What the reader should know besides. */
  readonly notes: readonly string[];
  readonly rollback: { readonly command: string; readonly dispatch: string };
}
