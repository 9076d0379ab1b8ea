import type { History, ReleaseRecord } from '../host/history.js';

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

/** What a host goes back to when nobody confirms a release: what was live when it is good, else the newest good one, else what was live. */
export function revertTarget(history: History, current: string): string {
  if (history.releases.find(({ id }) => id === current)?.state === 'good') return current;
  return rollbackTargets(history, current)[0]?.id ?? current;
}
