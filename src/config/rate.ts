import { ValueError } from './value-error.js';

/** So many requests in a second or a minute. */
export interface Rate {
  readonly count: number;
  readonly per: 's' | 'm';
}

/** Reads `10/s` or `60/m`. Throws ValueError. */
export function parseRate(text: string): Rate {
  const match = /^([1-9]\d{0,5})\s*\/\s*([sm])$/.exec(text.trim());
  if (match === null) throw new ValueError(`must be a rate such as 10/s or 60/m, is \`${text}\``);
  return { count: Number(match[1]), per: match[2] === 's' ? 's' : 'm' };
}

/** The text parseRate reads as `rate`. */
export function formatRate({ count, per }: Rate): string {
  return `${count}/${per}`;
}
