#!/usr/bin/env node
/**
 * `npm run bench`: Slipway beside the tools people use today, in one run. See bench/README.md.
 *
 *   node bench/run.mjs [--only start,deploy,hosts,load,data] [--quick] [--dist <folder>] [--docs]
 *   node bench/run.mjs --from <results.json> … [--docs]      runs nothing; of each part, the last file that has it counts
 *
 * A run of everything that is not quick writes the documents; --docs writes them in the other cases too.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { dataPart } from './data.mjs';
import { deployPart } from './deploy.mjs';
import { hostsPart } from './hosts.mjs';
import { loadPart } from './load.mjs';
import { describeMachine, node24, startHost } from './machine.mjs';
import { atEnd, takeDown } from './process.mjs';
import { printResults, writeDocs } from './report.mjs';
import { startPart } from './start.mjs';

const root = join(import.meta.dirname, '..');
const parts = { start: startPart, deploy: deployPart, hosts: hostsPart, load: loadPart, data: dataPart };

const { values: options } = parseArgs({
  options: { only: { type: 'string' }, quick: { type: 'boolean', default: false }, dist: { type: 'string', default: join(root, 'dist') }, docs: { type: 'boolean', default: false }, from: { type: 'string', multiple: true } },
});
const wanted = options.only?.split(',') ?? Object.keys(parts);
const unknown = wanted.filter((name) => parts[name] === undefined);
if (unknown.length > 0) {
  console.error(`bench: no part ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}

/** The longest a run may take, in milliseconds. */
const LIMIT = 1_500_000;
const started = performance.now();
let over = false;
const stop = (why) => {
  over = true;
  say(why);
  takeDown().finally(() => process.exit(1));
};
const say = (text) => console.error(`${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${text}`);
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => stop(`${signal}: taking everything down`));
}

setTimeout(() => stop(`not done after ${LIMIT / 60_000} minutes: use a quieter machine, or --only`), LIMIT).unref();

try {
  if (options.from !== undefined) {
    show(Object.assign({}, ...options.from.map((file) => JSON.parse(readFileSync(file, 'utf8')))), options.docs);
  } else {
    await bench();
  }
} catch (error) {
  if (!over) console.error(error);
  process.exitCode = 1;
} finally {
  await takeDown();
}

/** Runs the parts, keeps the raw figures, shows what they say. */
async function bench() {
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
  atEnd(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 3 }));
  say('starting the host');
  const host = await startHost(scratch);
  const machine = { scratch, host, say, dist: resolve(options.dist), node: await node24(host, scratch) };
  const results = { date: new Date().toISOString(), quick: options.quick, machine: await describeMachine(host, machine.node) };
  const file = join(import.meta.dirname, 'results', `${results.date.replace(/[-:]|\.\d+/g, '')}.json`);
  mkdirSync(dirname(file), { recursive: true });
  let failed = false;
  for (const name of wanted) {
    say(`part ${name}`);
    try {
      results[name] = await parts[name](machine, options);
    } catch (error) {
      if (over) throw new Error('stopped', { cause: error });
      // The other parts are worth having all the same.
      console.error(error);
      failed = true;
    }
    writeFileSync(file, `${JSON.stringify(results, undefined, 1)}\n`);
  }
  if (failed) process.exitCode = 1;
  show(results, !failed && (options.docs || (!options.quick && wanted.length === Object.keys(parts).length)));
  say(`raw figures: ${relative(process.cwd(), file)}`);
}

function show(results, docs) {
  printResults(results);
  if (docs) say(`written: docs/${writeDocs(results).join(', ')}`);
}
