import { problemLine } from './config-error.js';
import type { Place } from './marked-places.js';
import type { Config } from './schema.js';
import { sourceOf } from './source.js';
import { variableProblems, type Lookup } from './variables.js';

/**
 * One line per variable without a value, in the form of the loader's errors:
 * `slipway.yml:31:5: smoke[1].headers.X-Tenant-Code: the variable \`SMOKE_TENANT\` has no value`. Empty when
 * nothing is missing.
 * What a smoke step captures has a value for the steps after it, also in later scenarios. `sections` narrows the
 * search, as in `['smoke']`.
 */
export function missingVariables(config: Config, lookup: Lookup, sections?: readonly (keyof Config)[]): string[] {
  const source = sourceOf(config);
  if (source === undefined) return [];
  const { file, positions, places } = source;
  return places
    .flatMap(leaves)
    .filter(({ path }) => sections === undefined || sections.some((section) => section === path[0]))
    .flatMap(({ path, value }) => {
      const step = path[2] === 'steps' ? Number(path[3]) : 0;
      const captured = path[0] === 'smoke' ? capturedBefore(config, Number(path[1]), step) : undefined;
      return variableProblems(value, (name) => (captured?.has(name) ? '' : lookup(name))).map((message) =>
        problemLine({ file, ...positions.of(path), path, message }),
      );
    });
}

/** The texts in a place, each with its own path: a variable in a JSON body is found on its line. */
function leaves({ path, value }: Place): Place[] {
  if (typeof value !== 'object' || value === null) return [{ path, value }];
  const items = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return items.flatMap(([key, item]: [string | number, unknown]) => leaves({ path: [...path, key], value: item }));
}

/** The names captured by the steps before the given one. */
function capturedBefore(config: Config, scenario: number, step: number): Set<string> {
  const earlier = [
    ...config.smoke.slice(0, scenario).flatMap(({ steps }) => steps),
    ...(config.smoke[scenario]?.steps.slice(0, step) ?? []),
  ];
  return new Set(earlier.flatMap((item) => ('capture' in item ? Object.keys(item.capture) : [])));
}
