import { dayName, formatDates, formatDays, formatHours, formatTime } from '../config/calendar.js';
import type { WindowConfig } from '../config/schema.js';
import { formatDuration } from '../evidence/format.js';
import { HORIZON, type Judgement } from './judge.js';
import { clockOf } from './local-time.js';

/** The window in one line: `mon-thu 02:00-06:00 Africa/Lagos; frozen 2026-12-18..2027-01-04`. */
export function windowInWords({ days, hours, timezone, freeze, holidays, notice }: WindowConfig): string {
  const place = holidays === undefined ? '' : [holidays.country, holidays.region].filter((part) => part !== undefined).join('-');
  return [
    `${days.map(formatDays).join(', ')}${hours === undefined ? '' : ` ${formatHours(hours)}`} ${timezone}`,
    ...(freeze.length === 0 ? [] : [`frozen ${freeze.map(formatDates).join(', ')}`]),
    ...(holidays === undefined ? [] : [`not on public holidays in ${place}${holidays.eves ? ' or the day before' : ''}`]),
    ...(notice === undefined ? [] : [`${formatDuration(notice)} of notice`]),
  ].join('; ');
}

/** `Mon 2026-11-23 02:00 Africa/Lagos (2026-11-23 01:00 UTC)`. */
export function momentInWords(at: Date, timezone: string): string {
  const { date, day, minutes } = clockOf(timezone)(at.getTime());
  const local = `${dayName(day).slice(0, 3)} ${date} ${formatTime(minutes)} ${timezone}`;
  return timezone === 'UTC' ? local : `${local} (${at.toISOString().slice(0, 16).replace('T', ' ')} UTC)`;
}

/** What a judgement says, in one line. */
export function judgementInWords({ open, why, opensAt, closesAt }: Judgement, timezone: string): string {
  if (open) return closesAt === undefined ? 'open' : `open until ${momentInWords(closesAt, timezone)}`;
  return `closed: ${why.join('; ')}; ${opensAt === undefined ? `no opening is known for the next ${HORIZON} days` : `opens ${momentInWords(opensAt, timezone)}`}`;
}
