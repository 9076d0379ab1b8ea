import { asError } from '../evidence/errors.js';
import type { RemoteCommand } from './remote-command.js';
import type { ExecResult, Session } from './types.js';

/** How long a command may take to end after its input was closed, in milliseconds. */
const END_LIMIT = 30_000;

/** A remote command that is spoken to in lines. */
export class LineSession implements Session {
  private readonly lines: string[] = [];
  private waiting: { readonly line: (line: string) => void; readonly end: (error: Error) => void } | undefined;
  /** Why no further line will come. */
  private over: Error | undefined;
  private command!: RemoteCommand;

  /** `start` gets the sink for the lines of stdout, and returns the command. */
  static begin(start: (onLine: (line: string) => void) => RemoteCommand): LineSession {
    const session = new LineSession();
    session.command = start((line) => session.take(line));
    session.ended.then(
      ({ code }) => session.finish(session.command.error('ended', `the command ended with exit code ${code} instead of answering.`)),
      (error: unknown) => session.finish(asError(error)),
    );
    return session;
  }

  get ended(): Promise<ExecResult> {
    return this.command.ended;
  }

  async nextLine(limit: number): Promise<string> {
    const next = this.lines.shift();
    if (next !== undefined) return next;
    if (this.waiting !== undefined) throw new Error('Another call of nextLine is still waiting.');
    return await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => this.waiting?.end(this.command.error('timeout', `no answer within ${limit / 1000} s.`)), limit);
      const settle = () => {
        clearTimeout(timer);
        this.waiting = undefined;
      };
      this.waiting = {
        line: (line) => { settle(); resolve(line); },
        end: (error) => { settle(); reject(error); },
      };
      if (this.over !== undefined) this.waiting.end(this.over);
    });
  }

  write(text: string): void {
    this.command.write(text);
  }

  async end(): Promise<ExecResult> {
    this.command.closeInput();
    const timer = setTimeout(() => {
      this.command.stop(this.command.error('timeout', `the command did not end within ${END_LIMIT / 1000} s after its input was closed.`));
    }, END_LIMIT);
    try {
      return await this.ended;
    } finally {
      clearTimeout(timer);
    }
  }

  private take(line: string): void {
    if (this.waiting === undefined) this.lines.push(line);
    else this.waiting.line(line);
  }

  private finish(error: Error): void {
    this.over = error;
    this.waiting?.end(error);
  }
}
