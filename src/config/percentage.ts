import { ValueError } from './value-error.js';

/** Reads `20%` as the share 0.2; 0 to 100, fractions allowed (`99.9%`). Throws ValueError. */
export function parsePercentage(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(text.trim());
  if (match === null) {
    const hint = /^\d+(\.\d+)?$/.test(text.trim()) ? ` (write ${text.trim()}%)` : '';
    throw new ValueError(`must be a percentage such as 20%; is \`${text}\`${hint}`);
  }
  const percent = Number(match[1]);
  if (percent > 100) throw new ValueError(`must be 0%–100%, is \`${text}\``);
  return percent / 100;
}

/** The text of a share: 0.2 → `20%`. Rounded to what parsePercentage can give back. */
export function formatPercentage(share: number): string {
  return `${Number((share * 100).toFixed(10))}%`;
}
