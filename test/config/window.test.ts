import { describe, expect, test } from '@jest/globals';
import { describeConfig } from '../../src/config/describe.js';
import { jsonSchemaText } from '../../src/config/json-schema.js';
import { loadConfig } from '../../src/config/load.js';

const load = (window: string) => loadConfig(`app: shop\nenvironments:\n  production:\n    hosts: [deploy@203.0.113.10]\n    window: ${window}\n`, 'slipway.yml');
const read = (window: string) => load(window).environments['production']?.window;

describe('a window', () => {
  test('is every day, in UTC, closed by nothing and opened by nobody, unless more is said', () => {
    expect(read('{}')).toEqual({ days: [{ from: 1, to: 7 }], timezone: 'UTC', freeze: [], override: [] });
  });

  test('reads days, hours, freezes, holidays, notice and people as they are written', () => {
    const text = '{ days: [mon-wed, Sunday], hours: 22:00-2:30, timezone: Africa/Lagos, freeze: [2026-12-18..2027-01-04, 2026-11-27], holidays: { country: DE, region: BY, eves: true }, notice: 24h, override: ann }';
    expect(read(text)).toEqual({
      days: [{ from: 1, to: 3 }, { from: 7, to: 7 }], hours: { from: 22 * 60, to: 2 * 60 + 30 }, timezone: 'Africa/Lagos',
      freeze: [{ from: '2026-12-18', to: '2027-01-04' }, { from: '2026-11-27', to: '2026-11-27' }],
      holidays: { country: 'DE', region: 'BY', eves: true }, notice: 86_400_000, override: ['ann'],
    });
    expect(loadConfig(describeConfig(load(text)), 'slipway.yml')).toEqual(load(text));
  });

  test('takes a country alone for its holidays', () => {
    expect(read('{ holidays: ZA }')?.holidays).toEqual({ country: 'ZA', eves: false });
    expect(describeConfig(load('{ holidays: ZA }'))).toContain('country: ZA');
  });

  test.each<[string, string, RegExp]>([
    ['a day that is none', 'days: mon-fry', /days: must be a day of the week or a range of them, such as mon, mon-thu or sat-thu; is `mon-fry`/],
    ['hours that are no times', 'hours: 02:00-25:00', /hours: must be two times of day/],
    ['hours of no length', 'hours: 02:00-02:00', /for the whole day leave hours out/],
    ['an offset for a time zone', "timezone: '+02:00'", /timezone: must be a time zone of the IANA database/],
    ['a place that is no time zone', 'timezone: Africa/Lagoss', /is `Africa\/Lagoss`/],
    ['a day that does not exist', 'freeze: [2026-02-20..2026-02-30]', /freeze\[0\]: must be dates that exist, which 2026-02-30 does not/],
    ['a freeze that ends before it begins', 'freeze: [2027-01-04..2026-12-18]', /must end after it begins/],
    ['a country nobody knows', 'holidays: ZB', /holidays: must be a country of two letters .* is `ZB`/],
    ['a region of another country', 'holidays: { country: ZA, region: BY }', /holidays\.region: must be left out: no region of ZA/],
    ['a region that is none', 'holidays: { country: AU, region: NWS }', /holidays\.region: must be one of ACT, NSW, .* is `NWS`/],
    ['an address for a login', "override: ['@ann']", /must be a login, without @/],
    ['a notice without a unit', 'notice: 24', /notice: must have a unit, such as 24s or 24m/],
    ['a misspelt key', 'freezes: []', /did you mean `freeze`/],
  ])('refuses %s, with its place in the file', (_, text, message) => {
    expect(() => read(`{ ${text} }`)).toThrow(message);
    expect(() => read(`{ ${text} }`)).toThrow(/slipway\.yml:5:\d+/);
  });

  test('offers countries to editors', () => {
    expect(jsonSchemaText()).toMatch(/"enum": \[\s*"AD",/);
  });
});
