import type { DatabaseConfig } from '../config/schema.js';
import type { DatabaseFacts, DatabaseVisit } from './database-facts.js';

/** As backup-create.sh: archives of one database are much alike, and something must be left beside. */
const MARGIN = 1.25;
const SPARE = 33_554_432;

/** Bytes that the next backup needs where backups go, all in all; undefined where the host does not say how large the data is. */
export function backupRoom({ size, backup }: DatabaseFacts, engine: DatabaseConfig['engine']): number | undefined {
  if (size === undefined) return undefined;
  // Without one before, nobody knows how far it can be compressed.
  const archive = backup === undefined || backup.size === 0 ? size : size * (backup.stored / backup.size) * MARGIN;
  return archive + (engine === 'sqlite' ? size : 0) + SPARE;
}

/** Bytes that the backups before migrations take from the disk of the releases: none where they have a folder of their own. */
export function roomForBackups(visits: readonly DatabaseVisit[]): number {
  return visits.reduce((sum, { facts, database: { engine, migrate, backup } }) => {
    const made = facts !== undefined && migrate !== undefined && backup.folder === undefined;
    return sum + (made ? (backupRoom(facts, engine) ?? 0) : 0);
  }, 0);
}
