import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.js';
import { missingVariables } from '../../src/config/missing-variables.js';
import { resolveVariables, variablesIn } from '../../src/config/variables.js';

const values: Record<string, string> = { NAME: 'Ada', EMPTY: '', DOLLAR: '$NAME $$', _x1: 'y' };
const lookup = (name: string): string | undefined => (Object.hasOwn(values, name) ? values[name] : undefined);

describe('variables', () => {
  test.each([
    ['$NAME', 'Ada'],
    ['${NAME}', 'Ada'],
    ['Hello, ${NAME}s!', 'Hello, Adas!'],
    ['$NAME/$NAME', 'Ada/Ada'],
    ['$_x1-', 'y-'],
    ['[$EMPTY]', '[]'],
    ['$$NAME', '$NAME'],
    ['$$$NAME', '$Ada'],
    ['$$$$', '$$'],
    ['costs $5', 'costs $5'],
    ['$.token', '$.token'],
    ['ends in $', 'ends in $'],
    ['no variable', 'no variable'],
  ])('turn %s into %s', (text, resolved) => {
    expect(resolveVariables(text, lookup, 'here')).toBe(resolved);
  });

  test('are not looked for in what replaced them', () => {
    expect(resolveVariables('$DOLLAR', lookup, 'here')).toBe('$NAME $$');
  });

  test('are replaced at any depth, in texts only, never in keys', () => {
    const value = { $NAME: ['$NAME', { a: '$NAME' }], n: 1, t: true, nothing: null };
    expect(resolveVariables(value, lookup, 'here')).toEqual({
      $NAME: ['Ada', { a: 'Ada' }],
      n: 1,
      t: true,
      nothing: null,
    });
  });

  test('without a value are all named, with the place', () => {
    expect(() => resolveVariables({ a: '$ONE $NAME', b: ['${TWO}', '$ONE'] }, lookup, 'smoke[1].json')).toThrow(
      'smoke[1].json: the variable `ONE` has no value\nsmoke[1].json: the variable `TWO` has no value',
    );
  });

  test.each(['${NAME:-x}', '${}', '${NAME', '${1A}'])('in braces must be plain names: %s', (text) => {
    expect(() => resolveVariables(text, lookup, 'here')).toThrow('must be a name in braces, such as ${NAME}');
  });

  test('can be listed', () => {
    expect(variablesIn({ a: '$B ${A} $$C $5', b: ['$B'] })).toEqual(['B', 'A']);
  });
});

describe('the missing variables of a config', () => {
  const config = loadConfig(
    `app: shop
environments: { p: { hosts: [a@192.0.2.1] } }
services:
  web:
    manager: pm2
    start: node $NOT_HERE.js
    env: { TOKEN: $API_TOKEN, NAME: $NAME }
smoke:
  - post: /login
    headers: { X-Tenant: $TENANT }
    json: { list: [{ password: $PASSWORD }] }
    capture: { token: $.token }
    expect: { json: { $.name: $NAME, $.own: $token }, text: { matches: "a$NOT_HERE" } }
  - name: orders
    steps:
      - { get: "/orders?t=$token", capture: { id: $.id } }
      - { get: /orders/$id }
      - { get: "/\${bad-name}" }
  - run: ./test $NOT_HERE
    env: { URL: $URL }
`,
    'slipway.yml',
  );

  test('are lines with positions; captures of earlier steps count, in the places the schema marks', () => {
    expect(missingVariables(config, lookup)).toEqual([
      'slipway.yml:7:12: services.web.env.TOKEN: the variable `API_TOKEN` has no value',
      'slipway.yml:10:16: smoke[0].headers.X-Tenant: the variable `TENANT` has no value',
      'slipway.yml:11:22: smoke[0].json.list[0].password: the variable `PASSWORD` has no value',
      'slipway.yml:13:38: smoke[0].expect.json["$.own"]: the variable `token` has no value',
      'slipway.yml:18:11: smoke[1].steps[2].get: `${bad-name}` must be a name in braces, such as ${NAME}; write $$ for a dollar sign',
      'slipway.yml:20:12: smoke[2].env.URL: the variable `URL` has no value',
    ]);
  });

  test('can be asked for by section', () => {
    expect(missingVariables(config, lookup, ['services'])).toHaveLength(1);
    expect(missingVariables(config, () => 'x', ['services'])).toEqual([]);
  });
});
