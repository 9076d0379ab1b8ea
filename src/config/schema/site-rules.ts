import { didYouMean } from '../wording.js';
import { isMapping, mapping } from './loose.js';
import type { Complain, Loose } from './section.js';

/** How far the second port of a service behind the site lies from the first; see src/services/slots.ts. */
const GREEN = 10_000;

/** What must fit together between the site and the services it routes to. */
export function siteRules(value: Loose, complain: Complain): void {
  domainRules(value, complain);
  const services = new Map(Object.entries(mapping(value['services'])).filter((entry): entry is [string, Loose] => isMapping(entry[1])));
  const routed = new Set<string>();
  for (const [path, route] of Object.entries(mapping(mapping(value['site'])['routes']))) {
    const name = isMapping(route) ? route['service'] : route;
    if (typeof name !== 'string') continue;
    const known = [...services.keys()];
    if (services.has(name)) routed.add(name);
    else if (isMapping(value['services'])) complain(['site', 'routes', path], known.length === 0 ? `must name a service, there is none; is \`${name}\`` : `must be one of ${known.join(', ')}; is \`${name}\`${didYouMean(name, known)}`);
  }
  for (const name of routed) routedRules(name, services.get(name) ?? {}, complain);
  for (const [name, service] of services) {
    if (service['greenPort'] !== undefined && value['site'] !== undefined && !routed.has(name)) complain(['services', name, 'green-port'], 'must be left out: no route of the site leads to the service');
  }
  portRules(services, routed, complain);
}

/** An environment's own names stand for the site's, one for one: routes of a single domain follow. */
function domainRules(value: Loose, complain: Complain): void {
  const names = mapping(value['site'])['domains'];
  for (const [name, environment] of Object.entries(mapping(value['environments']))) {
    const own = mapping(environment)['domains'];
    if (!Array.isArray(own)) continue;
    if (value['site'] === undefined) complain(['environments', name, 'domains'], 'needs `site`: these are its names');
    else if (Array.isArray(names) && own.length !== names.length) complain(['environments', name, 'domains'], `must have as many names as site.domains, one for each of ${names.join(', ')}`);
  }
}

/** A service the site leads to. */
function routedRules(name: string, service: Loose, complain: Complain): void {
  const { manager, port, health } = service;
  if (manager === 'static') {
    for (const key of ['directory', 'fallback']) {
      const path = service[key];
      if (typeof path === 'string' && path.includes('$')) complain(['services', name, key], `must not contain $, which nginx takes for a variable; is \`${path}\``);
    }
    return;
  }
  if (manager !== undefined && port === undefined) complain(['services', name], 'needs a `port`: a route of the site leads to it');
  if (typeof port !== 'number' || !isMapping(health)) return;
  const [key, asked] = typeof health['tcp'] === 'number' ? ['tcp', health['tcp']] : ['port', health['port']];
  if (asked !== undefined && asked !== port) {
    complain(['services', name, 'health', key], `must be left out: behind the site the service runs at ${port} or its second port, and is asked there; is ${Number(asked)}`);
  }
}

/** Two slots of one service and whatever else listens must not meet on one port. */
function portRules(services: ReadonlyMap<string, Loose>, routed: ReadonlySet<string>, complain: Complain): void {
  const owners = new Map<number, string>();
  for (const [name, { port }] of services) if (typeof port === 'number' && !owners.has(port)) owners.set(port, name);
  for (const [name, { manager, port, greenPort }] of services) {
    if (!routed.has(name) || manager === 'static' || typeof port !== 'number') continue;
    const second = typeof greenPort === 'number' ? greenPort : port + (port > 65_535 - GREEN ? -GREEN : GREEN);
    const owner = owners.get(second);
    if (owner === undefined) {
      owners.set(second, `${name} (second port)`);
      continue;
    }
    if (typeof greenPort === 'number') complain(['services', name, 'green-port'], `must differ from the port of \`${owner}\`, is ${second} too`);
    else complain(['services', name, 'port'], `leaves no room for the second port (${second}, taken by \`${owner}\`): name a free one as \`green-port\``);
  }
}
