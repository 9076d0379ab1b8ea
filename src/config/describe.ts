import { stringify } from 'yaml';
import * as z from 'zod';
import { configSchema, type Config } from './schema.js';

/**
 * The whole configuration as YAML, with every default filled in: what `slipway config` prints. loadConfig reads it
 * back as the same Config.
 */
export function describeConfig(config: Config): string {
  return stringify(z.encode(configSchema, config), { lineWidth: 0 });
}
