import type { Backup } from '../databases/host-data.js';
import { renderColumns } from '../evidence/columns.js';
import { UserError } from '../evidence/errors.js';
import { formatCount, formatDuration } from '../evidence/format.js';
import { EXIT, HostError } from '../host/failure.js';
import type { BackupOptions } from './backup.js';
import { makeBackup } from './backup-create.js';
import { oneDatabase, placeOf, withDatabases, type DataPlace } from './backup-places.js';
import { ageText } from './backup-report.js';
import { noteData } from './data-journal.js';
import { ACCOUNTS_TOO, losses, lossTable, lossText, wrongRows, type Loss } from './losses.js';
import { holdingFleet } from './fleet-session.js';
import { recorded, type RunContext } from './run-context.js';
import { whilePaused } from './while-paused.js';

/**
 * Brings a backup back into the live database: proves the archive, shows what will be lost, waits for a person's word,
 * stops the app, takes a safety backup, restores, compares the rows, and starts the app again, also when it failed.
 * @throws UserError; it names the safety backup when there is one.
 */
export async function restoreBackup(context: RunContext, options: BackupOptions): Promise<void> {
  const { reporter, outputs } = context;
  const database = oneDatabase(context, options.database, 'restored');
  const intent = await withDatabases(context, [database], async ([place]) => {
    if (place === undefined) throw new Error('No place for the database.');
    return reporter.group(`What a restore of ${database.name} means`, () => prepare(context, place, options));
  });
  const { backup } = intent;
  outputs.backup = backup.id;
  if (context.plan) {
    for (const line of planned(intent, options)) reporter.step(intent.host, line);
    outputs.outcome = `plan only: ${database.name} would go back to ${backup.id}`;
    return;
  }
  await askToConfirm(context, options, intent);
  await withDatabases(context, [database], ([place]) => (place === undefined ? Promise.resolve() : reporter.group('Read the archive whole', () => prove(context, place, options, backup))));

  await holdingFleet(context, false, async ({ members }) => {
    const place = placeOf(context, members.map(({ host }) => host), database);
    const state = { half: false };
    await whilePaused(context, members, `restore of ${database.name} from ${backup.id}`, async () => {
      const safety = await takeSafety(context, place, options, intent);
      await reporter.group(`Restore ${database.name}`, () => replaceData(context, place, options, intent, safety, state));
      // A later rollback has to know which schema the data has.
      const member = members.find(({ name }) => name === place.host.name);
      if (member !== undefined && member.findings.current !== '') await noteData(context, { name: database.name, database, member }, member.findings.current, { outcome: 'restored', backup: backup.id, after: backup.schema });
      outputs.outcome = `${database.name} is as it was in ${backup.id}, ${ageText(backup.began, context.now())} ago; ${lossText(intent.losses)}${safety === undefined ? '' : `; what it was before is in ${safety}`}`;
    }, () => !state.half);
  });
}

/** What is to be done, and what it costs. */
interface Intent {
  readonly host: string;
  readonly backup: Backup;
  /** Undefined when the live rows cannot be counted. */
  readonly losses: readonly Loss[] | undefined;
  /** The safety backup of a restore that did not come to its end. */
  readonly halfRestored: string | undefined;
}

/** Chooses the backup and counts what is live. */
async function prepare(context: RunContext, place: DataPlace, options: BackupOptions): Promise<Intent> {
  const { reporter, environmentName } = context;
  const { name, database, host, data } = place;
  const { backups, halfRestored } = await data.list();
  const backup = choose(backups, options.id, name, environmentName);
  reporter.step(host.name, `${name}: ${backup.id}, ${ageText(backup.began, context.now())} old, ${backup.state}`);
  // What does not answer at all says so where its rows are counted.
  await data.fits(backup.id).catch((error: unknown) => {
    if (!(error instanceof HostError) || error.code === EXIT.unfit) throw error;
  });
  let lost: readonly Loss[] | undefined;
  try {
    lost = losses(await data.rows(), backup.rows);
    const { head, rows } = lossTable(lost);
    if (rows.length > 0) reporter.block(renderColumns(head, rows));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    reporter.warn(`${name}: what is live cannot be counted: ${error.message}`);
  }
  if (database.whole === true) reporter.warn(`${name}: ${ACCOUNTS_TOO}`);
  return { host: host.name, backup, losses: lost, halfRestored: halfRestored?.safety };
}

