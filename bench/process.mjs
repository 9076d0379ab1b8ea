/** Starting programs, timing them, and taking down at the end what was put up. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * What one finished program left.
 * @typedef {object} Finished
 * @property {number} code exit code; -1 when a signal ended it
 * @property {string} stdout
 * @property {string} stderr
 * @property {number} ms from the start to the end of the last stream, in milliseconds
 * @property {number} cpu its processor time, in milliseconds; 0 unless asked for
 * @property {number} peak the most memory the program itself held (VmHWM), in bytes; 0 unless asked for
 */

const running = new Set();

/**
 * Runs a program to its end. Throws when it fails, unless `codes` names its exit code.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, input?: string, limit?: number, codes?: readonly number[], memory?: boolean }} [options]
 *   `limit` in milliseconds (default 120 s); `memory` samples the process every 10 ms for `peak` and `cpu`
 * @returns {Promise<Finished>}
 */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(program, args, { cwd: options.cwd, env: options.env ?? process.env, stdio: ['pipe', 'pipe', 'pipe'] });
    running.add(child);
    const texts = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => { texts[name] += text; });
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    const timer = setTimeout(() => child.kill('SIGKILL'), options.limit ?? 120_000);
    let [peak, cpu] = [0, 0];
    // The kernel keeps the high-water mark itself, so that only growth in the last 10 ms can be missed.
    const sampler = options.memory && setInterval(() => {
      peak = Math.max(peak, highWater(child.pid));
      cpu = Math.max(cpu, processorTime(child.pid));
    }, 10);
    const over = () => { clearTimeout(timer); clearInterval(sampler); running.delete(child); };
    child.on('error', (error) => { over(); reject(new Error(`${program} does not start: ${error.message}`)); });
    child.on('close', (code, signal) => {
      over();
      const result = { code: code ?? -1, ...texts, ms: performance.now() - started, cpu, peak };
      if ((options.codes ?? [0]).includes(result.code)) return resolve(result);
      const last = `${texts.stdout}\n${texts.stderr}`.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('::add-mask::')).slice(-15).join('\n');
      reject(new Error(`${program} ${args.slice(0, 4).join(' ')} … ended with ${code ?? signal}:\n${last}`));
    });
  });
}

/** Runs a program and gives what it printed, without the last line end. */
export async function output(program, args, options) {
  return (await run(program, args, options)).stdout.trim();
}

function highWater(pid) {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** User and system time: fields 14 and 15 of /proc/<pid>/stat (proc(5)), in hundredths of a second. */
function processorTime(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return 0;
  }
}

const undo = [];

/** Remembers how to take down what was just put up; the last one goes first. */
export function atEnd(action) {
  undo.push(action);
}

let down;

/** Takes down everything, once, whatever fails on the way: what failed is said, and the rest still goes. */
export function takeDown() {
  return (down ??= takeAllDown());
}

async function takeAllDown() {
  for (const child of running) child.kill('SIGKILL');
  while (undo.length > 0) {
    try {
      await undo.pop()();
    } catch (error) {
      console.error(`bench: left behind: ${error.message}`);
    }
  }
}
