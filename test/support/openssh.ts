import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, createServer, type AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { HostAddress } from '../../src/ssh/types.js';
import { freePort } from './free-port.js';

export const SSHD = '/usr/sbin/sshd';
export const sshdPresent = existsSync(SSHD);
export const HOST_KEY_TYPES = ['ed25519', 'ecdsa', 'rsa'] as const;

/** OpenSSH's own server, on loopback, with keys and configuration in a temporary folder. */
export class OpenSsh {
  readonly folder = mkdtempSync(join(tmpdir(), 'slipway-sshd-'));
  /** Private key text that may log in. */
  readonly clientKey: string;
  private readonly servers: ChildProcess[] = [];

  constructor() {
    // Where sshd, as root, locks its unprivileged part in; Debian makes it at boot only.
    if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    for (const type of [...HOST_KEY_TYPES, 'client']) {
      const run = spawnSync('ssh-keygen', ['-q', '-t', type === 'client' ? 'ed25519' : type, '-N', '', '-f', this.keyFile(type)]);
      if (run.status !== 0) throw new Error(run.stderr.toString());
    }
    this.authorize(readFileSync(`${this.keyFile('client')}.pub`, 'utf8'));
    this.clientKey = readFileSync(this.keyFile('client'), 'utf8');
  }

  /** Lets one more key log in. */
  authorize(publicKey: string): void {
    writeFileSync(join(this.folder, 'authorized_keys'), publicKey, { flag: 'a', mode: 0o644 });
  }

  hostKeyLine(type: string): string {
    return readFileSync(`${this.keyFile(type)}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
  }

  /**
   * Starts a server with `settings` (lines of sshd_config) before the common ones; the first value of a setting holds.
   * @param launch words put before the server's command line, such as those of unshare.
   */
  async start(settings: readonly string[] = [], launch: readonly string[] = []): Promise<HostAddress> {
    const port = await freePort();
    const config = join(this.folder, `sshd-${port}`);
    writeFileSync(config, [
      ...settings, `Port ${port}`, 'ListenAddress 127.0.0.1', 'PidFile none', 'UsePAM no', 'StrictModes no', 'PasswordAuthentication no',
      'PermitRootLogin prohibit-password', `AuthorizedKeysFile ${join(this.folder, 'authorized_keys')}`,
      ...HOST_KEY_TYPES.map((type) => `HostKey ${this.keyFile(type)}`), '',
    ].join('\n'));
    const words = [...launch, SSHD, '-D', '-e', '-f', config];
    const server = spawn(words[0] ?? SSHD, words.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
    this.servers.push(server);
    let log = '';
    server.stderr.on('data', (chunk: Buffer) => { log += chunk.toString(); });
    for (const end = Date.now() + 25_000; !await answers(port);) {
      if (server.exitCode !== null || Date.now() > end) throw new Error(`sshd did not start: ${log}`);
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
    const { username } = userInfo();
    return {
      name: `${username}@127.0.0.1:${port}`, user: username, address: '127.0.0.1', port, hostKeys: [this.hostKeyLine('ed25519')],
      path: [], connectTimeout: 10_000, keepalive: 15_000,
    };
  }

  async stop(): Promise<void> {
    for (const server of this.servers) server.kill();
    await Promise.all(this.servers.filter((server) => server.exitCode === null && server.signalCode === null).map((server) => once(server, 'exit')));
    rmSync(this.folder, { recursive: true });
  }

  private keyFile(type: string): string {
    return join(this.folder, `key-${type}`);
  }
}

async function answers(port: number): Promise<boolean> {
  const socket = connectTcp(port, '127.0.0.1');
  try {
    await once(socket, 'data');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A link that can be cut. */
export async function startRelay(port: number): Promise<{ port: number; cut: () => void; stop: () => Promise<void> }> {
  const cuts: (() => void)[] = [];
  const server = createServer({ noDelay: true }, (near) => {
    const far = connectTcp({ port, host: '127.0.0.1', noDelay: true });
    for (const [one, other] of [[near, far], [far, near]] as const) {
      one.on('error', () => {});
      one.pipe(other);
      cuts.push(() => one.resetAndDestroy());
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => { for (const cut of cuts) cut(); },
    stop: async () => { server.close(); await once(server, 'close'); },
  };
}
