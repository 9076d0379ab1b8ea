import { splitRoute } from '../config/schema/site-fields.js';
import type { RouteConfig, ServiceConfig, SiteConfig } from '../config/schema.js';

/** What answers below one path of a server. */
export interface Place {
  /** `/`, or a path without a slash at its end. */
  readonly path: string;
  /** The path of the route that leads here: the same, or one above. */
  readonly mount: string;
  readonly route: RouteConfig;
  readonly service: ServiceConfig;
  /** Milliseconds browsers may keep what is here; undefined: nothing said. */
  readonly cache: number | undefined;
}

/** The names that are answered alike, and what answers. */
export interface Server {
  readonly domains: readonly string[];
  readonly places: readonly Place[];
}

/**
 * The servers of a site on a host that runs `services`: one for all domains, and one of its own for each domain that has
 * routes of its own. Routes to services that run elsewhere are left out.
 */
export function planServers(site: SiteConfig, services: Readonly<Record<string, ServiceConfig>>): Server[] {
  const routes = Object.entries(site.routes).flatMap(([key, route]) => {
    const service = services[route.service];
    return service === undefined ? [] : [{ ...splitRoute(key), route, service }];
  });
  if (routes.length === 0) return [];
  const own = new Set(routes.flatMap(({ host }) => (host === undefined ? [] : [host])));
  const groups = [site.domains.filter((domain) => !own.has(domain)), ...site.domains.filter((domain) => own.has(domain)).map((domain) => [domain])];
  return groups.filter((domains) => domains.length > 0).map((domains) => {
    // A domain's own route takes the place of one for all of them.
    const mounts = new Map([undefined, domains[0]].flatMap((host) => routes.filter((route) => route.host === host).map((route) => [route.path, route] as const)));
    return { domains, places: placesOf(mounts, site.cache) };
  });
}

function placesOf(mounts: ReadonlyMap<string, { route: RouteConfig; service: ServiceConfig }>, cache: SiteConfig['cache']): Place[] {
  const paths = [...new Set([...mounts.keys(), ...Object.keys(cache)])].sort();
  return paths.flatMap((path) => {
    const mount = longest([...mounts.keys()], path);
    const found = mount === undefined ? undefined : mounts.get(mount);
    if (mount === undefined || found === undefined) return [];
    const folder = longest(Object.keys(cache), path);
    // What is kept above a route says nothing about the route.
    const kept = folder !== undefined && folder.length >= mount.length ? cache[folder] : undefined;
    return [{ path, mount, route: found.route, service: found.service, cache: kept }];
  });
}

/** The longest of `above` at or below which `path` lies. */
function longest(above: readonly string[], path: string): string | undefined {
  return above.filter((one) => one === '/' || path === one || path.startsWith(`${one}/`)).sort((a, b) => b.length - a.length)[0];
}
