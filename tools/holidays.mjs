/**
 * Writes the public holidays of the world for windows (docs/windows.md), from the package date-holidays:
 *
 *   node tools/holidays.mjs        once a year, or when the package was updated; 40 s
 *
 * src/config/holiday-places.generated.ts   countries and their regions, for the schema
 * src/window/holiday-dates.generated.ts    every public holiday of each, year by year
 *
 * Both are checked in. The package itself would make the bundle 2.4 MB larger and take 130 ms to load; the table has what it says
 * for these years in 90 KB. test/window/holidays.test.ts holds the table against the package.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import Holidays from 'date-holidays';

const FIRST = 2026;
const LAST = 2037;
const DAY = 86_400_000;
const root = join(import.meta.dirname, '..');
const head = `/*! Written by tools/holidays.mjs from date-holidays (https://github.com/commenthol/date-holidays), whose data is under
 * CC BY-SA 3.0 (http://creativecommons.org/licenses/by-sa/3.0/) and comes from Wikipedia and its other named sources; shortened to dates and names. */\n`;

/** The days of a place as `20261225` → name. What begins at noon or in the evening counts as a whole day. */
function publicDays(...place) {
  const days = new Map();
  const calendar = new Holidays(...place);
  for (let year = FIRST; year <= LAST; year += 1) {
    for (const { type, date, start, end, name } of calendar.getHolidays(year, 'en')) {
      if (type !== 'public') continue;
      const first = Date.parse(`${date.slice(0, 10)}T00:00:00Z`);
      const length = Math.max(1, Math.round((end - start) / DAY));
      for (let day = 0; day < length; day += 1) {
        const text = new Date(first + day * DAY).toISOString().slice(0, 10).replaceAll('-', '');
        if (text >= `${FIRST}` && !days.has(text)) days.set(text, name);
      }
    }
  }
  return days;
}

const names = new Map();
const numberOf = (name) => names.get(name) ?? names.set(name, names.size).size - 1;

/** What a place has beside the one around it, and what it lacks: `20260101:4`, `-20260106`. */
function difference(days, around) {
  const more = [...days].filter(([day, name]) => around.get(day) !== name).map(([day, name]) => `${day}:${numberOf(name)}`);
  const less = [...around.keys()].filter((day) => !days.has(day)).map((day) => `-${day}`);
  return [...more, ...less].sort().join(' ');
}

const world = new Holidays();
const places = {};
const dates = {};
for (const country of Object.keys(world.getCountries()).sort()) {
  const whole = publicDays(country);
  places[country] = [];
  dates[country] = difference(whole, new Map());
  for (const state of Object.keys(world.getStates(country) ?? {})) {
    const part = publicDays(country, state);
    places[country].push(state);
    dates[`${country}-${state}`] = difference(part, whole);
    for (const region of Object.keys(world.getRegions(country, state) ?? {})) {
      places[country].push(`${state}-${region}`);
      dates[`${country}-${state}-${region}`] = difference(publicDays(country, state, region), part);
    }
  }
}

const table = brotliCompressSync(JSON.stringify({ names: [...names.keys()], dates })).toString('base64');
writeFileSync(join(root, 'src/config/holiday-places.generated.ts'), `${head}
/** Countries (ISO 3166-1) and their regions (ISO 3166-2, without the country). */
export const HOLIDAY_PLACES: Readonly<Record<string, string>> = {
${Object.entries(places).map(([country, regions]) => `  ${country}: ${JSON.stringify(regions.join(' '))},\n`).join('')}};
`);
writeFileSync(join(root, 'src/window/holiday-dates.generated.ts'), `${head}
export const FIRST_YEAR = ${FIRST};
export const LAST_YEAR = ${LAST};

/** JSON as src/window/holidays.ts reads it, compressed with Brotli, in Base64. */
export const TABLE = '${table}';
`);
console.log(`${Object.keys(dates).length} places, ${FIRST}–${LAST}, ${Math.round(table.length / 1024)} KiB`);
