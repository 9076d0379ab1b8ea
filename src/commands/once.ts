import type { Member } from '../release/fleet.js';
import { throwIfStopped } from './fleet-session.js';
import type { RunContext } from './run-context.js';
import { runTeamCommand } from './team-command.js';

/**
 * Runs `release.once` in the staged release, on the first host of the environment (the first that is not left out) and on
 * no other: migrations, and whatever else must happen once for all hosts. Nothing was switched yet.
 * @throws UserError naming the command that failed.
 */
export async function runOnce(context: RunContext, members: readonly Member[], release: string): Promise<void> {
  const { config, reporter, signal } = context;
  const [member] = members;
  if (member === undefined || config.release.once.length === 0) return;
  await reporter.group(`Once, on ${member.name}`, async () => {
    for (const command of config.release.once) {
      throwIfStopped(signal);
      await runTeamCommand(context, member, { release, which: 'staged', folder: '.', command, limit: config.release.installLimit }, {
        id: 'deploy.once', title: 'Commands that run on one host only', called: `\`${command}\` (release.once)`,
        remedy: 'Nothing was switched: the release before this one is still live, on what the command has left. Mend it, then run again.',
      });
    }
  });
}
