import { UserError } from '../evidence/errors.js';
import { formatDuration } from '../evidence/format.js';
import type { ReleaseRecord } from '../host/history.js';
import type { JournalEvent } from '../host/journal.js';
import type { Findings } from '../host/findings.js';
import { onEvery, type Member } from '../release/fleet.js';
import { rollbackTargets } from '../release/history.js';
import { commonCurrent, holdingFleet, lookingAtFleet, type FleetSession } from './fleet-session.js';
import { runAfterSwitch } from './after-switch.js';
import { maskKey } from './backup-key.js';
import { noted, recorded, type RunContext } from './run-context.js';
import { runSmokeOn } from './smoke.js';
import { resume } from './pause.js';
import { DataRollback } from './rollback-data.js';
import { RESTORE_DATABASE, type RestoreDatabase } from './rollback-moves.js';
import { followWithSite } from './site.js';
import { switchAll } from './switch.js';

export interface RollbackOptions {
  /** A release to go back to; without it the last good one. */
  readonly release?: string | undefined;
  /** Why: kept in the journal. */
  readonly reason?: string | undefined;
  /** What becomes of the data: true, down or false; without it the data is left alone where the target runs on it. */
  readonly restoreDatabase?: string | undefined;
  /** What opens encrypted backups. */
  readonly backupKey?: string | undefined;
}

/**
 * Rollback: choose the last good release (or the named one), prove it, switch, check. Nothing is stopped before the target
 * is proven whole.
 * @throws UserError when nothing could be changed or when what is live now does not pass; `context.outputs` says which.
 */
export async function rollback(context: RunContext, options: RollbackOptions): Promise<void> {
  dataChoice(options);
  maskKey(context, options.backupKey);
  if (context.plan) {
    await lookingAtFleet(context, false, async (session) => {
      const target = await chooseTarget(context, session, options);
      const data = await DataRollback.prepare(context, session.members, target, dataChoice(options), options.backupKey);
      for (const { host, text } of data.plan) context.reporter.step(host, `would ${text}`);
      for (const { name, findings } of session.members) context.reporter.step(name, `would switch current from ${findings.current} to ${target} and restart its services`);
      context.outputs.switched = false;
      context.outputs.outcome = `plan only: a rollback would go to ${target}`;
    });
    return;
  }
  await holdingFleet(context, false, (session) => rollbackOn(context, session, options));
}

/** The part of a rollback that needs the hosts, for callers that hold them already (go-live). */
export async function rollbackOn(context: RunContext, session: FleetSession, options: RollbackOptions): Promise<void> {
  const started = performance.now();
  const { outputs, reporter } = context;
  const { members } = session;
  outputs.switched = false;
  for (const { name, findings } of members) outputs.hosts.set(name, { before: findings.current, after: findings.current });
  const from = commonCurrent(members);
  if (from !== undefined && from !== '') outputs.previousRelease = from;

  if (session.recovered && options.release === undefined && from !== undefined && from !== '') {
    // The bad deploy that asked for a rollback had died half-way; putting the host right was the rollback.
    outputs.release = from;
    outputs.switched = true;
    outputs.outcome = `went back to ${from}: a deploy had died during its switch`;
    return;
  }

  const target = await reporter.group('Choose and prove the target', () => chooseTarget(context, session, options));
  outputs.release = target;
  const reason = options.reason ?? 'rolled back';
  noted(context, {
    id: 'rollback.reason', phase: 'rollback', title: 'Why it goes back', subject: context.environmentName, status: 'pass', observed: reason.replace(/\s+/g, ' ').slice(0, 500),
  });
  const data = await reporter.group('Does the data fit?', () => DataRollback.prepare(context, members, target, dataChoice(options), options.backupKey));
  await data.bring(options.backupKey);
  try {
    await reporter.group(`Switch back to ${target}`, () => switchAll(context, members, target, 'rollback', data.moves));
  } catch (error) {
    throw await data.back(error, options.backupKey);
  }
  outputs.outcome = `went back to ${target}`;
  await onEvery(members, ({ host, findings }) => {
    const leaving = findings.current;
    const marks: JournalEvent[] = leaving === '' || leaving === target ? [] : [{ event: 'bad', release: leaving, at: context.now().toISOString(), reason, by: context.author }];
    return host.finish(marks, [], { retire: true });
  });
  context.outputs.outcome = `went back to ${target}${await data.settle()}`;
  // A host that an earlier run has left closed, and whose services did not start again, is mended by this release.
  if (!data.moves && members.some(({ findings }) => findings.paused !== undefined)) await resume(context, members);
  await followWithSite(context, members, () => target);
  // The site is back; a cache that could not be cleared is red, and no reason to leave the good release again.
  await runAfterSwitch(context, members, target);
  if (context.config.smoke.length > 0) await reporter.group('Smoke', () => runSmokeOn(context, target, { skipWithoutValues: true }));
  measure(context, performance.now() - started);
}

function dataChoice({ restoreDatabase: choice }: RollbackOptions): RestoreDatabase | undefined {
  if (choice === undefined) return undefined;
  const known = RESTORE_DATABASE.find((one) => one === choice);
  if (known === undefined) throw new UserError(`there is no \`restore-database: ${choice}\``, { remedy: `One of: ${RESTORE_DATABASE.join(', ')}. Nothing was changed.` });
  return known;
}

