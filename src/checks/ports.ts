import { servicesOn } from '../config/roles.js';
import type { Listener } from './facts.js';
import { isLoopback } from './measure/urls.js';
import { fail, pass, type HostCheck } from './model.js';

export const ports: readonly HostCheck[] = [
  {
    id: 'preflight.ports.available',
    title: 'The app\'s ports are free or its own',
    family: 'ports', scope: 'host', requirement: ['PF-09'], severity: 'block',
    remedy: 'Stop what holds the port, or give the service another port in slipway.yml.',
    run({ facts, host }, { config, environmentName }) {
      const wanted = Object.entries(servicesOn(config.services, host)).flatMap(([name, service]) => (service.port === undefined ? [] : [{ name, port: service.port }]));
      if (wanted.length === 0) return undefined;
      const states = wanted.map(({ name, port }) => ({ name, port, holders: facts.listeners.filter((listener) => listener.port === port) }));
      const expected = wanted.map(({ name, port }) => `${port} (${name})`).join(', ');
      // Without the right to see the holder, a port that is taken may still be the app's (another user's unit).
      const foreign = states.filter(({ holders }) => holders.some(({ own }) => own === 'no'));
      const unseen = states.filter(({ holders }) => holders.length > 0 && holders.every(({ own }) => own === 'unknown'));
      const installed = facts.root.app === config.app && facts.root.environment === environmentName;
      const blocked = installed ? foreign : [...foreign, ...unseen];
      if (blocked.length > 0) {
        return fail(blocked.map(({ port, holders }) => `${port} is held by ${describe(holders)}`).join('; '), `${expected}: free or the app's own`, {
          remedy: `On the host: sudo ss -ltnp 'sport = :${blocked[0]?.port ?? ''}' names the process. Stop it, or give the service another port in slipway.yml.`,
        });
      }
      return pass(states.map(({ port, holders }) => `${port} ${holders.length === 0 ? 'free' : holders.every(({ own }) => own === 'yes') ? 'own' : 'in use'}`).join(', '), `${expected}: free or the app's own`);
    },
  },
  {
    id: 'preflight.ports.public',
    title: 'Only the declared ports listen to the public',
    family: 'ports', scope: 'host', requirement: ['PF-09'], severity: 'block',
    remedy: 'Bind the service to 127.0.0.1, close the port in the firewall and list it, or stop the service.',
    run({ facts }, { config }) {
      const allowed = config.preflight.listening;
      if (allowed === undefined) return undefined;
      const extra = facts.listeners.filter(({ address, port }) => !isLoopback(address) && !allowed.includes(port));
      const byPort = [...new Set(extra.map(({ port }) => port))].sort((a, b) => a - b);
      const expected = `only ${allowed.join(', ') || 'none'}`;
      if (byPort.length === 0) return pass('no other', expected);
      return fail(byPort.map((port) => `${port} (${describe(extra.filter((listener) => listener.port === port))})`).join(', '), expected);
    },
  },
];

function describe(listeners: readonly Listener[]): string {
  const names = listeners.map(({ process, unit, pid, uid }) => unit ?? (process === undefined ? undefined : `${process}${pid === undefined ? '' : ` (process ${pid})`}`) ?? `a process of user ${uid}`);
  return [...new Set(names)].join(', ');
}
