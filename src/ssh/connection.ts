import { Socket } from 'node:net';
import { Readable, type Duplex } from 'node:stream';
import type { Client, ClientChannel } from 'ssh2';
import { commandLine } from './command-line.js';
import { untilStopped } from './dial.js';
import { SshError, type SshErrorKind, type Where } from './errors.js';
import { openSession, startOn } from './inside.js';
import { RemoteCommand } from './remote-command.js';
import { LineSession } from './session.js';
import type { Timeline } from './timeline.js';
import type { Connection, ExecOptions, ExecResult, HostAddress, Session } from './types.js';

/** How long the server may take to answer our good-bye, in milliseconds. */
const CLOSE_LIMIT = 1_000;
/** How long opening a channel may take, in milliseconds, when the call has no limit of its own. */
const OPEN_LIMIT = 30_000;
/** A session counts for the server a moment longer than for us: how long to wait before asking again, in milliseconds. */
const RETRY = [50, 150, 400];

/** Told when the command speaks for the first time, and when it has been given all its input. */
interface Watching {
  readonly onWord?: () => void;
  readonly onFed?: () => void;
}

type Open = (client: Client, done: (error: Error | undefined, channel: ClientChannel) => void) => void;

interface Parts {
  readonly client: Client;
  readonly stream: Duplex;
  readonly host: HostAddress;
  readonly where: Where;
  readonly jump: SshConnection | undefined;
  readonly sudoPassword: string | undefined;
  readonly debug: (text: string) => void;
  readonly timeline: Timeline;
}

/** A connection that is logged in. Made by connect(). */
export class SshConnection implements Connection {
  calls = 0;
  private readonly commands = new Set<RemoteCommand>();
  /** Aborted, with the reason, when the connection is over. */
  private readonly over = new AbortController();
  private cause: Error | undefined;
  /** A channel that is open already, or about to be, for the next command. */
  private spare: Promise<ClientChannel | undefined> | undefined;
  /** The server wants no more channels than those in use. */
  private narrow = false;

  constructor(private readonly parts: Parts) {
    const { client, stream } = parts;
    client.on('error', (error) => {
      this.cause ??= error;
      // ssh2 only half-closes after an error of the protocol; a silent peer would leave us waiting.
      stream.destroy();
      this.lose();
    });
    client.on('end', () => this.lose());
    client.on('close', () => this.lose());
    // A jump host that goes takes its channels with it.
    parts.jump?.over.signal.addEventListener('abort', () => {
      this.cause ??= parts.jump?.over.signal.reason as Error;
      this.lose();
    }, { once: true });
  }

  get name(): string {
    return this.parts.host.name;
  }

  get user(): string {
    return this.parts.host.user;
  }

  get traffic(): { readonly sent: number; readonly received: number } {
    const { jump, stream } = this.parts;
    if (jump !== undefined) return jump.traffic;
    return stream instanceof Socket ? { sent: stream.bytesWritten, received: stream.bytesRead } : { sent: 0, received: 0 };
  }

  /** Where the time went, in lines. */
  get timeline(): readonly string[] {
    return this.parts.timeline.lines();
  }

  /** Opens a channel for the next command, while there is nothing to do but wait. A server that refuses is not asked again. */
  prepare(): void {
    if (this.narrow || this.spare !== undefined || this.over.signal.aborted) return;
    this.spare = openSession(this.parts.client).catch(() => {
      this.narrow = true;
      return undefined;
    });
  }

  async exec(script: string, args: readonly string[] = [], options: ExecOptions = {}): Promise<ExecResult> {
    const { input } = options;
    const span = this.parts.timeline.begin(options.label ?? 'command');
    // It may fail before there is a command to tell: then the command finds it failed.
    if (input instanceof Readable) input.on('error', () => {});
    try {
      const command = await this.start(script, args, options, (begin) => {
        span.mark('asked');
        return begin({ ...options, onWord: () => span.mark('first word'), onFed: () => span.mark('input sent') });
      });
      return await command.ended;
    } finally {
      span.end();
      // Whatever the command did not read: whoever fills the stream must not wait for ever.
      if (input instanceof Readable && !input.readableEnded) input.destroy();
    }
  }

