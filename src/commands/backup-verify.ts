import { formatDuration } from '../evidence/format.js';
import type { BackupOptions } from './backup.js';
import { chosenDatabases, everyDatabase, withDatabases } from './backup-places.js';
import { recorded, type RunContext } from './run-context.js';

/**
 * Reads an archive whole: the newest one of each database, or the one that is named.
 * @throws UserError saying of each that is not whole in what way: empty, truncated, changed, wrong key, no key.
 */
export async function verifyBackups(context: RunContext, options: BackupOptions): Promise<void> {
  const databases = chosenDatabases(context, options.database);
  await withDatabases(context, databases, async (places) => {
    const verified: string[] = [];
    await everyDatabase(context, places, async ({ name, host, data }) => {
      if (context.plan) {
        context.reporter.step(host.name, `would read ${options.id ?? `the newest backup of ${name}`} whole`);
        return;
      }
      const result = await context.reporter.group(`Verify ${name}`, () => recorded(
        context,
        { id: 'backup.verify', phase: 'backup', title: 'The archive was read back whole', subject: name, expected: 'the sums of archive and dump; a dump that is whole' },
        () => data.verify(options.id, options.backupKey),
        ({ id, level, duration }) => ({
          observed: `${id}: ${level === 'whole' ? 'whole' : 'its sum is right; it is encrypted, and without the key nothing more was read'}, in ${formatDuration(duration)}`,
          status: level === 'whole' ? 'pass' : 'warn',
          ...(level === 'whole' ? {} : { remedy: 'Give the key now and then (`backup-key`, --key): only then the dump itself is read.' }),
        }),
      ));
      context.outputs.backup = result.id;
      verified.push(`${name}: ${result.id} is ${result.level}`);
    });
    context.outputs.outcome = context.plan ? 'plan only: nothing was read' : verified.join('; ');
  });
}
