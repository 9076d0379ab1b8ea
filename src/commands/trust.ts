import type { Environment, HostConfig } from '../config/schema.js';
import { offeredHostKeys } from '../ssh/offered.js';
import type { Credentials } from '../ssh/types.js';

/** The host keys one server offers, and how many of them are pinned already. */
export interface Offer {
  readonly host: string;
  readonly keys: readonly { readonly type: string; readonly fingerprint: string; readonly line: string; readonly pinned: boolean }[];
}

/** Asks every host of the environment, and its jump hosts, for their host keys. Trusts nothing: a person compares and pins. */
export async function trust(environment: Environment, credentials: Credentials): Promise<Offer[]> {
  const all: HostConfig[] = [];
  for (const host of environment.hosts) {
    for (let hop: HostConfig | undefined = host; hop !== undefined; hop = hop.jump) all.push(hop);
  }
  return Promise.all(
    all.map(async (host) => {
      const keys = await offeredHostKeys(host, credentials);
      return { host: host.name, keys: keys.map(({ type, fingerprint, line }) => ({ type, fingerprint, line, pinned: host.hostKeys.some((pin) => pin.startsWith(line)) })) };
    }),
  );
}