  async open(script: string, args: readonly string[] = [], options: { sudo?: boolean | undefined; label?: string | undefined } = {}): Promise<Session> {
    const held = { sudo: options.sudo, holdInput: true };
    const span = this.parts.timeline.begin(options.label ?? 'session');
    const session = await this.start(script, args, held, (begin) => LineSession.begin((onStdout) => {
      span.mark('asked');
      return begin({ ...held, onStdout, onWord: () => span.mark('first word') });
    }));
    session.ended.then(span.end, span.end);
    return session;
  }

  async forward(host: string, port: number, stop?: AbortSignal): Promise<Duplex> {
    try {
      return await this.channel(OPEN_LIMIT, stop, (client, done) => client.forwardOut('127.0.0.1', 0, host, port, done), (channel) => channel);
    } catch (error) {
      if (error instanceof SshError) throw error;
      const reason = reasonOf(error);
      const target = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
      if (reason === 1) {
        throw this.error('forward', `the server does not allow forwarding to ${target}.`,
          'Set `AllowTcpForwarding yes` for this user in sshd_config (and `PermitOpen`, if it is used).', error);
      }
      throw this.error('forward', `${target} cannot be reached from there.`,
        'Check the name and port as seen from that host, and the firewall between the two.', error);
    }
  }

  async close(): Promise<void> {
    const { client, stream, jump } = this.parts;
    if (!this.over.signal.aborted) {
      this.finish(this.error('closed', 'the connection was closed.'));
      // That our good-bye is on its way is enough: who closes has had every answer that matters.
      const closed = new Promise<void>((resolve) => {
        client.once('close', () => resolve());
        stream.once('finish', () => resolve());
      });
      client.end();
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([closed, new Promise<void>((resolve) => { timer = setTimeout(resolve, CLOSE_LIMIT); })]);
      clearTimeout(timer);
    }
    stream.destroy();
    await jump?.close();
  }

  /**
   * Opens a channel and starts the command on it. `make` is called as soon as the server agrees, in the same turn of
   * the event loop: a short command's output and exit code may already be in the next packet.
   */
  private async start<T>(script: string, args: readonly string[], options: ExecOptions, make: (begin: (options: ExecOptions & Watching) => RemoteCommand) => T): Promise<T> {
    const root = this.user === 'root' ? { sudo: false } : options.sudo === true ? { sudo: true, password: this.parts.sudoPassword || undefined } : undefined;
    const line = commandLine(script, args, { path: this.parts.host.path, root });
    this.calls += 1;
    this.parts.debug(`${this.name}: call ${this.calls}, ${line.text.length} characters${root?.sudo === true ? ', by sudo' : ''}`);
    let running: RemoteCommand | undefined;
    const begin = (channel: ClientChannel) => (own: ExecOptions & Watching) => {
      const command = new RemoteCommand(channel, {
        ...own, where: this.parts.where, user: this.user, prefix: line.prefix, marker: line.marker,
        kill: (signal, rootGroup) => this.kill(channel, signal, rootGroup),
      });
      running = command;
      this.commands.add(command);
      void command.ended.catch(() => {}).finally(() => this.commands.delete(command));
      return command;
    };
    for (const pause of [...RETRY, undefined]) {
      try {
        return await this.channel(options.limit ?? OPEN_LIMIT, options.signal,
          (client, done) => this.launch(client, line.text, done, (error) => running?.fail(error)), (channel) => make(begin(channel)));
      } catch (error) {
        if (error instanceof SshError) throw error;
        if (reasonOf(error) === undefined) {
          throw this.noCommands(error);
        }
        if (pause === undefined) {
          throw this.error('max-sessions', `the server refuses another channel; ${this.commands.size} are open.`,
            'Raise MaxSessions in sshd_config (its default is 10).', error);
        }
        await new Promise((resolve) => { setTimeout(resolve, pause); });
      }
    }
    throw new Error('The last try either returned or threw.');
  }

