import { describe, expect, test } from '@jest/globals';
import { environmentOf } from '../../src/config/environment.js';
import { loadConfig } from '../../src/config/load.js';

const config = loadConfig('app: a\nenvironments: { staging: &s { hosts: [a@b] }, production: *s }\n', 'slipway.yml');

describe('an environment', () => {
  test('is found by its name', () => {
    expect(environmentOf(config, 'production').root).toBe('/srv/a');
  });

  test.each([
    [
      'prodution',
      'there is no environment `prodution` — did you mean `production`? slipway.yml has: staging, production',
    ],
    ['live', 'there is no environment `live`; slipway.yml has: staging, production'],
    ['toString', 'there is no environment `toString`; slipway.yml has: staging, production'],
    ['', 'no environment is named; slipway.yml has: staging, production'],
  ])('called %j is none: the known ones are named', (name, message) => {
    expect(() => environmentOf(config, name)).toThrow(message);
  });
});
