import { UserError } from '../evidence/errors.js';
import { RemoteHost, type Findings, type Place } from '../host/remote-host.js';
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
    super(failures.map(({ error }) => error.message).join('\n'), {
      cause: failures[0]?.error,
      ...(remedies.length === 0 ? {} : { remedy: remedies.join('\n') }),
    });
    this.name = 'FleetError';
    this.failures = failures;
  }
}

/**
 * Does `work` for every item at once and waits for all, also when some fail.
 * @throws FleetError naming every failure; a defect of ours (no UserError) is thrown as it is.
 */
export async function onEvery<T extends { readonly name: string }, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const settled = await Promise.allSettled(items.map(work));
  const failures = settled.flatMap((result, index) =>
    result.status === 'rejected' ? [{ host: items[index]?.name ?? '', error: result.reason instanceof Error ? result.reason : new Error(String(result.reason)) }] : [],
  );
  if (failures.length > 0) {
    const defect = failures.find(({ error }) => !(error instanceof UserError));
    throw defect?.error ?? new FleetError(failures);
  }
  return settled.map((result) => (result as PromiseFulfilledResult<R>).value);
}

/**
 * Connects to all hosts at once; when one fails the others are closed again.
 * @param connectOne how a host is connected to; passed in so that this layer knows no credentials.
 */
export async function connectAll<T extends { readonly name: string }>(configs: readonly T[], connectOne: (config: T) => Promise<Connection>, place: Place, sudoPassword: string): Promise<RemoteHost[]> {
  const made: Connection[] = [];
  try {
    return await onEvery(configs, async (config) => {
      const connection = await connectOne(config);
      made.push(connection);
      return new RemoteHost(connection, place, sudoPassword);
    });
  } catch (error) {
    await Promise.all(made.map((connection) => connection.close().catch(() => undefined)));
    throw error;
  }
}
