/**
 * The journal on a host: append-only JSON Lines, the truth about its releases (DESIGN §4, law 6). What they add up to: history.ts.
 */

/** One of the two places in which an instance of a service can run. */
export type Slot = 'blue' | 'green';

/** Who did it: shown in `releases`, in the lease and in evidence. */
export interface Author {
  /** The person or robot, such as `octocat`. */
  readonly actor: string;
  /** The workflow run's address, or the machine the CLI ran on. */
  readonly run: string;
}

interface Common {
  readonly release: string;
  /** ISO 8601, UTC, by the runner's clock. */
  readonly at: string;
  readonly by?: Author;
}

/** Why `current` was moved: `back` by the run that failed, `revert` by the host itself. */
export type SwitchReason = 'deploy' | 'rollback' | 'back' | 'recovery' | 'revert';

/** What happened to a database's data; on the host that it belongs to. */
export interface DataStep {
  /** The database's name in slipway.yml. */
  readonly database: string;
  /**
   * `begun`: migrations are about to run; `saved`: backed up, there was nothing to migrate; `failed`: left as it is;
   * `restoring`, `restored`: a backup takes the place of what was there; `reverted`: the team's own way back has run;
   * `settled`: the release that the data belongs to is live everywhere, so that nothing is undone any more.
   */
  readonly outcome: 'begun' | 'saved' | 'migrated' | 'failed' | 'restoring' | 'restored' | 'reverted' | 'settled';
  readonly migrations: 'expand' | 'breaking';
  /** The backup from before this step; of a restore, the one that is brought back. */
  readonly backup?: string;
  /** Goes back when the run dies before `towards` is live. Only where nobody could write meanwhile. */
  readonly undo?: string;
  /** The release that is to be live at the end. */
  readonly towards?: string;
  /** The version of the schema before and after. */
  readonly before?: string;
  readonly after?: string;
}

/** One line of the journal. */
export type JournalEvent =
  /** A deploy has begun to send this release. */
  | (Common & { readonly event: 'begin'; readonly commit?: string })
  /** The release is on the host, whole and verified. */
  | (Common & { readonly event: 'staged'; readonly digest: string; readonly files: number; readonly bytes: number; readonly commit?: string })
  /** `current` is about to be renamed to this release ('' = to none). */
  | (Common & { readonly event: 'switching'; readonly previous: string; readonly why: SwitchReason })
  /** Its services run and are healthy; traffic is on it. The host adds the slot, where there are slots. */
  | (Common & { readonly event: 'active'; readonly slot?: Slot })
  /** Confirmed: it counts for keep-N and as a target of rollbacks. */
  | (Common & { readonly event: 'good' })
  | (Common & { readonly event: 'bad'; readonly reason: string })
  /** Nobody confirmed it in time: the host went back to `to` by itself. Written by the host. */
  | (Common & { readonly event: 'reverted'; readonly to: string; readonly reason: string; readonly slot?: Slot })
  /** `current` names it, but its services are not healthy; what it was before, it stays. */
  | (Common & { readonly event: 'unhealthy'; readonly reason: string })
  /** A dead run's traces of this release were removed by a later one. */
  | (Common & { readonly event: 'undone'; readonly found: string })
  /** The data of a database was saved, migrated or brought back for this release. */
  | (Common & DataStep & { readonly event: 'data' })
  | (Common & { readonly event: 'removed' });

/** One line of the journal, without its newline. `event` and `release` come first: the scripts look for them there. */
export function journalLine(event: JournalEvent): string {
  const { event: name, release, ...rest } = event;
  return JSON.stringify({ event: name, release, ...rest });
}

const EVENTS = new Set(['begin', 'staged', 'switching', 'active', 'good', 'bad', 'reverted', 'unhealthy', 'undone', 'removed', 'data']);

/** Reads one line: `unknown` when a newer Slipway wrote it, undefined when it is not ours, or torn. */
export function parseEvent(line: string): JournalEvent | 'unknown' | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null) return undefined;
    const { event, release, at, previous, to, database, outcome } = value as Record<string, unknown>;
    if (typeof event !== 'string' || typeof release !== 'string' || typeof at !== 'string') return undefined;
    if (!EVENTS.has(event)) return 'unknown';
    if (event === 'data' && (typeof database !== 'string' || typeof outcome !== 'string')) return undefined;
    if (event === 'switching' && typeof previous !== 'string') return undefined;
    if (event === 'reverted' && typeof to !== 'string') return undefined;
    return value as JournalEvent;
  } catch {
    return undefined;
  }
}
