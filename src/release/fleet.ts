import { asError, UserError } from '../evidence/errors.js';
import type { Findings } from '../host/findings.js';
import { RemoteHost, type Place } from '../host/remote-host.js';
import type { Connection } from '../ssh/types.js';

/** One host of the fleet during a run. */
export interface Member {
  readonly name: string;
  readonly host: RemoteHost;
  readonly findings: Findings;
}

/** Several hosts failed, or one: every one is named, none is hidden behind the first. */
export class FleetError extends UserError {
  readonly failures: readonly { readonly host: string; readonly error: Error }[];

  constructor(failures: readonly { host: string; error: Error }[]) {
    const remedies = [...new Set(failures.flatMap(({ error }) => (error instanceof UserError && error.remedy !== undefined ? [error.remedy] : [])))];
    super([...new Set(failures.map(({ error }) => error.message))].join('\n'), {
      cause: failures[0]?.error,
      remedy: remedies.length === 0 ? undefined : remedies.join('\n'),
    });
    this.name = 'FleetError';
    this.failures = failures;
  }
}

/** How many hosts are worked on at once, and whether those that wait for their turn are left alone once one has failed. */
export interface Pace {
  readonly atOnce: number;
  readonly stopAtFailure?: boolean;
}

/**
 * Does `work` for every item, all at once or so many at a time, and waits for all that were begun, also when some fail.
 * @throws FleetError naming every failure; a defect of ours (no UserError) is thrown as it is.
 */
export async function onEvery<T extends { readonly name: string }, R>(items: readonly T[], work: (item: T) => Promise<R>, pace: Pace = { atOnce: Infinity }): Promise<R[]> {
  const results: R[] = [];
  const failures: { index: number; host: string; error: Error }[] = [];
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (pace.stopAtFailure === true && failures.length > 0) return;
      try {
        results[index] = await work(item);
      } catch (error) {
        failures.push({ index, host: item.name, error: asError(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(items.length, pace.atOnce) }, worker));
  if (failures.length > 0) {
    failures.sort((a, b) => a.index - b.index);
    throw failures.find(({ error }) => !(error instanceof UserError))?.error ?? new FleetError(failures);
  }
  return results;
}

/**
 * Connects to all hosts; when one fails the others are closed again.
 * @param connectOne how a host is connected to; passed in so that this layer knows no credentials.
 */
export async function connectAll<T extends { readonly name: string }>(configs: readonly T[], connectOne: (config: T) => Promise<Connection>, place: Place, sudoPassword: string, pace?: Pace): Promise<RemoteHost[]> {
  const made: Connection[] = [];
  try {
    return await onEvery(configs, async (config) => {
      const connection = await connectOne(config);
      made.push(connection);
      return new RemoteHost(connection, place, sudoPassword);
    }, pace);
  } catch (error) {
    await Promise.all(made.map((connection) => connection.close().catch(() => undefined)));
    throw error;
  }
}
