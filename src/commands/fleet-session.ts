import { servicesOn } from '../config/roles.js';
import type { ServiceConfig } from '../config/schema.js';
import { UserError } from '../evidence/errors.js';
import { HostError, EXIT } from '../host/failure.js';
import type { Findings } from '../host/findings.js';
import type { RemoteHost } from '../host/remote-host.js';
import { onePerContent } from '../release/deltas.js';
import { connectAll, onEvery, type Member, type Pace } from '../release/fleet.js';
import { recover } from '../release/recover.js';
import { connect } from '../ssh/connect.js';
import { recoverData } from './recover-data.js';
import { unreachable } from './unreachable.js';
import { noted, recorded, type RunContext } from './run-context.js';

/** The hosts of an environment, connected; with leases when the command changes anything. */
export interface FleetSession {
  readonly members: readonly Member[];
  /** Whether putting a dead run right moved `current` on some host. */
  readonly recovered: boolean;
}

/**
 * Hosts that are connected to and read at a time. Measured with 50 embedded hosts at a round trip of 50 ms, a delta of 2,000 files:
 * 10 at a time took 4.9 times as long as one host, 25 took 4.0 times, 50 no less; the peak was 160, 169 and 174 MB.
 */
const OPENING: Pace = { atOnce: 25 };
/** sshd drops logins at random once 10 have not finished (MaxStartups 10:30:100), and hosts may share their jump host. */
const THROUGH_A_JUMP: Pace = { atOnce: 8 };

/**
 * Opens one connection to each host of the environment.
 * @throws UserError when one cannot be reached; none is kept open then.
 */
export async function connectHosts(context: RunContext): Promise<RemoteHost[]> {
  const { config, environment, environmentName, credentials, reporter, signal } = context;
  const place = { root: environment.root, app: config.app, environment: environmentName, envFile: config.release.envFile };
  return connectAll(
    environment.hosts,
    (host) => connect(host, credentials, { signal, debug: (text) => reporter.debug(text) }),
    place,
    credentials.sudoPassword ?? '',
    environment.hosts.some(({ jump }) => jump !== undefined) ? THROUGH_A_JUMP : OPENING,
  ).catch((error: unknown) => Promise.reject(unreachable(error, environment.hosts.length)));
}

/**
 * Connects to each host of the environment, does `work` on all at once, and says good-bye. Takes no lease.
 * @throws UserError when one cannot be reached: nothing is done on any then.
 */
export async function onHosts(context: RunContext, work: (host: RemoteHost) => Promise<void>): Promise<void> {
  const hosts = await connectHosts(context);
  try {
    await onEvery(hosts, work);
  } finally {
    await closeAll(hosts, context);
  }
}

/** The services that run on this host, by its roles. */
export function servicesOf({ config, environment }: Pick<RunContext, 'config' | 'environment'>, member: Pick<Member, 'name'>): Record<string, ServiceConfig> {
  return servicesOn(config.services, environment.hosts.find(({ name }) => name === member.name));
}

/** Connects, reads what is on the hosts, and runs `body`; changes nothing. */
export async function lookingAtFleet<T>(context: RunContext, wantManifest: boolean, body: (session: FleetSession) => Promise<T>): Promise<T> {
  const hosts = await connectHosts(context);
  const share = sharing();
  try {
    const members = await onEvery(hosts, async (host) => ({ name: host.name, host, findings: share(await host.look(wantManifest)) }), OPENING);
    return await body({ members, recovered: false });
  } finally {
    await closeAll(hosts, context);
  }
}

/**
 * Connects, takes the lease on every host, puts right what a dead run left, and runs `body`. The leases are freed at the
 * end, or left in force for `confirm-within` when later steps of the same run need them.
 * @param beside what else must have gone well before `body` begins; it is waited for together with the hosts.
 */
export async function holdingFleet<T>(context: RunContext, wantManifest: boolean, body: (session: FleetSession) => Promise<T>, beside?: Promise<unknown>): Promise<T> {
  const hosts = await connectHosts(context);
  try {
    const opened = await context.reporter.group('Take the lease and read the hosts', async () => {
      const taken = await takeAll(context, hosts, wantManifest);
      await beside;
      return taken;
    });
    return await body(opened);
  } finally {
    const seconds = context.config.release.confirmWithin / 1000;
    const keep = context.keepLease && !context.signal.aborted;
    await Promise.all(hosts.map(async ({ lease }) => (keep ? lease?.keep(seconds).catch(() => undefined) : lease?.free())));
    await closeAll(hosts, context);
  }
}

