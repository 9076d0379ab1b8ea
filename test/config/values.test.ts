import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { formatAmount, parseAmount, parseCountOrShare } from '../../src/config/amount.js';
import { compares, parseComparison } from '../../src/config/comparison.js';
import { formatDuration, parseDuration } from '../../src/config/duration.js';
import { parseOsRequirement } from '../../src/config/os-requirement.js';
import { formatPercentage, parsePercentage } from '../../src/config/percentage.js';
import { formatSize, parseSize } from '../../src/config/size.js';
import { ValueError } from '../../src/config/value-error.js';

/** The message of the ValueError that `parse` throws. */
function complaint(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    if (error instanceof ValueError) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('a duration', () => {
  test.each([
    ['500ms', 500],
    ['10s', 10_000],
    ['1.5s', 1_500],
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['1d2h3m4s5ms', 93_784_005],
    [' 10s ', 10_000],
    ['0s', 0],
  ])('%s is %d milliseconds', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  test.each([
    ['10', 'must have a unit, such as 10s or 10m; is `10`'],
    ['', 'must be a duration such as 500ms, 10s, 1h30m or 2d; is ``'],
    ['ten', 'must be a duration such as 500ms, 10s, 1h30m or 2d; is `ten`'],
    ['-5s', 'must be a duration such as 500ms, 10s, 1h30m or 2d; is `-5s`'],
    ['30m1h', 'must be a duration such as 500ms, 10s, 1h30m or 2d; is `30m1h`'],
    ['1h1h', 'must be a duration such as 500ms, 10s, 1h30m or 2d; is `1h1h`'],
    ['10 s', 'must be a duration such as 500ms, 10s, 1h30m or 2d; is `10 s`'],
    ['10S', 'must be a duration such as 500ms, 10s, 1h30m or 2d; is `10S`'],
    ['30d', 'must be at most 24d, is `30d`'],
  ])('%j is refused', (text, message) => {
    expect(complaint(() => parseDuration(text))).toBe(message);
  });

  test('is written back as the text that means the same', () => {
    fc.assert(
      fc.property(fc.nat(2_000_000_000), (milliseconds) => {
        expect(parseDuration(formatDuration(milliseconds))).toBe(milliseconds);
      }),
    );
    expect(formatDuration(5_400_000)).toBe('1h30m');
  });
});

describe('a size', () => {
  test.each([
    ['4GB', 4_000_000_000],
    ['512MB', 512_000_000],
    ['10KiB', 10_240],
    ['10kb', 10_000],
    ['1.5GiB', 1_610_612_736],
    ['2 TB', 2_000_000_000_000],
    ['7B', 7],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each([
    ['512', 'must have a unit, such as 512MB or 512MiB; is `512`'],
    ['4G', 'must say GB (thousands) or GiB (1024s); is `4G`'],
    ['4Gi', 'must say GB (thousands) or GiB (1024s); is `4Gi`'],
    ['4PB', 'must be a size such as 512MB, 4GB or 10KiB; is `4PB`'],
    ['-1MB', 'must be a size such as 512MB, 4GB or 10KiB; is `-1MB`'],
    ['', 'must be a size such as 512MB, 4GB or 10KiB; is ``'],
    ['99999TB', 'must be smaller than 9000TB, is `99999TB`'],
  ])('%j is refused', (text, message) => {
    expect(complaint(() => parseSize(text))).toBe(message);
  });

  test('is written back exactly', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => expect(parseSize(formatSize(bytes))).toBe(bytes)));
    expect([formatSize(4e9), formatSize(1024 ** 3), formatSize(1001)]).toEqual(['4GB', '1GiB', '1001B']);
  });
});

describe('a percentage', () => {
  test.each([
    ['20%', 0.2],
    ['99.9%', 0.999],
    ['0%', 0],
    ['100 %', 1],
  ])('%s is the share %d', (text, share) => {
    expect(parsePercentage(text)).toBeCloseTo(share, 12);
  });

  test.each([
    ['20', 'must be a percentage such as 20%; is `20` (write 20%)'],
    ['101%', 'must be 0%–100%, is `101%`'],
    ['-1%', 'must be a percentage such as 20%; is `-1%`'],
    ['%', 'must be a percentage such as 20%; is `%`'],
  ])('%j is refused', (text, message) => {
    expect(complaint(() => parsePercentage(text))).toBe(message);
  });

  test('is written without the noise of binary fractions', () => {
    expect([0.2, 0.07, 0.999, 1].map(formatPercentage)).toEqual(['20%', '7%', '99.9%', '100%']);
  });
});

describe('an amount', () => {
  test.each([
    ['4GB', { unit: 'bytes', value: 4e9 }],
    ['20%', { unit: 'share', value: 0.2 }],
  ])('%s is read and written back', (text, amount) => {
    expect(parseAmount(text)).toEqual(amount);
    expect(formatAmount(parseAmount(text))).toBe(text);
  });

  test('of things without a size is a count or a share', () => {
    expect(parseCountOrShare('100000')).toEqual({ unit: 'count', value: 100_000 });
    expect(parseCountOrShare('5%')).toEqual({ unit: 'share', value: 0.05 });
    expect(complaint(() => parseCountOrShare('4GB'))).toBe(
      'must be a count or a percentage, such as 100000 or 5%; is `4GB`',
    );
  });

  test.each([
    ['20', 'must have a unit, such as 20% or 20GB; is `20`'],
    ['much', 'must be a size or a percentage, such as 4GB or 20%; is `much`'],
    ['120%', 'must be 0%–100%, is `120%`'],
  ])('%j is refused', (text, message) => {
    expect(complaint(() => parseAmount(text))).toBe(message);
  });
});

describe('a comparison', () => {
  test.each([
    ['> 5%', { operator: '>', value: 0.05, unit: 'share', text: '> 5%' }],
    ['> 150%', { operator: '>', value: 1.5, unit: 'share', text: '> 150%' }],
    ['<= 2s', { operator: '<=', value: 2_000, unit: 'ms', text: '<= 2s' }],
    ['<5m', { operator: '<', value: 300_000, unit: 'ms', text: '< 5m' }],
    ['>=18', { operator: '>=', value: 18, unit: 'number', text: '>= 18' }],
    ['< 500KB', { operator: '<', value: 500_000, unit: 'bytes', text: '< 500KB' }],
    ['== 3', { operator: '=', value: 3, unit: 'number', text: '= 3' }],
    ['= -1.5', { operator: '=', value: -1.5, unit: 'number', text: '= -1.5' }],
  ])('%s is read with its unit', (text, comparison) => {
    expect(parseComparison(text)).toEqual(comparison);
  });

  test.each([
    ['5%', 'must be a comparison such as "> 5%", "<= 2s" or ">= 10KB"; is `5%`'],
    ['>', 'must be a comparison such as "> 5%", "<= 2s" or ">= 10KB"; is `>`'],
    ['=> 5', 'must compare with a number, a percentage, a duration or a size; is `=> 5`'],
    ['> fast', 'must compare with a number, a percentage, a duration or a size; is `> fast`'],
  ])('%j is refused', (text, message) => {
    expect(complaint(() => parseComparison(text))).toBe(message);
  });

  test.each([
    ['> 5', [4, 5, 6], [false, false, true]],
    ['>= 5', [4, 5, 6], [false, true, true]],
    ['< 5', [4, 5, 6], [true, false, false]],
    ['<= 5', [4, 5, 6], [true, true, false]],
    ['= 5', [4, 5, 6], [false, true, false]],
  ])('%s decides about 4, 5 and 6', (text, observed, inside) => {
    expect(observed.map((value) => compares(parseComparison(text), value))).toEqual(inside);
  });
});

describe('a distribution', () => {
  test('may come with its versions', () => {
    expect(parseOsRequirement('debian')).toEqual({ id: 'debian' });
    expect(parseOsRequirement('ubuntu >=22.04')).toMatchObject({ id: 'ubuntu', versions: { text: '>=22.04' } });
  });

  test('is refused when it is none', () => {
    expect(complaint(() => parseOsRequirement('Debian'))).toContain('must be a distribution');
    expect(complaint(() => parseOsRequirement('debian bookworm'))).toContain('must be a range of versions');
  });
});
