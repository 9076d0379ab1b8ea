import { once } from 'node:events';
import type { ClientChannel } from 'ssh2';
import { SshError, type SshErrorKind, type Where } from './errors.js';
import { LineSplitter, Tail } from './output.js';
import { SudoGate } from './sudo.js';
import type { ExecOptions, ExecResult } from './types.js';

const MIB = 1024 * 1024;
const STDOUT_LIMIT = 64 * MIB;
const STDERR_LIMIT = MIB;
/** A command that ended but left a child holding its output: how long we wait for more, in milliseconds. */
const LINGER = 5_000;
/** From asking a command to end (TERM) to cutting it off, in milliseconds. */
const GRACE = 2_000;

export interface RemoteCommandOptions extends ExecOptions {
  readonly where: Where;
  readonly user: string;
  /** Sent before the input. */
  readonly prefix: string;
  /** Set when the command runs as root: see sudo.ts. */
  readonly marker: string | undefined;
  /** Told once, when the command speaks for the first time. */
  readonly onWord?: (() => void) | undefined;
  /** Told when all input is written. */
  readonly onFed?: (() => void) | undefined;
  /** Sends a signal to the command. */
  readonly kill: (signal: 'TERM' | 'KILL', rootGroup: number | undefined) => void;
}

/** A command that runs on an open channel. `ended` always settles: by the command's end, or through `fail` and `stop`. */
export class RemoteCommand {
  readonly ended: Promise<ExecResult>;
  private settle!: { resolve: (result: ExecResult) => void; reject: (error: unknown) => void };
  private readonly stdout = new Tail(STDOUT_LIMIT);
  private readonly stderr = new Tail(STDERR_LIMIT);
  private readonly gate: SudoGate | undefined;
  private exit: { readonly code: number } | { readonly signal: string } | undefined;
  private failure: { readonly error: unknown } | undefined;
  private done = false;
  private stderrEnded = false;
  private closed = false;
  private idleTimer: NodeJS.Timeout | undefined;
  private lingerTimer: NodeJS.Timeout | undefined;
  private readonly timers = new Set<NodeJS.Timeout>();

  constructor(private readonly channel: ClientChannel, private readonly options: RemoteCommandOptions) {
    this.ended = new Promise((resolve, reject) => { this.settle = { resolve, reject }; });
    // Callers may look at it later, or only at another promise of the same command.
    this.ended.catch(() => {});
    this.gate = options.marker === undefined ? undefined : new SudoGate(options.marker);
    this.listen();
    if (options.limit !== undefined) {
      const { limit } = options;
      this.after(limit, () => this.stop(this.error('timeout', `the command was not finished within ${seconds(limit)}.`)));
    }
    this.touch();
    options.signal?.addEventListener('abort', this.aborted, { once: true });
    if (options.signal?.aborted === true) this.aborted();
    void this.feed();
  }

  /** Writes to the command's input. Without effect once it has ended. */
  write(text: string): void {
    if (!this.done && this.channel.writable) this.channel.write(text);
  }

  closeInput(): void {
    this.channel.end();
  }

  /** Asks the command to end, cuts it off if it does not, then rejects with `error`. */
  stop(error: unknown): void {
    if (this.done || this.failure !== undefined) return;
    this.failure = { error };
    this.options.kill('TERM', this.gate?.group);
    this.closeInput();
    this.after(GRACE, () => {
      this.options.kill('KILL', this.gate?.group);
      this.finish();
    });
  }

  /** Rejects at once: the connection is gone. */
  fail(error: unknown): void {
    this.failure ??= { error };
    this.finish();
  }

  /** An error of this command, with the last lines of its stderr. */
  error(kind: SshErrorKind, message: string, remedy?: string): SshError {
    return new SshError(kind, this.options.where, message + lastLines(this.stderr.toString()), remedy === undefined ? {} : { remedy });
  }

  private readonly aborted = () => this.stop(this.error('aborted', 'the command was stopped from outside.'));

