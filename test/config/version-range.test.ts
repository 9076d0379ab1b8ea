import { describe, expect, test } from '@jest/globals';
import { parseVersion, parseVersionRange, versionSatisfies } from '../../src/config/version-range.js';

const inside = (range: string, version: string): boolean => versionSatisfies(parseVersionRange(range), version);

describe('a range of versions', () => {
  test.each([
    ['>=18', ['18.0.0', 'v20.1.2', '18'], ['17.9.9', '16']],
    ['>18', ['19.0.0'], ['18.0.0', '18.99.0']],
    ['<18', ['17.9.9'], ['18.0.0']],
    ['<=18', ['18.20.8'], ['19.0.0']],
    ['18', ['18.0.0', '18.20.8'], ['17.0.0', '19.0.0']],
    ['18.x', ['18.0.0', '18.20.8'], ['19.0.0']],
    ['=18.20', ['18.20.0', '18.20.8'], ['18.21.0', '18.19.9']],
    ['>=18.20.8', ['18.20.8', '20.0.0'], ['18.20.7']],
    ['>= 18.20.8', ['18.20.8'], ['18.20.7']],
    ['^20', ['20.0.0', '20.19.5'], ['21.0.0', '19.9.9']],
    ['^20.5.1', ['20.5.1', '20.6.0'], ['20.5.0', '21.0.0']],
    ['^0.2.3', ['0.2.3', '0.2.9'], ['0.3.0', '0.2.2']],
    ['^0.0.3', ['0.0.3'], ['0.0.4']],
    ['~3.11', ['3.11.0', '3.11.9'], ['3.12.0', '3.10.9']],
    ['~3', ['3.0.0', '3.99.0'], ['4.0.0']],
    ['>=18 <23', ['18.0.0', '22.9.9'], ['23.0.0', '17.0.0']],
    ['18 || 20', ['18.1.0', '20.1.0'], ['19.0.0', '21.0.0']],
    ['*', ['0.0.1', '99'], []],
    ['>=22.04', ['22.04', '24.04'], ['20.04']],
    ['>=12', ['12', '13.1'], ['11']],
  ])('%s holds some and not others', (range, yes, no) => {
    expect(yes.filter((version) => !inside(range, version))).toEqual([]);
    expect(no.filter((version) => inside(range, version))).toEqual([]);
  });

  test.each([
    ['v18.20.8', [18, 20, 8]],
    ['Python 3.11.2', [3, 11, 2]],
    ['nginx version: nginx/1.22.1', [1, 22, 1]],
    ['10.8.2\n', [10, 8, 2]],
    ['OpenSSL 3.0.17-9ubuntu1', [3, 0, 17]],
  ])('reads the version in what tools print: %j', (text, triple) => {
    expect(parseVersion(text)).toEqual({ triple, prerelease: false });
  });

  test('counts a pre-release as older than its release', () => {
    expect(inside('>=20', 'v20.0.0-rc.1')).toBe(false);
    expect(inside('>=20', 'v20.1.0-nightly20260101')).toBe(true);
    expect(inside('<20', 'v20.0.0-rc.1')).toBe(false);
    expect(inside('>=3.13', 'Python 3.13.0rc1')).toBe(false);
  });

  test('holds no text without a version', () => {
    expect(inside('*', 'command not found')).toBe(false);
  });

  test.each(['', 'latest', '>=', '18.x.y.z', '>=18 || ', '20.04 LTS', '1.2.3.4'])('%j is refused', (text) => {
    expect(() => parseVersionRange(text)).toThrow('must be a range of versions');
  });
});
