import { expect, test } from '@jest/globals';
import Holidays from 'date-holidays';
import { HOLIDAY_PLACES } from '../../src/config/holiday-places.generated.js';
import { FIRST_YEAR, LAST_YEAR } from '../../src/window/holiday-dates.generated.js';
import { holidaysOf } from '../../src/window/holidays.js';

const DAY = 86_400_000;

/** The public holidays of a place as the library has them, each day of those that last longer. */
function fromLibrary(place: readonly string[], last: number): string[] {
  const [country = '', state, region] = place;
  const library = region !== undefined ? new Holidays(country, state!, region) : state !== undefined ? new Holidays(country, state) : new Holidays(country);
  const days = new Set<string>();
  for (let year = FIRST_YEAR; year <= last; year += 1) {
    for (const { type, date, start, end } of library.getHolidays(year, 'en')) {
      if (type !== 'public') continue;
      const first = Date.parse(`${date.slice(0, 10)}T00:00:00Z`);
      for (let day = 0; day === 0 || day < Math.round((end.getTime() - start.getTime()) / DAY); day += 1) days.add(new Date(first + day * DAY).toISOString().slice(0, 10));
    }
  }
  return [...days].filter((day) => day >= `${FIRST_YEAR}`).sort();
}

const kept = ([country = '', ...region]: readonly string[], last: number): string[] =>
  [...holidaysOf({ country, ...(region.length === 0 ? {} : { region: region.join('-') }) }).keys()].filter((day) => day < `${last + 1}`).sort();

test.each(['ZA', 'NG', 'US', 'US TX', 'DE', 'DE BY', 'DE BY A', 'CH ZH', 'BA BIH', 'GB SCT', 'AU NSW'])('the holidays of %s are those of date-holidays, for all the years of the table', (name) => {
  const place = name.split(' ');
  expect(kept(place, LAST_YEAR)).toEqual(fromLibrary(place, LAST_YEAR));
});

test('every country and region in the list has its dates', () => {
  const without = Object.entries(HOLIDAY_PLACES).flatMap(([country, regions]) => ['', ...regions.split(' ')].filter((region) => holidaysOf({ country, ...(region === '' ? {} : { region }) }).size === 0).map((region) => `${country} ${region}`));
  expect(without).toEqual([]);
});

test('a feast of several days takes each of them, under its English name', () => {
  const nigeria = holidaysOf({ country: 'NG' });
  expect([nigeria.get('2026-03-20'), nigeria.get('2026-03-21'), nigeria.get('2026-03-22')]).toEqual(['Id el Fitr', 'Id el Fitr', undefined]);
});
