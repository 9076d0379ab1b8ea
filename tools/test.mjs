#!/usr/bin/env node
/**
 * `npm test`: installs what the tests need where it may, then the unit tests, then the tests on real hosts where those can be had. Further arguments go to jest.
 * Without hosts it says how many tests did not run and why; under CI that is a failure. Under CI a file with a failing test is run once
 * more, alone, and a test that passes then is called flaky. The last line counts the tests of all runs.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { count, counts, jest, root, run } from './jest.mjs';

const hosts = join(root, 'test', 'hosts');
const extra = process.argv.slice(2);

/** How many tests the hosts project has, or those of its files that match: jest loads the files, and the pattern lets none run. */
function countHostTests(files = extra) {
  const { output } = jest(['--selectProjects', 'hosts', '--testNamePattern', '(?!)', '--json', '--passWithNoTests', ...files], { collect: true, quiet: true });
  const report = output.slice(output.indexOf('{'));
  try {
    return JSON.parse(report).numTotalTests;
  } catch {
    return 'all';
  }
}

/** Begins to make the hosts ready, which on a new machine takes minutes: meanwhile the unit tests run. */
function beginHosts() {
  if (process.platform !== 'linux') return () => ({ reason: 'the test hosts need Linux' });
  const folder = mkdtempSync(join(tmpdir(), 'slipway-prepare-'));
  const [said, done] = [join(folder, 'said'), join(folder, 'done')];
  // Its own output goes to files: while jest runs nobody reads a pipe here.
  const preparing = spawn('bash', ['-c', 'bash "$1" > "$2" 2> "$2.log"; touch "$3"', 'prepare', join(hosts, 'prepare.sh'), said, done], { cwd: root, stdio: 'ignore' });
  /** Waits for it. Returns the name of the image, or the reason there is none. */
  return () => {
    // `spawnSync` lets no event through, so the end is seen by its file.
    run('bash', ['-c', 'while [ ! -e "$1" ] && kill -0 "$2" 2>/dev/null; do sleep 0.5; done', 'wait', done, String(preparing.pid)]);
    process.stderr.write(readFileSync(`${said}.log`, 'utf8'));
    const [word, ...rest] = (readFileSync(said, 'utf8').trim().split('\n').at(-1) ?? '').split(' ');
    rmSync(folder, { recursive: true, force: true });
    return word === 'image' ? { image: rest.join(' ') } : { reason: rest.join(' ') || 'test/hosts/prepare.sh failed' };
  };
}

/** Begins to build what the tests of MongoDB need, some minutes of one processor on a new machine. They wait for its end themselves; who runs none of them calls what this returns. */
function beginMongodb() {
  if (extra.length > 0 && !/mongodb|hosts/.test(extra.join(' '))) return () => undefined;
  const script = join(root, 'test', 'support', 'mongodb-tools.sh');
  const { code, output } = run('sh', [script, '--check'], { collect: true });
  if (code !== 0) {
    // Under CI they do not pass over themselves: they fail.
    console.log(`MongoDB: ${countHostTests(['--testPathPatterns', 'test/hosts/mongodb'])} tests ${process.env.CI === 'true' ? 'fail' : 'not run'}: ${output.trim().replace(/^unavailable /, '')}`);
    return () => undefined;
  }
  spawn('sh', [script], { cwd: root, stdio: 'ignore' });
  // It locks: asked again it waits for the first.
  return () => run('sh', [script], { collect: true });
}

if (process.platform === 'linux') {
  const { code } = run('bash', [join(root, 'test', 'prepare.sh')]);
  if (code !== 0) process.exit(code);
}

const generate = join('tools', 'generate.mjs');
if (existsSync(join(root, generate))) {
  const { code } = run(process.execPath, [generate]);
  if (code !== 0) {
    process.exit(code);
  }
}

const hostsReady = beginHosts();
const endMongodb = beginMongodb();
// A pattern of the caller's may match in one project only; that is no failure of the other.
// Much of their time is waiting: two at a time also on two processors, where jest would take one.
const unit = count(['--selectProjects', 'unit', '--maxWorkers', String(Math.max(2, availableParallelism() - 1)), ...extra]);

const prepared = hostsReady();
let real;
if (prepared.image === undefined) {
  console.log(`hosts: ${countHostTests()} tests not run: ${prepared.reason}`);
  real = process.env.CI === 'true' ? 1 : 0;
  counts.failed += real;
  endMongodb();
} else {
  const cleanup = () => run('bash', [join(hosts, 'cleanup.sh')]);
  cleanup();
  // Two servers at a time are what a small machine bears.
  real = count(['--selectProjects', 'hosts', '--maxWorkers', '2', ...extra], { SLIPWAY_TEST_IMAGE: prepared.image });
  cleanup();
}
for (const name of counts.flaky) console.log(`flaky, passed at the second try: ${name}`);
console.log(`tests: ${counts.passed} passed, ${counts.failed} failed, ${counts.flaky.length} flaky`);
process.exit(unit || real);
