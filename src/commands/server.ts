import { servicesOn } from '../config/roles.js';
import type { HostConfig } from '../config/schema.js';
import { formatCount } from '../evidence/format.js';
import { onEvery } from '../release/fleet.js';
import { serverParameters } from '../server/parameters.js';
import { stepsFor } from '../server/steps.js';
import { parsePrivateKey } from '../ssh/private-key.js';
import { publicKeyOf } from '../ssh/public-key.js';
import { closeRisky } from './harden.js';
import type { RunContext } from './run-context.js';
import { backupTimers } from './server-backups.js';
import { cameIn, logIn } from './server-login.js';
import { runSteps, type Preparation } from './server-steps.js';

/** What `server` may be told beside the configuration. */
export interface ServerOptions {
  /** The user to prepare the hosts as, `user` or `user:port`; without it the deploy user, and root where that one is refused. */
  readonly login?: string | undefined;
}

/**
 * Prepares the hosts: each step is asked for first, and done only where it is not so already; afterwards it is read back.
 * Hosts are prepared beside each other, but hardened one after the other: what goes wrong there goes wrong once.
 * @throws UserError naming the host and the step; what came before it stays done, and the next run goes on from there.
 */
export async function server(context: RunContext, options: ServerOptions): Promise<void> {
  const { environment, reporter, outputs } = context;
  const hosts = await onEvery(environment.hosts, (host) => prepare(context, host, options));
  const changed: string[] = [];
  try {
    await reporter.group(context.plan ? 'What would be changed' : 'Prepare the hosts', () =>
      onEvery(hosts, async (host) => changed.push(...(await runSteps(context, host, host.steps.filter(({ risky }) => risky !== true))))));
    for (const host of hosts) {
      const risky = host.steps.filter((step) => step.risky === true);
      if (risky.length === 0) continue;
      await reporter.group(`${context.plan ? 'What would be closed' : 'Close what need not be open'}: ${host.name}`, async () => {
        changed.push(...(context.plan ? await runSteps(context, host, risky) : await closeRisky(context, host, risky)));
      });
    }
    changed.push(...(await backupTimers(context, hosts)));
  } finally {
    await Promise.all(hosts.map(({ connection }) => connection.close().catch(() => undefined)));
  }
  outputs.outcome = changed.length === 0 ? 'nothing to change' : `${context.plan ? 'plan only: would change' : 'changed'} ${formatCount(changed.length, 'step')}: ${changed.join(', ')}`;
}

async function prepare(context: RunContext, host: HostConfig, { login }: ServerOptions): Promise<Preparation> {
  const { config, environment, environmentName } = context;
  const wanted = { config, host, services: servicesOn(config.services, host) };
  // Somebody else's key lets that person in, and not the deploy user.
  const deployKeys = [...(login === undefined || /^root(:|$)/.test(login) ? ownKey(context) : []), ...config.server.keys];
  const steps = stepsFor(wanted);
  const connection = await logIn(context, host, login);
  const parameters = serverParameters(wanted, { environment: environmentName, root: environment.root, deployKeys, connection: await cameIn(connection) });
  return { name: host.name, host, connection, steps, parameters };
}

/** The public half of the key that the run logs in with. An agent's key is not known: then `server.keys` must name one. */
function ownKey({ credentials: { privateKey, passphrase } }: RunContext): string[] {
  if (privateKey === undefined) return [];
  const key = publicKeyOf(parsePrivateKey(privateKey, passphrase).key.getPublicSSH());
  return key === undefined ? [] : [key.line];
}
