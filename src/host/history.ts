/**
 * What the lines of a host's journal add up to. The order of releases is the order of the lines, never that of names or times.
 */

import { parseEvent, type Author, type DataStep, type JournalEvent, type Slot, type SwitchReason } from './journal.js';

/** `unfinished`: not live yet; `active`: live, and not confirmed. */
export type ReleaseState = 'unfinished' | 'active' | 'good' | 'bad';

/** What the journal tells of one release. */
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

/** All that the journal of a host tells. */
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

/** Folds journal lines into the state of each release and what was left unfinished. Never throws. */
export function readHistory(lines: Iterable<string>): History {
  const known = new Releases();
  const way = new Way();
  let unreadable = 0;
  for (const line of lines) {
    if (line.trim() === '') continue;
    const event = parseEvent(line);
    if (event === undefined) unreadable += 1;
    // Written by a newer Slipway: it says nothing that this one could act on.
    if (event === undefined || event === 'unknown') continue;
    way.follow(event);
    if (event.release !== '') known.learn(event, way.switches.length);
  }
  return { releases: known.all, unfinished: way.unfinished((id) => known.stateOf(id)), reverted: way.reverted, switches: way.switches, data: known.data, unreadable };
}

type Draft = { -readonly [K in keyof Omit<ReleaseRecord, 'data'>]: ReleaseRecord[K] } & { data: DataRecord[] };

/** What is known of each release. */
class Releases {
  readonly #byId = new Map<string, Draft>();
  readonly data: DataRecord[] = [];

  get all(): readonly ReleaseRecord[] {
    return [...this.#byId.values()];
  }

  stateOf(id: string): ReleaseState | undefined {
    return this.#byId.get(id)?.state;
  }

  /** @param switches how many have come to their end so far. */
  learn(event: JournalEvent, switches: number): void {
    const record = this.#byId.get(event.release) ?? newRecord(event);
    this.#byId.set(event.release, record);
    switch (event.event) {
      case 'begin':
        record.commit = event.commit;
        break;
      case 'staged':
        record.present = true;
        record.digest = event.digest;
        record.commit = event.commit ?? record.commit;
        break;
      case 'active':
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
        break;
      case 'reverted': {
        record.state = 'bad';
        record.reason = event.reason;
        const back = this.#byId.get(event.to);
        if (back !== undefined) back.slot = event.slot ?? back.slot;
        break;
      }
      case 'undone':
        record.present = false;
        record.reason = event.found;
        break;
      case 'removed':
        record.present = false;
        break;
      case 'data': {
        const { event: _event, by: _by, ...step } = event;
        const known = { ...step, switches };
        this.data.push(known);
        record.data.push(known);
        break;
      }
      // How it stands is said by what follows.
      case 'switching':
      case 'unhealthy':
        break;
    }
  }
}

/** What is under way on the host: what a run has begun, and nobody has written the end of. */
class Way {
  /** Each release as it became live. */
  readonly switches: string[] = [];
  reverted: Reverted | undefined;
  readonly #staging = new Set<string>();
  #switching: Extract<Unfinished, { kind: 'switching' }> | undefined;
  #leaving: { readonly release: string; readonly to: string; arrived: boolean } | undefined;

  follow(event: JournalEvent): void {
    // Whatever a run does next, it has read the journal before.
    this.reverted = event.event === 'reverted' ? { release: event.release, to: event.to, at: event.at, reason: event.reason } : undefined;
    if (event.event === 'switching') this.#depart(event);
    else if (event.release !== '') this.#advance(event);
    // Switched to nothing: the first release failed and was taken away.
    else if (event.event === 'active') this.#switching = undefined;
  }

  unfinished(stateOf: (id: string) => ReleaseState | undefined): Unfinished[] {
    const left = this.#leaving;
    const state = stateOf(left?.release ?? '');
    return [
      ...(this.#switching === undefined ? [] : [this.#switching]),
      ...[...this.#staging].map((release): Unfinished => ({ kind: 'staging', release })),
      ...(left?.arrived === true && state !== undefined && state !== 'bad' && left.release !== left.to ? [{ kind: 'leaving', release: left.release, to: left.to } as const] : []),
    ];
  }

  #depart({ release, previous, why }: Extract<JournalEvent, { event: 'switching' }>): void {
    this.#staging.delete(release);
    this.#switching = { kind: 'switching', release, previous, why };
    if (why === 'rollback') this.#leaving = { release: previous, to: release, arrived: false };
    else if (why !== 'recovery' || release !== this.#leaving?.to) this.#leaving = undefined;
  }

  #advance(event: JournalEvent): void {
    switch (event.event) {
      case 'begin':
        this.#staging.add(event.release);
        break;
      case 'active':
        this.#switching = undefined;
        this.switches.push(event.release);
        if (this.#leaving?.to === event.release) this.#leaving.arrived = true;
        this.#staging.delete(event.release);
        break;
      case 'reverted':
        this.#switching = undefined;
        this.switches.push(event.to);
        break;
      case 'unhealthy':
        this.#switching = undefined;
        break;
      case 'undone':
        this.#staging.delete(event.release);
        if (this.#switching?.release === event.release) this.#switching = undefined;
        break;
      case 'bad':
      case 'removed':
        this.#staging.delete(event.release);
        break;
      case 'staged':
      case 'switching':
      case 'good':
      case 'data':
        break;
    }
  }
}

function newRecord(event: JournalEvent): Draft {
  return {
    id: event.release, state: 'unfinished', present: false, slot: undefined, digest: undefined, commit: undefined, begun: event.at, by: event.by, reason: undefined, data: [],
  };
}
