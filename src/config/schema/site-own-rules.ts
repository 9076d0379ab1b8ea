import { isMapping, mapping } from './loose.js';
import { splitRoute } from './site-fields.js';
import type { Complain, Loose } from './section.js';

/** What must fit together inside `site:`. */
export function cacheRules({ domains, routes, cache, limits }: Loose, complain: Complain): void {
  const names = Array.isArray(domains) ? (domains as unknown[]) : [];
  for (const [index, domain] of names.entries()) {
    if (names.indexOf(domain) !== index) complain(['domains', index], `must differ from the others; \`${String(domain)}\` stands here twice`);
  }
  const paths = Object.keys(mapping(routes)).map((key) => ({ key, ...splitRoute(key) }));
  for (const { key, host, path } of paths) {
    if (host !== undefined && path !== '' && names.length > 0 && !names.includes(host)) complain(['routes', key], `must begin with one of the domains (${names.join(', ')}), begins with \`${host}\``);
  }
  if (isMapping(routes) && paths.length === 0) complain(['routes'], 'must have a route, such as `/: backend`');
  for (const path of Object.keys(mapping(cache))) {
    if (paths.length > 0 && !paths.some((route) => covers(route.path, path))) complain(['cache', path], 'must be below a path of `routes`');
  }
  const known = Object.keys(mapping(limits));
  for (const [key, route] of Object.entries(mapping(routes))) {
    const limit = isMapping(route) ? route['limit'] : undefined;
    if (typeof limit === 'string' && !known.includes(limit)) {
      complain(['routes', key, 'limit'], known.length === 0 ? `must name a limit, \`site.limits\` has none; is \`${limit}\`` : `must be one of ${known.join(', ')}; is \`${limit}\``);
    }
  }
}

/** Whether a path lies at or below another. */
function covers(above: string, path: string): boolean {
  return above === '/' || path === above || path.startsWith(`${above}/`);
}
