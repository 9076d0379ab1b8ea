import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect as connectTcp, createServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import ssh2 from 'ssh2';
import type { Algorithms, AuthContext, AuthenticationType, Connection, ServerChannel, Session } from 'ssh2';
import type { HostAddress } from '../../src/ssh/types.js';

export type KeyKind = 'ed25519' | 'ecdsa' | 'rsa';

export interface EmbeddedHostOptions {
  /** The home folder; without it a temporary one is made, and removed by stop(). */
  readonly home?: string;
  /** Replaces PATH for the commands. */
  readonly path?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The one user who may log in. */
  readonly user?: string;
  /** The loopback address to listen on. */
  readonly listen?: '127.0.0.1' | '::1';
  readonly hostKeys?: readonly KeyKind[];
  /** Private host keys (text) to use instead, so that two hosts can share an identity. */
  readonly hostKeyTexts?: readonly string[];
  /** Private key text whose public half may log in, instead of a fresh one. */
  readonly clientKey?: string;
  /** Login methods named to a client that was refused. */
  readonly methods?: readonly AuthenticationType[];
  readonly algorithms?: Algorithms;
  readonly faults?: Faults;
  /** A path in the commands that means the folder `app` below this host's home: several hosts of one fleet have the same root. */
  readonly root?: string;
}

/** What goes wrong on this host. May be changed while it runs; it then holds for what comes next. */
export interface Faults {
  /** Says this instead of the SSH greeting, and hangs up. */
  banner?: string;
  /** Accepts the connection and says nothing. */
  silent?: boolean;
  /** Cuts a connection after it has sent this many bytes to the host. */
  dropAfter?: number;
  /** Refuses to open more sessions at a time. */
  maxSessions?: number;
  /** Closes the channel of a matching command without an exit code. */
  noExitCode?: RegExp;
  /** Refuses to run any command. */
  noExec?: boolean;
  /** Refuses every login. */
  refuseLogin?: boolean;
  /** Accepts the key, and then asks for more. */
  secondFactor?: boolean;
  /** Leaves the login unanswered. */
  stallLogin?: boolean;
  /** Forwards nothing. */
  noForwarding?: boolean;
}

export interface EmbeddedHost {
  readonly user: string;
  readonly address: string;
  readonly port: number;
  /** `type base64` of the first host key, and of all of them. */
  readonly hostKeyLine: string;
  readonly hostKeyLines: readonly string[];
  /** Private key text that may log in. */
  readonly clientKey: string;
  readonly home: string;
  /** The command lines received so far. */
  readonly commands: readonly string[];
  /** Connections made so far. */
  readonly connections: number;
  readonly faults: Faults;
  /** Takes all faults back. */
  mend(): void;
  /** What connect() wants to know of this host. */
  hostAddress(changes?: Partial<HostAddress>): HostAddress;
  /** Cuts all connections as a broken network would: without a good-bye. */
  drop(): void;
  /** Stops answering on all connections, without closing them. */
  freeze(): void;
  /** Process ids of the commands that still run. */
  running(): number[];
  /** Ends the server, every connection and every process of its commands (except those in sessions of their own). */
  stop(): Promise<void>;
}

/** From end of input to TERM, and from TERM to KILL, for a command whose channel is gone; in milliseconds. */
const GRACE = 1_000;

/**
 * An SSH server on loopback that runs commands with /bin/sh in a folder of its own: for tests and the demo.
 * Made of ssh2's server; no part of the product.
 */
