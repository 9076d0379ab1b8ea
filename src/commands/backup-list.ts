import { renderColumns } from '../evidence/columns.js';
import type { BackupOptions } from './backup.js';
import { chosenDatabases, everyDatabase, withDatabases } from './backup-places.js';
import { ageText, backupTable, rowOf } from './backup-report.js';
import type { BackupRow } from './backup-row.js';
import { timerOf } from './backup-timer.js';
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
      if (place.database.backup.schedule === undefined) return;
      const timer = await timerOf(place);
      reporter.step(place.host.name, `${place.name}: ${timer.active ? `the host backs up by itself (${timer.manager}); next ${timer.next}` : `slipway.yml has a schedule and the host has no timer: slipway backup schedule ${environmentName}`}${timer.ran === undefined ? '' : `; its last run, ${ageText(timer.ran.at, context.now())} ago, ${timer.ran.ok ? 'succeeded' : 'FAILED'} ${timer.ran.text}`}`);
    });
    const { head, rows } = backupTable(found, context.now());
    if (rows.length > 0) reporter.block(renderColumns(head, rows));
    context.outputs.outcome = rows.length === 0 ? 'there are no backups' : `${rows.length} backups, ${found.filter(({ state }) => state === 'good' || state === 'drilled').length} of them good`;
  });
}
