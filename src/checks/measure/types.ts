import { parseUrl } from './urls.js';

/** What a declared type asks of a value, in words, and the question itself. */
const TYPES: Readonly<Record<string, { readonly wants: string; readonly holds: (value: string) => boolean }>> = {
  port: { wants: 'a port 1–65535', holds: (value) => /^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65535 },
  integer: { wants: 'a whole number', holds: (value) => /^[+-]?\d{1,15}$/.test(value) },
  boolean: { wants: 'true or false', holds: (value) => /^(?:true|false|1|0|yes|no|on|off)$/i.test(value) },
  url: { wants: 'a URL', holds: (value) => /^[a-z][a-z0-9+.-]*:\/\/[^\s/]/i.test(value) },
  'https-url': { wants: 'an https URL', holds: (value) => parseUrl(value)?.protocol === 'https:' && !/\s/.test(value) },
  'https-origins': { wants: 'https origins', holds: (value) => originFaults(value).length === 0 },
  cron: { wants: 'five cron fields, such as 0 2 * * *', holds: isCron },
  size: { wants: 'a size such as 5242880, 10MB or 512KiB', holds: (value) => /^\d+(?:\.\d+)?\s*(?:[kmgt]i?b?|b|bytes)?$/i.test(value) },
  duration: { wants: 'a duration such as 30, 15m or 24h', holds: (value) => /^\d+(?:\.\d+)?\s*(?:ms|s|m|h|d|w|y|seconds?|minutes?|hours?|days?)?$/i.test(value) },
  timezone: { wants: 'an IANA time zone such as Africa/Lagos', holds: isTimezone },
  currency: { wants: 'a currency code of ISO 4217 such as NGN', holds: (value) => Intl.supportedValuesOf('currency').includes(value) },
  'log-level': {
    wants: 'a log level such as info or warn',
    holds: (value) => /^(?:silly|trace|verbose|debug|http|info|notice|warn|warning|error|critical|crit|alert|emerg|fatal|silent|off)$/i.test(value),
  },
  email: { wants: 'an e-mail address', holds: (value) => /^(?:[^<>]*<)?[^\s@<>,]+@[^\s@<>,]+\.[^\s@<>,.]+>?$/.test(value) },
};

/** Whether `value` is of the declared type; undefined when the type is unknown. */
export function isOfType(type: string, value: string): boolean | undefined {
  return TYPES[type]?.holds(value.trim());
}

/** What the type asks for, in words. */
export function typeWants(type: string): string {
  return TYPES[type]?.wants ?? type;
}

/** What is wrong with a list of allowed origins (commas, spaces or a JSON list); never more of a value than its kind. */
export function originFaults(value: string): string[] {
  const origins = value.replace(/^\[|\]$/g, '').split(/[\s,;]+/).map((item) => item.replace(/^["']|["']$/g, '')).filter(Boolean);
  if (origins.length === 0) return ['is empty'];
  return [...new Set(origins.map(originFault).filter((fault) => fault !== undefined))];
}

function originFault(origin: string): string | undefined {
  if (origin.includes('*')) return 'holds *';
  const url = parseUrl(origin);
  if (url === undefined) return 'holds what is no origin';
  if (url.protocol !== 'https:') return `holds ${url.protocol}// instead of https://`;
  // Browsers send the bare origin: with a path, even a trailing slash, it never matches.
  if (url.origin !== origin.toLowerCase() && `${url.origin}:443` !== origin.toLowerCase()) return 'holds a path or a trailing slash';
  return undefined;
}

function isTimezone(value: string): boolean {
  if (!/^[A-Za-z]/.test(value)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
    return true;
  } catch {
    return false;
  }
}

const CRON_FIELDS: readonly (readonly [low: number, high: number, names: string])[] = [
  [0, 59, ''], [0, 23, ''], [1, 31, ''],
  [1, 12, 'jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec'], [0, 7, 'sun|mon|tue|wed|thu|fri|sat'],
];

/** crontab(5): five fields (a sixth in front counts seconds), or a nickname. */
function isCron(value: string): boolean {
  if (/^@(?:yearly|annually|monthly|weekly|daily|midnight|hourly|reboot)$/.test(value)) return true;
  const fields = value.split(/\s+/);
  const wanted = fields.length === 6 ? [CRON_FIELDS[0], ...CRON_FIELDS] : CRON_FIELDS;
  return fields.length === wanted.length && fields.every((field, index) => field.split(',').every((item) => isCronItem(item, wanted[index])));
}

function isCronItem(item: string, field: (typeof CRON_FIELDS)[number] | undefined): boolean {
  const [low, high, names] = field ?? [0, 0, ''];
  const match = /^(?:\*|\?|([a-z]{3}|\d{1,2})(?:-([a-z]{3}|\d{1,2}))?)(?:\/(\d{1,2}))?$/i.exec(item);
  if (match === null) return false;
  const inside = (part: string | undefined): boolean =>
    part === undefined || (/^\d/.test(part) ? Number(part) >= low && Number(part) <= high : names.split('|').includes(part.toLowerCase()));
  return inside(match[1]) && inside(match[2]) && match[3] !== '0';
}
