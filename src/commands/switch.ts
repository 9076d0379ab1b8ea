import { UserError } from '../evidence/errors.js';
import type { JournalEvent } from '../host/journal.js';
import type { Activation, SwitchOptions } from '../host/remote-host.js';
import { onEvery, type Member } from '../release/fleet.js';
import { revertTarget } from '../release/history.js';
import { likelyCause } from '../services/likely-cause.js';
import { recorded, type RunContext } from './run-context.js';

/** Switches all hosts; when one does not become healthy, takes back those that did. */
export async function switchAll(context: RunContext, members: readonly Member[], release: string, why: 'deploy' | 'rollback' = 'deploy'): Promise<void> {
  const results = await onEvery(members, async (member) => ({ member, result: await settled(switchOne(context, member, release, member.findings.current, why)) }));
  const failed = results.filter(({ result }) => result.outcome !== 'active');
  if (failed.length === 0) {
    context.outputs.switched = true;
    for (const { name, findings } of members) context.outputs.hosts.set(name, { before: findings.current, after: release });
    return;
  }
  const moved = results.filter(({ result }) => result.outcome === 'active').map(({ member }) => member);
  if (moved.length > 0) {
    context.reporter.warn(`going back on ${moved.map(({ name }) => name).join(', ')} too: all hosts run the same release`);
    await switchBack(context, moved, release, 'another host did not become healthy');
  }
  context.outputs.outcome = `${release} did not become healthy; ${failed.every(({ result }) => result.outcome === 'stayed') ? 'nothing was switched' : failed.every(({ result }) => result.outcome === 'went-back' || result.outcome === 'stayed') ? 'went back to the release before it' : 'see the hosts below'}`;
  throw switchError(failed.map(({ member, result }) => ({ member, result })), release);
}

/** Takes hosts on which `release` is live back to what they ran before; the release is bad. */
export async function switchBack(context: RunContext, members: readonly Member[], release: string, reason: string): Promise<void> {
  const bad: JournalEvent = { event: 'bad', release, at: context.now().toISOString(), reason };
  await onEvery(members, async (member) => {
    const result = await switchOne(context, member, member.findings.current, '-', 'back', bad);
    if (result.outcome === 'active') await member.host.finish([], [], { retire: true });
  });
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
export async function switchOne(
  context: RunContext,
  member: Member,
  target: string,
  previous: string,
  why: 'deploy' | 'rollback' | 'back',
  first?: JournalEvent,
): Promise<Activation> {
  const { reporter } = context;
  const at = context.now().toISOString();
  if (first !== undefined) await member.host.finish([first]);
  const phase = why === 'deploy' ? 'deploy' : 'rollback';
  let failure: Extract<Activation, { reason: string }> | undefined;
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
        switchOptions(context, member, why),
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
function switchOptions(context: RunContext, { findings }: Member, why: 'deploy' | 'rollback' | 'back'): SwitchOptions {
  if (why !== 'deploy') return { siteMustAnswer: false };
  const target = revertTarget(findings.history, findings.current);
  const seconds = Math.ceil(context.config.release.confirmWithin / 1000);
  return { siteMustAnswer: true, ...(target === '' ? {} : { revert: { target, seconds } }) };
}

function sayActivation(reporter: RunContext['reporter'], host: string, line: string): void {
  const [word = '', name = '', seconds = '', tries = '', processes = ''] = line.split(' ');
  if (word === 'healthy') {
    reporter.step(host, `${name} is healthy: ${processes} ${processes === '1' ? 'process' : 'processes'}, ${tries} probes in ${seconds} s`);
  } else if (word === 'unhealthy' || word === 'going') {
    reporter.warn(`${host}: ${line}`);
  } else if (word === 'warn' || word === 'note') {
    reporter.line(host, line.slice(word.length + 1));
  } else {
    reporter.debug(`${host}: ${line}`);
  }
}

/** What a failed switch means on each host, with the last lines of the service. */
function switchError(failed: readonly { member: Member; result: Activation }[], release: string): UserError {
  const parts = failed.flatMap(({ member, result }) => {
    if (result.outcome === 'active') return [];
    const end =
      result.outcome === 'stayed'
        ? `nothing was switched, ${member.findings.current} kept serving`
        : result.outcome === 'went-back'
        ? `the host went back to ${member.findings.current}, which is healthy`
        : result.outcome === 'stopped'
          ? 'there was no release to go back to: its services were stopped'
          : `GOING BACK FAILED TOO: look at the host now`;
    const cause = likelyCause(result.logs);
    return [
      `${member.name}: release ${release}: ${result.reason}; ${end}`,
      ...result.logs.slice(-20).map((line) => `    ${line}`),
      ...(cause === undefined ? [] : [`  likely cause: ${cause}`]),
    ];
  });
  const wrote = failed.some(({ result }) => result.outcome !== 'active' && result.logs.length > 0);
  return new UserError(parts.join('\n'), {
    remedy: `${wrote ? 'The lines above are the last the service wrote.' : 'The service wrote nothing: does it write to standard output or standard error?'} Mend the release, then deploy again.`,
  });
}
