import { ValueError } from './value-error.js';

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof UNITS;

const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/gy;

/**
 * Reads `500ms`, `10s`, `1h30m`, `2d`, `1.5s` as milliseconds. Units go from large to small, each at most once.
 * A number without a unit is refused: nobody can tell seconds from milliseconds. Throws ValueError.
 */
export function parseDuration(text: string): number {
  const milliseconds = parseLifetime(text);
  // Limits end up in timers of this process; Node fires timers beyond 2^31-1 ms at once.
  if (milliseconds > 2_147_483_647) throw new ValueError(`must be at most 24d, is \`${text}\``);
  return milliseconds;
}

/** Reads what parseDuration reads, however long: `365d`, for what no timer has to wait for. Throws ValueError. */
export function parseLifetime(text: string): number {
  const trimmed = text.trim();
  if (/^\d+(\.\d+)?$/.test(trimmed)) {
    throw new ValueError(`must have a unit, such as ${trimmed}s or ${trimmed}m; is \`${trimmed}\``);
  }
  const parts = [...trimmed.matchAll(PART)];
  const length = parts.reduce((sum, part) => sum + part[0].length, 0);
  const sizes = parts.map((part) => UNITS[part[2] as Unit]);
  const descending = sizes.every((size, index) => index === 0 || size < (sizes[index - 1] ?? 0));
  if (trimmed === '' || length !== trimmed.length || !descending) {
    throw new ValueError(`must be a duration such as 500ms, 10s, 1h30m or 2d; is \`${text}\``);
  }
  const total = parts.reduce((sum, part, index) => sum + Number(part[1]) * (sizes[index] ?? 0), 0);
  if (total > 1e13) throw new ValueError(`must be shorter, is \`${text}\``);
  return Math.round(total);
}

/** Reads an age in whole days, `90d`, as milliseconds: for stamps, which no timer has to wait for. Throws ValueError. */
export function parseDays(text: string): number {
  const days = /^([1-9]\d{0,3})d$/.exec(text.trim())?.[1];
  if (days === undefined) throw new ValueError(`must be a number of days such as 90d, is \`${text}\``);
  return Number(days) * UNITS.d;
}

/** The shortest text parseDuration reads as `milliseconds`: 5400000 → `1h30m`. */
export function formatDuration(milliseconds: number): string {
  let rest = milliseconds;
  let text = '';
  for (const unit of ['d', 'h', 'm', 's', 'ms'] as const) {
    const count = Math.floor(rest / UNITS[unit]);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * UNITS[unit];
  }
  return text || '0s';
}
