import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { splitLines } from '../evidence/text.js';

/** Between SIGTERM and SIGKILL; GitHub's runner gives a cancelled step ten seconds in all. */
const GRACE = 2_000;
/** After a command ended, what it left in the background may hold its output open: so long is waited for the rest. */
const DRAIN = 500;
const KEPT_LINES = 20;

export interface CommandOptions {
  readonly cwd: string;
  /** The whole environment of the command: see commandEnvironment. */
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds. */
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
  readonly onLine?: (line: string) => void;
}

/** How a command ended. `unstarted` says why there was no process. */
export type CommandEnd =
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'signal'; readonly name: NodeJS.Signals }
  | { readonly kind: 'limit' | 'cancelled' }
  | { readonly kind: 'unstarted'; readonly reason: string };

export interface CommandResult {
  readonly end: CommandEnd;
  /** The last lines of both outputs, in the order they came. */
  readonly lastLines: readonly string[];
  /** Milliseconds. */
  readonly duration: number;
}

/**
 * The variables of a process that a team's own command may see: all but an action's inputs and saved state (keys,
 * passwords) and the tokens the runner gives to actions only.
 */
export function commandEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] =>
    entry[1] !== undefined && !/^(INPUT_|STATE_|ACTIONS_RUNTIME_|ACTIONS_RESULTS_URL$|SLIPWAY_SSH_PASSPHRASE$|SLIPWAY_SUDO_PASSWORD$|SLIPWAY_BACKUP_KEY$)/.test(entry[0])));
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // ESRCH: nothing of the group is left.
  }
}

/**
 * Runs a command of the team on this machine under `bash -euo pipefail`, in a process group of its own with no standard
 * input. At the limit or on abort the whole group gets SIGTERM, then SIGKILL; what is left of the group when the command
 * ends is ended too. Never throws: the end tells.
 */
export async function runCommand(command: string, options: CommandOptions): Promise<CommandResult> {
  const start = performance.now();
  const lastLines: string[] = [];
  const finish = (end: CommandEnd): CommandResult => ({ end, lastLines, duration: Math.round(performance.now() - start) });
  if (options.signal?.aborted === true) return finish({ kind: 'cancelled' });

  const child = spawn('bash', ['-euo', 'pipefail', '-c', command], {
    cwd: options.cwd, env: { ...options.env }, detached: true, stdio: ['ignore', 'pipe', 'pipe'],
  });
  const keep = (text: string): void => {
    for (const line of splitLines(text)) {
      lastLines.push(line);
      if (lastLines.length > KEPT_LINES) lastLines.shift();
      options.onLine?.(line);
    }
  };
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream, crlfDelay: Infinity }).on('line', keep);

  let stopped: 'limit' | 'cancelled' | undefined;
  let killer: NodeJS.Timeout | undefined;
  const stop = (why: 'limit' | 'cancelled'): void => {
    if (stopped !== undefined) return;
    stopped = why;
    killGroup(child, 'SIGTERM');
    killer = setTimeout(() => killGroup(child, 'SIGKILL'), GRACE);
  };
  const timer = setTimeout(() => stop('limit'), options.limit);
  const onAbort = (): void => stop('cancelled');
  options.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const end = await ended(child, () => stopped === undefined ? DRAIN : GRACE);
    if (stopped !== undefined) return finish({ kind: stopped });
    return finish(end);
  } finally {
    clearTimeout(timer);
    clearTimeout(killer);
    options.signal?.removeEventListener('abort', onAbort);
    killGroup(child, 'SIGKILL');
  }
}

function ended(child: ChildProcess, drain: () => number): Promise<CommandEnd> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ kind: 'unstarted', reason: error.message }));
    child.once('exit', (code, signal) => {
      const end: CommandEnd = signal === null ? { kind: 'exit', code: code ?? 1 } : { kind: 'signal', name: signal };
      const drained = setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
        resolve(end);
      }, drain());
      child.once('close', () => {
        clearTimeout(drained);
        resolve(end);
      });
    });
  });
}

/** The end of a command in words: `exit code 3`, `killed by SIGSEGV`. */
export function describeEnd(end: CommandEnd): string {
  switch (end.kind) {
    case 'exit': {
      // A shell reports a command of its own that died of signal n as 128 + n.
      const name = end.code > 128 ? Object.entries(constants.signals).find(([, number]) => number === end.code - 128)?.[0] : undefined;
      return `exit code ${end.code}${name === undefined ? '' : ` (${name})`}`;
    }
    case 'signal': return `killed by ${end.name}`;
    case 'limit': return 'stopped: its time limit ran out';
    case 'cancelled': return 'cancelled';
    case 'unstarted': return `could not be started: ${end.reason}`;
  }
}
