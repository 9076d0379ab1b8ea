import { ValueError } from './value-error.js';

type Triple = readonly [major: number, minor: number, patch: number];

/** Versions from `from` up to, not including, `below`. */
interface Interval {
  readonly from: Triple;
  readonly below?: Triple;
}

/** A range of versions; a version lies in it when it lies in one of the intervals. */
export interface VersionRange {
  /** As written, for messages. */
  readonly text: string;
  readonly intervals: readonly Interval[];
}

/** The text after a pre-release, as npm and Python tools write it. A distribution's suffix (`-9ubuntu1`) is none. */
const PRERELEASE = /^[-.]?(alpha|beta|rc|pre|next|canary|nightly|dev|a|b)[-.]?\d*/i;

/**
 * Reads `>=18`, `18`, `18.x`, `>=18.20.8`, `^20`, `~3.11`, `>=18 <23`, `18 || 20`, `*` with the meaning npm gives them
 * (https://github.com/npm/node-semver#ranges): a missing part of a version stands for any. Throws ValueError.
 */
export function parseVersionRange(text: string): VersionRange {
  // "> = 18" is not accepted, ">= 18" is.
  const compact = text.trim().replace(/([<>=^~])\s+(?=[\dv*xX])/g, '$1');
  const intervals = compact.split('||').map((alternative) => readAlternative(alternative.trim(), text));
  return { text: text.trim(), intervals };
}

/**
 * Whether `version`, as a tool prints it (`v18.20.8`, `Python 3.11.2`, `nginx/1.22.1`, `22.04`), lies in the range.
 * A text without a version does not. A pre-release counts as older than its release, and only what follows it as newer.
 */
export function versionSatisfies(range: VersionRange, version: string): boolean {
  const found = parseVersion(version);
  if (found === undefined) return false;
  return range.intervals.some(({ from, below }) => {
    const distance = order(found.triple, from);
    const enough = found.prerelease ? distance > 0 : distance >= 0;
    return enough && (below === undefined || order(found.triple, below) < 0);
  });
}

/** The first version in a text: `{ triple, prerelease }`, or undefined. Missing parts are 0. */
export function parseVersion(text: string): { readonly triple: Triple; readonly prerelease: boolean } | undefined {
  const match = /(?<![\d.])v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?/.exec(text);
  if (match === null) return undefined;
  const triple: Triple = [Number(match[1]), Number(match[2] ?? 0), Number(match[3] ?? 0)];
  return { triple, prerelease: PRERELEASE.test(text.slice(match.index + match[0].length)) };
}

function readAlternative(alternative: string, text: string): Interval {
  const parts = alternative.split(/\s+/).map((part) => readComparator(part, text));
  return parts.reduce((whole, part) => {
    const below = least(whole.below, part.below);
    return { from: order(part.from, whole.from) > 0 ? part.from : whole.from, ...(below && { below }) };
  });
}

function readComparator(part: string, text: string): Interval {
  const match = /^(>=|<=|>|<|=|\^|~)?v?(\d{1,9}|[xX*])(?:\.(\d{1,9}|[xX*]))?(?:\.(\d{1,9}|[xX*]))?$/.exec(part);
  if (match === null) {
    throw new ValueError(`must be a range of versions such as ">=18", "18.x", "^20" or ">=18 <23"; is \`${text}\``);
  }
  const [major, minor, patch] = [match[2], match[3], match[4]].map((digits) =>
    /^\d/.test(digits ?? '') ? Number(digits) : undefined,
  );
  if (major === undefined) return { from: [0, 0, 0] };
  const first: Triple = [major, minor ?? 0, minor === undefined ? 0 : (patch ?? 0)];
  // The first version after all that the (perhaps shortened) text stands for: 18 → 19.0.0, 18.2 → 18.3.0, 18.2.1 →
  // 18.2.2.
  const after: Triple =
    minor === undefined ? [major + 1, 0, 0] : patch === undefined ? [major, minor + 1, 0] : [major, minor, patch + 1];
  switch (match[1]) {
    case '>=':
      return { from: first };
    case '>':
      return { from: after };
    case '<':
      return { from: [0, 0, 0], below: first };
    case '<=':
      return { from: [0, 0, 0], below: after };
    case '^':
      return {
        from: first,
        below:
          major > 0 || minor === undefined
            ? [major + 1, 0, 0]
            : minor > 0 || patch === undefined
              ? [0, minor + 1, 0]
              : after,
      };
    case '~':
      return { from: first, below: minor === undefined ? [major + 1, 0, 0] : [major, minor + 1, 0] };
    default:
      return { from: first, below: after };
  }
}

function order(a: Triple, b: Triple): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

function least(a: Triple | undefined, b: Triple | undefined): Triple | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return order(a, b) < 0 ? a : b;
}
