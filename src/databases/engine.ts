import type { DatabaseConfig } from '../config/schema.js';
import type { Lookup } from '../config/variables.js';
import type { Parameters } from './input.js';

export type { Parameters } from './input.js';

/** Where an engine finds files that the configuration names by relative paths. */
export interface EnginePlace {
  /** The app's folder on the host. */
  readonly root: string;
  /** Paths of the release that survive releases. */
  readonly shared: readonly string[];
  /** Values of variables such as `$DATABASE_URL`. */
  readonly lookup: Lookup;
}

/** One kind of database on the runner's side: how it is reached. What is done with it is in scripts/engine-<name>.sh. */
export interface Engine {
  readonly name: DatabaseConfig['engine'];
  /**
   * What the scripts are told of the connection.
   * @throws UserError naming what is missing in the configuration.
   */
  parameters(database: DatabaseConfig, place: EnginePlace): Parameters;
  /** Those of the parameters that are secrets. */
  readonly secrets?: readonly string[];
}

/** A file or folder of the data: absolute, or below the app's folder; a shared path of the release outlives it. */
export function dataPath(path: string, { shared }: EnginePlace): string {
  if (path.startsWith('/')) return path;
  const kept = shared.some((one) => path === one || path.startsWith(`${one}/`));
  return `${kept ? 'shared' : 'current'}/${path}`;
}
