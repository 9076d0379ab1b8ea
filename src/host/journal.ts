/**
 * The journal on a host: append-only JSON Lines, the truth about its releases (DESIGN §4, law 6).
 * States are folded from it; the order of releases is the order of its lines, never that of names or times.
 */

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

export type ReleaseState = 'unfinished' | 'active' | 'good' | 'bad';

export interface ReleaseRecord {
  readonly id: string;
  readonly state: ReleaseState;
  /** Whether its files are still on the host, as far as the journal knows. */
  readonly present: boolean;
  /** Where it last ran, if it has slots. */
  readonly slot: Slot | undefined;
  readonly digest: string | undefined;
  readonly commit: string | undefined;
  readonly begun: string;
  readonly by: Author | undefined;
  readonly reason: string | undefined;
  /** What happened to the data for it, oldest first. Only the host of a database knows. */
  readonly data: readonly DataRecord[];
}

/** One step on a database's data, as the journal tells it. */
export interface DataRecord extends DataStep {
  readonly release: string;
  readonly at: string;
  /** How many switches had come to their end before. */
  readonly switches: number;
}

/** What a run that died left behind, for the next one to finish or undo. */
export type Unfinished =
  /** Files on their way, or staged and never switched to. */
  | { readonly kind: 'staging'; readonly release: string }
  /** The switch began and nobody wrote how it ended. */
  | { readonly kind: 'switching'; readonly release: string; readonly previous: string; readonly why: SwitchReason }
  /** Rolled back from, to `to`, and nobody wrote that it is bad. */
  | { readonly kind: 'leaving'; readonly release: string; readonly to: string };

/** A host that went back because nobody confirmed a release. */
export interface Reverted {
  readonly release: string;
  readonly to: string;
  readonly at: string;
  readonly reason: string;
}

export interface History {
  /** In the order in which they were begun, oldest first. */
  readonly releases: readonly ReleaseRecord[];
  readonly unfinished: readonly Unfinished[];
  /** The host went back by itself, and no run has come to know of it since. */
  readonly reverted: Reverted | undefined;
  /** Each release as it became live, oldest first; the same one may do so again. */
  readonly switches: readonly string[];
  /** Every step on data, oldest first. */
  readonly data: readonly DataRecord[];
  /** Lines that are not ours or are torn; reported, never guessed at. */
  readonly unreadable: number;
}

/** One line of the journal, without its newline. `event` and `release` come first: the scripts look for them there. */
export function journalLine(event: JournalEvent): string {
  const { event: name, release, ...rest } = event;
  return JSON.stringify({ event: name, release, ...rest });
}

type Draft = { -readonly [K in keyof Omit<ReleaseRecord, 'data'>]: ReleaseRecord[K] } & { data: DataRecord[] };

/** Folds journal lines into the state of each release and what was left unfinished. Never throws. */
export function readHistory(lines: Iterable<string>): History {
  const releases = new Map<string, Draft>();
  const staging = new Set<string>();
  let switching: Extract<Unfinished, { kind: 'switching' }> | undefined;
  let leaving: { release: string; to: string; arrived: boolean } | undefined;
  let reverted: Reverted | undefined;
  const switches: string[] = [];
  const data: DataRecord[] = [];
  let unreadable = 0;

  for (const line of lines) {
    if (line.trim() === '') continue;
    const event = parseEvent(line);
    if (event === undefined) {
      unreadable += 1;
      continue;
    }
    // Written by a newer Slipway: it says nothing that this one could act on.
    if (event === 'unknown') continue;
    // Whatever a run does next, it has read the journal before.
    reverted = event.event === 'reverted' ? { release: event.release, to: event.to, at: event.at, reason: event.reason } : undefined;
    if (event.event === 'switching') {
      switching = { kind: 'switching', release: event.release, previous: event.previous, why: event.why };
      if (event.why === 'rollback') leaving = { release: event.previous, to: event.release, arrived: false };
      else if (event.why !== 'recovery' || event.release !== leaving?.to) leaving = undefined;
    }
    if (event.release === '') {
      // Switched to nothing: the first release failed and was taken away.
      if (event.event === 'active') switching = undefined;
      continue;
    }
    const record = releases.get(event.release) ?? newRecord(event);
    releases.set(event.release, record);
    switch (event.event) {
      case 'begin':
        staging.add(event.release);
        record.commit = event.commit;
        break;
      case 'staged':
        record.present = true;
        record.digest = event.digest;
        record.commit = event.commit ?? record.commit;
        break;
      case 'switching':
        staging.delete(event.release);
        break;
      case 'active':
        switching = undefined;
        switches.push(event.release);
        if (leaving?.to === event.release) leaving.arrived = true;
        staging.delete(event.release);
        record.slot = event.slot ?? record.slot;
        if (record.state !== 'good') record.state = 'active';
        break;
      case 'good':
        record.state = 'good';
        record.reason = undefined;
        break;
      case 'bad':
        record.state = 'bad';
        record.reason = event.reason;
        staging.delete(event.release);
        break;
      case 'reverted': {
        record.state = 'bad';
        record.reason = event.reason;
        switching = undefined;
        switches.push(event.to);
        const back = releases.get(event.to);
        if (back !== undefined) back.slot = event.slot ?? back.slot;
        break;
      }
      case 'unhealthy':
        switching = undefined;
        break;
      case 'undone':
        staging.delete(event.release);
        if (switching?.release === event.release) switching = undefined;
        record.present = false;
        record.reason = event.found;
        break;
      case 'removed':
        record.present = false;
        staging.delete(event.release);
        break;
      case 'data': {
        const { event: _event, by: _by, ...step } = event;
        const known = { ...step, switches: switches.length };
        data.push(known);
        record.data.push(known);
        break;
      }
    }
  }
  const unfinished: Unfinished[] = [...staging].map((release) => ({ kind: 'staging', release }));
  if (switching !== undefined) unfinished.unshift(switching);
  const left = releases.get(leaving?.release ?? '');
  if (leaving?.arrived === true && left !== undefined && left.state !== 'bad' && leaving.release !== leaving.to) {
    unfinished.push({ kind: 'leaving', release: leaving.release, to: leaving.to });
  }
  return { releases: [...releases.values()], unfinished, reverted, switches, data, unreadable };
}

function newRecord(event: JournalEvent): Draft {
  return {
    id: event.release,
    state: 'unfinished',
    present: false,
    slot: undefined,
    digest: undefined,
    commit: undefined,
    begun: event.at,
    by: event.by,
    reason: undefined,
    data: [],
  };
}

const EVENTS = new Set(['begin', 'staged', 'switching', 'active', 'good', 'bad', 'reverted', 'unhealthy', 'undone', 'removed', 'data']);

function parseEvent(line: string): JournalEvent | 'unknown' | undefined {
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
