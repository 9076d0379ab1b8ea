import { isIPv6 } from 'node:net';
import { UserError } from '../evidence/errors.js';
import type { Environment, HostConfig } from './schema.js';
import { didYouMean } from './wording.js';

/** An environment without the hosts that were left out by name, and those hosts. */
export interface Selection {
  readonly environment: Environment;
  readonly excluded: readonly HostConfig[];
}

/**
 * Leaves hosts out of an environment. A host is named as in the configuration (`user@address:port`), or by its address
 * alone (with its port when several hosts share one).
 * @throws UserError when a name fits no host or several, or when no host is left.
 */
export function excludeHosts(environment: Environment, environmentName: string, names: readonly string[]): Selection {
  const { hosts } = environment;
  const known = hosts.map(({ name }) => name);
  const excluded = new Set<HostConfig>();
  for (const asked of names) {
    const exact = hosts.filter(({ name }) => name === asked);
    const found = exact.length > 0 ? exact : hosts.filter((host) => shortNames(host).includes(asked));
    if (found.length > 1) {
      throw new UserError(`exclude-hosts: \`${asked}\` names ${found.length} hosts of ${environmentName}: ${found.map(({ name }) => name).join(', ')}`, {
        remedy: 'Name the one that is meant as slipway.yml does. Nothing was changed.',
      });
    }
    const [host] = found;
    if (host === undefined) {
      throw new UserError(`exclude-hosts: there is no host \`${asked}\` in ${environmentName}${didYouMean(asked, [...known, ...hosts.map(({ address }) => address)])}; it has: ${known.join(', ')}`, {
        remedy: 'Name one of these. Nothing was changed.',
      });
    }
    excluded.add(host);
  }
  if (excluded.size === hosts.length) {
    throw new UserError(`exclude-hosts leaves out every host of ${environmentName}`, { remedy: 'Leave at least one of them in. Nothing was changed.' });
  }
  return { environment: { ...environment, hosts: hosts.filter((host) => !excluded.has(host)) }, excluded: hosts.filter((host) => excluded.has(host)) };
}

/** A list as people give it: separated by commas, blanks or lines. */
export function hostList(text: string): string[] {
  return text.split(/[\s,]+/).filter((name) => name !== '');
}

function shortNames({ address, port, user }: HostConfig): string[] {
  const bracketed = isIPv6(address) ? `[${address}]` : address;
  return [address, bracketed, `${bracketed}:${port}`, `${user}@${bracketed}`];
}
