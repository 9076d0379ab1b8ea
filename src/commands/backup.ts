import { UserError } from '../evidence/errors.js';
import { createBackups } from './backup-create.js';
import { drillBackups } from './backup-drill.js';
import { fetchBackups } from './backup-fetch.js';
import { maskKey } from './backup-key.js';
import { listBackups } from './backup-list.js';
import { pruneBackups } from './backup-prune.js';
import { restoreBackup } from './backup-restore.js';
import { scheduleBackups } from './backup-schedule.js';
import { verifyBackups } from './backup-verify.js';
import type { RunContext } from './run-context.js';

/** What may be done with backups, in the order in which people need it. */
export const BACKUP_ACTIONS = ['create', 'list', 'verify', 'drill', 'restore', 'fetch', 'prune', 'schedule'] as const;
export type BackupAction = (typeof BACKUP_ACTIONS)[number];

export interface BackupOptions {
  /** Default: create. */
  readonly do?: string | undefined;
  /** One database; without it all of the configuration's. */
  readonly database?: string | undefined;
  /** One backup; without it the newest good one. */
  readonly id?: string | undefined;
  /** What opens encrypted archives: an identity of age, or the passphrase. */
  readonly backupKey?: string | undefined;
  /** The environment's name, said by a person who wants its data replaced. */
  readonly confirm?: string | undefined;
  /** Whether a restore first takes a backup of what it replaces. Default true. */
  readonly safety?: boolean | undefined;
  /** The folder to fetch into. */
  readonly to?: string | undefined;
  /** Whether the files of this machine may be seen by others than whoever started the command: on GitHub's runner. */
  readonly shared?: boolean | undefined;
  /** Asks the person at the terminal; absent where there is none. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
}

const STORIES: Readonly<Record<BackupAction, (context: RunContext, options: BackupOptions) => Promise<unknown>>> = {
  create: createBackups,
  list: listBackups,
  verify: verifyBackups,
  drill: drillBackups,
  restore: restoreBackup,
  fetch: fetchBackups,
  prune: pruneBackups,
  schedule: scheduleBackups,
};

/**
 * Backups: make, prove, bring back. Every one of them works on each database for itself; what fails for one does not keep
 * the others from being done, and the run is red at the end.
 * @throws UserError naming every database for which it failed.
 */
export async function backup(context: RunContext, options: BackupOptions): Promise<void> {
  const wanted = options.do ?? 'create';
  if (!isAction(wanted)) throw new UserError(`there is no \`do: ${wanted}\``, { remedy: `One of: ${BACKUP_ACTIONS.join(', ')}.` });
  maskKey(context, options.backupKey);
  await STORIES[wanted](context, options);
}

function isAction(text: string): text is BackupAction {
  return (BACKUP_ACTIONS as readonly string[]).includes(text);
}
