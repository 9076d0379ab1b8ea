import * as z from 'zod';
import { formatDates, formatDays, formatHours, parseDates, parseDays, parseHours, parseTimezone, type DateRange, type DayRange, type HourRange } from '../calendar.js';
import { HOLIDAY_PLACES } from '../holiday-places.generated.js';
import { didYouMean } from '../wording.js';
import { lifetime } from './fields.js';
import { codec, oneOrMany, parsed, section, type Complain, type Loose } from './section.js';

/** Whose public holidays close the window. */
export interface HolidaysConfig {
  /** ISO 3166-1, such as ZA. */
  readonly country: string;
  /** ISO 3166-2 without the country, such as BY. */
  readonly region?: string;
  /** Whether the day before a holiday is closed too. */
  readonly eves: boolean;
}

const days = parsed<DayRange>(parseDays, formatDays, 'A day of the week or a range of them.', ['mon-thu', 'sat-thu', 'sun']);
const hours = parsed<HourRange>(parseHours, formatHours, 'Two times of day; a window that ends before it begins crosses midnight.', ['02:00-06:00', '22:00-02:00'], {
  pattern: '^\\s*\\d{1,2}:\\d{2}\\s*-\\s*\\d{1,2}:\\d{2}\\s*$',
});
const dates = parsed<DateRange>(parseDates, formatDates, 'A day or a range of days, both ends frozen.', ['2026-12-18..2027-01-04', '2026-11-27']);
const timezone = parsed<string>(parseTimezone, (name) => name, 'A time zone of the IANA database.', ['UTC', 'Africa/Lagos', 'Europe/Berlin']);

const countries = Object.keys(HOLIDAY_PLACES);

const country = z
  .string()
  .refine((code) => Object.hasOwn(HOLIDAY_PLACES, code), {
    error: ({ input }) => `must be a country of two letters (ISO 3166) whose holidays are known, is \`${String(input)}\`${didYouMean(String(input).toUpperCase(), countries)}`,
  })
  .meta({ description: 'The country, by its two letters (ISO 3166-1).', examples: ['ZA', 'NG', 'DE'], enum: countries });

const whole = section(
  'The public holidays of a country, or of a region of it.',
  {
    country,
    region: z.string().exactOptional().meta({ description: 'The region, as in ISO 3166-2 without the country: BY for Bavaria.', examples: ['BY', 'CA'] }),
    eves: z.boolean().prefault(false).meta({ description: 'Whether the day before a holiday is closed too.' }),
  },
  { rules: regionExists },
);

function regionExists(value: Loose, complain: Complain): void {
  const { country: code, region } = value;
  if (typeof code !== 'string' || typeof region !== 'string' || !Object.hasOwn(HOLIDAY_PLACES, code)) return;
  const known = (HOLIDAY_PLACES[code] ?? '').split(' ').filter((name) => name !== '');
  if (known.includes(region)) return;
  const which = known.length === 0 ? `left out: no region of ${code} has holidays of its own` : `one of ${known.join(', ')}, is \`${region}\``;
  complain(['region'], `must be ${which}`);
}

const holidays = codec<z.ZodUnion<[typeof whole, typeof country]>, HolidaysConfig>(z.union([whole, country]), {
  decode: (value) => (typeof value === 'string' ? { country: value, eves: false } : value),
  encode: (value) => value,
}).meta({ description: 'Public holidays close the window: a country, or a mapping with its region and whether eves count.', examples: ['ZA', { country: 'ZA', eves: true }] });

const login = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, { error: ({ input }) => `must be a login, without @; is \`${String(input)}\`` })
  .meta({ description: 'A login on GitHub; on the command line the name of the user.' });

export const window = section('When a deploy may begin and switch. A rollback always may.', {
  days: oneOrMany(days).prefault('mon-sun').meta({
    description: 'The days on which a window begins, one range or several; what crosses midnight belongs to the day it begins. Default: every day.',
    examples: ['mon-thu', ['mon-wed', 'sun']],
  }),
  hours: hours.exactOptional().meta({ description: 'From when to when, by the clock of the time zone. Default: the whole day.' }),
  timezone: timezone.prefault('UTC').meta({ description: 'The time zone of days, hours, freezes and holidays. Default: UTC.' }),
  freeze: oneOrMany(dates).prefault([]).meta({
    description: 'Days on which nothing goes out, each a date or a range with both ends.',
    examples: [['2026-12-18..2027-01-04', '2026-11-27']],
  }),
  holidays: holidays.exactOptional(),
  notice: lifetime('How long before its deploy a release must have been there for all to see: time since its tag, or its commit where that is newer.').exactOptional(),
  override: oneOrMany(login).prefault([]).meta({
    description: 'Who may deploy outside the window, with a reason that is recorded (the input override-window). Default: nobody.',
    examples: [['ann', 'bob']],
  }),
});

export type WindowConfig = z.output<typeof window>;