/** The time a rollback took against its budget (RB-06): over it is a warning, the site is back all the same. */
function measure(context: RunContext, elapsed: number): void {
  const budget = context.environment.rollbackBudget;
  const over = elapsed > budget;
  context.reporter.evidence({
    id: 'rollback.budget', phase: 'rollback', title: 'The rollback took no longer than its budget', subject: context.environmentName,
    status: over ? 'warn' : 'pass', expected: `at most ${formatDuration(budget)}`, observed: formatDuration(elapsed),
    ...(over ? { remedy: 'See which step took the time; rehearse the rollback on staging.' } : {}),
    at: context.now().toISOString(), duration: Math.round(elapsed),
  });
  context.reporter.step('runner', `rollback took ${formatDuration(elapsed)} of ${formatDuration(budget)}`);
}

/** The release to go to, proven whole on every host. */
async function chooseTarget(context: RunContext, session: FleetSession, options: RollbackOptions): Promise<string> {
  const candidates = options.release === undefined ? lastGood(session.members) : named(session.members, options.release);
  return recorded(
    context,
    { id: 'rollback.target', phase: 'rollback', title: 'The target is good and whole', subject: context.environmentName, expected: 'files, environment and installs as they were' },
    async () => {
      for (const id of candidates) {
        const proofs = await onEvery(session.members, async ({ name, host }) => ({ name, ...(await host.prove([id])) }));
        const broken = proofs.flatMap(({ name, broken: found }) => found.map(({ reason }) => `${name}: ${id}: ${reason}`));
        if (broken.length === 0) return id;
        if (options.release !== undefined) throw new UserError(broken.join('\n'), { remedy: `Nothing was stopped. Name another release; to list them: slipway releases ${context.environmentName}` });
        for (const text of broken) context.reporter.warn(`passed over: ${text}`);
      }
      throw new UserError('no good release on the hosts is whole', { remedy: 'Nothing was stopped. Deploy the last good commit again.' });
    },
    (id) => ({ observed: id }),
  );
}

/** Good releases present on every host, newest first. */
function lastGood(members: readonly Member[]): string[] {
  const lists = members.map(({ findings }) => olderGood(members, findings).map(({ id }) => id));
  const [first = [], ...others] = lists;
  const common = first.filter((id) => others.every((list) => list.includes(id)));
  refuseSecondRollback(members, common);
  if (common.length === 0) {
    const state = members.map(({ name, findings }) => `${name}: ${findings.current === '' ? 'no release is live' : `${findings.current} is live`}`).join('; ');
    throw new UserError(`there is no good release to go back to (${state})`, { remedy: 'Nothing was changed. Deploy the last good commit again; `slipway releases <environment>` shows what is on the hosts.' });
  }
  return common;
}

/**
 * Back means older than what is live. Hosts that have come to differ are brought together: then it means older than the
 * newest release that is live on any of them. A host that was left out when that one came knows only older ones.
 */
function olderGood(members: readonly Member[], findings: Findings): ReleaseRecord[] {
  const { releases } = findings.history;
  const at = releases.findIndex(({ id }) => id === newestLive(members));
  return rollbackTargets({ ...findings.history, releases: at === -1 ? releases : releases.slice(0, at) }, '');
}

/** The newest of the live releases, by the journal of a host that knows the most of them. */
function newestLive(members: readonly Member[]): string | undefined {
  const live = new Set(members.map(({ findings }) => findings.current));
  const known = members.map(({ findings }) => findings.history.releases.filter(({ id }) => live.has(id)).map(({ id }) => id));
  return known.sort((a, b) => b.length - a.length)[0]?.at(-1);
}

/**
 * Two people press the same button: the second must not take the site one release further back. When the live release is
 * good and a newer one was found bad, the rollback has happened already.
 */
function refuseSecondRollback(members: readonly Member[], further: readonly string[]): void {
  const done = members.every(({ findings }) => {
    const { releases } = findings.history;
    const at = releases.findIndex(({ id }) => id === findings.current);
    return releases[at]?.state === 'good' && releases.slice(at + 1).some(({ state }) => state === 'bad');
  });
  if (!done) return;
  const [member] = members;
  throw new UserError(`nothing to do: ${member?.findings.current ?? ''} is live, it is good, and the newer releases are marked bad`, {
    remedy: further[0] === undefined ? 'Nothing was changed.' : `Nothing was changed. To go further back, name it: --release ${further[0]}`,
  });
}

function named(members: readonly Member[], release: string): string[] {
  for (const { name, findings } of members) {
    const record = findings.history.releases.find(({ id }) => id === release);
    if (record === undefined || !record.present) {
      const known = rollbackTargets(findings.history, findings.current).map(({ id }) => id);
      throw new UserError(`${name}: there is no release ${release}`, { remedy: `Nothing was changed. Good releases here: ${known.length === 0 ? 'none' : known.join(', ')}.` });
    }
    if (commonCurrent(members) === release) throw new UserError(`release ${release} is live already`, { remedy: 'Nothing was changed.' });
    if (record.state !== 'good') throw new UserError(`${name}: release ${release} is ${record.state}, not good${record.reason === undefined ? '' : ` (${record.reason})`}`, { remedy: 'Nothing was changed. Only releases that were confirmed can be gone back to.' });
  }
  return [release];
}
