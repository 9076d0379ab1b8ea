import type { Client, ClientChannel, ParsedKey } from 'ssh2';

/**
 * What ssh2 has inside and does not offer: fewer round trips. Its version is pinned; a new one must pass test/ssh. Each
 * function here does only what the protocol allows any client to do.
 */
interface Inside {
  readonly _chanMgr: { add(opened: Opened): number };
  readonly _protocol: {
    session(channel: number, window: number, packet: number): void;
    exec(channel: number, command: string, wantReply: boolean): void;
    service(name: string): void;
    authPK(user: string, key: ParsedKey, algorithm?: string | Signer, sign?: Signer): void;
    readonly _handlers: { SERVICE_ACCEPT: (protocol: unknown, name: string) => void };
  };
}

type Opened = ((error: Error | undefined, channel: ClientChannel) => void) & { type?: string };
type Signer = (data: Buffer, done: (signature: Buffer) => void) => void;

interface InsideChannel {
  readonly outgoing: { readonly id: number; readonly state: string };
  readonly _callbacks: ((refused: boolean | Error | undefined) => void)[];
  subtype: string;
  allowHalfOpen: boolean;
}

/** ssh2's own figures (lib/Channel.js), in bytes. */
const WINDOW = 2 * 1024 * 1024;
const PACKET = 32 * 1024;

/** Opens a session channel with nothing on it yet. */
export function openSession(client: Client): Promise<ClientChannel> {
  const { _chanMgr: manager, _protocol: protocol } = client as unknown as Inside;
  return new Promise((resolve, reject) => {
    const opened: Opened = (error, channel) => (error === undefined ? resolve(channel) : reject(error));
    opened.type = 'session';
    const id = manager.add(opened);
    if (id === -1) reject(new Error('No free channels available'));
    else protocol.session(id, WINDOW, PACKET);
  });
}

/**
 * Starts `command` on a channel of openSession(), without waiting for the server's word. Input may follow, as what is on one
 * channel is read in order (RFC 4254); OpenSSH makes room for input only once the command runs, so input costs a round trip more.
 * `refused` is called when the server does not start it.
 * @returns false when the channel was closed meanwhile.
 */
export function startOn(client: Client, channel: ClientChannel, command: string, refused: () => void): boolean {
  const inner = channel as unknown as InsideChannel;
  if (inner.outgoing.state !== 'open') return false;
  inner.subtype = 'exec';
  inner.allowHalfOpen = true;
  inner._callbacks.push((problem) => { if (problem !== undefined && problem !== false) refused(); });
  (client as unknown as Inside)._protocol.exec(inner.outgoing.id, command, true);
  return true;
}

/** With these the signature's algorithm does not depend on what the server says it knows, as it does with RSA. */
const CERTAIN = /^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521))$/;

/**
 * Saves two round trips of a login by `key`: the signature is sent at once instead of asking first whether the key would do
 * (RFC 4252, section 7, leaves that to the client), and right behind the request for the login service. To be called after
 * client.connect().
 */
export function hurryLogin(client: Client, key: ParsedKey): void {
  if (!CERTAIN.test(key.type)) return;
  const { _protocol: protocol } = client as unknown as Inside;
  const service = protocol.service.bind(protocol);
  const authPK = protocol.authPK.bind(protocol);
  const sign: Signer = (data, done) => {
    const signature = key.sign(data) as Buffer | Error;
    if (signature instanceof Error) throw signature;
    done(signature);
  };
  protocol.authPK = (user, offered, algorithm, own) => {
    if (offered === key && own === undefined && typeof algorithm !== 'function') authPK(user, offered, algorithm, sign);
    else authPK(user, offered, algorithm, own);
  };
  protocol.service = (name) => {
    service(name);
    const accepted = protocol._handlers.SERVICE_ACCEPT;
    protocol._handlers.SERVICE_ACCEPT = () => {};
    accepted(protocol, name);
  };
}
