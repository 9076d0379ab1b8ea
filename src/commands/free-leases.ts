import { onHosts } from './fleet-session.js';
import type { RunContext } from './run-context.js';

/** Frees the leases that steps of this run left in force; those of others stay. */
export async function freeLeases(context: RunContext): Promise<void> {
  await onHosts(context, async (host) => {
    const owner = await host.unlock(context.leaseToken);
    context.reporter.debug(`${host.name}: ${owner === undefined ? 'no lease of ours' : 'lease freed'}`);
  });
}
