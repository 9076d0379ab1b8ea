import type { DatabaseConfig } from '../config/schema.js';
import type { Drilled } from '../databases/host-data.js';
import { UserError } from '../evidence/errors.js';
import { formatCount, formatDuration } from '../evidence/format.js';
import type { BackupOptions } from './backup.js';
import { chosenDatabases, everyDatabase, withDatabases } from './backup-places.js';
import { recorded, type RunContext } from './run-context.js';

/**
 * Restores a backup of each database into a scratch database beside the live one, compares rows, checks integrity, runs
 * the probes, measures how long it took and how old the data are, and drops it again.
 * @throws UserError naming what did not hold.
 */
export async function drillBackups(context: RunContext, options: BackupOptions): Promise<void> {
  await withDatabases(context, chosenDatabases(context, options.database), async (places) => {
    const drilled: string[] = [];
    await everyDatabase(context, places, async ({ name, database, host, data }) => {
      if (context.plan) {
        context.reporter.step(host.name, `would restore ${options.id ?? `the newest good backup of ${name}`} into a scratch database, compare its rows, run ${formatCount(database.drill.probes.length, 'probe')}, and drop it`);
        return;
      }
      const result = await context.reporter.group(`Drill of ${name}`, () => recorded(
        context,
        { id: 'backup.drill', phase: 'backup', title: 'The backup was restored', subject: name, expected: expectedText(database) },
        async () => {
          const done = await data.drill(options.id, { probes: database.drill.probes, ...(options.backupKey === undefined ? {} : { key: options.backupKey }) });
          refuseSlow(database, done);
          return done;
        },
        (done) => ({ observed: drillText(done, database), data: { ...done, rows: Object.fromEntries(done.rows) } }),
      ));
      context.outputs.backup = result.id;
      drilled.push(`${name}: ${drillText(result, database)}`);
    });
    context.outputs.outcome = context.plan ? 'plan only: nothing was restored' : drilled.join('; ');
  });
}

function expectedText({ drill }: DatabaseConfig): string {
  return [
    'the rows of the manifest, no damage, every probe true',
    ...(drill.restoreWithin === undefined ? [] : [`restored within ${formatDuration(drill.restoreWithin)}`]),
    ...(drill.dataAge === undefined ? [] : [`data no older than ${formatDuration(drill.dataAge)}`]),
  ].join('; ');
}

function drillText({ id, duration, age, rows }: Drilled, { drill, whole }: DatabaseConfig): string {
  const count = [...rows.values()].reduce((sum, one) => sum + one, 0);
  return `${id} restored in ${formatDuration(duration)} (RTO), data ${formatDuration(age * 1000)} old (RPO); ${formatCount(count, 'row')} in ${formatCount(rows.size, 'table')} as in the manifest; ${formatCount(drill.probes.length, 'probe')} true${whole === true ? '; neither oplog nor accounts are part of a drill' : ''}`;
}

function refuseSlow({ drill }: DatabaseConfig, { id, duration, age }: Drilled): void {
  const problems = [
    ...(drill.restoreWithin !== undefined && duration > drill.restoreWithin ? [`the restore of ${id} took ${formatDuration(duration)}, and \`drill.restore-within\` is ${formatDuration(drill.restoreWithin)}`] : []),
    ...(drill.dataAge !== undefined && age * 1000 > drill.dataAge ? [`the data of ${id} are ${formatDuration(age * 1000)} old, and \`drill.data-age\` is ${formatDuration(drill.dataAge)}`] : []),
  ];
  if (problems.length > 0) throw new UserError(problems.join('; '), { remedy: 'The backup itself is whole. Back up more often, or find what makes the restore slow.' });
}
