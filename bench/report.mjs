/** The results for people: a table on the terminal, docs/performance.md and its plots. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bars, median } from './bars.mjs';
import { charts } from './charts.mjs';
import { markdownTable, terminalTable } from './table.mjs';

const DOCS = join(import.meta.dirname, '..', 'docs');
const seconds = (ms) => (ms / 1000).toFixed(2);
const megabytes = (bytes) => (bytes >= 10e6 ? (bytes / 1e6).toFixed(1) : (bytes / 1e6).toFixed(2));
const count = (number) => number.toLocaleString('en-US');
const spread = (values) => (values.length === 1 ? seconds(values[0]) : `${seconds(median(values))} (${seconds(Math.min(...values))}–${seconds(Math.max(...values))})`);

/** Prints the bars, each with its verdict. */
export function printResults(results) {
  const found = bars(results);
  console.log(`\n${terminalTable([['what', 'bar', 'found', 'verdict'], ...found.map(({ what, bar, found: text, verdict }) => [what, bar, text, verdict])])}`);
  for (const { what, reason } of found) if (reason) console.log(`${what}: ${reason}`);
  console.log(`\n${found.filter(({ met }) => met).length} of ${found.length} bars met${results.quick ? ' (--quick: few samples)' : ''}`);
}

/** Writes docs/performance.md and the plots it shows. Returns the names of the files. */
export function writeDocs(results) {
  const plots = charts(results);
  for (const name of readdirSync(DOCS)) if (/^performance-.*\.svg$/.test(name) && plots[name] === undefined) rmSync(join(DOCS, name));
  for (const [name, svg] of Object.entries(plots)) writeFileSync(join(DOCS, name), svg);
  writeFileSync(join(DOCS, 'performance.md'), document(results));
  return ['performance.md', ...Object.keys(plots)];
}

function picture(name, alt) {
  return [`<picture>`, `  <source media="(prefers-color-scheme: dark)" srcset="performance-${name}-dark.svg">`, `  <img alt="${alt}" src="performance-${name}-light.svg">`, `</picture>`].join('\n');
}

function document(results) {
  const found = bars(results);
  const sections = [
    '# Performance',
    'Slipway beside the tools people use today, all in one run on one machine. Written by `npm run bench`; how each figure comes about, what is fair and what is not is in [bench/README.md](../bench/README.md).',
    machineText(results),
    '## What must be reached',
    'Ratios within one run are what counts; seconds differ from machine to machine.',
    markdownTable([['what', 'bar', 'found', ''], ...found.map(({ what, bar, found: text, met, verdict, reason }) => [what, bar, text, met ? '✓ met' : `✗ ${verdict}${reason ? `. ${reason}` : ''}`])], 'llll'),
    ...(results.deploy ? deployText(results.deploy) : []),
    ...(results.load ? loadText(results.load) : []),
    ...(results.hosts ? hostsText(results.hosts) : []),
    ...(results.data ? dataText(results.data) : []),
    ...(results.start ? startText(results.start) : []),
  ];
  return `${sections.join('\n\n')}\n`;
}

function machineText({ date, machine, quick }) {
  const { cores, processor, memory, kernel, versions } = machine;
  const tools = Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ');
  return `${date.slice(0, 10)}, ${cores} cores (${processor}), ${(memory / 1e9).toFixed(0)} GB of memory, Linux ${kernel}; ${tools}.${quick ? ' **A quick run with few samples.**' : ''} `
    + 'The tools, the host and the load all share this machine.';
}

function deployText({ samples, titles, payload }) {
  const of = (what, rtt, tool) => samples.filter((one) => one.what === what && one.rtt === rtt && one.tool === tool);
  const table = (what) => {
    const rows = [['', 'RTT 50 ms: seconds', 'RTT 0: seconds', 'MB sent', 'MB received', 'connections', 'commands on the host']];
    for (const [tool, title] of Object.entries(titles)) {
      const [slow, fast] = [of(what, 50, tool), of(what, 0, tool)];
      if (slow.length === 0) continue;
      const middle = (name) => median(slow.map((one) => one[name]));
      rows.push([tool.startsWith('slipway') ? `**${title}**` : title, spread(slow.map(({ ms }) => ms)), spread(fast.map(({ ms }) => ms)),
        megabytes(middle('sent')), megabytes(middle('received')), String(middle('connections')), String(middle('sessions'))]);
    }
    return markdownTable(rows, 'lrrrrrr');
  };
  return [
    '## Deploys',
    picture('deploy', 'Seconds of a delta deploy and a first deploy at round trips of 0 and 50 ms'),
    `${count(payload.files)} files, ${(payload.bytes / 1e6).toFixed(0)} MB, of npm packages; ${count(payload.changed)} files change for a delta deploy. Median of the whole command, in brackets the least and the most; bytes, connections and commands (as sshd counts them) at 50 ms, exactly counted.`,
    '### Delta deploy', table('delta'), '### First deploy', table('first'), '### Rollback', table('rollback'),
  ];
}

