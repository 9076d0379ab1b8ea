import { batches } from '../config/batch.js';
import { UserError } from '../evidence/errors.js';
import type { JournalEvent } from '../host/journal.js';
import type { Activation, SwitchOptions } from '../host/activation.js';
import { onEvery, type Member } from '../release/fleet.js';
import { revertTarget } from '../release/history.js';
import { outcomeOf, switchError, type Failure, type Fate, type Fates } from './fates.js';
import { noted, recorded, type RunContext } from './run-context.js';
import { sayActivation } from './say-activation.js';
import { Timers } from './timers.js';

/**
 * Switches all hosts, a deploy in batches: the next one follows once every host of a batch is healthy. When one is not, its
 * batch and those before it go back, and the rest is never switched.
 * @param paused services are stopped, since the data fits this release alone: going back starts nothing, and no timer does so either.
 * @throws UserError saying what became of each host.
 */
export async function switchAll(context: RunContext, members: readonly Member[], release: string, why: 'deploy' | 'rollback' = 'deploy', paused = false): Promise<void> {
  // Going back must not take longer for being careful: the release it goes to has served before.
  const groups = batches(members, why === 'deploy' ? context.environment.batch : undefined);
  const timers = new Timers(context, release);
  for (const [index, group] of groups.entries()) {
    const before = groups.slice(0, index).flat();
    const after = groups.slice(index + 1).flat();
    if (groups.length > 1) context.reporter.step('runner', `batch ${index + 1} of ${groups.length}: ${group.map(({ name }) => name).join(', ')}`);
    if (index > 0 && context.signal.aborted) {
      await giveUp(context, members, release, { paused, moved: before, failed: new Map(), rest: [...group, ...after], cause: 'stopped by a signal between two batches', why: 'the run was stopped' });
    }
    const results = new Map(await onEvery(group, async (member) => [member, await settled(switchOne(context, member, release, member.findings.current, why, undefined, paused ? 'back' : undefined))] as const));
    for (const [member, { outcome }] of results) if (outcome === 'active' && !paused) timers.armed(member);
    let failed: ReadonlyMap<Member, Failure> = new Map([...results].flatMap(([member, result]) => (result.outcome === 'active' ? [] : [[member, result] as const])));
    // The time of those that wait for their confirmation must not run out while others are still switched.
    if (failed.size === 0) failed = await timers.renew(index === groups.length - 1);
    if (failed.size === 0) continue;
    await giveUp(context, members, release, { paused, moved: [...before, ...group].filter((member) => !failed.has(member)), failed, rest: after, why: 'another host did not become healthy' });
  }
  context.outputs.switched = true;
  for (const { name, findings } of members) context.outputs.hosts.set(name, { before: findings.current, after: release });
}

interface Trouble {
  readonly paused: boolean;
  /** Hosts on which the release is live and healthy. */
  readonly moved: readonly Member[];
  readonly failed: ReadonlyMap<Member, Failure>;
  /** Hosts whose turn had not come. */
  readonly rest: readonly Member[];
  readonly why: string;
  readonly cause?: string;
}

/** Takes back what was switched, and says what became of each host. */
async function giveUp(context: RunContext, members: readonly Member[], release: string, { paused, moved, failed, rest, why, cause }: Trouble): Promise<never> {
  if (moved.length > 0) context.reporter.warn(`going back on ${moved.map(({ name }) => name).join(', ')} too: all hosts run the same release`);
  const left = await switchBack(context, moved, release, why, paused);
  for (const { name } of rest) {
    noted(context, {
      id: 'deploy.switch', phase: 'deploy', title: 'Traffic is on the release, its services are healthy', subject: name, status: 'skip',
      expected: release, observed: `never switched: ${why}`,
    });
  }
  const fateOf = (member: Member): Fate => {
    const result = failed.get(member) ?? left.get(member);
    if (result !== undefined) return { kind: failed.has(member) ? 'failed' : 'not taken back', result };
    return rest.includes(member) ? { kind: 'never switched', why } : { kind: 'taken back' };
  };
  const fates: Fates = new Map(members.map((member) => [member, fateOf(member)]));
  context.outputs.outcome = outcomeOf(fates, release);
  throw switchError(fates, release, cause);
}

/**
 * Takes hosts on which `release` is live back to what they ran before; the release is bad.
 * @returns the hosts on which that failed, and why.
 */
export async function switchBack(context: RunContext, members: readonly Member[], release: string, reason: string, paused = false): Promise<ReadonlyMap<Member, Failure>> {
  const bad: JournalEvent = { event: 'bad', release, at: context.now().toISOString(), reason };
  const results = await onEvery(members, async (member) => {
    const back = async (): Promise<Activation> => {
      const result = await switchOne(context, member, member.findings.current, '-', 'back', bad, paused ? 'all' : undefined);
      if (result.outcome === 'active' && !paused) await member.host.finish([], [], { retire: true });
      return result;
    };
    return [member, await settled(back())] as const;
  });
  return new Map(results.flatMap(([member, result]) => (result.outcome === 'active' ? [] : [[member, result] as const])));
}

/** A host whose link broke during the switch must not keep the others from going back. */
async function settled(work: Promise<Activation>): Promise<Activation> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { outcome: 'unknown', reason: error.message, logs: [] };
  }
}

/** One activation, with its lines in the log and its records in the ledger. */
async function switchOne(
  context: RunContext,
  member: Member,
  target: string,
  previous: string,
  why: 'deploy' | 'rollback' | 'back',
  first?: JournalEvent,
  paused?: SwitchOptions['paused'],
): Promise<Activation> {
  const { reporter } = context;
  const at = context.now().toISOString();
  if (first !== undefined) await member.host.finish([first]);
  const phase = why === 'deploy' ? 'deploy' : 'rollback';
  let failure: Failure | undefined;
  return recorded(
    context,
    { id: `${phase}.switch`, phase, title: 'Traffic is on the release, its services are healthy', subject: member.name, expected: target === '' ? 'no release' : target },
    async () => {
      const result = await member.host.activate(
        target,
        previous,
        {
          switching: { event: 'switching', release: target, at, previous: previous === '-' ? '' : previous, why },
          active: { event: 'active', release: target, at },
          // A good release that does not start on the way back is still good: its host is what is not well.
          bad: previous === '-' ? { event: 'unhealthy', release: target, at, reason: 'a service did not become healthy' } : { event: 'bad', release: target, at, reason: 'a service did not become healthy' },
          back: previous === '-' ? undefined : { event: 'active', release: previous, at },
        },
        switchOptions(context, member, why, paused),
        (line) => sayActivation(reporter, member.name, line),
      );
      if (result.outcome !== 'active') {
        failure = result;
        for (const line of result.logs) reporter.line(member.name, line);
      }
      return result;
    },
    () =>
      failure === undefined
        ? { observed: target === '' ? 'stopped' : `${target} is live` }
        : { observed: failure.reason, status: 'fail', data: { outcome: failure.outcome, logs: failure.logs } },
  );
}

/** Only a deploy waits for a confirmation; the way back leads to what was confirmed, and must be open when the site is down. */
function switchOptions(context: RunContext, { findings }: Member, why: 'deploy' | 'rollback' | 'back', paused: SwitchOptions['paused']): SwitchOptions {
  if (paused !== undefined) return { siteMustAnswer: why === 'deploy', paused };
  if (why !== 'deploy') return { siteMustAnswer: false };
  const target = revertTarget(findings.history, findings.current);
  const seconds = Math.ceil(context.config.release.confirmWithin / 1000);
  return { siteMustAnswer: true, ...(target === '' ? {} : { revert: { target, seconds } }) };
}
