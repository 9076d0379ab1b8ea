import { PassThrough, pipeline, type Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { hostOf } from '../config/roles.js';
import { inputOf, scriptInput } from '../databases/input.js';
import { HostError } from '../host/failure.js';
import { scriptText } from '../host/script.js';
import type { ExecResult } from '../ssh/types.js';
import type { BackupOptions } from './backup.js';
import { targetText } from './backup-copy.js';
import { jobFiles, timesOf } from './backup-job.js';
import { chosenDatabases, everyDatabase, withDatabases, type DataPlace } from './backup-places.js';
import { readTimer, timerTrouble } from './backup-timer.js';
import { recorded, type RunContext } from './run-context.js';

/**
 * Gives each host the timers that the configuration asks for, and takes away those that it does not ask for any more. What
 * the timer runs is kept on the host whole, so that backups are made also when nobody deploys and GitHub is down.
 * @returns whether a timer was changed, or would be.
 */
export async function scheduleBackups(context: RunContext, options: BackupOptions): Promise<boolean> {
  const databases = chosenDatabases(context, options.database);
  let anyChanged = false;
  await withDatabases(context, databases, async (places) => {
    const said: string[] = [];
    await everyDatabase(context, places, async (place) => {
      if (place.database.backup.schedule !== undefined) {
        const { text, changed } = await schedule(context, place);
        said.push(`${place.name}: ${text}`);
        anyChanged ||= changed;
        return;
      }
      const text = await unschedule(context, place, place.name);
      if (text !== '') said.push(`${place.name}: ${text}`);
      anyChanged ||= text !== '';
    });
    if (options.database === undefined) {
      const forgotten = await forgetOthers(context, places);
      said.push(...forgotten);
      anyChanged ||= forgotten.length > 0;
    }
    context.outputs.outcome = `${context.plan ? 'plan only: ' : ''}${said.join('; ') || 'there is nothing to schedule'}`;
  });
  return anyChanged;
}

/** What became of one timer, in words, and whether it was changed, or would be. */
interface Scheduled {
  readonly text: string;
  readonly changed: boolean;
}

const wasChanged = ({ stdout }: ExecResult): boolean => /^schedule\tchanged$/m.test(stdout);

async function schedule(context: RunContext, place: DataPlace): Promise<Scheduled> {
  const { name, database, host } = place;
  const when = database.backup.schedule ?? '';
  for (const target of database.backup.copy) {
    if (target.s3 === undefined) context.reporter.warn(`${name}: the host's timer makes no copy to ${targetText(target)}: only a run has the key for that server (the workflow \`backup\`)`);
  }
  const parameters = { ...timesOf(database), sudo_password: context.credentials.sudoPassword ?? '' };
  const ask = (mode: 'plan' | 'apply'): Promise<ExecResult> =>
    host.connection.exec(scriptText('backup-schedule'), [host.place.root, name, mode], { input: bundle(inputOf(parameters), jobFiles(context, place)), label: 'backup-schedule' });
  if (context.plan) return planSchedule(context, place, await checked(host.name, ask('plan')));
  const result = await recorded(
    context,
    { id: 'backup.schedule', phase: 'backup', title: 'The host backs up by itself', subject: name, expected: when },
    () => checked(host.name, ask('apply')),
    (answer) => {
      const { stdout } = answer;
      const timer = readTimer(stdout);
      const { manager, next, active } = timer;
      const warnings = said(stdout, 'warn');
      return {
        observed: [`${wasChanged(answer) ? 'the timer was written' : 'the timer was there already'} (${manager}); next ${next}`, ...warnings].join('; '),
        ...(active && warnings.length === 0 ? {} : { status: 'warn', remedy: active ? 'See the warning.' : `${timerTrouble(timer) ?? ''}. On ${host.name}: systemctl list-timers 'slipway-backup-*'` }),
      };
    },
  );
  return { text: `${readTimer(result.stdout).manager} timer, ${when}`, changed: wasChanged(result) };
}

function planSchedule(context: RunContext, { name, host }: DataPlace, { stdout }: ExecResult): Scheduled {
  const renewed = said(stdout, 'renew');
  const diff = said(stdout, 'diff');
  if (renewed.length === 0 && diff.length === 0) {
    context.reporter.step(host.name, `${name}: the timer is as it should be`);
    return { text: 'nothing would change', changed: false };
  }
  context.reporter.step(host.name, `${name}: would write ${[...(renewed.length === 0 ? [] : ['what the timer runs']), ...(diff.length === 0 ? [] : ['the timer itself'])].join(' and ')}${renewed.length === 0 ? '' : ` (${renewed.join(', ')})`}`);
  if (diff.length > 0) context.reporter.block(diff.join('\n'));
  return { text: 'the timer would be written', changed: true };
}

/** Parameters, then a tar: the job as it is to lie on the host, for its owner alone. */
function bundle(parameters: string, files: ReadonlyMap<string, string>): Readable {
  const tar = pack();
  for (const [name, text] of files) tar.entry({ name, mode: 0o600 }, text);
  tar.finalize();
  const out = new PassThrough();
  // Who reads `out` hears of errors through it; streamx emits them again after the pipeline has let go.
  tar.on('error', () => undefined);
  pipeline(tar, out, () => undefined);
  return scriptInput(parameters, out);
}

async function unschedule(context: RunContext, { host }: DataPlace, database: string): Promise<string> {
  const run = (mode: string): Promise<ExecResult> =>
    checked(host.name, host.connection.exec(scriptText('backup-schedule'), [host.place.root, database, mode], { input: inputOf({ sudo_password: context.credentials.sudoPassword ?? '' }), label: 'backup-schedule' }));
  const { manager } = readTimer((await run('look')).stdout);
  if (manager === 'none') return '';
  if (context.plan) {
    context.reporter.step(host.name, `${database}: would remove its timer (${manager})`);
    return 'the timer would be removed';
  }
  await recorded(
    context,
    { id: 'backup.schedule', phase: 'backup', title: 'A timer that slipway.yml does not ask for is gone', subject: database },
    () => run('remove'),
    () => ({ observed: `removed (${manager})` }),
  );
  return 'its timer was removed';
}

/** Timers of databases that the configuration does not have any more, or that live on another host now. */
async function forgetOthers(context: RunContext, places: readonly DataPlace[]): Promise<string[]> {
  const done: string[] = [];
  for (const place of places.filter(({ host }, index) => places.findIndex((other) => other.host === host) === index)) {
    const { host } = place;
    const { stdout } = await checked(host.name, host.connection.exec(scriptText('backup-schedule'), [host.place.root, '-', 'list'], { input: inputOf({}), label: 'backup-schedule' }));
    for (const name of said(stdout, 'scheduled')) {
      const database = context.config.databases[name];
      if (database !== undefined && hostOf(database, context.environment).name === host.name) continue;
      const text = await unschedule(context, place, name);
      if (text !== '') done.push(`${name}: ${text}`);
    }
  }
  return done;
}

async function checked(host: string, running: Promise<ExecResult>): Promise<ExecResult> {
  const result = await running;
  if (result.code !== 0) throw new HostError(host, 'the timer for backups', result);
  return result;
}

function said(stdout: string, word: string): string[] {
  return stdout.split('\n').flatMap((line) => (line.startsWith(`${word}\t`) ? [line.slice(word.length + 1)] : []));
}
