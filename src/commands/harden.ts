import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, UserError } from '../evidence/errors.js';
import type { ServerStep } from '../server/steps.js';
import { connect } from '../ssh/connect.js';
import { SshError, type SshErrorKind } from '../ssh/errors.js';
import type { Connection } from '../ssh/types.js';
import type { RunContext } from './run-context.js';
import { runSteps, type Preparation } from './server-steps.js';

type World = Pick<RunContext, 'credentials' | 'signal' | 'reporter' | 'config'>;

/** Somebody who could log in before a step, and must be able to after it. */
interface Login {
  readonly user: string;
  readonly port: number;
  /** Whether sudo made them root, and has to do so afterwards. */
  readonly sudo: boolean;
}

/** One risky step that is being done. */
interface Attempt {
  readonly host: Preparation;
  readonly step: ServerStep;
  /** Who must still get in afterwards. */
  readonly before: readonly Login[];
}

/** Not an answer but a moment: sshd is being reloaded, a packet was lost. Asked again as long as there is time. */
const AGAIN: ReadonlySet<SshErrorKind> = new Set<SshErrorKind>(['refused', 'timeout', 'lost', 'closed', 'not-ssh', 'busy', 'unreachable']);

/**
 * Does the risky steps of a host, one after the other.
 * @returns the ids of those that were changed.
 * @throws UserError about the first that was not kept; those after it are not begun.
 */
export async function closeRisky(context: RunContext, host: Preparation, steps: readonly ServerStep[]): Promise<string[]> {
  const before = await loginsBefore(context, host);
  const changed: string[] = [];
  for (const step of steps) changed.push(...(await proveRisky(context, { host, step, before })));
  return changed;
}

/**
 * Does one risky step: the host arms its way back, changes, and a new login must prove that the deploy user still gets in
 * and is still let at sudo; only then is it kept. Whatever fails, the host is as before within `undo-within`, with our
 * help or without.
 * @returns the step's id when it was changed.
 * @throws UserError naming the step, what was tried, and whether the host was seen to be as before.
 */
async function proveRisky(context: RunContext, attempt: Attempt): Promise<string[]> {
  const { host, step, before } = attempt;
  let changed: string[];
  try {
    changed = await runSteps(context, host, [step]);
  } catch (error) {
    // Any other error is the host's own word: it did nothing, or took it back itself.
    if (!(error instanceof SshError) || context.signal.aborted) throw error;
    throw await takenBack(context, attempt, `the connection was lost while it was applied: ${error.message}`, Date.now());
  }
  if (changed.length === 0) return [];
  const applied = Date.now();
  const fresh: Connection[] = [];
  try {
    const until = Date.now() + undoWithin(context) / 2;
    for (const login of before) fresh.push(await prove(context, host, login, until));
    const way = fresh[before.findIndex(({ sudo }) => sudo)] ?? host.connection;
    await runSteps(context, { ...host, connection: way }, [step], 'confirm');
    return changed;
  } catch (error) {
    if (context.signal.aborted) {
      context.reporter.warn(`${host.name}: ${step.title} (${step.id}) was not proven; the host takes it back by itself within ${inSeconds(undoWithin(context))}.`);
      throw error;
    }
    throw await takenBack(context, attempt, messageOf(error), applied);
  } finally {
    await closeAll(fresh);
  }
}

/**
 * The deploy user and whoever the run is logged in as, each through a login of its own.
 * @throws UserError when the deploy user cannot log in even now: then a failed login afterwards would say nothing of the step.
 */
async function loginsBefore(context: World, host: Preparation): Promise<readonly Login[]> {
  const { user, port } = host.host;
  const wanted = [{ user, port }];
  // Root is not to log in any more; somebody else with `--login` is.
  const other = { user: host.connection.user, port: Number(/:(\d+)$/.exec(host.connection.name)?.[1] ?? port) };
  if (other.user !== user && other.user !== 'root') wanted.push(other);
  const found: Login[] = [];
  for (const one of wanted) {
    let connection: Connection;
    try {
      connection = await dial(context, host, one, host.host.connectTimeout);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      throw new UserError(`${error.message}\nWithout a login of ${one.user}'s nothing could be proven, so nothing was closed.`, {
        cause: error, remedy: error.remedy ?? 'Let the deploy user in first: `server.keys`, `hosts: - address:`.',
      });
    }
    try {
      found.push({ ...one, sudo: await hasSudo(connection) });
    } finally {
      await connection.close();
    }
  }
  return found;
}

/** A connection of its own to the configured address, sharing nothing with those that stand. */
function dial(context: World, { host }: Preparation, { user, port }: Pick<Login, 'user' | 'port'>, connectTimeout: number): Promise<Connection> {
  return connect({ ...host, user, port, name: `${user}@${host.name.replace(/^[^@]*@/, '')}`, connectTimeout }, context.credentials, {
    signal: context.signal, debug: (text) => context.reporter.debug(text),
  });
}

/** Whether this login becomes root. */
async function hasSudo(connection: Connection): Promise<boolean> {
  try {
    return (await connection.exec('true', [], { sudo: true, limit: 15_000, label: 'sudo' })).code === 0;
  } catch (error) {
    if (error instanceof SshError && error.kind === 'sudo') return false;
    throw error;
  }
}

/**
 * Logs in anew and runs a command, through whatever the step has changed.
 * @param until milliseconds since the epoch: so long it is tried again.
 */
