/** Runs jest for `npm test`, and counts what it ran. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Runs a program with the terminal's own output, or with stdout returned; ends this run when a signal ended it. */
export function run(program, args, options = {}) {
  const result = spawnSync(program, args, { cwd: root, stdio: ['ignore', options.collect ? 'pipe' : 'inherit', options.quiet ? 'ignore' : 'inherit'], encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, env: { ...process.env, ...options.env } });
  if (result.error) {
    throw result.error;
  }
  if (result.signal !== null) {
    console.error(`${program} was ended by ${result.signal}.`);
    process.exit(1);
  }
  return { code: result.status, output: result.stdout ?? '' };
}

export const jest = (args, options) => run(process.execPath, ['--experimental-vm-modules', '--no-warnings', join('node_modules', 'jest', 'bin', 'jest.js'), ...args], options);

/** The tests of all runs. A flaky one failed, passed at the second try, and counts as passed. */
export const counts = { passed: 0, failed: 0, flaky: [] };
/** So many files may fail by chance; when more do it is none. */
const SECOND_TRIES = 3;

/** Runs and counts tests. Under CI the files in which one failed are run once more, alone. Returns 0, or 1 when anything failed in the end. */
export function count(args, env = {}) {
  const first = report([...args, '--passWithNoTests'], env);
  counts.passed += first.passed;
  if (first.code === 0) return 0;
  let last = first;
  if (process.env.CI === 'true' && first.files.length > 0 && first.files.length <= SECOND_TRIES) {
    console.log(`\nsecond try, alone: ${first.files.map((file) => relative(root, file)).join(' ')}`);
    const [option, project] = args;
    last = report([option, project, '--maxWorkers', '1', '--runTestsByPath', ...first.files], env);
    const flaky = first.failing.filter((name) => !last.failing.includes(name));
    counts.flaky.push(...flaky);
    counts.passed += flaky.length;
  }
  if (last.code === 0) return 0;
  // A suite that did not even load has no tests to count.
  counts.failed += Math.max(1, last.failing.length);
  return 1;
}

/** One run: its exit code, how many tests passed, and which files and which tests did not. */
function report(args, env) {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-jest-'));
  const file = join(folder, 'report.json');
  const { code } = jest([...args, '--json', '--outputFile', file], { env });
  const { numPassedTests: passed, testResults } = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { numPassedTests: 0, testResults: [] };
  rmSync(folder, { recursive: true, force: true });
  const red = testResults.filter(({ status }) => status === 'failed');
  const failing = red.flatMap(({ name, assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => `${relative(root, name)}: ${fullName}`),
  );
  return { code, passed, files: red.map(({ name }) => name), failing };
}
