import { UserError } from '../evidence/errors.js';
import { inputOf, type Parameters } from '../databases/input.js';
import { HostError } from '../host/failure.js';
import { scriptText } from '../host/script.js';
import { wantedTimer, type JobPlace } from './backup-job.js';
import type { RunContext } from './run-context.js';

/** The timer a host has for the backups of one database, and how its last run ended. */
export interface BackupTimer {
  /** user, system, cron, or none. */
  readonly manager: string;
  /** `active`, or why it does not fire: as backup-schedule.sh says. */
  readonly state: string;
  readonly active: boolean;
  /** When it fires next, in the manager's words. */
  readonly next: string;
  /** Names of what it runs otherwise than this version and configuration would have it; absent when that was not compared. */
  readonly stale?: readonly string[];
  /** The last run by the timer; absent before the first. */
  readonly ran?: { readonly at: string; readonly ok: boolean; readonly text: string };
}

/**
 * Asks the host for its timer, and whether that runs what `backup schedule` would install now.
 * @throws HostError when the host does not say.
 */
export async function timerOf(context: Pick<RunContext, 'lookup' | 'redactor'>, place: JobPlace): Promise<BackupTimer> {
  const { host, database } = place;
  const result = await host.connection.exec(scriptText('backup-schedule'), [host.place.root, database.name, 'look'], { input: inputOf(wanted(context, place)), label: 'backup-schedule' });
  if (result.code !== 0) throw new HostError(host.name, 'reading the timer', result);
  return readTimer(result.stdout);
}

/** Without a variable that only the timer needs, such as the key of a bucket, nothing can be compared. */
function wanted(context: Pick<RunContext, 'lookup' | 'redactor'>, place: JobPlace): Parameters {
  try {
    return wantedTimer(context, place);
  } catch (error) {
    if (error instanceof UserError) return {};
    throw error;
  }
}

/** Reads what backup-schedule.sh says of a timer. */
export function readTimer(text: string): BackupTimer {
  const lines = text.split('\n').map((line) => line.split('\t'));
  const [, manager = 'none', state = '', next = ''] = lines.find(([word]) => word === 'timer') ?? [];
  const ran = new Map(lines.filter(([word]) => word === 'ran').map(([, key = '', value = '']) => [key, value]));
  const at = ran.get('at');
  const stale = lines.flatMap(([word, name = '']) => (word === 'stale' ? [name] : []));
  return {
    manager, state, active: state === 'active', next: next.trim(), ...(stale.length === 0 ? {} : { stale: stale.filter((name) => name !== 'none') }),
    ...(at === undefined ? {} : { ran: { at, ok: ran.get('result') === 'ok', text: ran.get('result') === 'ok' ? `in ${ran.get('took') ?? '?'} s` : `${ran.get('step') ?? ''}: ${ran.get('text') ?? ''}` } }),
  };
}

const TROUBLES: Readonly<Record<string, string>> = {
  missing: 'the timer is gone',
  disabled: 'the timer is not enabled: it is gone after the next start of the host',
  asleep: 'the timer fires only while its user is logged in (sudo loginctl enable-linger <user>)',
  stopped: 'cron does not run on the host',
};

/** Why the timer will not make the backups; undefined when it will. */
export function timerTrouble({ manager, state, active }: Pick<BackupTimer, 'manager' | 'state' | 'active'>): string | undefined {
  if (manager === 'none') return 'there is no timer';
  return active ? undefined : TROUBLES[state] ?? `the timer is ${state}`;
}

/** What is not as it is to be, in words; undefined when everything is, as far as it was compared. */
export function staleText({ stale = [] }: Pick<BackupTimer, 'stale'>): string | undefined {
  const scripts = stale.filter((name) => name === 'run' || name.endsWith('.sh'));
  const rest = stale.filter((name) => !scripts.includes(name) && name !== 'path' && name !== 'units');
  const words = [
    ...(scripts.length === 0 ? [] : ['the scripts are those of another version of Slipway']),
    ...(rest.length === 0 ? [] : ['its settings or credentials are not those of now']),
    ...(stale.includes('units') ? ['its times are others'] : []),
    ...(stale.includes('path') ? ['its PATH is not that of a login'] : []),
  ];
  return words.length === 0 ? undefined : words.join('; ');
}
