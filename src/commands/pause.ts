import { messageOf, UserError } from '../evidence/errors.js';
import { onEvery, type Member } from '../release/fleet.js';
import { sayActivation } from './say-activation.js';
import { recorded, type RunContext } from './run-context.js';

/**
 * Stops all services of every host, so that nobody writes; the site, where there is one, shows its page (503, Retry-After)
 * meanwhile. A run that dies before `resume` leaves that to the next one.
 * @param why what people read in `slipway status` and in the next run's log.
 * @throws UserError when a service cannot be stopped; everything runs again then.
 */
export async function pause(context: RunContext, members: readonly Member[], why: string): Promise<void> {
  const page = context.config.site !== undefined;
  try {
    await onEvery(members, (member) =>
      recorded(
        context,
        { id: `${context.phase}.pause`, phase: context.phase, title: 'Nobody writes meanwhile', subject: member.name, expected: page ? 'the site shows its page, services are stopped' : 'services are stopped' },
        () => member.host.pause(why, page),
        (warnings) => ({ observed: [page ? 'closed: 503 with Retry-After; services stopped' : 'services stopped (there is no site, so no page)', ...warnings].join('; '), status: warnings.length === 0 ? 'pass' : 'warn' }),
      ),
    );
  } catch (error) {
    await resume(context, members).catch((again: unknown) => context.reporter.warn(messageOf(again)));
    throw error;
  }
}

/**
 * Starts the services of the live release on every host and opens the site. Hosts on which nothing was stopped are passed over.
 * @throws UserError naming the hosts whose services do not become healthy: there the page stays.
 */
export async function resume(context: RunContext, members: readonly Member[]): Promise<void> {
  const failed = await onEvery(members, async (member) => {
    const result = await member.host.resume((line) => sayActivation(context.reporter, member.name, line));
    if (result.outcome === 'active') context.reporter.step(member.name, context.config.site === undefined ? 'services run again' : 'services run again, the site is open');
    return result.outcome === 'active' ? [] : [[`${member.name}: ${result.reason}`, ...result.logs.slice(-20).map((line) => `    ${line}`)].join('\n')];
  });
  const troubles = failed.flat();
  if (troubles.length === 0) return;
  throw new UserError(`services do not start again:\n${troubles.join('\n')}`, {
    remedy: `Until they do, the site answers with 503. See slipway status ${context.environmentName}; a deploy or a rollback opens it again.`,
  });
}
