import { dayName, formatDates, formatDays, formatHours, formatTime, isInDays } from '../config/calendar.js';
import type { WindowConfig } from '../config/schema.js';
import { formatDuration } from '../evidence/format.js';
import { holidaysKnown, holidaysOf, KNOWN_YEARS } from './holidays.js';
import { addDays, clockOf, weekday, type LocalTime } from './local-time.js';

/** What is known of the release. */
export interface ReleaseFacts {
  /** Since when its tag, or its commit, is there; absent when nobody could say. Needed only for `notice`. */
  readonly since?: Date | undefined;
}

export interface Judgement {
  readonly open: boolean;
  /** Why it is closed; empty when it is open. */
  readonly why: readonly string[];
  /** When it opens next; absent while it is open, and when it does not open within `HORIZON` days. */
  readonly opensAt?: Date;
  /** When it closes next; absent while it is closed, and when it does not close within `HORIZON` days. */
  readonly closesAt?: Date;
}

/** How many days ahead an opening is looked for. */
export const HORIZON = 400;
const MINUTE = 60_000;
const QUARTER = 15 * MINUTE;

/**
 * Whether a deploy may go out at a moment. What the clock on the wall of the window's time zone shows decides: an hour that is
 * missing in spring opens nothing, one that comes twice in autumn is open twice. Days are those on which the window began,
 * freezes and holidays those of the moment itself.
 */
export function judge(window: WindowConfig, at: Date, facts: ReleaseFacts = {}): Judgement {
  const clock = clockOf(window.timezone);
  const closed = closures(window);
  const told = facts.since === undefined ? undefined : facts.since.getTime() + (window.notice ?? 0);
  const now = at.getTime();
  const why = closed(clock(now));
  if (window.notice !== undefined) why.push(...noticeComplaint(window.notice, now, facts.since));
  const isOpen = (moment: number): boolean => closed(clock(moment)).length === 0;
  if (why.length === 0) {
    const closes = next(window, now, (moment) => !isOpen(moment));
    return { open: true, why, ...(closes === undefined ? {} : { closesAt: new Date(closes) }) };
  }
  if (window.notice !== undefined && told === undefined) return { open: false, why };
  const earliest = Math.max(now, window.notice === undefined ? now : Math.ceil((told ?? now) / MINUTE) * MINUTE);
  const opens = isOpen(earliest) ? earliest : next(window, earliest, isOpen);
  return { open: false, why, ...(opens === undefined ? {} : { opensAt: new Date(opens) }) };
}

/**
 * The next moment of which `wanted` is true. It changes only at midnight, where the hours begin and end, and where the clock is
 * changed; as all time zones of today are whole quarters of an hour off UTC, these lie at a few minutes of each quarter.
 */
function next({ hours }: WindowConfig, after: number, wanted: (moment: number) => boolean): number | undefined {
  const steps = [...new Set([0, (hours?.from ?? 0) % 15, (hours?.to ?? 0) % 15])].sort((a, b) => a - b);
  const begin = Math.floor(after / QUARTER) * QUARTER;
  const end = begin + HORIZON * 24 * 60 * MINUTE;
  for (let quarter = begin; quarter < end; quarter += QUARTER) {
    for (const step of steps) {
      const moment = quarter + step * MINUTE;
      if (moment > after && wanted(moment)) return moment;
    }
  }
  return undefined;
}

/** What closes the window at a local time. */
function closures(window: WindowConfig): (time: LocalTime) => string[] {
  const { freeze, holidays, hours, days } = window;
  const publicDays = holidays === undefined ? undefined : holidaysOf(holidays);
  const place = holidays === undefined ? '' : [holidays.country, holidays.region].filter((part) => part !== undefined).join('-');
  return ({ date, minutes }) => {
    const why: string[] = [];
    const frozen = freeze.find(({ from, to }) => date >= from && date <= to);
    if (frozen !== undefined) why.push(frozen.from === frozen.to ? `${date} is frozen` : `${date} is in the freeze ${formatDates(frozen)}`);
    if (publicDays !== undefined) {
      const today = publicDays.get(date);
      const after = holidays?.eves === true ? addDays(date, 1) : date;
      const tomorrow = after === date ? undefined : publicDays.get(after);
      if (!holidaysKnown(date) || !holidaysKnown(after)) why.push(`the public holidays of ${after.slice(0, 4)} are not known to this version, which has ${KNOWN_YEARS}`);
      else if (today !== undefined) why.push(`${date} is a public holiday in ${place} (${today})`);
      else if (tomorrow !== undefined) why.push(`${date} is the day before a public holiday in ${place} (${tomorrow})`);
    }
    const crosses = hours !== undefined && hours.to < hours.from;
    const inHours = hours === undefined || (crosses ? minutes >= hours.from || minutes < hours.to : minutes >= hours.from && minutes < hours.to);
    const day = weekday(crosses && minutes < hours.to ? addDays(date, -1) : date);
    if (!days.some((range) => isInDays(day, range))) why.push(`${dayName(day)} is not one of its days (${days.map(formatDays).join(', ')})`);
    if (!inHours) why.push(`${formatTime(minutes)} is outside ${formatHours(hours)}`);
    return why;
  };
}

function noticeComplaint(notice: number, now: number, since: Date | undefined): string[] {
  if (since === undefined) return [`it wants ${formatDuration(notice)} of notice, and git does not say since when the release is there`];
  const passed = now - since.getTime();
  return passed >= notice ? [] : [`the release is there for ${formatDuration(Math.max(0, passed))}, and ${formatDuration(notice)} of notice are wanted`];
}
