import { asError, UserError } from '../evidence/errors.js';
import { FleetError } from '../release/fleet.js';
import { SshError, type SshErrorKind } from '../ssh/errors.js';

/** What a host that is down looks like from here; a wrong key or an unknown host key is another matter. */
const DOWN: ReadonlySet<SshErrorKind> = new Set<SshErrorKind>(['dns', 'refused', 'unreachable', 'timeout', 'not-ssh', 'busy', 'lost', 'closed']);

/** Some hosts of many are down: the error says so, and how to go on without them. Any other error is left as it is. */
export function unreachable(error: unknown, count: number): Error {
  if (!(error instanceof FleetError)) return asError(error);
  const down = error.failures.flatMap(({ host, error: failure }) => (failure instanceof SshError && DOWN.has(failure.kind) ? [host] : []));
  if (down.length === 0 || error.failures.length === count) return error;
  const left = `Or go on without ${down.length === 1 ? 'this host' : 'these hosts'}: \`exclude-hosts: ${down.join(', ')}\` (--exclude-host on the command line). That is recorded; what runs there stays as it is.`;
  return new UserError(`${down.length} of ${count} hosts cannot be reached; nothing was changed on any:\n${error.message.replace(/^/gm, '    ')}`, {
    cause: error,
    remedy: error.remedy === undefined ? left : `${error.remedy}\n${left}`,
  });
}
