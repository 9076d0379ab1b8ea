import type { Backup } from '../databases/backup.js';
import { formatCount } from '../evidence/format.js';

/** One table, as it is now and as it is in a backup; undefined where there is no such table. */
export interface Loss {
  readonly table: string;
  readonly now: number | undefined;
  readonly then: number | undefined;
}

/** Every table that is in either, by name. */
export function losses(now: ReadonlyMap<string, number>, then: ReadonlyMap<string, number>): Loss[] {
  return [...new Set([...now.keys(), ...then.keys()])].sort().map((table) => ({ table, now: now.get(table), then: then.get(table) }));
}

/** Tables that a restore has not brought back as they are in the backup. */
export function wrongRows(now: ReadonlyMap<string, number>, { rows, moved }: Pick<Backup, 'rows' | 'moved'>): Loss[] {
  return losses(now, rows).filter(({ table, now, then }) => now !== then && Math.abs((now ?? 0) - (then ?? 0)) > (moved.get(table) ?? -1));
}

/** What no table shows of a restore of all databases of a server. */
export const ACCOUNTS_TOO = 'accounts and roles of the server go back as well: those made since are lost, and passwords are those of then';

/** Rows by table: what differs first. */
export function lossTable(all: readonly Loss[]): { head: string[]; rows: string[][] } {
  const rank = ({ now, then }: Loss): number => (now === then ? 1 : 0);
  const count = (rows: number | undefined): string => (rows === undefined ? 'no such table' : rows.toLocaleString('en-US'));
  return {
    head: ['Table', 'Rows now', 'Rows in the backup', 'Difference'],
    rows: [...all].sort((a, b) => rank(a) - rank(b)).map((loss) => {
      const difference = (loss.then ?? 0) - (loss.now ?? 0);
      return [loss.table, count(loss.now), count(loss.then), difference === 0 ? '' : `${difference > 0 ? '+' : '−'}${Math.abs(difference).toLocaleString('en-US')}`];
    }),
  };
}

/** In a few words. Rows that were changed in place cannot be counted. */
export function lossText(all: readonly Loss[] | undefined): string {
  if (all === undefined) return 'what is written since is lost; it could not be counted';
  const fewer = all.reduce((sum, { now = 0, then = 0 }) => sum + Math.max(0, now - then), 0);
  const more = all.reduce((sum, { now = 0, then = 0 }) => sum + Math.max(0, then - now), 0);
  if (fewer === 0 && more === 0) return 'no table has more or fewer rows than the backup; what was changed in place is lost';
  const parts = [...(fewer === 0 ? [] : [`${formatCount(fewer, 'row')} written since ${fewer === 1 ? 'is' : 'are'} lost`]), ...(more === 0 ? [] : [`${formatCount(more, 'row')} deleted since ${more === 1 ? 'comes' : 'come'} back`])];
  return parts.join(', ');
}