/** A wrong key or a broken archive is found out before anything is stopped. */
async function prove(context: RunContext, { name, host, data }: DataPlace, options: BackupOptions, backup: Backup): Promise<void> {
  const { level } = await data.verify(backup.id, options.backupKey);
  if (level !== 'whole') throw new UserError(`${name}: ${backup.id} is encrypted, and there is no key to open it`, { remedy: 'Give it: `backup-key` in a workflow, --key <file> on the command line. Nothing was changed.' });
  context.reporter.step(host.name, `${backup.id} is whole`);
}

/** The named backup, or the newest good one that no restore has made for its own safety. */
function choose(backups: readonly Backup[], id: string | undefined, name: string, environment: string): Backup {
  const list = `To list them: slipway backup list ${environment} --database ${name}`;
  if (id === undefined) {
    const newest = backups.filter(({ state, why }) => (state === 'good' || state === 'drilled') && why !== 'safety').at(-1);
    if (newest === undefined) throw new UserError(`there is no good backup of ${name}`, { remedy: `Nothing was changed. ${list}. A copy that was kept elsewhere: see "The worst day" in docs/backups.md.` });
    return newest;
  }
  const named = backups.find((backup) => backup.id === id);
  if (named === undefined) throw new UserError(`there is no backup ${id} of ${name}`, { remedy: `Nothing was changed. ${list}` });
  if (named.state === 'bad') throw new UserError(`the backup ${id} of ${name} is bad: ${named.reason ?? ''}`, { remedy: `Nothing was changed. ${list}` });
  return named;
}

function planned({ backup, losses: lost, halfRestored }: Intent, options: BackupOptions): string[] {
  return [
    'would take the lease and stop the services of the app on every host',
    ...(options.safety === false ? [] : [halfRestored === undefined ? 'would take a safety backup of what is live' : `would keep the safety backup ${halfRestored} of the restore that did not come to its end`]),
    `would replace the live data by ${backup.id}: ${lossText(lost)}`,
    'would compare the rows of each table with the manifest, and start the services',
  ];
}

async function askToConfirm(context: RunContext, options: BackupOptions, { backup, losses: lost }: Intent): Promise<void> {
  const { environmentName } = context;
  const meaning = `this replaces live data of ${environmentName} by ${backup.id}, ${ageText(backup.began, context.now())} old: ${lossText(lost)}`;
  const said = options.confirm ?? (await options.ask?.(`\n${meaning}.\nType the name of the environment to go on: `));
  if (said?.trim() === environmentName) return;
  throw new UserError(`${said === undefined ? 'not confirmed' : `not confirmed: \`${said.trim()}\` is not the name of the environment`}; ${meaning}`, {
    remedy: `Nothing was changed. When that is what you want: \`confirm: ${environmentName}\` in a workflow, --confirm ${environmentName} on the command line.`,
  });
}

