import { ValueError } from './value-error.js';

/**
 * Decimal units count in thousands (as disk makers and networks do), binary ones in 1024 (as memory does): IEC
 * 80000-13.
 */
const UNITS = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 1024,
  MIB: 1024 ** 2,
  GIB: 1024 ** 3,
  TIB: 1024 ** 4,
} as const;

/**
 * Reads `4GB` (4·10⁹), `512MB`, `10KiB` (10·1024), `1.5GiB` as bytes. Letter case does not matter; `K`, `M`, `G`
 * alone are refused, as tools disagree about them. Throws ValueError.
 */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]+)?$/i.exec(text.trim());
  const unit = match?.[2]?.toUpperCase();
  if (match !== null && unit === undefined) {
    throw new ValueError(`must have a unit, such as ${match[1]}MB or ${match[1]}MiB; is \`${text}\``);
  }
  if (unit !== undefined && /^[KMGT]I?$/.test(unit)) {
    const letter = unit[0] ?? '';
    throw new ValueError(`must say ${letter}B (thousands) or ${letter}iB (1024s); is \`${text}\``);
  }
  const factor = unit === undefined ? undefined : UNITS[unit as keyof typeof UNITS];
  if (match === null || factor === undefined) {
    throw new ValueError(`must be a size such as 512MB, 4GB or 10KiB; is \`${text}\``);
  }
  const bytes = Math.round(Number(match[1]) * factor);
  if (!Number.isSafeInteger(bytes)) throw new ValueError(`must be smaller than 9000TB, is \`${text}\``);
  return bytes;
}

/** The shortest exact text parseSize reads as `bytes`: 4000000000 → `4GB`, 1073741824 → `1GiB`. */
export function formatSize(bytes: number): string {
  for (const [unit, factor] of [
    ['TB', UNITS.TB],
    ['TiB', UNITS.TIB],
    ['GB', UNITS.GB],
    ['GiB', UNITS.GIB],
    ['MB', UNITS.MB],
    ['MiB', UNITS.MIB],
    ['KB', UNITS.KB],
    ['KiB', UNITS.KIB],
  ] as const) {
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return `${bytes}B`;
}
