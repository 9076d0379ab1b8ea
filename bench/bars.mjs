/** What the figures must reach, and whether they do. */
import { REASONS } from './reasons.mjs';

/** Requests that a phase under load must have. */
export const REQUESTS = 20_000;

/** The middle of the values; NaN without any. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * One bar. `value` and `limit` have the same unit; the bar is met when value ≤ limit.
 * @typedef {object} Bar
 * @property {string} id
 * @property {string} what
 * @property {string} bar the limit in words
 * @property {string} found the figure in words
 * @property {boolean} met
 * @property {string} verdict `met`, or by how much it is not
 * @property {string} [reason] why it is not met, when that is known
 */

const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
const count = (number) => number.toLocaleString('en-US');

/** @returns {Bar[]} for the parts that were run */
export function bars({ deploy, hosts, load, start, data }) {
  const found = [];
  const add = (id, what, bar, value, limit, text, why) => {
    // What was not measured in this run has no verdict.
    if (!Number.isFinite(value)) return;
    const met = value <= limit;
    const verdict = met ? 'met' : limit === 0 ? `not met: ${text}` : `not met: ${((value / limit - 1) * 100).toFixed(0)} % over`;
    found.push({ id, what, bar, found: text, met, verdict, ...(!met && (REASONS[id] ?? why) && { reason: REASONS[id] ?? why }) });
  };
  if (deploy) {
    const took = (what, rtt, tool) => median(deploy.samples.filter((one) => one.what === what && one.rtt === rtt && one.tool === tool).map(({ ms }) => ms));
    const against = (id, title, what, rtt, other, name, limit) => {
      const [mine, theirs] = [took(what, rtt, 'slipway-cli'), took(what, rtt, other)];
      add(id, title, `≤ ${limit} × ${name}`, mine / theirs, limit, `${(mine / theirs).toFixed(2)} × (${seconds(mine)} : ${seconds(theirs)})`);
    };
    against('delta-50-rsync', 'delta deploy at 50 ms RTT', 'delta', 50, 'rsync', 'rsync --link-dest + ssh', 0.5);
    against('delta-50-capistrano', 'delta deploy at 50 ms RTT', 'delta', 50, 'capistrano', 'Capistrano', 0.3);
    against('delta-0-rsync', 'delta deploy at RTT 0', 'delta', 0, 'rsync', 'rsync --link-dest + ssh', 1);
    against('first-50-rsync', 'first deploy at 50 ms RTT', 'first', 50, 'rsync', 'rsync -az', 0.7);
    const back = took('rollback', 50, 'slipway-cli');
    add('rollback-50', 'rollback at 50 ms RTT, files only', '≤ 1 s', back, 1000, seconds(back));
  }
  if (load) {
    for (const manager of ['pm2', 'systemd']) {
      const phases = load.samples.filter(({ way }) => way === `slipway-${manager}`);
      const steady = median(phases.filter(({ what }) => what === 'steady').map(({ p99 }) => p99));
      const backs = phases.filter(({ what }) => what === 'rollback');
      if (backs.length > 0) {
        const ms = median(backs.map((phase) => phase.ms));
        add(`rollback-${manager}`, `rollback at 50 ms RTT under load, ${manager} in slots, before the confirmation`, '≤ 1 s', ms, 1000, seconds(ms));
      }
      for (const what of ['deploy', 'bad deploy', 'rollback']) {
        const those = phases.filter((phase) => phase.what === what);
        if (those.length === 0) continue;
        const sum = (name) => those.reduce((total, phase) => total + phase[name], 0);
        add(`lost-${manager}-${what.replace(' ', '-')}`, `requests lost in a ${what} under load, ${manager}`, '0', sum('lost'), 0, `${count(sum('lost'))} of ${count(sum('requests'))}${sum('requests') < REQUESTS ? ', fewer than meant to be made' : ''}`);
        const p99 = median(those.map((phase) => phase.p99));
        add(`p99-${manager}-${what.replace(' ', '-')}`, `p99 in a ${what} under load, ${manager}`, '≤ 2 × steady', p99 / steady, 2, `${(p99 / steady).toFixed(2)} × (${p99.toFixed(1)} ms : ${steady.toFixed(1)} ms)`);
      }
    }
  }
  if (hosts) {
    const of = (size, name) => hosts.samples.filter((one) => one.hosts === size && one.what === 'delta').map((one) => one[name]);
    const [one, fifty] = [median(of(1, 'ms')), median(of(50, 'ms'))];
    const work = median(of(50, 'hostCpu')) + median(of(50, 'cpu'));
    // Here all hosts have together what one of them has in life.
    const why = Number.isFinite(work) ? `Hosts and runner work for ${seconds(work)} of processor time, which alone takes ${seconds(work / hosts.cores)} on the ${hosts.cores} cores that all of them share here` : undefined;
    add('hosts-50', '50 hosts at 50 ms RTT, delta deploy', '≤ 5 × one host', fifty / one, 5, `${(fifty / one).toFixed(2)} × (${seconds(fifty)} : ${seconds(one)})`, why);
    const peak = Math.max(...hosts.samples.filter((sample) => sample.hosts === 50).map((sample) => sample.peak));
    add('hosts-memory', '50 hosts, memory of the process at its peak', '≤ 300 MB', peak, 300e6, `${(peak / 1e6).toFixed(0)} MB`);
  }
  if (start) {
    const took = median(start.samples.filter(({ what }) => what === 'action').map(({ ms }) => ms));
    const node = median(start.samples.filter(({ what }) => what === 'node').map(({ ms }) => ms));
    add('start', 'start of an action', '≤ 150 ms', took, 150, `${took.toFixed(0)} ms (${(took / node).toFixed(1)} × node alone)`);
    add('bundle', 'shared bundle', '≤ 3 MB', start.bundle.bytes, 3e6, `${(start.bundle.bytes / 1e6).toFixed(2)} MB`);
  }
  if (data) {
    const took = (engine, way, name) => median(data.samples.filter((one) => one.engine === engine && one.way === way && one.what === 'create').map((one) => one[name]));
    for (const [engine, title, other] of [['postgres', 'PostgreSQL', 'pg-custom'], ['sqlite', 'SQLite', 'lite-zstd']]) {
      const [mine, theirs] = [took(engine, 'slipway', 'made'), took(engine, other, 'ms')];
      add(`data-${engine}`, `backup of 1 GB ${title} under writes, until the archive is on the disk`, `≤ 1.2 × ${data.titles[other]}`, mine / theirs, 1.2, `${(mine / theirs).toFixed(2)} × (${seconds(mine)} : ${seconds(theirs)})`);
    }
    const peak = Math.max(...data.samples.map((sample) => sample.peak));
    add('data-memory', 'backup, verify and drill of 1 GB, memory of the process at its peak', '≤ 200 MB', peak, 200e6, `${(peak / 1e6).toFixed(0)} MB`);
  }
  return found;
}
