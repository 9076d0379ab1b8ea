import { UserError } from '../evidence/errors.js';
import type { Config, Environment } from './schema.js';
import { splitRoute } from './schema/site-fields.js';
import { didYouMean } from './wording.js';

/** The environment called `name`. Throws UserError naming the known ones and the nearest. */
export function environmentOf(config: Config, name: string): Environment {
  const known = Object.keys(config.environments);
  const environment = Object.hasOwn(config.environments, name) ? config.environments[name] : undefined;
  if (environment !== undefined) return environment;
  const asked =
    name.trim() === '' ? 'no environment is named' : `there is no environment \`${name}\`${didYouMean(name, known)}`;
  throw new UserError(`${asked}${asked.endsWith('?') ? '' : ';'} slipway.yml has: ${known.join(', ')}`, {
    remedy: 'Name one of these, or add it under `environments`.',
  });
}

/** The configuration as one environment has it: its own domains in place of the site's. */
export function inEnvironment(config: Config, name: string): Config {
  const { site } = config;
  const { domains } = environmentOf(config, name);
  if (site === undefined || domains === undefined) return config;
  const own = new Map(site.domains.map((domain, index) => [domain, domains[index] ?? domain]));
  const routes = Object.entries(site.routes).map(([key, route]) => {
    const { host, path } = splitRoute(key);
    return [host === undefined ? path : `${own.get(host) ?? host}${path}`, route] as const;
  });
  return { ...config, site: { ...site, domains, routes: Object.fromEntries(routes) } };
}
