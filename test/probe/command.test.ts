import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { commandEnvironment, describeEnd, runCommand } from '../../src/probe/command.js';
import { runSmoke } from '../../src/probe/scenario.js';
import { until } from '../ssh/support.js';
import { listen, scenarios } from './scenarios.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-command-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const options = (more: Partial<Parameters<typeof runCommand>[1]> = {}) => ({ cwd: folder, env: commandEnvironment(process.env), limit: 20_000, ...more });
/** The number that a command wrote into a file; NaN before. */
const pidIn = (file: string): number => (existsSync(join(folder, file)) ? Number.parseInt(readFileSync(join(folder, file), 'utf8'), 10) : NaN);

function isAlive(pid: number): boolean {
  if (Number.isNaN(pid)) return false;
  try {
    process.kill(pid, 0);
    // A process that ended but was not waited for by its new parent is no longer alive.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('runCommand', () => {
  test('gives lines as they come and the exit code', async () => {
    const lines: string[] = [];
    const result = await runCommand('echo one; echo two >&2; exit 3', options({ onLine: (line) => lines.push(line) }));
    expect(result.end).toEqual({ kind: 'exit', code: 3 });
    expect(lines.sort()).toEqual(['one', 'two']);
  });

  test('fails on the first failing command, an unset variable, and any part of a pipe', async () => {
    for (const command of ['false; true', 'echo $NOT_SET_ANYWHERE', 'false | cat']) {
      expect((await runCommand(command, options())).end).not.toEqual({ kind: 'exit', code: 0 });
    }
  });

  test('keeps the last lines only', async () => {
    const { lastLines } = await runCommand('seq 1 100', options());
    expect(lastLines).toHaveLength(20);
    expect(lastLines.at(-1)).toBe('100');
  });

  test('has no input to wait for', async () => {
    expect((await runCommand('cat', options())).end).toEqual({ kind: 'exit', code: 0 });
  });

  test('ends the command and its children at the limit, also those that ignore SIGTERM', async () => {
    const result = await runCommand('(trap "" TERM; echo $BASHPID > stubborn; while :; do sleep 0.1; done) & echo $! > child; sleep 60 & echo $! > sleeper; wait', options({ limit: 5_000 }));
    expect(result.end).toEqual({ kind: 'limit' });
    expect(result.duration).toBeLessThan(45_000);
    for (const file of ['stubborn', 'sleeper']) {
      expect(pidIn(file)).toBeGreaterThan(1);
      await until(() => !isAlive(pidIn(file)));
    }
  });

  test('ends the command and its children on abort', async () => {
    const controller = new AbortController();
    const running = runCommand('sleep 60 & echo $! > cancelled; wait', options({ signal: controller.signal, limit: 60_000 }));
    await until(() => isAlive(pidIn('cancelled')));
    controller.abort();
    expect((await running).end).toEqual({ kind: 'cancelled' });
    await until(() => !isAlive(pidIn('cancelled')));
  });

  test('does not wait for what a command left in the background, and leaves none of it', async () => {
    const result = await runCommand('sleep 60 & echo $! > left; echo done', options({ limit: 60_000 }));
    expect(result.end).toEqual({ kind: 'exit', code: 0 });
    expect(result.duration).toBeLessThan(45_000);
    await until(() => !isAlive(pidIn('left')));
  });

  test('tells a signal from an exit code, and a command that could not be started', async () => {
    expect(describeEnd((await runCommand('kill -SEGV $$', options())).end)).toBe('killed by SIGSEGV');
    expect(describeEnd((await runCommand('bash -c "kill -KILL \\$\\$" || exit $?', options())).end)).toBe('exit code 137 (SIGKILL)');
    expect(describeEnd((await runCommand('true', options({ cwd: join(folder, 'nowhere') }))).end)).toContain('could not be started');
  });
});

test('a command does not see the inputs of the action', () => {
  expect(commandEnvironment({ PATH: '/bin', 'INPUT_SSH-PRIVATE-KEY': 'x', STATE_lease: 'x', ACTIONS_RUNTIME_TOKEN: 'x', SLIPWAY_BACKUP_KEY: 'x', SLIPWAY_SSH_PASSPHRASE: 'x', NONE: undefined })).toEqual({ PATH: '/bin' });
});

describe('a run step', () => {
  test('sees its variables, the URL and the release, and its output is shown without secrets', async () => {
    const { context, redactor, log } = listen('https://ss.example.com', { SECRET: 'hunter2hunter2' }, { release: '20261121T002714Z-3f9c2ab' });
    redactor.add('hunter2hunter2');
    const [record] = await runSmoke(scenarios('- name: e2e\n  run: echo "$PASSWORD $SLIPWAY_URL $SLIPWAY_RELEASE"\n  env: { PASSWORD: $SECRET }'), context);
    expect(record).toMatchObject({ id: 'smoke.e2e.run-echo-password-slipway-url-slipway-release', status: 'pass', subject: 'runner' });
    expect(log()).toContain('*** https://ss.example.com 20261121T002714Z-3f9c2ab');
  });

  test('shows its last lines when it fails', async () => {
    const { context } = listen(undefined);
    const [record] = await runSmoke(scenarios('- { name: e2e, run: "echo reason; exit 4" }'), context);
    expect(record).toMatchObject({ status: 'fail', expected: 'exit code 0', observed: 'exit code 4\nreason' });
  });

  test('is ended at its limit and says so', async () => {
    const { context } = listen(undefined);
    const [record] = await runSmoke(scenarios('- { name: e2e, run: sleep 60, timeout: 300ms }'), context);
    expect(record?.observed).toBe('stopped: its time limit ran out after 300 ms');
    expect(record?.remedy).toContain('timeout');
  });

  test('puts no secret into the arguments of a process', async () => {
    const { context, log } = listen(undefined, { SECRET: 'hunter2hunter2' });
    await runSmoke(scenarios('- name: e2e\n  run: tr "\\0" " " < /proc/$$/cmdline\n  env: { PASSWORD: $SECRET }'), context);
    expect(log()).toContain('pipefail');
    expect(log()).not.toContain('hunter2hunter2');
  });
});
