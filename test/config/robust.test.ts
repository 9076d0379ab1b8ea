import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { ConfigError } from '../../src/config/config-error.js';
import { loadConfig } from '../../src/config/load.js';

const sample = readFileSync(join(import.meta.dirname, 'sample.yml'), 'utf8');

/** The paths of all values in a plain tree. */
function paths(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [path];
  const entries: [string | number, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...entries.flatMap(([key, item]) => paths(item, [...path, key]))];
}

/** The sample with another value at `path`. */
function changed(path: readonly (string | number)[], value: unknown): unknown {
  const tree: unknown = parse(sample);
  const last = path.at(-1);
  if (last === undefined) return value;
  const parent = path
    .slice(0, -1)
    .reduce<unknown>((item, key) => (item as Record<string | number, unknown>)[key], tree);
  (parent as Record<string | number, unknown>)[last] = value;
  return tree;
}

function load(text: string): void {
  try {
    loadConfig(text, 'slipway.yml');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const lines = text.split('\n').length + 1;
    for (const { line, column, message } of error.problems) {
      expect(line).toBeGreaterThanOrEqual(1);
      expect(line).toBeLessThanOrEqual(lines);
      expect(column).toBeGreaterThanOrEqual(1);
      // Messages of the library would begin otherwise.
      expect(message).not.toMatch(/^(Invalid|Too |Unrecognized)/);
    }
  }
}

describe('whatever stands in the file', () => {
  const odd = [
    null,
    true,
    0,
    -1,
    1.5,
    70_000,
    '',
    'x',
    '$',
    '${',
    '/',
    [],
    [[]],
    [null],
    {},
    { x: 1 },
    { x: null },
    [{ x: [] }],
  ];

  test('in place of any value of the sample, the answer is a config or a list of places', () => {
    const places = paths(parse(sample));
    const cases = fc.tuple(fc.constantFrom(...places), fc.constantFrom<unknown>(...odd));
    fc.assert(
      fc.property(cases, ([path, value]) => load(stringify(changed(path, value)))),
      { numRuns: 100 },
    );
  });

  test('in place of any character of the sample, the answer is a config or a list of places', () => {
    const cases = fc.tuple(
      fc.nat(sample.length - 1),
      fc.nat(6),
      fc.constantFrom('', ':', '\t', '*a', '&a ', '[', '"', '- ', '\n', '!', '%'),
    );
    fc.assert(
      fc.property(cases, ([at, count, text]) => load(`${sample.slice(0, at)}${text}${sample.slice(at + count)}`)),
      { numRuns: 100 },
    );
  });
});