/** Hosts that hold the same release hold one copy of its manifest here: each is as long as the list of its files. */
function sharing(): (findings: Findings) => Findings {
  const one = onePerContent();
  return (findings) => (findings.base === undefined ? findings : { ...findings, base: one(findings.base) });
}

async function takeAll(context: RunContext, hosts: readonly RemoteHost[], wantManifest: boolean): Promise<FleetSession> {
  const owner = `${context.author.actor} ${context.author.run}`;
  let recovered = false;
  const share = sharing();
  const taken = await onEvery(hosts, async (host) => {
    const take = (): ReturnType<RemoteHost['take']> =>
      host.take(context.leaseToken, owner, wantManifest, context.signal, (text) => context.reporter.line(host.name, text));
    const findings = await recorded(
      context,
      { id: `${context.phase}.lease`, phase: context.phase, title: 'One run at a time', subject: host.name, expected: 'the lease is free' },
      async () => {
        try {
          return await take();
        } catch (error) {
          const mayMake = error instanceof HostError && error.code === EXIT.unwritable && sudoAllowed(context, host.name);
          if (!mayMake) throw error;
          await host.makeRoot();
          return take();
        }
      },
      (found) => ({ observed: found.current === '' ? 'lease taken; no release is live' : `lease taken; ${found.current} is live` }),
    );
    if (findings.history.unreadable > 0) context.reporter.warn(`${host.name}: ${findings.history.unreadable} lines of the journal cannot be read and were passed over`);
    return { name: host.name, host, findings };
  }, OPENING);
  const found = (host: string, text: string): void => {
    context.reporter.warn(`${host}: ${text}`);
    noted(context, {
      id: `${context.phase}.recovery`, phase: context.phase, title: 'What a dead run left', subject: host, status: 'warn',
      expected: 'nothing', observed: text,
    });
  };
  // The data first: a release that is gone back to must find what it knows.
  const data = await recoverData(context, taken);
  for (const { host, text } of data.said) found(host, text);
  const members = await onEvery(taken, async (member) => {
    const { host } = member;
    let { findings } = member;
    const repaired = await recover(host, findings, context.now().toISOString(), (line) => context.reporter.line(host.name, line), data.shut.get(member));
    for (const text of repaired.said) found(host.name, text);
    if (findings.history.releases.some(({ id, state }) => id === findings.current && state === 'active')) {
      context.reporter.step(host.name, `found ${findings.current} live and never confirmed${findings.armed === undefined || findings.armed.secondsLeft < 0 ? '' : `; the host goes back to ${findings.armed.target} in ${findings.armed.secondsLeft} s`}`);
    }
    if (repaired.switched || findings.history.unfinished.length > 0 || findings.paused !== undefined || data.said.length > 0) findings = await host.look(wantManifest);
    recovered ||= repaired.switched;
    return { name: host.name, host, findings: share(findings) };
  }, OPENING);
  return { members, recovered };
}

function sudoAllowed(context: RunContext, name: string): boolean {
  return context.environment.hosts.some((host) => host.name === name && host.sudo);
}

async function closeAll(hosts: readonly RemoteHost[], context: RunContext): Promise<void> {
  for (const host of hosts) {
    const { calls, timeline, traffic } = host.connection;
    context.reporter.debug(`${host.name}: where the time went, in milliseconds since the connection was begun:\n${timeline.map((line) => `  ${line}`).join('\n')}`);
    context.reporter.debug(`${host.name}: ${calls} exec calls, ${traffic.sent} bytes sent, ${traffic.received} bytes received, one connection`);
  }
  await Promise.all(hosts.map((host) => host.connection.close().catch(() => undefined)));
}

/** The release that is live on every host, or undefined when they differ. */
export function commonCurrent(members: readonly Member[]): string | undefined {
  const all = new Set(members.map(({ findings }) => findings.current));
  return all.size === 1 ? [...all][0] : undefined;
}

/** Throws when the run was told to stop; called between steps. */
export function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted) {
    throw new UserError('stopped by a signal', { remedy: 'Nothing is left half-done that the next run would not put right.' });
  }
}
