import type { Backup } from '../databases/host-data.js';
import { formatBytes, formatDuration } from '../evidence/format.js';
import type { SummaryTable } from '../evidence/summary.js';
import type { DataPlace } from './backup-places.js';
import type { BackupRow } from './backup-row.js';

export function rowOf({ name, host }: Pick<DataPlace, 'name' | 'host'>, backup: Backup): BackupRow {
  const { id, engine, began, duration, size, stored, encrypted, why, state, reason, release, schema, verified, drill } = backup;
  return {
    database: name, host: host.name, id, engine, began, duration, size, stored, encrypted, why, state, reason, release, schema, verifiedAt: verified?.at, drilledAt: drill?.at,
    copies: backup.copies.map(({ target }) => target), rows: Object.fromEntries(backup.rows),
  };
}

/** Newest first: what was made last is what people look for. */
export function backupTable(rows: readonly BackupRow[], now: Date): SummaryTable {
  return {
    title: 'Backups',
    head: ['Database', 'Backup', 'Age', 'Data', 'Stored', 'State', 'Why', 'Copies'],
    rows: [...rows]
      .sort((a, b) => (a.database === b.database ? b.id.localeCompare(a.id) : a.database.localeCompare(b.database)))
      .map((row) => [row.database, row.id, ageText(row.began, now), formatBytes(row.size), `${formatBytes(row.stored)}${isPlain(row) ? '' : `, ${row.encrypted}`}`, stateText(row), row.why, row.copies.join(', ') || 'none']),
  };
}

export function isPlain({ encrypted }: Pick<BackupRow, 'encrypted'>): boolean {
  return encrypted === 'none';
}

/** How long ago, as people say it. */
export function ageText(at: string, now: Date): string {
  const ms = now.getTime() - Date.parse(at);
  return Number.isNaN(ms) ? 'unknown' : formatDuration(Math.max(0, ms));
}

function stateText({ state, reason }: BackupRow): string {
  return state === 'bad' && reason !== undefined ? `bad: ${reason}` : state;
}

/** `12 MB of data in 3.1 MB`, and how that compares with the backup before. */
export function sizeText(backup: Pick<Backup, 'size' | 'stored'>, before: Pick<Backup, 'size' | 'id'> | undefined): string {
  const own = `${formatBytes(backup.size)} of data in ${formatBytes(backup.stored)}`;
  return before === undefined || before.size === 0 ? own : `${own}, ${(backup.size / before.size).toFixed(2)} × ${before.id}`;
}
