import type { History, ReleaseRecord, Slot } from '../host/journal.js';

/** Good releases that are still on the host, newest first, without the live one: what a rollback can go to. */
export function rollbackTargets(history: History, current: string): ReleaseRecord[] {
  return history.releases.filter((release) => release.state === 'good' && release.present && release.id !== current).reverse();
}

/**
 * The releases to delete after a deploy: all but the newest `keep` good ones. Bad and unfinished releases never count
 * towards `keep` and are deleted; the live release and the newest good one never are.
 */
export function toPrune(history: History, current: string, keep: number): string[] {
  const present = history.releases.filter((release) => release.present);
  const good = present.filter((release) => release.state === 'good');
  const kept = new Set(good.slice(-Math.max(1, keep)).map((release) => release.id));
  kept.add(current);
  return present.filter((release) => !kept.has(release.id)).map((release) => release.id);
}

/** The slot for a new release: the one the live release is not in. */
export function freeSlot(history: History, current: string): Slot {
  return history.releases.find((release) => release.id === current)?.slot === 'blue' ? 'green' : 'blue';
}