  private listen(): void {
    const { channel, options } = this;
    const out = options.onStdout && new LineSplitter(options.onStdout);
    const err = options.onStderr && new LineSplitter(options.onStderr);
    channel.on('data', this.guarded((chunk: Buffer) => {
      this.touch();
      options.onWord?.();
      if (options.output !== undefined) return;
      this.stdout.push(chunk);
      out?.write(chunk);
      if (this.stdout.overflowed && out === undefined) {
        this.stop(this.error('output', `the command wrote more than ${STDOUT_LIMIT / MIB} MiB to its standard output.`));
      }
    }));
    if (options.output !== undefined) channel.pipe(options.output);
    channel.stderr.on('data', this.guarded((chunk: Buffer) => {
      this.touch();
      const own = this.gate?.pass(chunk) ?? chunk;
      if (own.length === 0) return;
      this.stderr.push(own);
      err?.write(own);
    }));
    channel.on('end', this.guarded(() => out?.end()));
    channel.stderr.on('end', this.guarded(() => {
      err?.end();
      this.stderrEnded = true;
      if (this.closed) this.finish();
    }));
    channel.on('exit', (code: number | null, signal?: string) => {
      this.exit = code === null ? { signal: signal ?? 'unknown' } : { code };
      // Also ends an input that was held open, or that nobody reads any more.
      this.closeInput();
      this.touch();
    });
    channel.on('close', () => {
      this.closed = true;
      if (this.stderrEnded) this.finish();
      else channel.stderr.resume();
    });
    // Writing to a command that has ended is no news: its exit code is.
    channel.on('error', () => {});
  }

  /** A callback of the caller that throws ends the command instead of the process. */
  private guarded<A extends unknown[]>(body: (...args: A) => void): (...args: A) => void {
    return (...args) => {
      try {
        body(...args);
      } catch (error) {
        this.stop(error);
      }
    };
  }

  private after(milliseconds: number, body: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      body();
    }, milliseconds);
    this.timers.add(timer);
    return timer;
  }

  /** Something moved: the idle clock starts again. */
  private touch(): void {
    if (this.done) return;
    if (this.exit !== undefined) {
      if (this.lingerTimer === undefined) this.lingerTimer = this.after(LINGER, () => this.finish());
      else this.lingerTimer.refresh();
    }
    const limit = this.options.idleLimit;
    if (limit === undefined) return;
    if (this.idleTimer === undefined) {
      this.idleTimer = this.after(limit, () => this.stop(this.error('timeout', `the command was silent for ${seconds(limit)}.`)));
    } else {
      this.idleTimer.refresh();
    }
  }

  private async feed(): Promise<void> {
    const { input, prefix, holdInput } = this.options;
    try {
      if (prefix !== '') await this.send(Buffer.from(prefix));
      if (typeof input === 'string' || Buffer.isBuffer(input)) {
        if (input.length > 0) await this.send(typeof input === 'string' ? Buffer.from(input) : input);
      } else if (input !== undefined) {
        // Leaving the loop destroys the stream, and so stops whoever fills it.
        for await (const chunk of input as AsyncIterable<Buffer | string>) {
          await this.send(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
          if (this.done) break;
        }
      }
      this.options.onFed?.();
      if (holdInput !== true) this.closeInput();
    } catch (error) {
      // The caller's stream failed. (When the command ended first, this does nothing.)
      this.stop(error);
    }
  }

  /** Writes and waits until the server has taken most of it. */
  private async send(data: Buffer): Promise<void> {
    if (this.done || !this.channel.writable) return;
    const full = !this.channel.write(data);
    if (full) await Promise.race([once(this.channel, 'drain'), this.ended.catch(() => {})]);
    this.touch();
  }

  private finish(): void {
    if (this.done) return;
    this.done = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.options.signal?.removeEventListener('abort', this.aborted);
    if (!this.closed) this.channel.close();
    const outcome = this.outcome();
    // What reads along must not take a part for the whole.
    if (!('code' in outcome)) this.options.output?.destroy(outcome.error instanceof Error ? outcome.error : undefined);
    if ('code' in outcome) this.settle.resolve(outcome);
    else this.settle.reject(outcome.error);
  }

  private outcome(): ExecResult | { readonly error: unknown } {
    if (this.failure !== undefined) return this.failure;
    if (this.exit === undefined) {
      return { error: this.error('no-exit-code', 'the server closed the channel without an exit code: the command may not have finished.',
        'The server or its sshd may have been stopped or be out of memory; look at `journalctl -u ssh` and `dmesg` there.') };
    }
    if ('signal' in this.exit) {
      return { error: this.error('signal', `the command was ended by ${this.exit.signal}.`,
        this.exit.signal === 'SIGKILL' ? 'The kernel kills what uses up the memory: look at `dmesg` on the server.' : undefined) };
    }
    const refused = this.options.user === 'root' ? undefined : this.gate?.error(this.exit.code, this.options.where, this.options.user);
    if (refused !== undefined) return { error: refused };
    // As root without sudo nobody refuses, but a login shell may fail to start the command at all, and says why.
    return { code: this.exit.code, stdout: this.stdout.toString(), stderr: (this.gate?.said ?? '') + this.stderr.toString() };
  }
}

const seconds = (milliseconds: number) => `${milliseconds / 1000} s`;

function lastLines(stderr: string): string {
  return stderr.split('\n').filter((line) => line.trim() !== '').slice(-5).map((line) => `\n  stderr: ${line.slice(0, 500)}`).join('');
}
