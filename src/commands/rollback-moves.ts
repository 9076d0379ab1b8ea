import type { Backup } from '../databases/host-data.js';
import { renderColumns } from '../evidence/columns.js';
import { UserError } from '../evidence/errors.js';
import type { DataRecord } from '../host/history.js';
import { leftData, migrationsSince } from '../release/data-history.js';
import { schemaText } from './data-journal.js';
import { placeOf, type DataPlace, type DataSite } from './data-places.js';
import { ACCOUNTS_TOO, losses, lossTable, lossText, type Loss } from './losses.js';
import { recorded, type RunContext } from './run-context.js';

/** What becomes of the data in a rollback: `true` brings back the backup from before, `down` runs the team's way back, `false` leaves it, whatever it is. */
export const RESTORE_DATABASE = ['true', 'down', 'false'] as const;
/** One of them. */
export type RestoreDatabase = (typeof RESTORE_DATABASE)[number];

/** What is done with one database. */
export type Move = { readonly place: DataPlace; readonly leaving: string; readonly before: string | undefined; readonly after: string | undefined } & (
  | { readonly kind: 'restore'; readonly backup: Backup; readonly losses: readonly Loss[] | undefined }
  | { readonly kind: 'down'; readonly command: string; readonly undoes: DataRecord }
);

/**
 * Says whether the target fits the data as it is.
 * @throws UserError when it does not, with what can be done about it.
 */
export function sayFit(context: RunContext, sites: readonly DataSite[], target: string, choice: RestoreDatabase | undefined): void {
  const misfits: string[] = [];
  for (const site of sites) {
    const since = changes(site, target);
    const [first] = since;
    if (first === undefined) {
      if (site.database.migrate !== undefined) context.reporter.step(site.member.name, `${site.name}: the schema is the one ${target} knows; the data is left alone`);
      continue;
    }
    const text = `${site.name}: migrated since ${target} was live (${schemaText(first.before, since.at(-1)?.after)})`;
    const breaking = since.some(({ migrations }) => migrations === 'breaking');
    if (!breaking) context.reporter.step(site.member.name, `${text}; ${target} runs on that too, as the migrations are \`expand\`; the data is left alone`);
    else if (choice === 'false') context.reporter.warn(`${text} by breaking migrations: ${target} may not run on it; the data is left alone, as asked for`);
    else misfits.push(`${text} by breaking migrations: ${target} does not run on that`);
  }
  if (misfits.length === 0) return;
  throw new UserError(misfits.join('\n'), {
    remedy: [
      'Nothing was changed. Choose what becomes of the data (input `restore-database`, on the command line --restore-database):',
      '  true   the backup from before those migrations goes back; what was written since is lost, a safety backup keeps it',
      '  down   the `rollback` command of the database takes the schema back',
      `  false  the data is left alone, whether or not ${target} runs on it`,
      `To see what each would do: slipway rollback ${context.environmentName} --restore-database true --plan`,
    ].join('\n'),
  });
}

/** Migrations since the target was live that have changed the schema, as far as that is known. */
function changes({ name, member }: DataSite, target: string): DataRecord[] {
  return migrationsSince(member.findings.history, name, target).filter(({ before, after }) => before === undefined || before !== after);
}

/** For each database the backup that was made when the target was left; proven, and compared with what is live. */
export async function restoresFor(context: RunContext, sites: readonly DataSite[], target: string, key: string | undefined): Promise<Move[]> {
  const moves: Move[] = [];
  for (const site of sites) {
    const { name, member } = site;
    const step = leftData(member.findings.history, name, target);
    if (step?.backup === undefined) {
      if (changes(site, target).length === 0) continue;
      throw new UserError(`${name}: it was migrated since ${target} was live, and no backup from before is known`, { remedy: 'Nothing was changed. See `slipway backup list`; to choose one by hand: slipway backup restore.' });
    }
    const place = placeOf(context, site);
    const backup = (await place.data.list()).backups.find(({ id }) => id === step.backup);
    if (backup === undefined) {
      throw new UserError(`${name}: the backup ${step.backup}, made when ${target} was left, is not on ${member.name} any more`, {
        remedy: `Nothing was changed. Bring a copy back to its folder, or choose another backup (slipway backup list ${context.environmentName}), or go back without the data. \`backup.keep\` says how long backups stay.`,
      });
    }
    if (backup.state === 'bad') throw new UserError(`${name}: the backup ${backup.id} is bad: ${backup.reason ?? ''}`, { remedy: 'Nothing was changed.' });
    // The server may have been changed for another since.
    await place.data.fits(backup.id);
    const found = await recorded(
      context,
      { id: 'rollback.data.backup', phase: 'rollback', title: 'The backup of the target is whole', subject: name, expected: 'read back whole' },
      () => place.data.verify(backup.id, key),
      ({ id, level }) => ({ observed: `${id}: ${level === 'whole' ? 'read back whole' : 'encrypted, and not opened'}`, status: level === 'whole' ? 'pass' : 'fail' }),
    );
    if (found.level !== 'whole') throw new UserError(`${name}: ${backup.id} is encrypted, and there is no key to open it`, { remedy: 'Nothing was changed. Give it: `backup-key`, on the command line --key <file>.' });
    const lost = await place.data.rows().then((rows) => losses(rows, backup.rows), () => undefined);
    if (lost !== undefined && lost.length > 0) {
      const { head, rows } = lossTable(lost);
      context.reporter.block(renderColumns(head, rows));
    }
    context.reporter.step(member.name, `${name}: ${lossText(lost)}`);
    if (place.database.whole === true) context.reporter.warn(`${name}: ${ACCOUNTS_TOO}`);
    const since = changes(site, target);
    moves.push({ kind: 'restore', place, leaving: member.findings.current, backup, losses: lost, before: since.at(-1)?.after ?? step.after, after: backup.schema ?? step.before });
  }
  return moves;
}

/** For each database that was migrated since: the team's own command, in the release that is left. */
export function downsFor(context: RunContext, sites: readonly DataSite[], target: string): Move[] {
  return sites.flatMap((site): Move[] => {
    const since = changes(site, target);
    const [first] = since;
    if (first === undefined) return [];
    const { rollback } = site.database;
    if (rollback === undefined) throw new UserError(`databases.${site.name} has no \`rollback\` command`, { remedy: 'Nothing was changed. `restore-database: true` brings the backup back.' });
    return [{ kind: 'down', place: placeOf(context, site), leaving: site.member.findings.current, command: rollback, undoes: first, before: since.at(-1)?.after, after: first.before }];
  });
}

/** A rollback must not fail for a variable: what cannot be reached cannot be asked either. */
export function reachable(context: RunContext, sites: readonly DataSite[]): DataPlace[] {
  return sites.flatMap((site) => {
    try {
      return [placeOf(context, site)];
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      context.reporter.debug(`${site.name}: not asked for restores that were interrupted: ${error.message}`);
      return [];
    }
  });
}
