import { messageOf, UserError } from '../evidence/errors.js';
import type { JournalEvent } from '../host/journal.js';
import { deltasOf } from '../release/deltas.js';
import { onEvery, type Member } from '../release/fleet.js';
import { releaseId } from '../release/id.js';
import { runAfterSwitch } from './after-switch.js';
import { confirm } from './confirm.js';
import { commonCurrent, holdingFleet, lookingAtFleet, servicesOf, throwIfStopped, type FleetSession } from './fleet-session.js';
import { refuseScatteredSecrets } from './generated.js';
import { DataDeploy } from './migrate.js';
import { runOnce } from './once.js';
import { resume } from './pause.js';
import { planDeploy } from './plan-deploy.js';
import { withRelease, type ArtifactChoice, type PreparedRelease } from './prepare-release.js';
import { refuseFullDisk, refuseLostEnv } from './refuse-deploy.js';
import type { RunContext } from './run-context.js';
import { bringSite, followWithSite } from './site.js';
import { stageAll } from './stage.js';
import { switchAll, switchBack } from './switch.js';
import { runTeamCommand } from './team-command.js';
import { requireWindow, type WindowChoice } from './window.js';

/**
 * Deploy: build, stage on every host, install, switch on every host, confirm. A host that fails to stage stops the deploy
 * before any host switched; a host that does not become healthy takes all hosts back.
 * @throws UserError saying what failed, on which host, in which step; `context.outputs` says what is live then.
 */
export async function deploy(context: RunContext, choice: ArtifactChoice & WindowChoice): Promise<void> {
  await requireWindow(context, 'plan', choice);
  await withRelease(context, choice, async (reading) => {
    if (context.plan) await lookingAtFleet(context, true, async (session) => planDeploy(context, session, await reading));
    else await holdingFleet(context, true, async (session) => deployTo(context, session, await reading, choice), reading);
  });
}

/** The part of a deploy that needs the hosts, for callers that hold them already (go-live). */
export async function deployTo(context: RunContext, session: FleetSession, prepared: PreparedRelease, choice: WindowChoice = {}): Promise<void> {
  const { members } = session;
  const { reporter, outputs } = context;
  refuseLostEnv(context, members);
  refuseScatteredSecrets(context);
  const deltas = deltasOf(members, prepared.manifest);
  refuseFullDisk(context, members, prepared, deltas);
  const release = releaseId(context.now(), prepared.commit);
  outputs.release = release;
  outputs.switched = false;
  const before = commonCurrent(members);
  if (before !== undefined && before !== '') outputs.previousRelease = before;
  for (const { name, findings } of members) outputs.hosts.set(name, { before: findings.current, after: findings.current });

  const data = await DataDeploy.begin(context, members);
  const begun = new Set<Member>();
  const renewed = new Set<Member>();
  try {
    await reporter.group(`Stage ${release}`, () => stageAll(context, deltas, release, prepared, begun));
    await reporter.group('Install', () => installOn(context, members, release));
    // From here on users notice, and once the data has moved it is better to go on than to turn back: the last moment to look at the clock.
    await requireWindow(context, 'switch', choice);
    // Only nginx can show the page of a closed site, and only when it knows the site.
    if (data.mayClose) await bringSite(context, members, release, renewed);
    await data.run(release);
    await runOnce(context, members, release);
    throwIfStopped(context.signal);
    if (!data.mayClose) await bringSite(context, members, release, renewed);
  } catch (error) {
    const said = await takeDataBack(context, data, release, error);
    await followWithSite(context, [...renewed], ({ findings }) => findings.current);
    await undo(context, [...begun], release);
    throw said;
  }
  await reporter.group(`Switch to ${release}`, async () => {
    await switchAll(context, members, release, 'deploy', data.closed);
    await afterSwitch(context, members, release, data.closed);
    await data.settle(release);
  }).catch(async (error: unknown) => {
    const said = await takeDataBack(context, data, release, error);
    // What is live again has routes of its own.
    await followWithSite(context, [...renewed], ({ findings }) => findings.current);
    throw said;
  });
  // A host that an earlier run has left closed, and whose services did not start again, is mended by this release.
  if (members.some(({ findings }) => findings.paused !== undefined)) await resume(context, members);
  await reporter.group('Confirm', () => confirmOrWait(context, members, release));
}

