import type { DatabaseConfig } from '../config/schema.js';
import { UserError } from '../evidence/errors.js';
import type { DirectProbe } from './model.js';

/** What `backup-facts.sh` tells about one database and its backups. What was not told is absent. */
export interface DatabaseFacts {
  /** The live release; absent before the first. */
  readonly live?: string;
  /** There is no file or folder of data yet. */
  readonly empty: boolean;
  /** Client tools that are not there, with their packages. */
  readonly lacking?: string;
  /** Why the database did not answer, in its engine's words. */
  readonly unreachable?: string;
  readonly version?: { readonly server: string; readonly client: string };
  /** Bytes. */
  readonly size?: number;
  /** `local`: what is said does not leave the host. */
  readonly encrypted?: 'yes' | 'no' | 'local';
  readonly anonymous?: 'refused' | 'accepted' | 'unknown';
  readonly connections?: { readonly used: number; readonly max: number };
  readonly privileges: readonly string[];
  /** Rights the app should not have. */
  readonly excess: readonly string[];
  readonly tables: readonly string[];
  /** `ok`, `not asked`, or what is broken. */
  readonly integrity?: string;
  /** Milliseconds of one round trip. */
  readonly latency?: number;
  readonly replica: boolean;
  /** `yes`, or what is missing for a drill. */
  readonly scratch?: string;
  /** What could not be told, and why. */
  readonly untold: readonly string[];
  /** Rows by table; absent when they were not counted. */
  readonly rows?: ReadonlyMap<string, number>;
  readonly uncounted?: string;
  /** Bytes where backups go. */
  readonly free?: number;
  /** The newest good backup. */
  readonly backup?: GoodBackup;
  /** Newer than that, and bad. */
  readonly bad: readonly { readonly id: string; readonly reason: string }[];
  /** The last drill; `at` in epoch milliseconds. */
  readonly drill?: { readonly id: string; readonly at: number; readonly ok: boolean; readonly reason: string };
  /** A restore of the live data was interrupted: of which backup, and which one has what was there before. */
  readonly restoring?: { readonly id: string; readonly safety: string };
  /** The host has a timer for backups, whatever the configuration says. */
  readonly scheduled: boolean;
  /** What the live release's `pending` said, and how it ended (124: it was ended). */
  readonly pending?: { readonly code: number; readonly lines: readonly string[] };
  readonly schema?: string;
}

export interface GoodBackup {
  readonly id: string;
  /** When it was begun, in epoch milliseconds. */
  readonly at: number;
  /** Bytes of the dump, and of the archive. */
  readonly size: number;
  readonly stored: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly why: string;
  /** Its archive is not there as it was written. */
  readonly damage?: string;
}

/** The host's own timer for backups. */
export interface TimerFacts {
  /** user, system, cron, or none. */
  readonly manager: string;
  readonly active: boolean;
  /** Why it will not fire. */
  readonly trouble?: string;
  /** What it runs otherwise than this version and configuration would have it: nothing when empty, not compared when absent. */
  readonly stale?: string;
  readonly ran?: { readonly at: string; readonly ok: boolean; readonly text: string };
}

/** What came of asking one database on the host that looks after it. No secret is in it. */
export interface DatabaseVisit {
  readonly database: DatabaseConfig;
  /** Name of the host. */
  readonly host: string;
  readonly facts?: DatabaseFacts;
  /** Why there are none. */
  readonly error?: { readonly message: string; readonly remedy?: string };
  /** Of the password in the address or beside it; absent without one. */
  readonly password?: { readonly sample: boolean; readonly bits: number };
  /** What a direct TCP connection from the runner met at servers on other machines. */
  readonly doors?: readonly { readonly place: string; readonly answer: DirectProbe }[];
  /** Asked only when a schedule is configured; `undefined` when it was not told. */
  readonly timer?: TimerFacts;
}

/**
 * Reads the output of `src/host/scripts/backup-facts.sh`.
 * @throws UserError when the output is not whole.
 */
export function parseDatabaseFacts(output: string): DatabaseFacts {
  const lines = output.split('\n').map((line) => line.split('\t'));
  const all = (key: string): string[][] => lines.filter(([first]) => first === key).map(([, ...rest]) => rest);
  const texts = (key: string): string[] => all(key).map((rest) => rest.join(' ').trim()).filter((text) => text !== '');
  const [text, number] = [(key: string) => texts(key)[0], (key: string) => numberOf(texts(key)[0])];
  if (text('end') !== 'ok') {
    throw new UserError('the host\'s answer about the database is not whole', { remedy: 'Log in by hand and run `sh -c true`: a login script that prints, waits or ends the shell is the usual cause.' });
  }
  const [version] = all('version');
  const connections = text('connections')?.split(' ').map(Number);
  const [drill] = all('drill');
  const [restoring] = all('restoring');
  const pending = number('pending');
  const anonymous = text('anonymous');
  const uncounted = text('uncounted');
  const found: Partial<DatabaseFacts> = {
    ...optional('live', text('live')),
    ...optional('lacking', text('lacking')),
    ...optional('unreachable', all('unreachable')[0] === undefined ? undefined : text('unreachable') ?? 'it does not answer'),
    ...optional('version', version === undefined ? undefined : { server: version[0] ?? '', client: version[1] ?? '' }),
    ...optional('size', number('size')),
    ...optional('encrypted', (['yes', 'no', 'local'] as const).find((value) => value === text('encrypted'))),
    ...optional('anonymous', anonymous === undefined ? undefined : (['refused', 'accepted', 'unknown'] as const).find((value) => value === anonymous) ?? UNKNOWN),
    ...optional('connections', connections === undefined || connections.some((value) => !Number.isFinite(value)) ? undefined : { used: connections[0] ?? 0, max: connections[1] ?? 0 }),
    ...optional('integrity', text('integrity')),
    ...optional('latency', number('latency')),
    ...optional('scratch', text('scratch')),
    ...optional('uncounted', uncounted),
    ...optional('free', number('free')),
    ...optional('backup', goodBackup(all('backup')[0], text('damaged'))),
    ...optional('drill', drill === undefined ? undefined : { id: drill[0] ?? '', at: Date.parse(drill[1] ?? ''), ok: drill[2] === 'ok', reason: drill[3] ?? '' }),
    ...optional('restoring', restoring === undefined ? undefined : { id: restoring[0] ?? '', safety: restoring[1] ?? '' }),
    ...optional('pending', pending === undefined ? undefined : { code: pending, lines: texts('pending-line') }),
    ...optional('schema', text('schema')),
    // A database without tables was counted too.
    ...optional('rows', uncounted !== undefined || version === undefined ? undefined : new Map(all('row').map(([count, ...table]) => [table.join(' '), Number(count)]))),
  };
  return {
    ...found,
    empty: text('empty') === 'yes', replica: text('replica') === 'yes', scheduled: text('scheduled') === 'yes',
    privileges: texts('privileges'), excess: texts('excess'), tables: texts('table'), untold: texts('untold'),
    bad: all('bad').map(([id = '', reason = '']) => ({ id, reason })),
  };
}

const UNKNOWN = 'unknown' as const;

function goodBackup(line: readonly string[] | undefined, damage: string | undefined): GoodBackup | undefined {
  if (line === undefined) return undefined;
  const [id = '', epoch, size, stored, duration, why = ''] = line;
  return { id, at: (numberOf(epoch) ?? 0) * 1000, size: numberOf(size) ?? 0, stored: numberOf(stored) ?? 0, duration: numberOf(duration) ?? 0, why, ...optional('damage', damage) };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined || text === '' || !Number.isFinite(Number(text)) ? undefined : Number(text);
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}
