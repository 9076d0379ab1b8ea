import type { JournalEvent, Unfinished } from '../host/journal.js';
import type { Findings, RemoteHost } from '../host/remote-host.js';
import { UserError } from '../evidence/errors.js';

/** What was found and done on a host before anything else, in words for the log. */
export interface Recovery {
  readonly said: readonly string[];
  /** True when `current` may have moved. */
  readonly switched: boolean;
}

/**
 * Finishes or undoes what a run that died left on this host (DESIGN §4, law 6). Needs the lease.
 *
 * - Files on their way, or staged and never switched to: removed.
 * - A switch towards a good release (a rollback, a way back): finished, its target was proven.
 * - A switch towards any other release: undone, `current` goes back to the release before it.
 * @throws UserError when the host cannot be put in order; nothing else may be started then.
 */
export async function recover(host: RemoteHost, findings: Findings, at: string, onLine: (line: string) => void): Promise<Recovery> {
  const said: string[] = [];
  let switched = false;
  for (const left of findings.history.unfinished) {
    const record = findings.history.releases.find((release) => release.id === left.release);
    const by = record?.by === undefined ? '' : ` by ${record.by.actor} (${record.by.run})`;
    if (left.kind === 'staging') {
      const found = `a run${by} died before the switch`;
      await host.finish([{ event: 'undone', release: left.release, at, found }], [left.release]);
      said.push(`release ${left.release}: ${found}; its files were removed`);
      continue;
    }
    const target = record?.state === 'good' ? left.release : left.previous;
    const undoes = target !== left.release;
    await switchTo(host, left, target, undoes, at, onLine);
    switched = true;
    said.push(
      undoes
        ? `release ${left.release}: a run${by} died during the switch; ${target === '' ? 'its services were stopped, there was no release before it' : `went back to ${target}`}`
        : `a run died on the way to release ${target}; the way was finished`,
    );
  }
  return { said, switched };
}

async function switchTo(host: RemoteHost, left: Extract<Unfinished, { kind: 'switching' }>, target: string, undoes: boolean, at: string, onLine: (line: string) => void): Promise<void> {
  if (undoes) await host.finish([{ event: 'bad', release: left.release, at, reason: 'its run died during the switch' }]);
  const active: JournalEvent = { event: 'active', release: target, at };
  const result = await host.activate(
    target,
    '-',
    {
      switching: { event: 'switching', release: target, at, previous: left.previous, why: 'recovery' },
      active,
      bad: { event: 'bad', release: target, at, reason: 'did not start when a dead run was being put right' },
      back: undefined,
    },
    onLine,
  );
  if (result.outcome !== 'active') {
    throw new UserError(`${host.name}: a run died during a switch, and release ${target} cannot be started: ${result.reason}`, {
      remedy: `Last lines of the service:\n${result.logs.map((line) => `    ${line}`).join('\n')}\nMend the cause on the host, then run again, or name another release: slipway rollback <environment> --release <id>.`,
    });
  }
}
