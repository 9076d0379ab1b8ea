import { UserError } from '../evidence/errors.js';
import { EXIT, HostError } from '../host/failure.js';
import { onEvery, type Member } from '../release/fleet.js';
import type { Failure } from './fates.js';
import type { RunContext } from './run-context.js';

/** A timer that has used this share of its time is begun anew after the next batch. */
const USED = 0.25;

/** The timers by which switched hosts go back when nobody confirms: they wait for the whole fleet, not each for itself. */
export class Timers {
  readonly #context: RunContext;
  readonly #release: string;
  readonly #armed = new Map<Member, number>();

  constructor(context: RunContext, release: string) {
    this.#context = context;
    this.#release = release;
  }

  /** The host has just been switched. */
  armed(member: Member): void {
    this.#armed.set(member, performance.now());
  }

  /**
   * Begins the timers anew that have run for a while, at the end all but those of the last batch.
   * @returns the hosts that have gone back meanwhile, or cannot be asked.
   */
  async renew(atEnd: boolean): Promise<ReadonlyMap<Member, Failure>> {
    const now = performance.now();
    const newest = Math.max(...this.#armed.values());
    const age = this.#context.config.release.confirmWithin * USED;
    const due = [...this.#armed].filter(([, since]) => now - since > age || (atEnd && newest - since > 1000)).map(([member]) => member);
    const results = await onEvery(due, async (member) => {
      try {
        await member.host.rearm(this.#release);
        this.armed(member);
        return [];
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        const moved = error instanceof HostError && error.code === EXIT.moved;
        return [[member, { outcome: moved ? 'went-back' : 'unknown', reason: error.message, logs: [] }] as const];
      }
    });
    return new Map(results.flat());
  }
}