async function prove(context: World, host: Preparation, login: Login, until: number): Promise<Connection> {
  let first: unknown;
  for (;;) {
    let connection: Connection | undefined;
    try {
      connection = await dial(context, host, login, Math.max(1_000, Math.min(host.host.connectTimeout, until - Date.now())));
      const { code } = await connection.exec('true', [], { limit: 15_000, label: 'proof' });
      if (code !== 0) throw new UserError(`${login.user} logs in, but a command ends with exit code ${code}`);
      if (login.sudo && !(await hasSudo(connection))) throw new UserError(`${login.user} logs in, but is not let at sudo any more`);
      return connection;
    } catch (error) {
      await connection?.close().catch(() => undefined);
      first ??= error;
      if (!(error instanceof SshError && AGAIN.has(error.kind))) throw error;
      if (Date.now() + 300 > until) throw first;
      await sleep(300, undefined, { signal: context.signal });
    }
  }
}

/**
 * Has the host take the step back, or waits until it has done so by itself; then looks whether that is so.
 * @param applied when the host armed its way back, in milliseconds since the epoch.
 * @returns the error that ends the run.
 */
async function takenBack(context: RunContext, attempt: Attempt, why: string, applied: number): Promise<UserError> {
  const { host, step } = attempt;
  const began = Date.now();
  const error = await takeBack(context, attempt, why.replace(`${host.name}: `, ''), applied);
  context.reporter.evidence({
    id: `harden.${step.id}`, phase: 'server', title: step.title, subject: host.name, status: 'fail', expected: step.title, observed: error.message,
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }), at: context.now().toISOString(), duration: Date.now() - began,
  });
  return error;
}

async function takeBack(context: RunContext, { host, step, before }: Attempt, why: string, applied: number): Promise<UserError> {
  const limit = undoWithin(context);
  context.reporter.warn(`${host.name}: ${step.title} (${step.id}) is not proven and is being taken back: ${why}`);
  const tried = `To prove it, a new login was tried as ${before.map(({ user, port, sudo }) => `${user} at ${host.host.address} port ${port}${sudo ? ', with sudo' : ''}`).join(', and as ')}.`;
  const failed = `${host.name}: ${step.title} (${step.id}) was not kept: ${why}\n${tried}`;
  const byHand = `On the host's console: \`sudo sh /var/lib/slipway/undo/script ${step.id} hand\` (docs/hardening.md).`;
  const atOnce = await within(runSteps(context, host, [step], 'undo').then(() => true, () => false), OLD_LINK);
  let connection: Connection | undefined;
  try {
    // The host does not wait for us: by then it has taken the step back, whatever became of the old connection.
    const way = before[0] ?? { user: host.host.user, port: host.host.port, sudo: false };
    connection = await prove(context, host, way, Math.max(applied + limit, Date.now()) + 20_000);
    if (!atOnce && !way.sudo) {
      await sleep(Math.max(0, applied + limit + 2_000 - Date.now()));
      return new UserError(`${failed}\nA new login works. The host takes the step back by itself within ${inSeconds(limit)}; whether all is as before could not be read, since ${way.user} has no sudo.`, { remedy: NEXT[step.id] ?? byHand });
    }
    // Asked again, the host says how it stands.
    if (!atOnce) await runSteps(context, { ...host, connection }, [step], 'undo');
    const how = atOnce ? 'taken back at once over the connection that still stood' : `the host took it back by itself within ${inSeconds(limit)}`;
    return new UserError(`${failed}\nThe host is as before: ${how}, and a new login works.`, { remedy: NEXT[step.id] ?? byHand });
  } catch (error) {
    return new UserError(`${failed}\nThe host is NOT known to be as before: ${messageOf(error)}`, { cause: error, remedy: byHand });
  } finally {
    if (connection !== undefined) await closeAll([connection]);
  }
}

/** An old connection that is cut off may wait for long before it says so; one that stands may take a while on a busy host. */
const OLD_LINK = 10_000;

/** What the promise says; `false` when it has said nothing within `limit` milliseconds. It must not reject. */
async function within(promise: Promise<boolean>, limit: number): Promise<boolean> {
  const end = new AbortController();
  try {
    return await Promise.race([promise, sleep(limit, false, { signal: end.signal }).catch(() => false)]);
  } finally {
    end.abort();
  }
}

const NEXT: Readonly<Record<string, string>> = {
  firewall: 'Something else than our rules keeps new connections out: deny rules of your own (`sudo ufw show added`, /etc/ufw/before.rules), or a port map to a port that is not configured. Mend it, then run `slipway server` again.',
  sshd: 'Look for AllowUsers, DenyUsers or Match in /etc/ssh/sshd_config and /etc/ssh/sshd_config.d, and at `sudo journalctl -u ssh`. Mend it, then run `slipway server` again.',
  ban: 'Was the address of this run banned? `sudo fail2ban-client banned` shows it; name it in `server.harden.ban-ignore`, then run `slipway server` again.',
};

function undoWithin({ config: { server } }: Pick<RunContext, 'config'>): number {
  return server.harden === false ? 60_000 : server.harden.undoWithin;
}

const inSeconds = (milliseconds: number): string => `${Math.round(milliseconds / 1000)} s`;

async function closeAll(connections: readonly Connection[]): Promise<void> {
  await Promise.all(connections.map((connection) => connection.close().catch(() => undefined)));
}
