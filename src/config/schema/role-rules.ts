import { didYouMean } from '../wording.js';
import type { Complain, Loose } from './section.js';

/** Every role of a service or database is held by a host of each environment: a misspelt one would be something that is nowhere. */
export function roleRules(value: Loose, complain: Complain): void {
  const environments = mappings(value['environments']).map(([name, environment]) => ({ name, hosts: hostRoles(environment['hosts']) }));
  const everywhere = new Set(environments.flatMap(({ hosts }) => hosts.flatMap((roles) => roles ?? [])));
  const wanting = ['services', 'databases'].flatMap((section) => mappings(value[section]).map(([name, { roles }]) => ({ section, name, roles })));
  for (const { section, name, roles } of wanting) {
    for (const [index, role] of texts(roles).entries()) {
      if (everywhere.has(role) && environments.every(({ hosts }) => isHeld(role, hosts))) continue;
      const lacking = environments.find(({ hosts }) => !isHeld(role, hosts));
      const near = everywhere.has(role) ? '' : didYouMean(role, [...everywhere]);
      // A host that names no roles has all of them; even so a word that is nearly one of the others was meant to be it.
      if (lacking === undefined && near === '') continue;
      const known = [...everywhere].join(', ');
      complain([section, name, 'roles', index], `must be a role of a host${lacking === undefined ? '' : ` in ${lacking.name}`} (${known}); is \`${role}\`${near}`);
    }
  }
}

function isHeld(role: string, hosts: readonly (readonly string[] | undefined)[]): boolean {
  return hosts.some((roles) => roles === undefined || roles.includes(role));
}

/** The roles of each host as far as they can be read; undefined for one that names none. */
function hostRoles(hosts: unknown): (string[] | undefined)[] {
  if (!Array.isArray(hosts)) return [undefined];
  return hosts.map((host: unknown) => (isMapping(host) && host['roles'] !== undefined ? texts(host['roles']) : undefined));
}

function mappings(value: unknown): [string, Loose][] {
  return isMapping(value) ? Object.entries(value).flatMap(([key, item]): [string, Loose][] => (isMapping(item) ? [[key, item]] : [])) : [];
}

function isMapping(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}