/** The release is not live: its data must not be either. Returns the error that ends the run, with what became of the data. */
async function takeDataBack(context: RunContext, data: DataDeploy, release: string, cause: unknown): Promise<unknown> {
  if (!(cause instanceof UserError)) return cause;
  try {
    const closed = data.closed;
    const said = await data.takeBack(release);
    if (closed && context.outputs.outcome !== undefined) context.outputs.outcome += '; the data was brought back, the site is open';
    return said.length === 0 ? cause : new UserError([cause.message, ...said].join('\n'), { cause, remedy: cause.remedy });
  } catch (error) {
    const why = messageOf(error);
    return new UserError(`${cause.message}\nTHE DATA COULD NOT BE BROUGHT BACK, and the site stays closed: ${why}`, { cause: error, remedy: `Look at the host now; the next deploy or rollback of ${context.environmentName} tries again.` });
  }
}

/**
 * Removes what a deploy that failed before its switch has put on the hosts, so that it neither takes room nor looks like a
 * dead run's. A host that cannot be reached any more is put right by the next run.
 */
async function undo(context: RunContext, members: readonly Member[], release: string): Promise<void> {
  const event: JournalEvent = { event: 'undone', release, at: context.now().toISOString(), found: 'its deploy failed before the switch' };
  await Promise.all(
    members.map(({ name, host }) =>
      host.finish([event], [release]).catch((error: unknown) => context.reporter.debug(`${name}: not undone: ${messageOf(error)}`)),
    ),
  );
}

/** The services' own installs, in the release that is not live yet. */
async function installOn(context: RunContext, members: readonly Member[], release: string): Promise<void> {
  await onEvery(members, async (member) => {
    for (const service of Object.values(servicesOf(context, member))) {
      for (const command of service.install) {
        throwIfStopped(context.signal);
        await runTeamCommand(context, member, { release, which: 'staged', folder: service.directory, command, limit: context.config.release.installLimit }, {
          id: `deploy.install.${service.name}`, title: `Install of ${service.name}`, called: `install of ${service.name} (\`${command}\`)`,
          remedy: 'Nothing was switched: the release before this one is still live. Mend the command, then run again.',
        });
      }
    }
  });
}

/** The team's commands that belong to the switch (clearing caches, telling a CDN). When one fails, every host goes back. */
async function afterSwitch(context: RunContext, members: readonly Member[], release: string, paused: boolean): Promise<void> {
  if (context.config.release.afterSwitch.length === 0) return;
  try {
    await runAfterSwitch(context, members, release);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const left = await switchBack(context, members, release, 'a command after the switch failed', paused);
    context.outputs.switched = left.size > 0;
    context.outputs.outcome = `a command after the switch to ${release} failed; ${left.size === 0 ? 'went back to the release before it' : `COULD NOT GO BACK on ${[...left.keys()].map(({ name }) => name).join(', ')}`}`;
    for (const member of members) if (!left.has(member)) context.outputs.hosts.set(member.name, { before: member.findings.current, after: member.findings.current });
    if (left.size === 0) throw error;
    throw new UserError([error.message, ...[...left].map(([{ name }, { reason }]) => `${name}: going back from ${release}: ${reason}; LOOK AT THE HOST NOW`)].join('\n'), { cause: error, remedy: error.remedy });
  }
}

/** Without smoke scenarios health is the proof; with them the release waits for `smoke` to confirm it. */
async function confirmOrWait(context: RunContext, members: readonly Member[], release: string): Promise<void> {
  if (context.config.smoke.length > 0) {
    context.outputs.outcome = `${release} is live and waits to be confirmed by smoke`;
    if (context.signal.aborted) {
      throw new UserError(`stopped by a signal during the switch, which was carried to its end: ${release} is live, and nobody has confirmed it`, {
        remedy: `To prove it: slipway smoke ${context.environmentName}. To go back: slipway rollback ${context.environmentName}.`,
      });
    }
    context.reporter.step('runner', `${release} is live; smoke confirms it`);
    return;
  }
  await confirm(context, members, release);
}
