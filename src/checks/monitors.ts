import { formatDuration } from '../evidence/format.js';
import { verdict, type HostCheck } from './model.js';

const ALIVE = new Set(['active', 'reloading', 'running']);

export const monitors: readonly HostCheck[] = [
  {
    id: 'preflight.monitors.active',
    title: 'Monitoring agents are running',
    family: 'monitors', scope: 'host', requirement: ['PF-25'], severity: 'block',
    remedy: 'Start the agent on the host (sudo systemctl enable --now <unit>); its own log says why it is down (journalctl -u <unit>).',
    run({ facts }, { config }) {
      const wanted = config.preflight.monitors;
      if (wanted.length === 0) return undefined;
      const down = wanted.filter((name) => !ALIVE.has(facts.monitors[name] ?? 'missing'));
      return verdict(down.length === 0, wanted.map((name) => `${name} ${facts.monitors[name] ?? 'missing'}`).join(', '), `running: ${wanted.join(', ')}`);
    },
  },
  {
    id: 'preflight.monitors.logs',
    title: 'Logs advance',
    family: 'monitors', scope: 'host', requirement: ['PF-26'], severity: 'block',
    remedy: 'See whether the app or the log shipper still writes, and whether the login may read the folder.',
    run({ facts }, { config }) {
      const wanted = config.preflight.logs;
      if (wanted.length === 0) return undefined;
      // Both times are the host's own: its clock may be wrong.
      const ages = wanted.map(({ path, within }) => {
        const changed = facts.logs[path];
        return { path, within, age: changed === undefined ? undefined : Math.max(0, facts.clock.begin - changed) };
      });
      const stale = ages.filter(({ age, within }) => age === undefined || age > within);
      return verdict(stale.length === 0,
        ages.map(({ path, age }) => (age === undefined ? `${path} not found` : `${path} changed ${formatDuration(age)} ago`)).join(', '),
        wanted.map(({ path, within }) => `${path} within ${formatDuration(within)}`).join(', '));
    },
  },
];
