import { setTimeout as sleep } from 'node:timers/promises';
import { asError, UserError } from '../evidence/errors.js';
import type { Session } from '../ssh/types.js';

/** How long a lease lives, and how often it is kept alive. */
export interface LeaseTimes {
  /** How long a lease lives without a beat (DESIGN §4, law 7). */
  readonly seconds: number;
  /** Milliseconds between two beats. */
  readonly beat: number;
}

/** The times of every lease but those of tests. */
export const LEASE_TIMES: LeaseTimes = { seconds: 60, beat: 10_000 };

/**
 * The lease of one app and environment on one host, kept alive by a line sent every ten seconds over a channel that
 * stays open. When the runner dies the channel ends and the host frees the lease; when the link dies silently, it expires.
 */
export class Lease {
  readonly token: string;
  readonly #host: string;
  readonly #session: Session;
  readonly #timer: NodeJS.Timeout;
  #lost: Error | undefined;
  #ended = false;

  constructor(host: string, token: string, session: Session, beat: number) {
    this.#host = host;
    this.token = token;
    this.#session = session;
    this.#timer = setInterval(() => {
      try {
        session.write('beat\n');
      } catch (error) {
        this.#lost = asError(error);
      }
    }, beat);
    this.#timer.unref();
    session.ended.then(
      (result) => {
        if (!this.#ended) this.#lost = new UserError(`${host}: the lease was lost: ${result.stderr.trim() || `its keeper ended with ${result.code}`}`);
      },
      (error: unknown) => {
        if (!this.#ended) this.#lost = asError(error);
      },
    );
  }

  /** Throws when the lease is known to be gone; cheap, for use before each step. */
  assertHeld(): void {
    if (this.#lost !== undefined) throw new UserError(`${this.#host}: the lease is gone`, { cause: this.#lost, remedy: 'Run again; the next run first puts the host in order.' });
  }

  /** Ends this process's part and leaves the lease in force for `seconds`, for the steps that follow. */
  async keep(seconds: number): Promise<void> {
    await this.#end(`keep ${Math.ceil(seconds)}\n`);
  }

  /** Frees the lease if it is still ours. Never throws: a lease that cannot be freed expires. */
  async free(): Promise<void> {
    await this.#end('free\n').catch(() => undefined);
  }

  async #end(word: string): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#timer);
    if (this.#lost !== undefined) return;
    this.#session.write(word);
    const aborter = new AbortController();
    const late = sleep(10_000, undefined, { signal: aborter.signal, ref: false }).catch(() => undefined);
    await Promise.race([this.#session.end(), late]);
    aborter.abort();
  }
}
