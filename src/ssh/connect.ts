import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'ssh2';
import { dial, FIREWALL } from './dial.js';
import { SshConnection } from './connection.js';
import { SshError, type Where } from './errors.js';
import { handshake, type HandshakeOptions, type Stage } from './handshake.js';
import { identify, Login, type Identity } from './login.js';
import { algorithmsFor, pinsOf, refusal, type Pins } from './pins.js';
import { Timeline } from './timeline.js';
import type { Connection, Credentials, HostAddress } from './types.js';

export interface ConnectOptions {
  readonly signal?: AbortSignal | undefined;
  readonly debug?: ((text: string) => void) | undefined;
}

/**
 * Connects to `host`, through its jump hosts if it has any, and logs in. Each hop has `connectTimeout` milliseconds
 * for everything from the name lookup to the login; a server that turns logins away is asked again within it. Keys and pins are read before anything is dialled.
 * @throws {UserError} when the private key, a pin or the known_hosts text cannot be read.
 * @throws {SshError} saying at which stage and which hop it failed.
 */
export async function connect(host: HostAddress, credentials: Credentials, options: ConnectOptions = {}): Promise<Connection> {
  const where: Where = { host: host.name };
  throwIfAborted(options.signal, where);
  const connection = await link(host, where, await prepare(host, credentials, options, where));
  connection.prepare();
  return connection;
}

/** Reads keys and pins: what is wrong with them is said before anything is dialled. */
export async function prepare(host: HostAddress, credentials: Credentials, options: ConnectOptions, where: Where, login = true): Promise<Context> {
  const pins = new Map<HostAddress, Pins>();
  for (let hop: HostAddress | undefined = host; hop !== undefined; hop = hop.jump) pins.set(hop, pinsOf(hop, credentials.knownHosts));
  const identity = login ? await identify(credentials, where) : { key: undefined, agent: undefined };
  return { identity, pins, credentials, options };
}

/** What all hops of one connection share. */
export interface Context {
  readonly identity: Identity;
  readonly pins: ReadonlyMap<HostAddress, Pins>;
  readonly credentials: Credentials;
  readonly options: ConnectOptions;
}

async function link(host: HostAddress, where: Where, context: Context): Promise<SshConnection> {
  const jump = await linkJump(host, where, context);
  try {
    const pins = context.pins.get(host) ?? { pinned: [], revoked: [] };
    const { debug = () => {} } = context.options;
    const started = performance.now();
    const timeline = new Timeline();
    const span = timeline.begin('login');
    const { client, stream } = await greet(host, where, jump, { ...context.options, onStage: (stage) => span.mark(stage) }, {
      algorithms: algorithmsFor(pins),
      verify: (offered) => refusal(offered, pins, host, where),
      login: new Login(host.user, context.identity),
    });
    span.end();
    debug(`${host.name}: connected in ${Math.round(performance.now() - started)} ms`);
    return new SshConnection({ client, stream, host, where, jump, sudoPassword: context.credentials.sudoPassword, debug, timeline });
  } catch (error) {
    await jump?.close();
    throw error;
  }
}

/** The connection to the jump host of `host`, when it has one. */
export async function linkJump(host: HostAddress, where: Where, context: Context): Promise<SshConnection | undefined> {
  return host.jump === undefined ? undefined : await link(host.jump, { host: where.host, hop: host.jump.name }, context);
}

/** TCP (or a channel of the jump host) and SSH up to the login, all within the host's `connectTimeout`. */
export async function greet(
  host: HostAddress, where: Where, jump: SshConnection | undefined, options: ConnectOptions & { readonly onStage?: (stage: Stage) => void },
  terms: Pick<HandshakeOptions, 'algorithms' | 'verify' | 'login'>,
): Promise<{ client: Client; stream: Duplex }> {
  let stage: Stage = 'name lookup and TCP';
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(tooSlow(stage, host, where)), host.connectTimeout);
  const aborted = () => limit.abort(abortError(where));
  options.signal?.addEventListener('abort', aborted, { once: true });
  try {
    throwIfAborted(options.signal, where);
    for (;;) {
      stage = 'name lookup and TCP';
      const stream = jump === undefined ? await dial(host, where, limit.signal) : await jump.forward(host.address, host.port, limit.signal);
      stage = 'banner';
      try {
        const client = await handshake(stream, host, where, {
          ...terms, stop: limit.signal, onStage: (next) => {
            stage = next;
            options.onStage?.(next);
          }, debug: options.debug ?? (() => {}),
        });
        return { client, stream };
      } catch (error) {
        // sshd drops connections at random while many log in; nothing was said yet, so asking again is free.
        if (!(error instanceof SshError && error.kind === 'busy')) throw error;
        options.debug?.(`${host.name}: turned away (MaxStartups), trying again`);
        await sleep(300 + Math.random() * 700, undefined, { signal: limit.signal }).catch(() => Promise.reject(error));
      }
    }
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', aborted);
  }
}

function tooSlow(stage: Stage, host: HostAddress, where: Where): SshError {
  const seconds = `${host.connectTimeout / 1000} s`;
  switch (stage) {
    case 'name lookup and TCP':
      return new SshError('timeout', where, `${host.address} port ${host.port} did not answer within ${seconds}.`, { remedy: FIREWALL });
    case 'banner':
      return new SshError('not-ssh', where, `the port accepted the connection but said nothing within ${seconds}.`, {
        remedy: 'An SSH server greets first: is this its port? A server under heavy load may also be this slow.',
      });
    case 'key exchange':
      return new SshError('timeout', where, `the key exchange was not finished within ${seconds}.`, {
        remedy: 'The server may be overloaded, or a network on the way drops large packets (MTU).',
      });
    case 'login':
      return new SshError('timeout', where, `the login was not finished within ${seconds}.`, {
        remedy: 'The server may wait for DNS (`UseDNS no`) or for a login module (PAM). Its log is in `journalctl -u ssh`.',
      });
  }
}

const abortError = (where: Where) => new SshError('aborted', where, 'connecting was stopped from outside.');

function throwIfAborted(signal: AbortSignal | undefined, where: Where): void {
  if (signal?.aborted === true) throw abortError(where);
}
