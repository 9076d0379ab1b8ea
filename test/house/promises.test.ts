import { expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

it('the tests that docs/development.md names for our promises are there', () => {
  const section = readFileSync(join(root, 'docs/development.md'), 'utf8').split('\n## Promises\n')[1]!.split('\n## ')[0]!;
  const rows = section.split('\n').filter((line) => line.startsWith('| ')).slice(1);
  expect(rows.length).toBeGreaterThan(10);
  for (const row of rows) {
    const named = [...row.split(' | ')[1]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
    expect({ row, named: named.length > 0, gone: named.filter((name) => !existsSync(join(root, 'test', `${name}.test.ts`))) }).toEqual({ row, named: true, gone: [] });
  }
});
