import { UserError } from '../evidence/errors.js';
import type { Config, Environment } from './schema.js';
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
