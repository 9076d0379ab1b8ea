import { formatDuration } from '../evidence/format.js';
import { drift } from './clock.js';
import { fail, pass, skip, verdict, type HostCheck, type VisitCheck } from './model.js';

const REACH: Readonly<Record<string, string>> = {
  timeout: 'no answer within 3 s', refused: 'refused', dns: 'name not found', unreachable: 'no route', failed: 'failed',
};

export const network: readonly (HostCheck | VisitCheck)[] = [
  {
    id: 'preflight.network.ssh',
    title: 'SSH to the host works',
    family: 'network', scope: 'visit', requirement: ['PF-07'], severity: 'block',
    remedy: 'Try the same by hand with the same key, and compare the host key with the pinned one (slipway trust).',
    run({ error, facts, host, connectTime }) {
      const way = host.jump === undefined ? '' : ` via ${host.jump.name}`;
      const expected = `login as ${host.user} with a pinned host key${way}`;
      if (facts !== undefined) return pass(`logged in${way}${connectTime === undefined ? '' : ` in ${formatDuration(connectTime)}`}`, expected);
      return fail(error?.message ?? 'no connection', expected, error?.remedy === undefined ? {} : { remedy: error.remedy });
    },
  },
  {
    id: 'preflight.network.direct-ssh',
    title: 'SSH past the jump host is refused',
    family: 'network', scope: 'visit', requirement: ['PF-08'], severity: 'block',
    remedy: 'Allow port 22 of the host from the jump host or the VPN only, in the firewall or the security group.',
    run({ host, direct }) {
      if (host.jump === undefined) return undefined;
      const expected = `only through ${host.jump.name}`;
      if (direct === undefined) return skip('not tried', expected);
      const words = { open: `port ${host.port} answers the runner directly`, refused: 'refused', silent: 'no answer', unreachable: 'not reachable' };
      return verdict(direct !== 'open', words[direct], expected);
    },
  },
  {
    id: 'preflight.network.latency',
    title: 'The host answers quickly enough',
    family: 'network', scope: 'host', requirement: [], severity: 'warn',
    remedy: 'A far host makes every step slower: choose a runner nearer to it, or raise preflight.latency.',
    run(visit, { config }) {
      const limit = config.preflight.latency;
      const measured = drift(visit);
      if (limit === undefined || measured === undefined) return undefined;
      // All the time of the question that was not spent in the script was spent on the way.
      const way = measured.error * 2;
      return verdict(way <= limit, formatDuration(way), `within ${formatDuration(limit)}`);
    },
  },
  {
    id: 'preflight.network.reachable',
    title: 'The host reaches what the app needs',
    family: 'network', scope: 'host', requirement: [], severity: 'block',
    remedy: 'See name, port and firewalls on the way out of the host (allow lists of managed databases often hold the application hosts only).',
    run({ facts }, { config }) {
      const wanted = config.preflight.reachable;
      if (wanted.length === 0) return undefined;
      const states = wanted.map((target) => ({ target, state: facts.reach[target] ?? 'untried' }));
      if (states.every(({ state }) => state === 'untried')) return skip('the host has neither bash with timeout nor curl to try it with', wanted.join(', '));
      const broken = states.filter(({ state }) => state !== 'ok');
      return verdict(broken.length === 0,
        broken.length === 0 ? 'all reached' : broken.map(({ target, state }) => `${target}: ${REACH[state] ?? state}`).join(', '), wanted.join(', '));
    },
  },
];
