import { createHash } from 'node:crypto';
import { calendarOf, cronOf } from '../config/schedule.js';
import type { DatabaseConfig } from '../config/schema.js';
import type { HostData } from '../databases/host-data.js';
import { inputOf, type Parameters } from '../databases/input.js';
import type { RemoteHost } from '../host/remote-host.js';
import { scriptText } from '../host/script.js';
import { s3Parameters } from './backup-copy.js';
import type { RunContext } from './run-context.js';

type Secrets = Pick<RunContext, 'lookup' | 'redactor'>;

/** A database with the host that backs it up. */
export interface JobPlace {
  readonly database: DatabaseConfig;
  readonly host: RemoteHost;
  readonly data: HostData;
}

/** One script that the host's timer runs: its text, its arguments, and what it reads on standard input. */
interface Step {
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
  readonly input: string;
}

/**
 * What the timer of a database is to run, as files `name → text`; secrets are in them. The same configuration and version of
 * Slipway give the same files. A copy over SSH is not among it: the host has no key for another server.
 * @throws UserError naming a variable that has no value.
 */
export function jobFiles(secrets: Secrets, { database, data, host }: JobPlace): ReadonlyMap<string, string> {
  const copies = database.backup.copy.filter(({ s3 }) => s3 !== undefined);
  const steps: Step[] = [
    data.step('create', { why: 'schedule' }),
    ...copies.map((target, index): Step => ({
      name: `copy-${index + 1}`, script: scriptText('backup-copy'), args: [host.place.root, database.name, '', 's3'],
      input: inputOf({ ...data.common, ...s3Parameters(secrets, database, target) }),
    })),
    data.step('prune', { keep: database.backup.keep }),
  ];
  return new Map([
    ['run', scriptText('backup-scheduled')],
    ['steps', steps.map(({ name }) => `${name}\n`).join('')],
    ...steps.flatMap(({ name, script, args, input }): [string, string][] => [[`${name}.sh`, script], [`${name}.args`, args.map((arg) => `${arg}\n`).join('')], [`${name}.in`, input]]),
  ]);
}

/** When the timer is to fire, as both managers want it told. */
export function timesOf({ backup: { schedule = '' } }: Pick<DatabaseConfig, 'backup'>): Parameters {
  return { calendar: calendarOf(schedule), cron: cronOf(schedule) };
}

/** What `look` of backup-schedule.sh is told to compare: the times, and a sum of each file, which gives no secret away to the host's own processes. */
export function wantedTimer(secrets: Secrets, place: JobPlace): Parameters {
  const sums = [...jobFiles(secrets, place)].map(([name, text]) => `${createHash('sha256').update(text).digest('hex')}  ${name}\n`).join('');
  return { ...timesOf(place.database), job_b64: Buffer.from(sums).toString('base64') };
}
