import { ValueError } from './value-error.js';

/** When something happens again and again, in UTC: what the five fields of cron say (crontab(5)), names of months and days aside. */
interface Fields {
  readonly minute: string;
  readonly hour: string;
  readonly day: string;
  readonly month: string;
  readonly weekday: string;
}

const RANGES = { minute: [0, 59], hour: [0, 23], day: [1, 31], month: [1, 12], weekday: [0, 7] } as const;
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/**
 * Reads `02:00` (every day, UTC) or five fields of cron.
 * @throws ValueError saying what is wrong with it.
 */
export function parseSchedule(text: string): Fields {
  const time = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text.trim());
  if (time !== null) return { minute: String(Number(time[2])), hour: String(Number(time[1])), day: '*', month: '*', weekday: '*' };
  const parts = text.trim().split(/\s+/);
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = parts;
  if (parts.length !== 5) throw new ValueError(`must be HH:MM (UTC) or five fields of cron, such as 02:00 or 0 */6 * * *; is \`${text}\``);
  const fields = { minute, hour, day, month, weekday };
  for (const [name, [least, most]] of Object.entries(RANGES)) checkField(name, fields[name as keyof Fields], least, most);
  return fields;
}

function checkField(name: string, text: string, least: number, most: number): void {
  for (const part of text.split(',')) {
    const match = /^(?:\*|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(part);
    const [from, to, step] = [match?.[1], match?.[2], match?.[3]].map((number) => (number === undefined ? undefined : Number(number)));
    const right = match !== null && [from, to].every((number) => number === undefined || (number >= least && number <= most))
      && (from === undefined || to === undefined || from <= to) && step !== 0;
    if (!right) throw new ValueError(`the ${name} must be * or numbers ${least}–${most}, as 1, 1-5, 1,3 or */2; is \`${part}\``);
  }
}

/** The schedule as five fields, in UTC. */
export function cronOf(text: string): string {
  const { minute, hour, day, month, weekday } = parseSchedule(text);
  return [minute, hour, day, month, weekday].join(' ');
}

/**
 * The schedule as systemd's OnCalendar (systemd.time(7)), in UTC. Where cron fires on a day of the month or of the week,
 * whichever comes, these are two calendars, joined by `;`.
 */
export function calendarOf(text: string): string {
  const { minute, hour, day, month, weekday } = parseSchedule(text);
  const time = `${calendarField(hour, 0)}:${calendarField(minute, 0)}:00 UTC`;
  const months = calendarField(month, 1);
  const either = day !== '*' && weekday !== '*';
  const byDay = `*-${months}-${calendarField(day, 1)} ${time}`;
  const byWeekday = `${weekday === '*' ? '' : `${weekdays(weekday)} `}*-${months}-${either ? '*' : calendarField(day, 1)} ${time}`;
  return either ? `${byWeekday};${byDay}` : byWeekday;
}

/** `1-5` is `1..5`; a step of `*` begins at the least. */
function calendarField(text: string, least: number): string {
  return text.split(',').map((part) => {
    const [range = '', step] = part.split('/');
    const from = range === '*' ? (step === undefined ? '*' : String(least)) : range.replace('-', '..');
    return step === undefined ? from : `${from}/${step}`;
  }).join(',');
}

/** systemd knows days of the week by name only, and no steps among them. */
function weekdays(text: string): string {
  const found = text.split(',').flatMap((part) => {
    const [range = '', step = '1'] = part.split('/');
    const [from = '0', to = part.includes('/') ? '6' : from] = range === '*' ? ['0', '6'] : range.split('-');
    const days: string[] = [];
    for (let at = Number(from); at <= Number(to); at += Number(step)) days.push(DAYS[at] ?? '');
    return days;
  });
  return [...new Set(found)].join(',');
}
