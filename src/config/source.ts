import type { Place } from './marked-places.js';
import type { Positions } from './positions.js';
import type { Config } from './schema.js';

/** Where a Config came from, for messages long after it was read. */
export interface Source {
  readonly file: string;
  readonly positions: Positions;
  /** What stands where variables are allowed. */
  readonly places: readonly Place[];
}

// Beside the Config, not in it: it stays plain data that can be compared and printed.
const sources = new WeakMap<Config, Source>();

/** Keeps where the parts of a Config stand in its file, for messages about them. */
export function rememberSource(config: Config, source: Source): void {
  sources.set(config, source);
}

/** The source of a Config that loadConfig returned; undefined for one made otherwise. */
export function sourceOf(config: Config): Source | undefined {
  return sources.get(config);
}
