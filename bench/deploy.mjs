/** First deploy, delta deploy and rollback: Slipway beside the tools people use today. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { installOn, needCommands } from './machine.mjs';
import { makePayload } from './payload.mjs';
import { run } from './process.mjs';
import { openLink } from './proxy.mjs';
import { ansible } from './tools/ansible.mjs';
import { capistrano } from './tools/capistrano.mjs';
import { rsync, tar } from './tools/shell.mjs';
import { slipway } from './tools/slipway.mjs';

/**
 * One measured command.
 * @typedef {object} Sample
 * @property {string} what `first`, `delta` or `rollback`
 * @property {string} tool
 * @property {number} rtt milliseconds
 * @property {number} ms the whole command
 * @property {number} sent bytes from this machine to the host, as they pass the link
 * @property {number} received bytes the other way
 * @property {number} connections TCP connections
 * @property {number} sessions commands and subsystems that sshd started
 * @property {number} hostCpu processor time on the host, milliseconds
 * @property {number} [peak] memory of the process, bytes
 */

/** Round trips that are measured, in milliseconds. */
export const RTTS = [0, 50];

/** @returns {Promise<{ samples: Sample[], titles: Record<string, string>, payload: { files: number, bytes: number, changed: number } }>} */
export async function deployPart(machine, { quick }) {
  await needCommands(['cap', 'ansible-playbook', 'rsync', 'git', 'ssh', 'tar']);
  const { host, scratch, say } = machine;
  await installOn(host, scratch, ['git', 'rsync']);
  const folder = join(scratch, 'payload');
  mkdirSync(folder);
  const payload = makePayload(join(import.meta.dirname, '..', 'node_modules'), folder, 9_000);
  say(`payload: ${payload.files.length} files, ${(payload.bytes / 1e6).toFixed(1)} MB`);
  const place = { ...machine, payload };
  const tools = [
    slipway(place, { as: 'cli' }), slipway(place, { as: 'action' }), rsync(place), rsync(place, { shared: true }), rsync(place, { freshTimes: true }),
    tar(place), capistrano(place), ansible(place),
  ];
  const rounds = quick ? { first: 1, delta: 2, rollback: 1 } : { first: 3, delta: 5, rollback: 3 };
  // On a slow machine there are fewer rounds, at least one of each; what a round trip may take altogether, in milliseconds.
  const limits = { first: 80_000, delta: 160_000, rollback: 185_000 };
  let began = 0;
  const enough = (what, round) => round >= rounds[what] || (round > 0 && performance.now() - began > limits[what]);
  const samples = [];
  let version = 1;
  let changed = [];

  const measure = async (tool, what, link, round) => {
    link.reset();
    await host.sessions();
    const cpu = host.cpu();
    const took = await tool[what](link, what === 'rollback' ? { again: round > 0 } : version);
    const sample = { what, tool: tool.name, rtt: link.rtt, ms: took.ms, ...link.counters, hostCpu: host.cpu() - cpu, sessions: await host.sessions(), ...(took.peak && { peak: took.peak }) };
    if (took.fetched) {
      // What the host fetched itself came from here as well.
      sample.sent += took.fetched.received;
      sample.received += took.fetched.sent;
      sample.connections += took.fetched.connections;
    }
    samples.push(sample);
    say(`  ${what} ${link.rtt} ms ${tool.name}: ${Math.round(sample.ms)} ms, ${(sample.sent / 1e6).toFixed(2)} MB, processor time there ${(sample.hostCpu / 1000).toFixed(2)} s`);
  };
  const inTurns = async (round, what, link, before = async () => undefined, after = async () => undefined) => {
    // Each round begins with another tool: what slows the machine down for a while meets all of them.
    const order = tools.map((_, index) => tools[(index + round) % tools.length]).filter(({ variant }) => !variant || (what !== 'rollback' && round < (what === 'first' ? 1 : 2)));
    for (const tool of order) {
      await before(tool);
      await measure(tool, what, link, round);
      await after(tool);
    }
  };
  const empty = (tool) => host.sh(`rm -rf ${tool.root} && install -d -o deploy -g deploy ${tool.root}${/^slipway/.test(tool.name) ? '' : ` ${tool.root}/releases`}`);

  for (const tool of tools) await tool.setUp();
  for (const tool of tools) await tool.changed(version);
  // Read once, so that the page cache is warm for the first as for the last.
  payload.sums();
  for (const rtt of RTTS) {
    const link = await openLink({ host: host.address, port: 22 }, { rtt });
    host.trust([link.port]);
    began = performance.now();
    for (let round = 0; !enough('first', round); round += 1) {
      await inTurns(round, 'first', link, empty, (tool) => verify(host, tool, payload, payload.files));
    }
    for (let round = 0; !enough('delta', round); round += 1) {
      changed = payload.change(version += 1);
      for (const tool of tools) await tool.changed(version);
      await inTurns(round, 'delta', link, undefined, (tool) => verify(host, tool, payload, round === 0 ? payload.files : changed));
    }
    for (let round = 0; !enough('rollback', round); round += 1) await inTurns(round, 'rollback', link);
    say(`${rtt} ms: done`);
  }
  await host.sh(`rm -rf ${tools.map(({ root }) => root).join(' ')}`);
  await run('rm', ['-rf', folder]);
  return {
    samples,
    titles: Object.fromEntries(tools.map(({ name, title }) => [name, title])),
    payload: { files: payload.files.length, bytes: payload.bytes, changed: changed.length },
  };
}

/** What is live on the host must be the payload: the number of files, and the bytes of those named. */
async function verify(host, tool, payload, paths) {
  // Slipway and Capistrano keep a file or two of their own in a release (marker, REVISION); names that begin with a dot are theirs.
  const count = Number(await host.sh(`cd ${tool.root}/current/ && find . -type f -path './*/*' | wc -l`));
  if (count !== payload.files.length) throw new Error(`${tool.name}: ${count} files live, not ${payload.files.length}`);
  await host.sh(`cd ${tool.root}/current/ && sha256sum --check --quiet -`, { input: payload.sums(paths) });
}
