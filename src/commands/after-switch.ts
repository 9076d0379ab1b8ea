import { onEvery, type Member } from '../release/fleet.js';
import type { RunContext } from './run-context.js';
import { runTeamCommand } from './team-command.js';

/**
 * Runs `release.after-switch` in the live release of every host.
 * @throws UserError naming the host and the command that failed.
 */
export async function runAfterSwitch(context: RunContext, members: readonly Member[], release: string): Promise<void> {
  const { afterSwitch, installLimit } = context.config.release;
  await onEvery(members, async (member) => {
    for (const command of afterSwitch) {
      await runTeamCommand(context, member, { release, which: 'live', folder: '.', command, limit: installLimit }, {
        id: `${context.phase}.after-switch`, title: 'Commands after the switch', called: `after the switch: \`${command}\``,
        remedy: 'Mend the command under `release.after-switch`, then run again.',
      });
    }
  });
}
