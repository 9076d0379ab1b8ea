import type { GitHubFacts } from '../checks/github-facts.js';
import type { Config, Environment } from '../config/schema.js';
import { messageOf } from '../evidence/errors.js';
import type { Evidence, Phase, Status } from '../evidence/record.js';
import type { Redactor } from '../evidence/redact.js';
import type { Reporter } from '../evidence/reporter.js';
import type { Author } from '../host/journal.js';
import type { Credentials } from '../ssh/types.js';
import type { SummaryTable } from '../evidence/summary.js';
import type { Plots } from '../report/page.js';
import type { Publisher } from '../report/publisher.js';
import type { SignOffSource } from '../signoff/source.js';
import type { AlarmBoard } from '../watch/board.js';
import type { IncidentBoard } from '../watch/incident.js';
import type { BackupRow } from './backup-row.js';

/** Everything a command needs to know of the world; made by `main`, so that commands read neither inputs nor environment. */
export interface RunContext {
  readonly config: Config;
  readonly environmentName: string;
  /** Its hosts are those that take part: without those that were left out by name. */
  readonly environment: Environment;
  /** The names of the hosts that were left out. */
  readonly excluded: readonly string[];
  readonly credentials: Credentials;
  /** The environment's secrets, parsed; undefined when none were given. */
  readonly appEnv: Readonly<Record<string, string>> | undefined;
  /** The phase its evidence belongs to. */
  readonly phase: Phase;
  /** The environment for commands of the team's that run on the runner. */
  readonly runnerEnv: Readonly<Record<string, string>>;
  /** Variables by which git may read origin, where the check-out keeps no credentials: for the commands of git's that ask origin, for nothing else. */
  readonly originEnv?: Readonly<Record<string, string>>;
  /** Asks GitHub what `preflight.github` wants to know of what is released (a ref, or what is checked out). */
  readonly repositoryState?: (ref: string | undefined) => Promise<GitHubFacts>;
  /** What sign-offs ask of GitHub; fails when there is no token, or no repository. */
  readonly signOff?: () => Promise<SignOffSource>;
  /** What a report puts onto GitHub; fails when there is no token, or no repository. */
  readonly publisher?: () => Promise<Publisher>;
  /** What draws the plots of a report; undefined where it is not there. */
  readonly plots?: () => Plots | undefined;
  /** The issues about alarms and rollbacks. */
  readonly alarmBoard?: () => Promise<AlarmBoard & IncidentBoard>;
  /** Values for variables: app-env first, then the process. */
  readonly lookup: (name: string) => string | undefined;
  /** The repository's folder on the runner. */
  readonly workspace: string;
  readonly reporter: Reporter;
  /** Learns secrets that turn up during the run. */
  readonly redactor: Redactor;
  readonly signal: AbortSignal;
  readonly author: Author;
  /** Show, change nothing. */
  readonly plan: boolean;
  /** Proves this run's ownership of leases; the same for all steps of a run. */
  readonly leaseToken: string;
  /** Leave the leases in force for the steps that follow (a post step frees them). */
  readonly keepLease: boolean;
  readonly outputs: Outputs;
  readonly now: () => Date;
}

/** What a command has to say for itself, filled as soon as it is known, so that it is there on failure too. */
export interface Outputs {
  release?: string;
  previousRelease?: string;
  /** Whether traffic is on another release than before. */
  switched?: boolean;
  /** One sentence on how it ended. */
  outcome?: string;
  /** The backup that was made, proven, restored or fetched. */
  backup?: string;
  /** The roles that sign off, before production and after it. */
  signOff?: { readonly before: readonly string[]; readonly after: readonly string[] };
  /** The digest of the release that was built. */
  digest?: string;
  /** The file it was put into; folders that hold what was fetched, one per line. */
  archive?: string;
  /** The backups there are, or those that were made. */
  backups?: readonly BackupRow[];
  /** The go-live issue that was opened or found. */
  issue?: number;
  /** What a report says of the run: `pass`, `warn`, `fail`, or `skip` for an empty one. */
  verdict?: Status;
  /** The page a report was written to. */
  html?: string;
  /** The whole job summary, by a command that writes its own. */
  summary?: string;
  /** Tables of the command's own for the summary. */
  tables?: SummaryTable[];
  /** Per host: the release before and after. */
  readonly hosts: Map<string, { before: string; after: string }>;
}

/** Measures a piece of work for its record. */
export function stopwatch(now: () => Date): { at: string; elapsed: () => number } {
  const started = performance.now();
  return { at: now().toISOString(), elapsed: () => Math.round(performance.now() - started) };
}

/** Puts down what was found or decided, and took no time of its own. */
export function noted(context: Pick<RunContext, 'reporter' | 'now'>, found: Omit<Evidence, 'at' | 'duration'>): void {
  context.reporter.evidence({ ...found, at: context.now().toISOString(), duration: 0 });
}

/** Runs one step on one subject: a line in the log, a record in the ledger, also when it fails. */
export async function recorded<T>(
  context: Pick<RunContext, 'reporter' | 'now'>,
  step: { id: string; phase: Phase; title: string; subject: string; expected?: string },
  work: () => Promise<T>,
  observe: (value: T) => { observed: string; status?: Status; remedy?: string; data?: Record<string, unknown> },
): Promise<T> {
  const watch = stopwatch(context.now);
  const write = (rest: Pick<Evidence, 'status'> & Partial<Evidence>): void => {
    context.reporter.evidence({ ...step, at: watch.at, duration: watch.elapsed(), ...rest });
  };
  try {
    const value = await work();
    const { status = 'pass', observed, ...rest } = observe(value);
    write({ status, observed, ...rest });
    context.reporter.step(step.subject, observed, watch.elapsed());
    return value;
  } catch (error) {
    const message = messageOf(error);
    const remedy = error instanceof Error && 'remedy' in error && typeof error.remedy === 'string' ? error.remedy : undefined;
    write({ status: 'fail', observed: message, ...(remedy === undefined ? {} : { remedy }) });
    throw error;
  }
}
