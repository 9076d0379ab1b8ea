import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { REQUESTS } from './bars.mjs';
import { atEnd } from './process.mjs';

const CONNECTIONS = 64;
const WAIT_MS = 30;
/** How long a phase takes: 64 connections ask about 2,000 times a second. */
const PHASE_MS = { least: 12_500, most: 40_000 };
let lastRate = Infinity;

/**
 * What went through one phase of load.
 * @typedef {object} Load
 * @property {number} requests answered
 * @property {number} lost connections refused or cut with a request on its way, answers that did not come within 10 s, and answers other than
 *   a 200 with the app's page
 * @property {number} changes how often an answer came from another release than the one before it
 * @property {number} p50 milliseconds; p99, max likewise. wrk corrects them for requests that it could not make in time.
 */

/**
 * Keeps wrk asking while `action` runs, and until at least REQUESTS were made.
 * @param {string} url
 * @param {string} hostHeader
 * @param {() => Promise<{ ms: number }>} [action] none: the steady state
 * @param {{ limit?: number, brief?: boolean }} [options] `limit`: of the action, in milliseconds; `brief`: three seconds only, to get warm
 * @returns {Promise<Load & { ms: number }>}
 */
export async function underLoad(url, hostHeader, action, { limit = 90_000, brief = false } = {}) {
  const args = ['-t', '1', '-c', String(CONNECTIONS), '-d', '300s', '--timeout', '10s', '-s', join(import.meta.dirname, 'load.lua'), '-H', `Host: ${hostHeader}`, url];
  const wrk = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, WAIT: String(WAIT_MS) } });
  let text = '';
  wrk.stdout.setEncoding('utf8').on('data', (chunk) => { text += chunk; });
  const over = once(wrk, 'close');
  atEnd(() => { wrk.kill('SIGKILL'); });
  const started = performance.now();
  await sleep(1_500);
  const took = action === undefined ? { ms: 0 } : await within(action(), limit);
  // A machine that was slower in the phase before this one takes longer to make as many.
  const phase = Math.min(PHASE_MS.most, Math.max(PHASE_MS.least, (REQUESTS * 1.3 * 1000) / lastRate));
  await sleep(brief ? 1_500 : Math.max(1_000, phase - (performance.now() - started)));
  wrk.kill('SIGINT');
  await over;
  const found = JSON.parse(text.trim().split('\n').at(-1));
  const { requests, connect, read, write, timeout, strange, changes, microseconds } = found;
  lastRate = requests / (microseconds / 1e6);
  const inMs = (name) => found[name] / 1000;
  return {
    ms: took.ms, requests, changes, lost: connect + read + write + timeout + strange, errors: { connect, read, write, timeout, strange },
    rate: lastRate, p50: inMs('p50'), p99: inMs('p99'), p999: inMs('p999'), max: inMs('max'),
  };
}

async function within(promise, limit) {
  let timer;
  try {
    return await Promise.race([promise, new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`not within ${limit} ms`)), limit); })]);
  } finally {
    clearTimeout(timer);
  }
}
