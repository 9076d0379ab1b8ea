import { formatCount } from '../evidence/format.js';
import type { ReleaseRecord } from '../host/history.js';
import type { JournalEvent } from '../host/journal.js';
import { onEvery, type Member } from '../release/fleet.js';
import { toPrune } from '../release/history.js';
import { recorded, type RunContext } from './run-context.js';

/** Makes the release good on every host, ends what ran beside it, and deletes what nobody needs any more. */
export async function confirm(context: RunContext, members: readonly Member[], release: string): Promise<void> {
  const at = context.now().toISOString();
  await onEvery(members, async ({ name, host, findings }) => {
    const { releases } = findings.history;
    const known = releases.find(({ id }) => id === release);
    // The journal as it will be once this release is good.
    const future = { ...findings.history, releases: [...releases.filter(({ id }) => id !== release), { ...(known ?? blank(release, at)), state: 'good' as const, present: true }] };
    const remove = toPrune(future, release, context.config.release.keep);
    const events: JournalEvent[] = [{ event: 'good', release, at, by: context.author }, ...remove.map((id): JournalEvent => ({ event: 'removed', release: id, at }))];
    await recorded(
      context,
      { id: 'deploy.confirm', phase: 'deploy', title: 'The release is good', subject: name, expected: `at most ${context.config.release.keep} good releases are kept` },
      () => host.finish(events, remove, { confirmed: release, retire: true }),
      ({ stuck, warnings }) =>
        stuck.length === 0
          ? { observed: `${release} is good${remove.length === 0 ? '' : `; removed ${formatCount(remove.length, 'old release')}`}${warnings.map((text) => `; ${text}`).join('')}`, status: warnings.length === 0 ? 'pass' : 'warn' }
          : { observed: `${release} is good; could not delete ${stuck.join(', ')}`, status: 'warn', remedy: `Delete by hand what another user owns: releases/${stuck[0] ?? ''}` },
    );
  });
  context.outputs.outcome = `${release} is live and good`;
}

function blank(id: string, begun: string): ReleaseRecord {
  return { id, state: 'good', present: true, slot: undefined, digest: undefined, commit: undefined, begun, by: undefined, reason: undefined, data: [] };
}
