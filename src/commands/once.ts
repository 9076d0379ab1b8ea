import { HostError } from '../host/failure.js';
import type { Member } from '../release/fleet.js';
import { throwIfStopped } from './fleet-session.js';
import { recorded, type RunContext } from './run-context.js';

/**
 * Runs `release.once` in the staged release, on the first host of the environment (the first that is not left out) and on
 * no other: migrations, and whatever else must happen once for all hosts. Nothing was switched yet.
 * @throws UserError naming the command that failed.
 */
export async function runOnce(context: RunContext, members: readonly Member[], release: string): Promise<void> {
  const { config, reporter, signal } = context;
  const [member] = members;
  if (member === undefined || config.release.once.length === 0) return;
  const { name, host } = member;
  await reporter.group(`Once, on ${name}`, async () => {
    for (const command of config.release.once) {
      throwIfStopped(signal);
      await recorded(
        context,
        { id: 'deploy.once', phase: 'deploy', title: 'Commands that run on one host only', subject: name, expected: 'exit code 0' },
        async () => {
          const result = await host.runCommand(release, '.', command, config.release.installLimit, (line) => reporter.line(name, line), signal);
          if (result.code !== 0) {
            throw new HostError(name, `\`${command}\` (release.once)`, { ...result, stderr: result.stderr.trim() === '' ? result.stdout : result.stderr },
              'Nothing was switched: the release before this one is still live, on what the command has left. Mend it, then run again.');
          }
        },
        () => ({ observed: `\`${command}\` succeeded` }),
      );
    }
  });
}
