import { formatPercentage, parsePercentage } from './percentage.js';
import { formatSize, parseSize } from './size.js';
import { ValueError } from './value-error.js';

/** How much there must be: in bytes, as a share (0–1) of the whole, or as a plain count. */
export interface Amount {
  readonly unit: 'bytes' | 'share' | 'count';
  readonly value: number;
}

/** Reads a size or a percentage: `4GB`, `20%`. Throws ValueError. */
export function parseAmount(text: string): Amount {
  if (text.includes('%')) return { unit: 'share', value: parsePercentage(text) };
  try {
    return { unit: 'bytes', value: parseSize(text) };
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    const number = /^\s*(\d+(?:\.\d+)?)\s*$/.exec(text)?.[1];
    if (number !== undefined)
      throw new ValueError(`must have a unit, such as ${number}% or ${number}GB; is \`${number}\``);
    throw new ValueError(`must be a size or a percentage, such as 4GB or 20%; is \`${text}\``);
  }
}

/** Reads a count or a percentage, for things without a size such as inodes: `100000`, `5%`. Throws ValueError. */
export function parseCountOrShare(text: string): Amount {
  if (text.includes('%')) return { unit: 'share', value: parsePercentage(text) };
  if (!/^\s*\d{1,15}\s*$/.test(text)) {
    throw new ValueError(`must be a count or a percentage, such as 100000 or 5%; is \`${text}\``);
  }
  return { unit: 'count', value: Number(text) };
}

/** The text parseAmount or parseCountOrShare reads as `amount`. */
export function formatAmount(amount: Amount): string {
  if (amount.unit === 'share') return formatPercentage(amount.value);
  return amount.unit === 'bytes' ? formatSize(amount.value) : String(amount.value);
}
