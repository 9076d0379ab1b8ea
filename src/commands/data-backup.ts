import type { Backup } from '../databases/host-data.js';
import { formatBytes, formatCount, formatDuration } from '../evidence/format.js';
import { EXIT, HostError } from '../host/failure.js';
import { UserError } from '../evidence/errors.js';
import type { DataPlace } from './data-places.js';
import { recorded, type RunContext } from './run-context.js';

/** Whether a deploy backs the database up. */
export function savedByDeploy({ database }: Pick<DataPlace, 'database'>): boolean {
  return database.backup.beforeDeploy ?? database.migrate !== undefined;
}

/**
 * A backup that was read back whole, made now.
 * @throws UserError when it is not good: nothing may be changed on the data then.
 */
export async function saveData(context: RunContext, place: DataPlace, why: 'deploy' | 'safety', about: { readonly release?: string; readonly schema?: string | undefined }): Promise<Backup> {
  const { name, member, data } = place;
  const { phase, reporter, signal } = context;
  const { release, schema } = about;
  return recorded(
    context,
    { id: `${phase}.data.backup`, phase, title: why === 'deploy' ? 'The data is saved, and the backup is good' : 'What is about to be replaced is saved', subject: name, expected: 'a backup that was read back whole' },
    async () => {
      const backup = await data.create(
        { why, ...(release === undefined || release === '' ? {} : { release }), ...(schema === undefined ? {} : { schema }) },
        (line) => reporter.line(member.name, line), signal,
      );
      if (backup.state === 'bad' || backup.state === 'unverified') {
        throw new UserError(`${name}: the backup ${backup.id} is not good: ${backup.reason ?? 'it was not read back'}`, { remedy: `Nothing was changed on the data. Mend what it says; slipway backup create ${context.environmentName} --database ${name} shows whether it helped.` });
      }
      return backup;
    },
    (backup) => ({
      observed: `${backup.id}: ${formatBytes(backup.size)}, ${formatCount(total(backup.rows), 'row')}, read back, in ${formatDuration(backup.duration)}`,
      data: { backup: backup.id, why, size: backup.size, stored: backup.stored, rows: Object.fromEntries(backup.rows), ...(schema === undefined ? {} : { schema }) },
    }),
  );
}

/** Whether a failed backup is one that was made and is only suspected: what it holds is there, should anybody want it. */
export function isSuspicion(error: unknown): error is HostError {
  return error instanceof HostError && error.code === EXIT.suspicious;
}

/** The rows of all tables together. */
export function total(rows: ReadonlyMap<string, number>): number {
  return [...rows.values()].reduce((sum, count) => sum + count, 0);
}
