import { messageOf } from '../evidence/errors.js';
import type { Member } from '../release/fleet.js';
import { pause, resume } from './pause.js';
import type { RunContext } from './run-context.js';

/**
 * Stops the services of every host, does `body`, and starts them again, whether it succeeded or not.
 * @param mayStart asked when `body` has failed: services that would meet half of their data stay stopped, and the site closed.
 */
export async function whilePaused(context: RunContext, members: readonly Member[], why: string, body: () => Promise<void>, mayStart: () => boolean): Promise<void> {
  const { reporter } = context;
  await reporter.group('Stop the services', () => pause(context, members, why));
  try {
    await body();
  } catch (error) {
    if (mayStart()) await reporter.group('Start the services again', () => resume(context, members)).catch((again: unknown) => reporter.error(messageOf(again)));
    else reporter.warn('the services stay stopped');
    throw error;
  }
  await reporter.group('Start the services again', () => resume(context, members));
}
