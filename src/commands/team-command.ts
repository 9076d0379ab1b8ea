import { HostError } from '../host/failure.js';
import type { ReleaseCommand } from '../host/remote-host.js';
import type { Member } from '../release/fleet.js';
import type { ExecResult } from '../ssh/types.js';
import { recorded, type RunContext } from './run-context.js';

/** How a command of the team's is spoken of. */
interface About {
  /** Of its evidence. */
  readonly id: string;
  readonly title: string;
  /** What the evidence is about, where that is not the host. */
  readonly subject?: string;
  /** How the error calls it. */
  readonly called: string;
  /** What to do when it fails. */
  readonly remedy?: string;
}

/**
 * Runs a command of the team's on a host: its lines go into the log as they come, how it ended into the ledger.
 * @returns what it wrote to its standard output.
 * @throws HostError with its last words.
 */
export async function runTeamCommand(context: RunContext, { name, host }: Pick<Member, 'name' | 'host'>, command: ReleaseCommand, about: About): Promise<string> {
  const { phase, reporter, signal } = context;
  const { stdout } = await recorded(
    context,
    { id: about.id, phase, title: about.title, subject: about.subject ?? name, expected: 'exit code 0' },
    async () => {
      const result = await host.runCommand(command, (line) => reporter.line(name, line), signal);
      if (result.code !== 0) throw new HostError(name, about.called, { ...result, stderr: complaintOf(result) }, about.remedy);
      return result;
    },
    (result) => ({ observed: `\`${command.command}\` succeeded${result.stdout === '' && result.stderr === '' ? ' and said nothing' : ''}` }),
  );
  return stdout;
}

/** What a command that failed has to say: many tools complain on standard output. */
export function complaintOf({ stdout, stderr }: ExecResult): string {
  return stderr.trim() === '' ? stdout : stderr;
}
