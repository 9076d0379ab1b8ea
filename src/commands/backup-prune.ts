import { formatCount } from '../evidence/format.js';
import type { BackupOptions } from './backup.js';
import { chosenDatabases, everyDatabase, withDatabases, type DataPlace } from './backup-places.js';
import { recorded, type RunContext } from './run-context.js';

/** Deletes the backups that no rule of `keep` wants any more. Copies elsewhere stay. */
export async function pruneBackups(context: RunContext, options: BackupOptions): Promise<void> {
  await withDatabases(context, chosenDatabases(context, options.database), async (places) => {
    const counts = await everyDatabase(context, places, async (place) => {
      if (!context.plan) return prunePlace(context, place);
      const { removed, kept } = await place.data.prune(place.database.backup.keep, true);
      context.reporter.step(place.host.name, `${place.name}: ${removed.length === 0 ? 'would delete nothing' : `would delete ${removed.join(', ')}`}; ${formatCount(kept, 'backup')} would stay`);
      return { removed, kept };
    });
    const removed = counts.reduce((sum, one) => sum + one.removed.length, 0);
    context.outputs.outcome = context.plan ? `plan only: ${formatCount(removed, 'backup')} would be deleted` : `${formatCount(removed, 'backup')} deleted`;
  });
}

export function prunePlace(context: RunContext, { name, database, data }: DataPlace): Promise<{ removed: readonly string[]; kept: number }> {
  return recorded(
    context,
    { id: 'backup.prune', phase: 'backup', title: 'Old backups are deleted', subject: name, expected: 'what `keep` wants stays, and the newest good one' },
    () => data.prune(database.backup.keep, false),
    ({ removed, kept }) => ({ observed: `${removed.length === 0 ? 'deleted none' : `deleted ${removed.join(', ')}`}; ${kept} stay`, data: { removed, kept } }),
  );
}
