import { createHmac } from 'node:crypto';
import type { Config } from '../config/schema.js';
import { resolveVariables, variableProblems, type Lookup } from '../config/variables.js';
import type { Setting, Settings } from './model.js';
import { secretNames } from './variables.js';

/**
 * All the variables the app will see: the environment file and the plain values of the services, `$NAME` in these
 * resolved with `lookup` (without one, from the environment file alone).
 * `elsewhere`: fingerprints of other environments' secrets, by environment.
 */
export function settingsOf(
  config: Config, appEnv: Readonly<Record<string, string>> | undefined, lookup: Lookup = (name) => appEnv?.[name], elsewhere?: Settings['elsewhere'],
): Settings {
  const entries: Setting[] = Object.entries(appEnv ?? {}).map(([name, value]) => ({ name, value, source: 'app-env' }));
  const unresolved: string[] = [];
  for (const [service, { env }] of Object.entries(config.services)) {
    const source = `services.${service}.env`;
    for (const [name, value] of Object.entries(env)) {
      const problems = variableProblems(value, lookup);
      if (problems.length > 0) unresolved.push(...problems.map((problem) => `${source}.${name}: ${problem}`));
      else entries.push({ name, value: resolveVariables(value, lookup, `${source}.${name}`), source });
    }
  }
  return {
    entries,
    unresolved,
    given: appEnv !== undefined,
    ...(elsewhere === undefined ? {} : { elsewhere, prints: fingerprints(config.app, entries, secretNames({ entries }, config.preflight.env.strong)) }),
  };
}

/**
 * What can be kept of secrets to compare environments: an HMAC-SHA-256 of each value, keyed with the app's name and cut
 * to 64 bits, so that a list of hashes of common passwords finds nothing by itself.
 */
export function fingerprints(app: string, entries: readonly Setting[], names: readonly string[]): Record<string, string> {
  const wanted = entries.filter(({ name, value }) => names.includes(name) && value !== '');
  return Object.fromEntries(wanted.map(({ name, value }) => [name, createHmac('sha256', `slipway:${app}`).update(value).digest('hex').slice(0, 16)]));
}
