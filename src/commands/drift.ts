import type { HostStatus } from './status.js';

type Seen = Omit<HostStatus, 'drift'>;

/** In what a host differs from what it should be, or from the others of its fleet, in words for people. */
export function driftOf(host: Seen, fleet: readonly Seen[], root: string): string[] {
  const common = commonest(fleet.map(({ current }) => current));
  const differs = host.current === common || common === undefined ? [] : [`${host.current === '' ? 'nothing is live here' : `${host.current} is live here`}, ${common === '' ? 'nothing' : common} on most hosts`];
  const divided = common === undefined ? ['the hosts run different releases'] : [];
  const unconfirmed = host.state === 'active' ? [`${host.current} was never confirmed`] : [];
  const unknown = host.current !== '' && (host.state === 'none' || host.state === 'bad' || host.state === 'unfinished') ? [`${host.current} is live, and ${host.state === 'none' ? 'the journal does not know it' : `is ${host.state}`}`] : [];
  const elsewhere = host.services.flatMap(({ name, folder, live, pids }) => {
    // What the kernel tells has no links in it, so the way to the root may be another: its last name stays.
    const release = folder.split(`/${root.split('/').at(-1) ?? ''}/releases/`)[1]?.split('/')[0];
    // The other slot is kept warm with an older release on purpose; a service that does not run says so by its health.
    return !live || pids === '' || release === undefined || release === host.current ? [] : [`${name} works in ${release}, not in the live release`];
  });
  return [...divided, ...differs, ...unconfirmed, ...unknown, ...elsewhere];
}

/** What more hosts have than any other; undefined when they are divided evenly. */
function commonest(values: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const [first, second] = [...counts].sort(([, a], [, b]) => b - a);
  return second !== undefined && second[1] === first?.[1] ? undefined : first?.[0];
}
