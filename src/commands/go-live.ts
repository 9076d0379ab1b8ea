import { messageOf, UserError } from '../evidence/errors.js';
import { deploy, deployTo } from './deploy.js';
import { holdingFleet } from './fleet-session.js';
import { preflight } from './preflight.js';
import { withRelease, type ArtifactChoice } from './prepare-release.js';
import { rollbackOn } from './rollback.js';
import type { RunContext } from './run-context.js';
import { confirmAfterSmoke, runSmokeOn } from './smoke.js';
import { requireWindow, type WindowChoice } from './window.js';

export interface GoLiveOptions extends ArtifactChoice, WindowChoice {
  readonly tag?: string | undefined;
  readonly junit?: string | undefined;
}

/**
 * The whole go-live: preflight, deploy, smoke, and the way back when smoke is red. One lease from deploy to the end.
 * @throws UserError when the new release is not live at the end; the message says what is.
 */
export async function goLive(context: RunContext, options: GoLiveOptions): Promise<void> {
  // With --plan the deploy's plan says it.
  if (!context.plan) await requireWindow({ ...context, phase: 'deploy' }, 'plan', options);
  await preflight({ ...context, phase: 'preflight' }, { tag: options.tag });
  if (context.plan) {
    await deploy({ ...context, phase: 'deploy' }, options);
    return;
  }
  const deploying: RunContext = { ...context, phase: 'deploy' };
  await withRelease(deploying, options, async (reading) => {
    await holdingFleet(deploying, true, async (session) => {
      await deployTo(deploying, session, await reading, options);
      if (context.config.smoke.length === 0) return;
      const release = context.outputs.release ?? '';
      // The hosts have moved since they were read: what follows needs to know them as they are now.
      const now = { recovered: false, members: await Promise.all(session.members.map(async (member) => ({ ...member, findings: await member.host.look(false) }))) };
      try {
        await context.reporter.group('Smoke', () => runSmokeOn({ ...context, phase: 'smoke' }, release, { junit: options.junit }));
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        throw await goBack(context, now, release, error);
      }
      await context.reporter.group('Confirm', () => confirmAfterSmoke(deploying, now, release));
    }, reading);
  });
}

/** Rolls back after a red smoke; returns the error that ends the run. */
async function goBack(context: RunContext, session: Parameters<typeof rollbackOn>[1], release: string, cause: UserError): Promise<UserError> {
  context.reporter.error(cause.message);
  const { previousRelease, hosts } = context.outputs;
  const began = new Map(hosts);
  // What was live before is what was live before this run, not before its way back.
  const restore = (): void => {
    if (previousRelease === undefined) delete context.outputs.previousRelease;
    else context.outputs.previousRelease = previousRelease;
    for (const [host, { after }] of hosts) hosts.set(host, { before: began.get(host)?.before ?? '', after });
  };
  try {
    await rollbackOn({ ...context, phase: 'rollback' }, session, { reason: cause.message.replace(/\s+/g, ' ').slice(0, 200) });
  } catch (error) {
    const why = messageOf(error);
    const { release: reached = '', switched } = context.outputs;
    restore();
    context.outputs.release = release;
    context.outputs.switched = switched !== true;
    // That the way back was gone and led to a release that does not pass either is another trouble than that there was none.
    const state = switched === true ? `went back to ${reached}, which does not pass either` : 'is still live: there was no way back';
    context.outputs.outcome = `${release} failed smoke${switched === true ? ';' : ' and'} ${state}`;
    return new UserError(`${cause.message}\n${release} ${state}: ${why}`, { cause: error, remedy: `Look at the hosts now: slipway status ${context.environmentName}; slipway releases ${context.environmentName} names what could be gone back to.` });
  }
  const live = context.outputs.release ?? '';
  restore();
  context.outputs.release = release;
  context.outputs.switched = false;
  context.outputs.outcome = `${release} failed smoke; went back to ${live}`;
  return new UserError(`${cause.message}\nWent back to ${live}, which is healthy.`, { cause, remedy: 'Mend the release, then deploy again. The bad release stays on the hosts until the next good one.' });
}
