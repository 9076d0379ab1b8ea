#!/usr/bin/env node
/**
 * `npm run bench`: Slipway beside the tools people use today, in one run. See bench/README.md.
 *
 *   node bench/run.mjs [--only deploy,hosts,load,start] [--quick] [--dist <folder>] [--no-docs]
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { deployPart } from './deploy.mjs';
import { hostsPart } from './hosts.mjs';
import { node24, startHost } from './machine.mjs';
import { atEnd, takeDown } from './process.mjs';
import { startPart } from './start.mjs';

const root = join(import.meta.dirname, '..');
const parts = { start: startPart, deploy: deployPart, hosts: hostsPart };

const { values: options } = parseArgs({
  options: { only: { type: 'string' }, quick: { type: 'boolean', default: false }, dist: { type: 'string', default: join(root, 'dist') }, docs: { type: 'boolean', default: true } },
  allowNegative: true,
});
const wanted = options.only?.split(',') ?? Object.keys(parts);
const unknown = wanted.filter((name) => parts[name] === undefined);
if (unknown.length > 0) {
  console.error(`bench: no part ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}

const started = performance.now();
const say = (text) => console.error(`${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${text}`);
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    say(`${signal}: taking everything down`);
    takeDown().finally(() => process.exit(1));
  });
}

try {
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
  atEnd(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 3 }));
  say('starting the host');
  const host = await startHost(scratch);
  const machine = { scratch, host, say, dist: resolve(options.dist), node: await node24(host, scratch) };
  const results = { date: new Date().toISOString(), quick: options.quick };
  for (const name of wanted) {
    say(`part ${name}`);
    results[name] = await parts[name](machine, options);
  }
  const file = join(import.meta.dirname, 'results', `${results.date.replace(/[-:]|\.\d+/g, '')}.json`);
  mkdirSync(join(import.meta.dirname, 'results'), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, undefined, 1)}\n`);
  say(`raw figures: ${file}`);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await takeDown();
}
