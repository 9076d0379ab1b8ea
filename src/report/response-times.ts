import type { Sample } from './model.js';

export interface Results {
  /** In the order in which they were first asked. */
  readonly steps: readonly string[];
  /** In the order in which they were live; at most four, the last ones. */
  readonly releases: readonly string[];
}

/** What there is to compare: the steps, and the releases that were live when they were timed. */
export function resultsOf(samples: readonly Sample[]): Results {
  const releases = [...samples].reverse().map(({ release }) => release);
  return { steps: [...new Set(samples.map(({ step }) => step))].slice(0, 40), releases: [...new Set(releases)].slice(0, 4).reverse() };
}

/** The middle of some milliseconds. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
