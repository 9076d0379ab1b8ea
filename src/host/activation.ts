import type { JournalEvent } from './journal.js';

/** What a switch writes into the journal, as it comes to each. */
export interface SwitchLines {
  readonly switching: JournalEvent;
  readonly active: JournalEvent;
  /** The release did not become healthy. */
  readonly bad: JournalEvent;
  /** What was live before serves again; absent when nothing is gone back to. */
  readonly back: JournalEvent | undefined;
}

/** What a switch is told beside its target. */
export interface SwitchOptions {
  /** The host goes back to `target` by itself when nobody confirms within so many seconds. */
  readonly revert?: { readonly target: string; readonly seconds: number };
  /** A site that does not answer on the host stops the switch; else it is a warning. */
  readonly siteMustAnswer: boolean;
  /**
   * The services are paused, since what stands in the database does not fit the release that is gone back to: `back`: going
   * back starts nothing; `all`: neither does the switch itself. `resume` starts them once the data is right.
   */
  readonly paused?: 'back' | 'all';
}

/**
 * How an activation ended on one host. `stayed`: nothing was switched; `stopped`: there was nothing to go back to;
 * `unknown`: the link broke meanwhile.
 */
export type Activation =
  | { readonly outcome: 'active' }
  | { readonly outcome: 'stayed' | 'went-back' | 'stopped' | 'stuck' | 'unknown'; readonly reason: string; readonly logs: readonly string[] };
