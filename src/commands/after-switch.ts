import { HostError } from '../host/failure.js';
import { onEvery, type Member } from '../release/fleet.js';
import { recorded, type RunContext } from './run-context.js';

/**
 * Runs `release.after-switch` in the live release of every host.
 * @throws UserError naming the host and the command that failed.
 */
export async function runAfterSwitch(context: RunContext, members: readonly Member[], release: string): Promise<void> {
  const { config, phase, reporter, signal } = context;
  await onEvery(members, async ({ name, host }) => {
    for (const command of config.release.afterSwitch) {
      await recorded(
        context,
        { id: `${phase}.after-switch`, phase, title: 'Commands after the switch', subject: name, expected: 'exit code 0' },
        async () => {
          const result = await host.runCommand(release, '.', command, config.release.installLimit, (line) => reporter.line(name, line), signal, 'live');
          if (result.code !== 0) throw new HostError(name, `after the switch: \`${command}\``, { ...result, stderr: result.stderr.trim() === '' ? result.stdout : result.stderr }, 'Mend the command under `release.after-switch`, then run again.');
        },
        () => ({ observed: `\`${command}\` succeeded` }),
      );
    }
  });
}
