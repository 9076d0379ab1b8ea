import type { Amount } from './amount.js';

/** Groups hosts in their order: `1` is one at a time, `25%` a quarter (rounded down, at least one); without a size all are one group. */
export function batches<T>(items: readonly T[], batch: Amount | undefined): T[][] {
  if (items.length === 0) return [];
  const wanted = batch === undefined ? items.length : batch.unit === 'share' ? Math.floor(items.length * batch.value) : batch.value;
  const size = Math.max(1, wanted);
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
}
