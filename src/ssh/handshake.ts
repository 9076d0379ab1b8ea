import type { Duplex } from 'node:stream';
import ssh2 from 'ssh2';
import type { Client } from 'ssh2';
import { SshError, type Where } from './errors.js';
import { hurryLogin } from './inside.js';
import type { Login } from './login.js';
import type { HostKeyAlgorithm } from './pins.js';
import type { HostAddress } from './types.js';

/** How far a connection has come: what a silence or a sudden end then means. */
export type Stage = 'name lookup and TCP' | 'banner' | 'key exchange' | 'login';

export interface HandshakeOptions {
  readonly algorithms: readonly HostKeyAlgorithm[];
  /** Why the host key offered (wire form) is refused; `undefined` accepts it. */
  readonly verify: (offered: Buffer) => SshError | undefined;
  readonly login: Login;
  /** Ends the wait; its reason is thrown. */
  readonly stop: AbortSignal;
  readonly onStage: (stage: Stage) => void;
  readonly debug: (text: string) => void;
}

/**
 * Speaks SSH over an open stream until the login stands.
 * @throws {SshError} of kind not-ssh, busy, kex, host-key-…, auth, lost.
 */
export function handshake(stream: Duplex, host: HostAddress, where: Where, options: HandshakeOptions): Promise<Client> {
  const { algorithms, verify, login, stop, onStage, debug } = options;
  return new Promise<Client>((resolve, reject) => {
    const client = new ssh2.Client();
    const offers: string[] = [];
    let stage: Stage = 'banner';
    let heard = '';
    let refused: SshError | undefined;
    let done = false;
    const enter = (next: Stage) => {
      stage = next;
      onStage(next);
    };
    const finish = (error?: Error) => {
      if (done) return;
      done = true;
      stop.removeEventListener('abort', stopped);
      stream.off('data', hear);
      if (error === undefined) {
        client.removeAllListeners();
        client.on('error', () => {});
        resolve(client);
        return;
      }
      stream.destroy();
      reject(error);
    };
    const stopped = () => finish(stop.reason as Error);
    const hear = (chunk: Buffer) => {
      if (heard.length < 512) heard += chunk.toString('latin1', 0, 512);
      if (stage === 'banner' && /(^|\n)SSH-/.test(heard)) enter('key exchange');
    };
    if (stop.aborted) return stopped();
    stop.addEventListener('abort', stopped, { once: true });
    client.on('handshake', () => enter('login'));
    client.on('ready', () => finish());
    client.on('error', (error: Error & { level?: string }) => {
      debug(`${host.name}: ${stage}: ${error.message}`);
      // A key of the agent that will not sign is not the end: ssh2 goes on to the next one.
      if (error.level === 'agent') return;
      finish(refused ?? explain(error, stage, heard, offers, login, where));
    });
    client.on('close', () => finish(refused ?? ended(stage, heard, login, where)));
    client.connect({
      sock: stream,
      username: host.user,
      algorithms: { serverHostKey: [...algorithms] },
      hostVerifier: (key: Buffer) => {
        refused = verify(key);
        return refused === undefined;
      },
      authHandler: login.next,
      keepaliveInterval: host.keepalive,
      keepaliveCountMax: 3,
      // The limit is ours (`stop`): it covers the name lookup and TCP as well.
      readyTimeout: 0,
      // ssh2 tells nobody but the debug log what the server would have accepted.
      debug: (text) => {
        if (stage === 'key exchange' && text.includes('(remote)')) offers.push(text.replace(/^Handshake: \(remote\) /, ''));
      },
    });
    if (login.key !== undefined) hurryLogin(client, login.key);
    // After connect(), which pauses the stream until it listens itself: nothing flows early.
    stream.on('data', hear);
  });
}

function explain(error: Error & { level?: string; code?: unknown }, stage: Stage, heard: string, offers: readonly string[], login: Login, where: Where): SshError {
  if (stage === 'banner') return notSsh(heard, where, error);
  if (stage === 'login') {
    if (error.level === 'client-authentication') return login.refused(where);
    if (error.level === 'client-socket') return ended(stage, heard, login, where, error);
    return login.refused(where, error.message);
  }
  if (error.level === 'client-socket') return ended(stage, heard, login, where, error);
  const kinds: Record<string, string> = { 'key exchange': 'KEX', 'host key': 'Host key', cipher: 'C->S cipher', MAC: 'C->S MAC' };
  const missing = /no matching (?:C->S |S->C )?(key exchange|host key|cipher|MAC)/.exec(error.message)?.[1];
  const theirs = missing === undefined ? undefined : offers.find((text) => text.startsWith(kinds[missing] ?? missing));
  return new SshError('kex', where, [
    `the key exchange failed: ${error.message.replace(/^Handshake failed: /, '')}.`,
    ...(theirs === undefined ? [] : [`  the server offers ${theirs}`]),
  ].join('\n'), {
    remedy: missing === undefined ? 'Try again; if it stays, look at the server\'s log (`journalctl -u ssh`).'
      : 'The server and Slipway share no such algorithm. Update OpenSSH on the server, or allow a current one in its sshd_config.',
    cause: error,
  });
}

function ended(stage: Stage, heard: string, login: Login, where: Where, cause?: Error): SshError {
  switch (stage) {
    case 'login':
      return login.refused(where, 'nothing: it closed the connection during the login');
    case 'key exchange':
      return new SshError('kex', where, 'the server closed the connection during the key exchange.', {
        remedy: 'Look at the server\'s log (`journalctl -u ssh`); MaxStartups, fail2ban and penalties of sshd end connections like this.',
        cause,
      });
    default:
      return notSsh(heard, where, cause);
  }
}

function notSsh(heard: string, where: Where, cause: Error | undefined): SshError {
  const line = heard.split(/\r?\n/, 1)[0]?.replaceAll(/[^\x20-\x7e]/g, '·').slice(0, 120) ?? '';
  if (line.startsWith('Exceeded MaxStartups')) {
    return new SshError('busy', where, 'the server turns logins away: too many have begun and not finished (Exceeded MaxStartups).', {
      remedy: 'Who else logs in there, and how often? Fewer at once, or a higher MaxStartups in its sshd_config.',
      cause,
    });
  }
  return new SshError('not-ssh', where, line === ''
    ? 'the connection was closed before anything was said.'
    : `there is no SSH server on this port; it answered: ${line}`, {
    remedy: line === '' || /^Not allowed at this time/.test(line)
      ? 'If it is an SSH server, it turned us away: look for MaxStartups, fail2ban or hosts.deny on the server; and check the port.'
      : 'Check the port in slipway.yml.',
    cause,
  });
}