function loadText({ samples, titles, notes }) {
  const rows = [['', 'phase', 'requests', 'lost', 'p50 ms', 'p99 ms', 'longest ms', 'command s']];
  for (const { way, what, requests, lost, p50, p99, max, ms } of samples) {
    rows.push([way.startsWith('slipway') ? `**${titles[way]}**` : titles[way], what, count(requests), count(lost), p50.toFixed(1), p99.toFixed(1), max.toFixed(0), ms === 0 ? '' : seconds(ms)]);
  }
  return [
    '## Under load',
    picture('load', 'Requests lost and p99 through a deploy and a bad deploy'),
    'The same small app behind nginx, asked by wrk over 64 kept connections about 2,000 times a second. The bad release answers its health question with 503: Slipway does not let it in; elsewhere it is live until somebody has looked, here after one second, and gone back.',
    markdownTable(rows, 'llrrrrrr'),
    ...notes,
  ];
}

function hostsText({ samples, payload, cores }) {
  const rows = [['hosts', 'first deploy s', 'delta deploy s', 'rollback s', 'memory MB', 'connections', 'processor time s: the runner', 'the hosts']];
  for (const size of [...new Set(samples.map(({ hosts }) => hosts))]) {
    const of = (what) => samples.filter((one) => one.hosts === size && one.what === what);
    const delta = of('delta');
    const middle = (name) => median(delta.map((one) => one[name]));
    rows.push([String(size), spread(of('first').map(({ ms }) => ms)), spread(delta.map(({ ms }) => ms)), spread(of('rollback').map(({ ms }) => ms)),
      (Math.max(...samples.filter(({ hosts }) => hosts === size).map(({ peak }) => peak)) / 1e6).toFixed(0), String(middle('connections')), seconds(middle('cpu')), Number.isFinite(middle('hostCpu')) ? seconds(middle('hostCpu')) : '']);
  }
  return [
    '## Many hosts',
    picture('hosts', 'Seconds and megabytes for 1, 10 and 50 hosts'),
    `Fifty OpenSSH servers in one container, each behind a link of 50 ms of its own and with its own \`/srv\`; ${count(payload.files)} files, ${megabytes(payload.bytes)} MB. All of them work on the ${cores} cores that the runner works on too, which fifty real hosts do not; the processor time is that of a delta deploy.`,
    markdownTable(rows, 'rrrrrrrr'),
  ];
}

function startText({ samples, bundle, node }) {
  const of = (name) => samples.filter(({ what }) => what === name).map(({ ms }) => ms);
  const row = (title, name) => [title, median(of(name)).toFixed(0), `${Math.min(...of(name)).toFixed(0)}–${Math.max(...of(name)).toFixed(0)}`, (median(of(name)) / median(of('node'))).toFixed(1)];
  const version = of('version').length === 0 ? [] : [row('`slipway --version`', 'version')];
  return [
    '## Start',
    `Median of ${of('node').length} starts with Node ${node}, from the start of the process to its end. The bundle has ${(bundle.bytes / 1e6).toFixed(2)} MB, ${(bundle.compressed / 1e6).toFixed(2)} MB compressed.`,
    markdownTable([['', 'ms', 'least–most', '× node alone'], row('node alone', 'node'), row('an action without inputs, which says so and ends', 'action'), row('`slipway --help`', 'cli'), ...version], 'lrrr'),
  ];
}

function dataText({ samples, titles, live, rows, busy, cores }) {
  const sections = ['## Backups', 'A database that the app writes to about twenty times a second, on the host. Median of the whole command, in brackets the least and the most. *Made* is until the archive is whole and on the disk; Slipway then reads all of it back.' + (busy > cores / 2 ? ` **Others were at work on the machine:** its load average was ${busy.toFixed(1)} on ${cores} cores before this began. It meets all ways alike, as they take turns.` : '')];
  for (const [engine, name] of [['postgres', 'PostgreSQL'], ['sqlite', 'SQLite']]) {
    const table = [['', 'made s', 'whole command s', 'archive MB', 'memory MB']];
    const of = samples.filter((one) => one.engine === engine);
    for (const [way, what] of new Map(of.map((one) => [`${one.way} ${one.what}`, [one.way, one.what]])).values()) {
      const those = of.filter((one) => one.way === way && one.what === what);
      const mine = way === 'slipway';
      table.push([mine ? `**Slipway: backup ${what}**` : titles[way], what !== 'create' ? '' : spread(those.map((one) => one.made ?? one.ms)), spread(those.map(({ ms }) => ms)), megabytes(median(those.map(({ stored }) => stored))), mine ? (Math.max(...those.map(({ peak }) => peak)) / 1e6).toFixed(0) : '']);
    }
    sections.push(`### ${name}, ${(live[engine] / 1e9).toFixed(2)} GB`, `The drill found all ${count(rows[engine])} rows that the manifest names.`, markdownTable(table, 'lrrrr'));
  }
  return sections;
}
