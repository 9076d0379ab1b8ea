import { brotliDecompressSync } from 'node:zlib';
import type { HolidaysConfig } from '../config/schema.js';
import { FIRST_YEAR, LAST_YEAR, TABLE } from './holiday-dates.generated.js';

interface Table {
  readonly names: readonly string[];
  /** By place (`DE`, `DE-BY`, `DE-BY-A`): what it has beside the place around it (`20261225:4`), and what it lacks (`-20261225`). */
  readonly dates: Readonly<Record<string, string>>;
}

let table: Table | undefined;

/** Unpacked only when a window asks: it takes some milliseconds. */
function unpacked(): Table {
  table ??= JSON.parse(brotliDecompressSync(Buffer.from(TABLE, 'base64')).toString()) as Table;
  return table;
}

/** The public holidays of a place: `2026-12-25` → `Christmas Day`. */
export function holidaysOf({ country, region }: Pick<HolidaysConfig, 'country' | 'region'>): ReadonlyMap<string, string> {
  const { names, dates } = unpacked();
  const days = new Map<string, string>();
  const parts = [country, ...(region === undefined ? [] : region.split('-'))];
  // Regions of two parts (BY-A) stand below their state; some states have a dash of their own (BIH-W).
  for (let length = 1; length <= parts.length; length += 1) {
    for (const entry of (dates[parts.slice(0, length).join('-')] ?? '').split(' ')) {
      const [, less, year, month, day, name] = /^(-?)(\d{4})(\d{2})(\d{2})(?::(\d+))?$/.exec(entry) ?? [];
      if (year === undefined || month === undefined || day === undefined) continue;
      if (less === '-') days.delete(`${year}-${month}-${day}`);
      else days.set(`${year}-${month}-${day}`, names[Number(name)] ?? 'public holiday');
    }
  }
  return days;
}

/** Whether the table goes as far as this date. */
export function holidaysKnown(date: string): boolean {
  const year = Number(date.slice(0, 4));
  return year >= FIRST_YEAR && year <= LAST_YEAR;
}

/** The years whose holidays are known, in words. */
export const KNOWN_YEARS = `${FIRST_YEAR}–${LAST_YEAR}`;