export async function startEmbeddedHost(options: EmbeddedHostOptions = {}): Promise<EmbeddedHost> {
  const home = options.home ?? await mkdtemp(join(tmpdir(), 'slipway-host-'));
  const hostKeys = options.hostKeyTexts ?? (options.hostKeys ?? ['ed25519']).map(makeKey);
  const clientKey = options.clientKey ?? makeKey('ed25519');
  const allowed = parse(clientKey).getPublicSSH();
  const user = options.user ?? 'deploy';
  const faults: Faults = { ...options.faults };
  const commands: string[] = [];
  const sockets = new Set<Socket>();
  const processes = new Processes();
  let connections = 0;

  const environment = {
    PATH: options.path ?? process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: home, USER: user, LOGNAME: user, SHELL: '/bin/sh', ...options.env,
  };
  const run: Run = (client, channel, session, asked) => {
    const command = options.root === undefined ? asked : asked.replaceAll(options.root, join(home, 'app'));
    commands.push(command);
    const child = spawn('/bin/sh', ['-c', command], { cwd: home, env: environment, detached: true, stdio: 'pipe' });
    processes.add(child);
    serve(child, client, channel, session, faults.noExitCode?.test(command) === true);
  };

  const ssh = new ssh2.Server({ hostKeys: [...hostKeys], ...(options.algorithms && { algorithms: options.algorithms }) }, (client) => {
    client.setMaxListeners(0);
    client.on('error', () => {});
    client.on('authentication', (context) => authenticate(context, { user, allowed, faults, methods: options.methods ?? ['publickey'] }));
    client.on('ready', () => accept(client, faults, run));
  });
  const tcp = createServer({ noDelay: true }, (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    if (faults.silent === true) return;
    if (faults.banner !== undefined) {
      socket.end(faults.banner);
      return;
    }
    ssh.injectSocket(socket);
    let received = 0;
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (faults.dropAfter !== undefined && received >= faults.dropAfter) socket.resetAndDestroy();
    });
  });
  const address = options.listen ?? '127.0.0.1';
  const port = await listen(tcp, address);
  const lines = hostKeys.map((text) => lineOf(text));

  return {
    user, address, port, clientKey, home, commands, faults,
    mend: () => { for (const fault of Object.keys(faults)) Reflect.deleteProperty(faults, fault); },
    hostKeyLine: lines[0] ?? '',
    hostKeyLines: lines,
    get connections() { return connections; },
    hostAddress: (changes = {}) => ({
      name: `${user}@${address.includes(':') ? `[${address}]` : address}:${port}`,
      user, address, port, hostKeys: lines, path: [], connectTimeout: 10_000, keepalive: 15_000, ...changes,
    }),
    drop: () => { for (const socket of sockets) socket.resetAndDestroy(); },
    freeze: () => { for (const socket of sockets) socket.pause(); },
    running: () => processes.pids(),
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => { tcp.close(() => resolve()); });
      await processes.end();
      if (options.home === undefined) await rm(home, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

type Run = (client: Connection, channel: ServerChannel, session: Session, command: string) => void;

function authenticate(context: AuthContext, rules: { user: string; allowed: Buffer; faults: Faults; methods: readonly AuthenticationType[] }): void {
  const { faults } = rules;
  if (faults.stallLogin === true) return;
  const methods = [...rules.methods];
  if (faults.refuseLogin === true || context.username !== rules.user || context.method !== 'publickey') return context.reject(methods);
  if (!context.key.data.equals(rules.allowed)) return context.reject(methods);
  if (context.signature !== undefined) {
    const key = ssh2.utils.parseKey(context.key.data);
    if (key instanceof Error || context.blob === undefined) return context.reject(methods);
    if (!key.verify(context.blob, context.signature, context.hashAlgo)) return context.reject(methods);
    if (faults.secondFactor === true) return context.reject(['keyboard-interactive'], true);
  }
  context.accept();
}

function accept(client: Connection, faults: Faults, run: Run): void {
  let sessions = 0;
  client.on('session', (take, refuse) => {
    if (faults.maxSessions !== undefined && sessions >= faults.maxSessions) return refuse();
    sessions += 1;
    const session = take();
    session.once('close', () => { sessions -= 1; });
    session.on('exec', (agree, deny, info) => {
      if (faults.noExec === true) return deny();
      run(client, agree(), session, info.command);
    });
  });
  client.on('tcpip', (take, refuse, info) => {
    if (faults.noForwarding === true) return refuse();
    // Tests stay on loopback.
    const target = connectTcp({ host: info.destIP === 'localhost' ? '127.0.0.1' : info.destIP, port: info.destPort, noDelay: true });
    if (!/^(127\.|::1$|localhost$)/.test(info.destIP)) target.destroy(new Error('not on loopback'));
    target.once('error', () => refuse());
    target.once('connect', () => {
      target.removeAllListeners('error');
      const channel = take();
      target.on('error', () => channel.close());
      channel.on('error', () => {});
      channel.on('close', () => target.destroy());
      target.on('close', () => channel.close());
      channel.pipe(target).pipe(channel);
    });
  });
}

/** Joins a process and a channel, as sshd does. */
function serve(child: ChildProcess, client: Connection, channel: ServerChannel, session: Session, noExitCode: boolean): void {
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new Error('The child has no pipes.');
  stdin.on('error', () => {});
  channel.on('error', () => {});
  channel.pipe(stdin);
  const write = writer(channel);
  forwardOutput(stdout, (chunk, done) => write(channel, chunk, done));
  forwardOutput(stderr, (chunk, done) => write(channel.stderr, chunk, done));

  // ssh2 ignores signals once the input has ended; sshd does not.
  session.on('end', () => { (session as unknown as { _ending: boolean })._ending = false; });
  session.on('signal', (_agree, _refuse, info) => signalGroup(child, `SIG${info.name}` as NodeJS.Signals));
  let over = false;
  let gone = false;
  const leave = () => {
    if (over || gone) return;
    gone = true;
    stdin.end();
    stdout.resume();
    stderr.resume();
    for (const [signal, wait] of [['SIGTERM', GRACE], ['SIGKILL', 2 * GRACE]] as const) {
      setTimeout(() => {
        if (!over) signalGroup(child, signal);
      }, wait).unref();
    }
  };
  session.once('close', leave);
  client.once('close', leave);
  child.on('error', () => channel.close());
  child.on('exit', (code, signal) => {
    if (noExitCode) return;
    if (code !== null) channel.exit(code);
    else channel.exit((signal ?? 'SIGKILL').replace(/^SIG/, ''), false, '');
  });
  // After `exit`, and after the last one that holds the output has let go of it.
  child.on('close', () => {
    over = true;
    write(channel, Buffer.alloc(0), () => channel.end());
  });
}

/**
 * Writes to stdout and stderr of a channel, one after the other. ssh2 keeps the last chunk that had to wait for the
 * window; a wait of the other stream would send it again, so it is dropped once written.
 */
function writer(channel: ServerChannel): (to: NodeJS.WritableStream, chunk: Buffer, done: () => void) => void {
  const waiting = channel as unknown as Record<'_chunk' | '_chunkcb' | '_chunkErr' | '_chunkcbErr', undefined>;
  let last = Promise.resolve();
  return (to, chunk, done) => {
    last = last.then(() => new Promise<void>((resolve) => {
      if (chunk.length === 0) return resolve();
      to.write(chunk, () => {
        waiting._chunk = waiting._chunkcb = waiting._chunkErr = waiting._chunkcbErr = undefined;
        resolve();
      });
    })).then(done);
  };
}

function forwardOutput(from: Readable, write: (chunk: Buffer, done: () => void) => void): void {
  from.on('error', () => {});
  from.on('data', (chunk: Buffer) => {
    from.pause();
    write(chunk, () => from.resume());
  });
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid !== undefined) killGroup(child.pid, signal);
}

function killGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** The process groups of the commands. A group outlives its first process when that left children behind. */
class Processes {
  private readonly groups = new Set<number>();

  add(child: ChildProcess): void {
    const { pid } = child;
    if (pid === undefined) return;
    this.groups.add(pid);
    // Forgotten as soon as it is empty: its number may then belong to someone else.
    child.on('exit', () => { if (!killGroup(pid, 0)) this.groups.delete(pid); });
    child.on('close', () => { if (!killGroup(pid, 0)) this.groups.delete(pid); });
  }

  pids(): number[] {
    return [...this.groups].filter((pid) => killGroup(pid, 0));
  }

  async end(): Promise<void> {
    for (let round = 0; round < 100 && this.pids().length > 0; round += 1) {
      for (const pid of this.pids()) killGroup(pid, 'SIGKILL');
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
    this.groups.clear();
  }
}

function listen(server: TcpServer, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, address, () => resolve((server.address() as AddressInfo).port));
  });
}

function parse(text: string) {
  const key = ssh2.utils.parseKey(text);
  if (key instanceof Error) throw key;
  return key;
}

/** `type base64` of a private key's public half. */
export const lineOf = (text: string) => {
  const key = parse(text);
  return `${key.type} ${key.getPublicSSH().toString('base64')}`;
};

/** A fresh private key, as text. */
export function makeKey(kind: KeyKind): string {
  if (kind === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'pem', type: 'pkcs1' }).toString();
  if (kind === 'ecdsa') return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'sec1' }).toString();
  // ssh2 writes about one Ed25519 key in a hundred that it cannot read again.
  for (;;) {
    const text = ssh2.utils.generateKeyPairSync('ed25519').private;
    if (!(ssh2.utils.parseKey(text) instanceof Error)) return text;
  }
}