/** @returns the id of the backup that holds what is about to be replaced. */
async function takeSafety(context: RunContext, place: DataPlace, options: BackupOptions, { halfRestored }: Intent): Promise<string | undefined> {
  const { reporter } = context;
  if (options.safety === false) {
    reporter.warn(`${place.name}: no safety backup is taken, as asked for`);
    return undefined;
  }
  if (halfRestored !== undefined) {
    reporter.warn(`${place.name}: what is live is half of another restore; its safety backup ${halfRestored} is kept, no other one is taken`);
    return halfRestored;
  }
  // A file that is gone is what people restore for.
  if (!(await place.data.exists())) {
    reporter.warn(`${place.name}: nothing is left of the live data, so there is nothing to save first`);
    return undefined;
  }
  try {
    return (await reporter.group(`Safety backup of ${place.name}`, () => makeBackup(context, place, 'safety', options.backupKey))).id;
  } catch (error) {
    // On the worst day what is live is suspicious, and that is why we are here: it was kept all the same.
    if (error instanceof HostError && error.code === EXIT.suspicious) {
      const { backups } = await place.data.list();
      const kept = backups.filter(({ why }) => why === 'safety').at(-1)?.id;
      reporter.warn(`${place.name}: the safety backup ${kept ?? ''} is kept, though ${error.message}`);
      return kept;
    }
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`no safety backup could be taken: ${error.message}`, {
      cause: error,
      remedy: 'Nothing was changed. When what is live is beyond reading, restore without one: `safety: false` in a workflow, --no-safety on the command line.',
    });
  }
}

/** Restores and compares. An engine that stopped half-way is given its safety backup back, so that the app does not start on half of its data. */
async function replaceData(context: RunContext, place: DataPlace, options: BackupOptions, { backup }: Intent, safety: string | undefined, state: { half: boolean }): Promise<void> {
  const { name, data } = place;
  const key = options.backupKey === undefined ? {} : { key: options.backupKey };
  const wayBack = safety === undefined ? '' : `What was there before: slipway backup restore ${context.environmentName} --database ${name} --id ${safety}`;
  try {
    await recorded(
      context,
      { id: 'backup.restore', phase: 'backup', title: 'The live data are those of the backup', subject: name, expected: 'the rows of the manifest in every table' },
      async () => {
        const started = performance.now();
        await data.restore(backup.id, { ...key, ...(safety === undefined ? {} : { safety }) }, (line) => context.reporter.line(place.host.name, line));
        const rows = await data.rows();
        const wrong = wrongRows(rows, backup);
        if (wrong.length > 0) throw new UserError(`after the restore the rows differ from the manifest: ${wrong.map(({ table, now, then }) => `${table}: ${now ?? 'none'} instead of ${then ?? 'none'}`).join('; ')}`);
        return { took: performance.now() - started, rows };
      },
      ({ took, rows }) => ({
        observed: `${backup.id} restored in ${formatDuration(took)}: ${formatCount([...rows.values()].reduce((sum, one) => sum + one, 0), 'row')} in ${formatCount(rows.size, 'table')}, as in the manifest`,
        data: { id: backup.id, safety, rows: Object.fromEntries(rows) },
      }),
    );
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { half, text } = await afterFailure(context, place, options, safety);
    state.half = half;
    const remedy = [text, wayBack, error.remedy ?? ''].filter((line) => line !== '').join('\n');
    throw new UserError(`${name}: the restore of ${backup.id} failed: ${error.message}`, { cause: error, ...(remedy === '' ? {} : { remedy }) });
  }
}

/** What is live after a restore that failed, in one sentence; `half`: the app must not start on it. */
async function afterFailure(context: RunContext, { name, data }: DataPlace, options: BackupOptions, safety: string | undefined): Promise<{ half: boolean; text: string }> {
  const { halfRestored } = await data.list();
  if (halfRestored === undefined) return { half: false, text: '' };
  const stopped = 'Half of the data is replaced and the services stay stopped: restore a backup before the app is used.';
  if (safety === undefined) return { half: true, text: stopped };
  try {
    await context.reporter.group(`Put ${name} back as it was`, () => data.restore(safety, { ...(options.backupKey === undefined ? {} : { key: options.backupKey }), safety }));
    return { half: false, text: `The data are as they were before: the safety backup ${safety} was restored.` };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { half: true, text: `${stopped} The safety backup could not be restored either: ${error.message}` };
  }
}
