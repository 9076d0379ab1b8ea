import { onHosts } from './fleet-session.js';
import type { RunContext } from './run-context.js';

/** Removes the leases of an environment, whoever holds them: for a person who knows that their run is dead. */
export async function unlock(context: RunContext): Promise<void> {
  await onHosts(context, async (host) => {
    if (context.plan) {
      const { held } = await host.look(false);
      context.reporter.step(host.name, held === undefined ? 'no lease' : `would remove the lease of ${held.owner}`);
      return;
    }
    const owner = await host.unlock();
    context.reporter.step(host.name, owner === undefined ? 'no lease was held' : `removed the lease of ${owner}`);
  });
}
