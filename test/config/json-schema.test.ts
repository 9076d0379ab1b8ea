import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import * as z from 'zod';
import { jsonSchema, jsonSchemaText } from '../../src/config/json-schema.js';

const root = join(import.meta.dirname, '../..');

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly description?: string;
  readonly $ref?: string;
}

/** The paths of properties without a description, anywhere in the schema. */
function undescribed(node: unknown, path = ''): string[] {
  if (typeof node !== 'object' || node === null) return [];
  const { properties = {} } = node as Node;
  const own = Object.entries(properties).filter(
    ([, { description, $ref }]) => description === undefined && $ref === undefined,
  );
  return [
    ...own.map(([key]) => `${path}.${key}`),
    ...Object.entries(node).flatMap(([key, child]) => undescribed(child, `${path}.${key}`)),
  ];
}

describe('the published JSON Schema', () => {
  // `slipway schema > schema/slipway.schema.json` writes it.
  test('is the one the code has', () => {
    expect(readFileSync(join(root, 'schema/slipway.schema.json'), 'utf8')).toBe(jsonSchemaText());
  });

  test('describes every key, for editors', () => {
    expect(undescribed(jsonSchema())).toEqual([]);
  });

  test('has a name, a title and the dialect', () => {
    expect(jsonSchema()).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: expect.any(String),
      title: expect.any(String),
      additionalProperties: false,
      required: ['app', 'environments'],
    });
  });

  describe('used by itself', () => {
    const validator = z.fromJSONSchema(jsonSchema() as Parameters<typeof z.fromJSONSchema>[0]);
    const examples = readdirSync(join(root, 'examples'))
      .map((name) => join(root, 'examples', name, 'slipway.yml'))
      .filter((file) => existsSync(file));

    test.each([join(import.meta.dirname, 'sample.yml'), ...examples])('accepts %s', (file) => {
      expect(validator.safeParse(parse(readFileSync(file, 'utf8'))).error?.issues).toBeUndefined();
    });

    test.each([
      [
        'an unknown key',
        { app: 'a', environments: { p: { hosts: ['a@b'] } }, services: { s: { manager: 'pm2', prot: 1 } } },
      ],
      [
        'a port out of range',
        { app: 'a', environments: { p: { hosts: ['a@b'] } }, services: { s: { manager: 'pm2', port: 70000 } } },
      ],
      ['no environments', { app: 'a' }],
      ['a duration without a unit', { app: 'a', environments: { p: { hosts: ['a@b'], 'rollback-budget': '10' } } }],
    ])('refuses %s', (_, value) => {
      expect(validator.safeParse(value).success).toBe(false);
    });
  });
});
