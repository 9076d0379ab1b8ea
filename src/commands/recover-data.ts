import type { DataRecord } from '../host/history.js';
import { EXIT, HostError } from '../host/failure.js';
import type { Member } from '../release/fleet.js';
import { lastDataStep } from '../release/data-history.js';
import { keyOfStep } from './backup-key.js';
import { schemaVersion } from './data-command.js';
import { noteData, schemaText } from './data-journal.js';
import { dataSites, placeOf, type DataSite } from './data-places.js';
import { bringBack } from './restore-data.js';
import type { RunContext } from './run-context.js';

/** What was found out about data that a dead run was at work on. */
export interface DataRecovery {
  /** For the log, by host. */
  readonly said: readonly { readonly host: string; readonly text: string }[];
  /** Hosts whose services must not be started yet, and why. */
  readonly shut: ReadonlyMap<Member, string>;
}

/**
 * Puts data right that a run was at work on when it died: before the releases are, since the release that is gone back to
 * must find what it knows. Hosts are taken, nothing is started yet.
 *
 * - The site is closed, so nobody wrote: what the step was to lead to is live everywhere, or its backup goes back.
 * - The site was open all the time: nothing is touched, and what is there is said. Bringing a backup back would lose rows.
 * - A restore has replaced half of the data: nothing is started on that.
 */
export async function recoverData(context: RunContext, members: readonly Member[]): Promise<DataRecovery> {
  const closed = members.filter(({ findings }) => findings.paused !== undefined);
  const said: { host: string; text: string }[] = [];
  const shut = new Map<Member, string>();
  for (const site of dataSites(context, members)) {
    const last = lastDataStep(site.member.findings.history, site.name);
    const say = (text: string): void => void said.push({ host: site.member.name, text });
    if (last !== undefined) {
      const text = closed.length > 0 && last.undo !== undefined ? await undo(context, site, last, last.undo, members, shut) : await sayInterrupted(context, site, last);
      if (text !== undefined) say(text);
    }
    if (closed.length === 0) continue;
    const half = await halfRestored(context, site);
    if (half !== undefined) for (const member of closed) shut.set(member, half);
  }
  return { said, shut };
}

/** The step was taken while nobody could write. */
async function undo(context: RunContext, site: DataSite, last: DataRecord, backup: string, members: readonly Member[], shut: Map<Member, string>): Promise<string | undefined> {
  const { name } = site;
  const arrived = members.filter((member) => hasArrived(member, last.towards));
  const whole = last.outcome !== 'begun' && last.outcome !== 'restoring';
  if (whole && arrived.length === members.length) {
    await noteData(context, site, last.release, { outcome: 'settled' });
    return undefined;
  }
  if (whole && arrived.length > 0) {
    const why = `the data of ${name} belongs to ${last.towards ?? ''}, which is not live here yet: deploy it, or roll back with \`restore-database\``;
    for (const member of members) if (!arrived.includes(member)) shut.set(member, why);
    return `${name}: a run died between two hosts; ${why}`;
  }
  // What has been started since must not write into what is brought back.
  await Promise.all(members.map(({ host }) => host.pause(`the data of ${name} is brought back`, context.config.site !== undefined)));
  await bringBack(context, placeOf(context, site), {
    release: last.release, backup, undo: backup, ...(last.towards === undefined ? {} : { towards: last.towards }), before: last.after, after: last.before,
    quiet: true, key: keyOfStep(context),
  });
  return `${name}: a run died ${last.outcome === 'restoring' ? 'in a restore' : 'before what it migrated was live'}; its data was brought back from ${backup}, nothing is lost: the site was closed meanwhile`;
}

/** Live, and not about to be undone; or a rollback is on its way there, which will be finished. */
function hasArrived({ findings }: Member, towards: string | undefined): boolean {
  const way = findings.history.unfinished.find(({ kind }) => kind === 'switching');
  if (way?.kind === 'switching') return way.why === 'rollback' && way.release === towards;
  return findings.current === towards;
}

/** The site is open, or was never closed: what is there stays. */
async function sayInterrupted(context: RunContext, site: DataSite, last: DataRecord): Promise<string | undefined> {
  if (last.outcome !== 'begun' && last.outcome !== 'restoring') return undefined;
  const { name, member } = site;
  const after = await schemaVersion(context, site, { release: member.findings.current, which: 'live' });
  const { backup, before } = last;
  await noteData(context, site, last.release, { outcome: 'failed', backup, before, after });
  const way = backup === undefined ? '' : `; the backup from before: slipway backup restore ${context.environmentName} --database ${name} --id ${backup}`;
  if (last.outcome === 'restoring') return `${name}: the restore of ${last.backup ?? 'a backup'} was interrupted (${schemaText(before, after)})${way}`;
  return `${name}: the migration for ${last.release} was interrupted: ${schemaText(before, after)}; what it has done stays${way}`;
}

async function halfRestored(context: RunContext, site: DataSite): Promise<string | undefined> {
  const why = `a restore of ${site.name} was interrupted; finish it: slipway backup restore ${context.environmentName} --database ${site.name}`;
  try {
    return (await placeOf(context, site).data.list()).halfRestored === undefined ? undefined : why;
  } catch (error) {
    if (error instanceof HostError && error.code === EXIT.halfRestored) return why;
    throw error;
  }
}
