import type { RemoteManifest } from '../host/findings.js';
import type { Member } from './fleet.js';
import { compareManifests, type Delta, type Manifest } from './manifest.js';

/**
 * What has to be sent to each host. Hosts that hold the same share one comparison and its result, so that fifty hosts
 * take neither the time nor the memory of fifty.
 */
export function deltasOf(members: readonly Member[], manifest: Manifest): ReadonlyMap<Member, Delta> {
  const known = new Map<RemoteManifest | undefined, Map<string, Delta>>();
  return new Map(
    members.map((member) => {
      const { base, rewritten } = member.findings;
      const key = [...rewritten].sort().join('\0');
      const same = known.get(base) ?? new Map<string, Delta>();
      known.set(base, same);
      const delta = same.get(key) ?? compareManifests(manifest, base, rewritten);
      same.set(key, delta);
      return [member, delta];
    }),
  );
}

/** Returns for each manifest the first one that was equal to it: the hosts of a fleet mostly hold the same release. */
export function onePerContent(): (manifest: RemoteManifest) => RemoteManifest {
  const seen: RemoteManifest[] = [];
  return (manifest) => {
    const same = seen.find(({ release, sums, tree }) => release === manifest.release && sums.equals(manifest.sums) && tree.equals(manifest.tree));
    if (same !== undefined) return same;
    seen.push(manifest);
    return manifest;
  };
}
