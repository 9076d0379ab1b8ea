import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { UserError } from '../evidence/errors.js';

/**
 * Runs one command of the team's on the runner, under `bash -euo pipefail`, in a process group of its own that is ended
 * as a whole when `signal` aborts.
 * @throws UserError with the exit code or signal and the last lines of its output.
 */
export async function runOnRunner(command: string, folder: string, env: NodeJS.ProcessEnv, onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', command], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const last: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      last.push(line);
      if (last.length > 15) last.shift();
      onLine(line);
    });
  }
  const stop = (): void => {
    if (child.pid !== undefined) {
      try {
        process.kill(-child.pid, 'SIGTERM');
      } catch {
        // It has ended by itself.
      }
    }
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    const how = await new Promise<string | undefined>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, name) => resolve(code === 0 ? undefined : name === null ? `exit code ${String(code)}` : `signal ${name}`));
    });
    if (how !== undefined) {
      throw new UserError(`runner: \`${command}\` failed with ${how}${last.length === 0 ? '' : `:\n${last.map((line) => `    ${line}`).join('\n')}`}`, {
        remedy: 'Nothing was sent to any host. Mend the build, then run again.',
      });
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
