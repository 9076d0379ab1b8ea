import { ValueError } from './value-error.js';

/** Days of the week, from 1 (Monday) to 7 (Sunday), both ends taken: from 6 to 4 is Saturday to Thursday. */
export interface DayRange {
  readonly from: number;
  readonly to: number;
}

/** Minutes since midnight. The end is not part of it; one before the beginning lies on the next day. */
export interface HourRange {
  readonly from: number;
  readonly to: number;
}

/** Days of the calendar as `2026-12-18`, both ends taken. */
export interface DateRange {
  readonly from: string;
  readonly to: string;
}

const DAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];
const DAY_EXAMPLE = 'mon, mon-thu or sat-thu';

/** Reads `mon`, `friday`, `mon-thu`, `sat-thu`. Throws ValueError. */
export function parseDays(text: string): DayRange {
  const parts = text.trim().toLowerCase().split('-').map((part) => part.trim());
  const [from, to = from] = parts.map(dayNumber);
  if (parts.length > 2 || !from || !to) throw new ValueError(`must be a day of the week or a range of them, such as ${DAY_EXAMPLE}; is \`${text}\``);
  return { from, to };
}

/** 1–7, or 0 for what is no day. Three letters are enough, as in cron. */
function dayNumber(word: string): number {
  return word.length < 3 ? 0 : DAYS.findIndex((day) => day === word || day.slice(0, 3) === word) + 1;
}

/** `mon-thu`. */
export function formatDays({ from, to }: DayRange): string {
  const short = (day: number): string => (DAYS[day - 1] ?? '').slice(0, 3);
  return from === to ? short(from) : `${short(from)}-${short(to)}`;
}

/** `Friday`, from 1 to 7. */
export function dayName(day: number): string {
  const name = DAYS[day - 1] ?? '';
  return name.slice(0, 1).toUpperCase() + name.slice(1);
}

/** Whether a day from 1 to 7 is one of the range, which may go over the end of the week. */
export function isInDays(day: number, { from, to }: DayRange): boolean {
  return from <= to ? day >= from && day <= to : day >= from || day <= to;
}

/** Reads `02:00-06:00`, `22:00-02:00`, `18:00-24:00`. Throws ValueError. */
export function parseHours(text: string): HourRange {
  const match = /^(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})$/.exec(text.trim());
  const [fromHour = 99, fromMinute = 99, toHour = 99, toMinute = 99] = match?.slice(1).map(Number) ?? [];
  const [from, to] = [fromHour * 60 + fromMinute, toHour * 60 + toMinute];
  if (fromMinute > 59 || toMinute > 59 || from >= 24 * 60 || to > 24 * 60) {
    throw new ValueError(`must be two times of day, such as 02:00-06:00 or 22:00-02:00; is \`${text}\``);
  }
  if (from === to) throw new ValueError(`must begin and end at different times, is \`${text}\`; for the whole day leave hours out`);
  return { from, to };
}

/** `02:00`. */
export function formatTime(minutes: number): string {
  return [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, '0')).join(':');
}

/** `22:00-02:00`. */
export function formatHours({ from, to }: HourRange): string {
  return `${formatTime(from)}-${formatTime(to)}`;
}

/** Reads `2026-12-18` or `2026-12-18..2027-01-04`. Throws ValueError. */
export function parseDates(text: string): DateRange {
  const parts = text.trim().split('..').map((part) => part.trim());
  const [from = '', to = from] = parts;
  if (parts.length > 2 || !isDate(from) || !isDate(to)) {
    const wrong = parts.find((part) => /^\d{4}-\d{2}-\d{2}$/.test(part) && !isDate(part));
    throw new ValueError(wrong === undefined ? `must be a date or two, such as 2026-12-24 or 2026-12-18..2027-01-04; is \`${text}\`` : `must be dates that exist, which ${wrong} does not`);
  }
  if (from > to) throw new ValueError(`must end after it begins, is \`${text}\``);
  return { from, to };
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** `2026-12-18..2027-01-04`, or a single day. */
export function formatDates({ from, to }: DateRange): string {
  return from === to ? from : `${from}..${to}`;
}

/** Checks the name of a time zone with what Node knows of them, and returns it as it is usually written. Throws ValueError. */
export function parseTimezone(text: string): string {
  // Intl also takes offsets (+02:00), which know nothing of summer time: a window by them is an hour off for half of the year.
  if (/^[A-Za-z]/.test(text.trim())) {
    try {
      const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: text.trim() }).resolvedOptions();
      // What was written stays, when it is only an older or newer name of the same.
      return timeZone.toLowerCase() === text.trim().toLowerCase() ? timeZone : text.trim();
    } catch {
      // Told below.
    }
  }
  throw new ValueError(`must be a time zone of the IANA database, such as UTC, Africa/Lagos or Europe/Berlin; is \`${text}\``);
}