  /** Starts a command on the channel that is open already, or else on one of its own; opens one for the next. */
  private launch(client: Client, text: string, done: (error: Error | undefined, channel: ClientChannel) => void, fail: (error: Error) => void): void {
    const { spare } = this;
    this.spare = undefined;
    const alone = (): void => { client.exec(text, done); };
    if (spare === undefined) return alone();
    spare.then((channel) => {
      if (channel === undefined || !startOn(client, channel, text, () => fail(this.noCommands()))) return alone();
      done(undefined, channel);
      this.prepare();
    }).catch((error: unknown) => done(error as Error, undefined as never));
  }

  private noCommands(cause?: unknown): SshError {
    return this.error('exec', 'the server does not run commands for this user.',
      'Look for ForceCommand, a `command=` in authorized_keys, or a login shell such as nologin.', cause);
  }

  /** Opens one channel, for at most `limit` milliseconds. One that comes too late is closed again. */
  private async channel<T>(limit: number, signal: AbortSignal | undefined, open: Open, make: (channel: ClientChannel) => T): Promise<T> {
    if (this.over.signal.aborted) throw this.over.signal.reason as Error;
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(this.error('timeout', `the server did not open a channel within ${limit / 1000} s.`)), limit);
    const gone = () => stop.abort(this.over.signal.reason);
    const aborted = () => stop.abort(signal?.reason instanceof SshError ? signal.reason : this.error('aborted', 'the command was stopped from outside.'));
    this.over.signal.addEventListener('abort', gone, { once: true });
    signal?.addEventListener('abort', aborted, { once: true });
    if (signal?.aborted === true) aborted();
    try {
      return await untilStopped(new Promise<T>((resolve, reject) => {
        if (stop.signal.aborted) return;
        open(this.parts.client, (error, channel) => {
          if (error) reject(error);
          else if (stop.signal.aborted) channel.close();
          else resolve(make(channel));
        });
      }), stop.signal);
    } finally {
      clearTimeout(timer);
      this.over.signal.removeEventListener('abort', gone);
      signal?.removeEventListener('abort', aborted);
    }
  }

  private kill(channel: ClientChannel, signal: 'TERM' | 'KILL', rootGroup: number | undefined): void {
    if (this.over.signal.aborted) return;
    // ssh2's own signal() is silent once the input is closed, though the protocol allows it (RFC 4254, 6.9).
    const inner = channel as unknown as { outgoing: { id: number; state: string } };
    const { _protocol: protocol } = this.parts.client as unknown as { _protocol: { signal(id: number, name: string): void } };
    if (inner.outgoing.state === 'open' || inner.outgoing.state === 'eof') protocol.signal(inner.outgoing.id, signal);
    // What runs as root is out of the server's reach: it signals as the login user, and for root not at all.
    if (rootGroup !== undefined) void this.exec(KILL_GROUP, [String(rootGroup), signal], { sudo: true, limit: CLOSE_LIMIT }).catch(() => {});
  }

  private lose(): void {
    if (this.over.signal.aborted) return;
    this.finish(this.error('lost', `the connection was lost${this.cause === undefined ? '' : `: ${this.cause.message}`}.`,
      'Commands that were running may go on on the host. Start again: the next run finishes or undoes what this one left.', this.cause));
  }

  private finish(reason: SshError): void {
    this.over.abort(reason);
    for (const command of [...this.commands]) command.fail(reason);
  }

  private error(kind: SshErrorKind, message: string, remedy?: string, cause?: unknown): SshError {
    return new SshError(kind, this.parts.where, message, { ...(remedy === undefined ? {} : { remedy }), cause });
  }
}

/** Signals the process group "$1". */
const KILL_GROUP = 'kill "-$2" "-$1"';

/** The reason code of a refused channel (RFC 4254, 5.1). */
function reasonOf(error: unknown): number | undefined {
  return error instanceof Error && 'reason' in error && typeof error.reason === 'number' ? error.reason : undefined;
}
