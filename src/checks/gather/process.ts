import { spawn } from 'node:child_process';

export interface ProcessOptions {
  readonly cwd: string;
  /** The whole environment of the process: nothing is inherited, so that no secret of the job reaches a test command unasked. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
  readonly onLine?: (line: string) => void;
}

export interface ProcessResult {
  /** `undefined`: a signal or the limit ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** The last lines of both streams, in the order they came. */
  readonly tail: readonly string[];
  /** Milliseconds. */
  readonly duration: number;
}

const TAIL = 40;
/** A test command may print without end; more than this of a stream is not kept. */
const KEPT = 16 * 1024 * 1024;

/**
 * Runs a program without a shell and waits for it. Its whole process group is ended when the limit passes or the signal comes.
 * @throws Error with code ENOENT when there is no such program or folder.
 */
export function runProcess(file: string, args: readonly string[], options: ProcessOptions): Promise<ProcessResult> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(file, args, { cwd: options.cwd, env: { ...options.env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const end = (signal: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal);
      } catch {
        // It has just ended by itself.
      }
    };
    let killer: NodeJS.Timeout | undefined;
    let stopped = false;
    const stop = (): void => {
      stopped = true;
      end('SIGTERM');
      killer ??= setTimeout(() => end('SIGKILL'), 5000);
    };
    const limit = options.limit === undefined ? undefined : setTimeout(stop, options.limit);
    options.signal?.addEventListener('abort', stop, { once: true });
    if (options.signal?.aborted === true) stop();

    const tail: string[] = [];
    const keep = (line: string): void => {
      tail.push(line);
      if (tail.length > TAIL) tail.shift();
      options.onLine?.(line);
    };
    const out = collect(child.stdout, keep);
    const err = collect(child.stderr, keep);
    const settle = (): void => {
      clearTimeout(limit);
      clearTimeout(killer);
      options.signal?.removeEventListener('abort', stop);
    };
    child.once('error', (error) => {
      settle();
      reject(error);
    });
    child.once('exit', (code, signal) => {
      const finish = (): void => {
        clearTimeout(grace);
        settle();
        out.end();
        err.end();
        // A program may answer SIGTERM by ending well: it was stopped all the same.
        const ended = stopped || signal !== null || code === null ? undefined : code;
        resolve({ code: ended, stdout: out.text(), stderr: err.text(), tail, duration: Math.round(performance.now() - started) });
      };
      // Something left behind in the background may hold the streams for ever.
      const grace = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, 2000);
      child.once('close', finish);
    });
  });
}

function collect(stream: NodeJS.ReadableStream, keep: (line: string) => void): { end(): void; text(): string } {
  const parts: string[] = [];
  let size = 0;
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (part: string) => {
    size += part.length;
    if (size <= KEPT) parts.push(part);
    const lines = (rest + part).split(/\r?\n/);
    // A progress display without line ends must not grow without end.
    rest = (lines.pop() ?? '').slice(-10_000);
    for (const line of lines) keep(line);
  });
  return {
    end() {
      if (rest !== '') keep(rest);
    },
    text: () => parts.join(''),
  };
}
