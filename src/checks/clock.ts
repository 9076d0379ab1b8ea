import { formatDuration } from '../evidence/format.js';
import { pass, verdict, fail, type HostCheck, type HostVisit } from './model.js';
import type { HostFacts } from './facts.js';

export const clock: readonly HostCheck[] = [
  {
    id: 'preflight.clock.drift',
    title: 'The host\'s clock agrees with the runner\'s',
    family: 'clock', scope: 'host', requirement: [], severity: 'block',
    remedy: 'Turn time synchronisation on at the host: sudo timedatectl set-ntp true; tokens, certificates and logs depend on it.',
    run(visit, { config }) {
      const measured = drift(visit);
      if (measured === undefined) return undefined;
      const { offset, error } = measured;
      const limit = config.preflight.clockDrift;
      // The doubt of the measurement is in the host's favour: a slow link is not a wrong clock.
      return verdict(Math.abs(offset) - error <= limit, `${formatDuration(Math.abs(offset))} ${offset < 0 ? 'behind' : 'ahead'} (± ${formatDuration(error)})`, `within ${formatDuration(limit)}`, {
        data: { offset, error },
      });
    },
  },
  {
    id: 'preflight.clock.synchronised',
    title: 'The host\'s clock is synchronised',
    family: 'clock', scope: 'host', requirement: [], severity: 'warn',
    remedy: 'On the host: sudo timedatectl set-ntp true (systemd-timesyncd), or install chrony.',
    run({ facts: { clock: { synchronised } } }) {
      // Containers and minimal images have neither timedatectl nor chrony: there the drift alone speaks.
      if (synchronised === 'unknown') return undefined;
      return synchronised === 'yes' ? pass('synchronised', 'synchronised') : fail('not synchronised', 'synchronised');
    },
  },
];

/**
 * The host's clock less the runner's in milliseconds, and how far that can be wrong: both stamps of the script lie
 * somewhere between asking and answering, so the midpoints differ by at most half of the time on the way (as in NTP).
 */
export function drift(visit: HostVisit & { readonly facts: HostFacts }): { offset: number; error: number } | undefined {
  const { askedAt, answeredAt, facts } = visit;
  if (askedAt === undefined || answeredAt === undefined) return undefined;
  const { begin, end } = facts.clock;
  const offset = (begin + end) / 2 - (askedAt + answeredAt) / 2;
  return { offset: Math.round(offset), error: Math.max(0, Math.round((answeredAt - askedAt - (end - begin)) / 2)) };
}
