import { HostError } from '../host/failure.js';
import { scriptText } from '../host/script.js';
import type { DataPlace } from './backup-places.js';

/** The timer a host has for the backups of one database, and how its last run ended. */
export interface BackupTimer {
  /** user, system, cron, or none. */
  readonly manager: string;
  readonly active: boolean;
  /** When it fires next, in the manager's words. */
  readonly next: string;
  /** The last run by the timer; absent before the first. */
  readonly ran?: { readonly at: string; readonly ok: boolean; readonly text: string };
}

export async function timerOf({ name, host }: Pick<DataPlace, 'name' | 'host'>): Promise<BackupTimer> {
  const result = await host.connection.exec(scriptText('backup-schedule'), [host.place.root, name, 'look'], { input: '.\n', label: 'backup-schedule' });
  if (result.code !== 0) throw new HostError(host.name, 'reading the timer', result);
  return readTimer(result.stdout);
}

/** Reads what backup-schedule.sh says of a timer. */
export function readTimer(text: string): BackupTimer {
  const lines = text.split('\n').map((line) => line.split('\t'));
  const [, manager = 'none', state = '', next = ''] = lines.find(([word]) => word === 'timer') ?? [];
  const ran = new Map(lines.filter(([word]) => word === 'ran').map(([, key = '', value = '']) => [key, value]));
  const at = ran.get('at');
  return {
    manager, active: state === 'active', next: next.trim(),
    ...(at === undefined ? {} : { ran: { at, ok: ran.get('result') === 'ok', text: ran.get('result') === 'ok' ? `in ${ran.get('took') ?? '?'} s` : `${ran.get('step') ?? ''}: ${ran.get('text') ?? ''}` } }),
  };
}
