import type { Backup } from '../databases/host-data.js';
import { UserError } from '../evidence/errors.js';
import { formatCount } from '../evidence/format.js';
import { isSuspicion, saveData } from './data-backup.js';
import { noteData } from './data-journal.js';
import { wrongRows } from './losses.js';
import type { DataPlace } from './data-places.js';
import { recorded, type RunContext } from './run-context.js';

/** What a restore is told. */
export interface BringBack {
  /** The release the journal's lines are about. */
  readonly release: string;
  readonly backup: string;
  /** The release that is to be live at the end, and what goes back when this run dies before it is. */
  readonly towards?: string;
  readonly undo?: string;
  /** The versions of the schema: now, and in the backup. */
  readonly before?: string | undefined;
  readonly after?: string | undefined;
  /** Whether nobody could write meanwhile: then the rows must be those of the backup. */
  readonly quiet: boolean;
  /** What opens an archive that is encrypted for somebody. */
  readonly key?: string | undefined;
}

/**
 * Makes a backup the live data, and counts its rows afterwards.
 * @throws UserError when it could not be restored, or is not what the backup holds.
 */
export async function bringBack(context: RunContext, place: DataPlace, { release, backup, towards, undo, before, after, quiet, key }: BringBack): Promise<void> {
  const { name, data } = place;
  const { phase } = context;
  const step = { backup, towards, undo, before, after };
  await noteData(context, place, release, { ...step, outcome: 'restoring' });
  await recorded(
    context,
    { id: `${phase}.data.restore`, phase, title: 'The data of the backup is live', subject: name, expected: `as in ${backup}` },
    async () => {
      const wanted = (await data.list()).backups.find(({ id }) => id === backup);
      await data.restore(backup, { key }, (line) => context.reporter.line(place.member.name, line));
      const differ = wanted === undefined || !quiet ? [] : differences(wanted, await data.rows());
      if (differ.length > 0) throw new UserError(`${name}: after the restore of ${backup} these tables do not have the rows of the backup: ${differ.join(', ')}`, { remedy: 'Does something write to the database that Slipway has not stopped (a job, a console, another app)? End it, then restore again.' });
      return wanted;
    },
    (wanted) => ({ observed: `${backup} is live${wanted === undefined || wanted.rows.size === 0 ? '' : `: ${formatCount(wanted.rows.size, 'table')}${quiet ? ', all with the rows of the backup' : ''}`}` }),
  );
  // What goes back to where it was leaves nothing to undo.
  const final = undo === backup ? { ...step, undo: undefined, towards: undefined } : step;
  await noteData(context, place, release, { ...final, outcome: 'restored' });
}

/**
 * Saves what is about to be replaced. A backup that is only suspected (much smaller, fewer rows) is exactly what the
 * leftovers of a failed migration look like: it is kept, and named.
 */
export async function saveForSafety(context: RunContext, place: DataPlace, release: string, schema: string | undefined): Promise<string> {
  const known = new Set((await place.data.list()).backups.map(({ id }) => id));
  try {
    return (await saveData(context, place, 'safety', { release, schema })).id;
  } catch (error) {
    if (!isSuspicion(error)) throw error;
    const kept = (await place.data.list()).backups.find((backup: Backup) => backup.why === 'safety' && !known.has(backup.id));
    if (kept === undefined) throw error;
    context.reporter.warn(`${place.name}: ${error.message}; it is kept all the same, as ${kept.id}`);
    return kept.id;
  }
}

/** Tables of the backup that do not have the rows they should. */
function differences(wanted: Backup, found: ReadonlyMap<string, number>): string[] {
  return wrongRows(found, wanted).flatMap(({ table, now, then }) => (then === undefined ? [] : [`${table}: ${now ?? 'gone'}, not ${then}`]));
}
