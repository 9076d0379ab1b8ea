import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Backup } from '../databases/host-data.js';
import { UserError } from '../evidence/errors.js';
import { formatBytes } from '../evidence/format.js';
import type { BackupOptions } from './backup.js';
import { chosenDatabases, everyDatabase, withDatabases, type DataPlace } from './backup-places.js';
import { isPlain, rowOf } from './backup-report.js';
import { recorded, type RunContext } from './run-context.js';

/**
 * Brings a backup of each database to this machine: `<to>/<environment>-<database>-<id>/` with archive and manifest, its sum
 * checked. What is not encrypted is not brought to a machine whose files others may see.
 */
export async function fetchBackups(context: RunContext, options: BackupOptions): Promise<void> {
  const to = options.to ?? context.workspace;
  await withDatabases(context, chosenDatabases(context, options.database), async (places) => {
    const folders: string[] = [];
    await everyDatabase(context, places, async (place) => {
      const { name, host, data } = place;
      const backup = choose((await data.list()).backups, options.id, name);
      const row = rowOf(place, backup);
      context.outputs.backup = backup.id;
      if (options.shared === true && isPlain(row) && options.confirm !== context.environmentName) {
        throw new UserError(`${backup.id} of ${name} is not encrypted, and whoever may see the files of this job could read the data`, {
          remedy: `Encrypt the backups (\`backup: { age: … }\`), or say that you mean it: \`confirm: ${context.environmentName}\`.`,
        });
      }
      const folder = join(to, `${context.environmentName}-${name}-${backup.id}`);
      if (context.plan) {
        context.reporter.step(host.name, `would bring ${backup.id} (${formatBytes(backup.stored)}) to ${folder}`);
        return;
      }
      await context.reporter.group(`Fetch ${name}`, () => recorded(
        context,
        { id: 'backup.fetch', phase: 'backup', title: 'The backup is on this machine', subject: name, expected: `sum ${backup.sum.slice(0, 12)}` },
        () => fetchOne(context, place, backup, folder),
        () => ({ observed: `${folder}: ${formatBytes(backup.stored)}, its sum is right`, data: { id: backup.id, bytes: backup.stored } }),
      ));
      folders.push(folder);
      context.outputs.archive = folders.join('\n');
    });
    context.outputs.outcome = context.plan ? 'plan only: nothing was fetched' : `fetched to ${folders.join(', ')}`;
  });
}

function choose(backups: readonly Backup[], id: string | undefined, name: string): Backup {
  const chosen = id === undefined ? backups.filter(({ state }) => state === 'good' || state === 'drilled').at(-1) : backups.find((backup) => backup.id === id);
  if (chosen === undefined) throw new UserError(id === undefined ? `there is no good backup of ${name}` : `there is no backup ${id} of ${name}`, { remedy: 'See `slipway backup list`.' });
  return chosen;
}

/** Under another name until all of it has arrived and its sum is right. */
async function fetchOne(context: RunContext, { name, host, data }: DataPlace, backup: Backup, folder: string): Promise<void> {
  const half = `${folder}.half`;
  await rm(half, { recursive: true, force: true });
  await mkdir(half, { recursive: true, mode: 0o700 });
  try {
    const { stream, ended } = data.read(backup.id, context.signal);
    const sum = createHash('sha256');
    let bytes = 0;
    const watch = new Transform({
      transform: (chunk: Buffer, _, done) => {
        sum.update(chunk);
        bytes += chunk.length;
        context.reporter.progress(host.name, bytes, backup.stored);
        done(undefined, chunk);
      },
    });
    await Promise.all([pipeline(stream, watch, createWriteStream(join(half, 'archive'), { mode: 0o600 })), ended]);
    if (sum.digest('hex') !== backup.sum) throw new UserError(`${backup.id} of ${name}: what arrived (${formatBytes(bytes)} of ${formatBytes(backup.stored)}) is not the archive: its sum differs`, { remedy: 'Run again; when it stays so, verify the backup on the host.' });
    await writeFile(join(half, 'manifest'), await data.manifest(backup.id), { mode: 0o600 });
    await rm(folder, { recursive: true, force: true });
    await rename(half, folder);
  } catch (error) {
    await rm(half, { recursive: true, force: true });
    throw error;
  }
}
