import { renderColumns } from '../evidence/columns.js';
import type { BackupOptions } from './backup.js';
import { chosenDatabases, everyDatabase, withDatabases, type DataPlace } from './backup-places.js';
import { ageText, backupTable, rowOf } from './backup-report.js';
import type { BackupRow } from './backup-row.js';
import { staleText, timerOf, timerTrouble } from './backup-timer.js';
import type { RunContext } from './run-context.js';

/** Shows every backup with its age, size, state, why it was made and where its copies are. Changes nothing. */
export async function listBackups(context: RunContext, options: BackupOptions): Promise<void> {
  const { reporter, environmentName } = context;
  await withDatabases(context, chosenDatabases(context, options.database), async (places) => {
    const found: BackupRow[] = [];
    context.outputs.backups = found;
    await everyDatabase(context, places, async (place) => {
      const { backups, halfRestored } = await place.data.list();
      found.push(...backups.map((backup) => rowOf(place, backup)));
      const newest = backups.filter(({ state }) => state === 'good' || state === 'drilled').at(-1);
      context.outputs.backup = newest?.id ?? '';
      if (newest === undefined) reporter.warn(`${place.name}: there is no good backup: slipway backup create ${environmentName}`);
      if (halfRestored !== undefined) reporter.warn(`${place.name}: a restore did not come to its end: the live data are half of ${halfRestored.id}. slipway backup restore ${environmentName} --database ${place.name}`);
      await tellTimer(context, place);
    });
    const { head, rows } = backupTable(found, context.now());
    if (rows.length > 0) reporter.block(renderColumns(head, rows));
    context.outputs.outcome = rows.length === 0 ? 'there are no backups' : `${rows.length} backups, ${found.filter(({ state }) => state === 'good' || state === 'drilled').length} of them good`;
  });
}

/** Whether the host backs up by itself, as it is to, and how that went last. */
async function tellTimer(context: RunContext, place: DataPlace): Promise<void> {
  const { reporter, environmentName } = context;
  if (place.database.backup.schedule === undefined) return;
  const timer = await timerOf(context, place);
  const trouble = timerTrouble(timer);
  const how = trouble === undefined ? `the host backs up by itself (${timer.manager}); next ${timer.next}` : `slipway.yml has a schedule, and ${trouble}: slipway backup schedule ${environmentName}`;
  const ran = timer.ran === undefined ? '' : `; its last run, ${ageText(timer.ran.at, context.now())} ago, ${timer.ran.ok ? 'succeeded' : 'FAILED'} ${timer.ran.text}`;
  reporter.step(place.host.name, `${place.name}: ${how}${ran}`);
  const stale = staleText(timer);
  if (stale !== undefined) reporter.warn(`${place.name}: the host's timer does not run what it should: ${stale}. slipway backup schedule ${environmentName}`);
}
