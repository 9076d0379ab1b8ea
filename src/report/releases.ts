import type { Evidence } from '../evidence/record.js';
import { time } from './merge.js';
import type { HostRelease } from './model.js';

/** A switch of one host, there or back. */
export interface Switch {
  readonly host: string;
  /** What it was switched to; '' is no release. */
  readonly release: string;
  /** What was live before, as far as it is known. */
  readonly before: string | undefined;
  readonly passed: boolean;
  readonly back: boolean;
  /** Milliseconds since 1970. */
  readonly ended: number;
}

/** Every switch that was tried, in order of time. */
export function switches(records: readonly Evidence[]): Switch[] {
  const live = new Map<string, string>();
  return records.flatMap((record) => {
    const host = record.subject;
    const found = liveAtLease(record);
    if (found !== undefined) live.set(host, found);
    if (!/^(deploy|rollback)\.switch$/.test(record.id) || record.status === 'skip') return [];
    const release = record.expected === 'no release' ? '' : record.expected ?? '';
    const before = live.get(host);
    const passed = record.status !== 'fail';
    if (passed) live.set(host, release);
    return [{ host, release, before, passed, back: record.phase === 'rollback', ended: time(record.at) + record.duration }];
  });
}

/** Per host what was live at first and at last; hosts of the reported environment first. */
export function releasesOf(records: readonly Evidence[], hosts: ReadonlyMap<string, string>, environment: string): HostRelease[] {
  const before = new Map<string, string>();
  const after = new Map<string, string | undefined>();
  for (const record of records) {
    const found = liveAtLease(record);
    if (found === undefined) continue;
    if (!before.has(record.subject)) before.set(record.subject, found);
    after.set(record.subject, found);
  }
  for (const { host, release, passed } of switches(records)) {
    // A host that did not come up says itself what became of it; the ledger's last word on it is not enough to name a release.
    if (passed) after.set(host, release);
    else if (!after.has(host)) after.set(host, undefined);
  }
  const rows = [...after].map(([host, release]) => ({ environment: hosts.get(host) ?? '', host, before: before.get(host), after: release }));
  return [...rows.filter((row) => row.environment === environment), ...rows.filter((row) => row.environment !== environment)];
}

/** What a run found live when it took the lease: `lease taken; 20261121T… is live`. */
function liveAtLease({ id, observed = '' }: Evidence): string | undefined {
  if (!/^(deploy|rollback)\.lease$/.test(id)) return undefined;
  if (/no release is live/.test(observed)) return '';
  return /(\S+) is live/.exec(observed)?.[1];
}
