import type { Backup } from '../databases/host-data.js';
import { formatDuration } from '../evidence/format.js';
import { UserError } from '../evidence/errors.js';
import type { BackupOptions } from './backup.js';
import { copyBackup, targetText } from './backup-copy.js';
import { chosenDatabases, everyDatabase, withDatabases, type DataPlace } from './backup-places.js';
import { prunePlace } from './backup-prune.js';
import { rowOf, sizeText } from './backup-report.js';
import type { BackupRow } from './backup-row.js';
import { staleText, timerOf, timerTrouble } from './backup-timer.js';
import { recorded, type RunContext } from './run-context.js';

/**
 * Backs up every database: dumps and reads back, copies to where the configuration says, deletes what `keep` no longer wants.
 * @throws UserError naming each database whose backup was not made, is suspicious, or could not be copied.
 */
export async function createBackups(context: RunContext, options: BackupOptions): Promise<void> {
  const databases = chosenDatabases(context, options.database);
  await withDatabases(context, databases, async (places) => {
    if (context.plan) {
      await everyDatabase(context, places, (place) => planCreate(context, place));
      context.outputs.outcome = 'plan only: nothing was backed up';
      return;
    }
    const made: BackupRow[] = [];
    context.outputs.backups = made;
    await everyDatabase(context, places, async (place) => {
      const { backup, problems } = await context.reporter.group(`Back up ${place.name}`, () => backUp(context, place, options, made));
      context.outputs.backup = backup.id;
      if (problems.length > 0) throw new UserError(problems.join('\n'), { remedy: `The backup ${backup.id} itself is good and on ${place.host.name}. Mend the copy, then run again.` });
    });
    context.outputs.outcome = made.map(({ database, id }) => `${database}: ${id}`).join('; ');
  });
}

/** One database: a failed copy does not keep the next copy from being made, nor old backups from being deleted. */
async function backUp(context: RunContext, place: DataPlace, options: BackupOptions, made: BackupRow[]): Promise<{ backup: Backup; problems: string[] }> {
  const backup = await makeBackup(context, place, 'manual', options.backupKey);
  const problems: string[] = [];
  for (const target of place.database.backup.copy) {
    try {
      await copyBackup(context, place, backup, target);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      problems.push(`the copy to ${targetText(target)} was not made: ${error.message}`);
    }
  }
  await prunePlace(context, place);
  await warnOfSchedule(context, place);
  const { backups } = await place.data.list();
  made.push(rowOf(place, backups.find(({ id }) => id === backup.id) ?? backup));
  return { backup, problems };
}

/** Makes one backup and reads it back, with the evidence of both. For other commands too: a restore's safety backup is one. */
export async function makeBackup(context: RunContext, { name, database, host, data }: DataPlace, why: 'manual' | 'deploy' | 'safety', identity?: string, release?: string): Promise<Backup> {
  const { backups } = await data.list();
  const before = backups.filter(({ state }) => state === 'good' || state === 'drilled').at(-1);
  const at = context.now().toISOString();
  const backup = await recorded(
    context,
    { id: 'backup.create', phase: 'backup', title: 'A backup that was read back', subject: name, expected: `whole; not ${Math.round(database.backup.shrink * 100)} % smaller than the last` },
    () => data.create({ why, ...(release === undefined ? {} : { release }), ...(identity === undefined ? {} : { identity }) }, (line) => context.reporter.line(host.name, line), context.signal),
    (made) => ({
      observed: `${made.id}: ${sizeText(made, before)}, made in ${formatDuration(made.duration)}`,
      data: { id: made.id, size: made.size, stored: made.stored, ratio: before === undefined || before.size === 0 ? undefined : made.size / before.size, sum: made.sum, rows: Object.fromEntries(made.rows) },
    }),
  );
  context.reporter.evidence({
    id: 'backup.verify', phase: 'backup', title: 'The archive was read back whole', subject: name, status: backup.state === 'bad' || backup.state === 'unverified' ? 'fail' : 'pass',
    observed: `${backup.id} is ${backup.state}`, at, duration: 0,
  });
  return backup;
}

async function planCreate(context: RunContext, place: DataPlace): Promise<void> {
  const { name, database, host, data } = place;
  const { reporter } = context;
  const { backups } = await data.list();
  const last = backups.at(-1);
  reporter.step(host.name, `would back up ${name} (${database.engine}), compressed by ${database.backup.compress}${encryptionText(place)}, and read it back${last === undefined ? '; it is the first' : `; the last is ${last.id}, ${last.state}`}`);
  for (const target of database.backup.copy) reporter.step(host.name, `would copy it to ${targetText(target)}`);
  const { removed } = await data.prune(database.backup.keep, true);
  if (removed.length > 0) reporter.step(host.name, `would delete ${removed.join(', ')}`);
  await warnOfSchedule(context, place);
}

function encryptionText({ database }: DataPlace): string {
  if (database.backup.age !== undefined) return ', encrypted by age';
  return database.backup.passphrase === undefined ? ', not encrypted' : ', encrypted by OpenSSL';
}

/** A schedule in the configuration is worth nothing before the host has it. */
async function warnOfSchedule(context: RunContext, place: DataPlace): Promise<void> {
  if (place.database.backup.schedule === undefined) return;
  const timer = await timerOf(context, place);
  const stale = staleText(timer);
  const wrong = timerTrouble(timer) ?? (stale === undefined ? undefined : `the timer does not run what it should (${stale})`);
  if (wrong === undefined) return;
  context.reporter.warn(`${place.name}: slipway.yml has a schedule, and on ${place.host.name} ${wrong}: slipway backup schedule ${context.environmentName}`);
}
