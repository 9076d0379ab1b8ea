import { UserError } from '../evidence/errors.js';
import { SshError, type Where } from './errors.js';
import { parseKnownHosts } from './known-hosts.js';
import { parsePublicKey, publicKeyOf, type PublicKey } from './public-key.js';
import type { HostAddress } from './types.js';

/** The keys a host may prove itself with, and those it must not. */
export interface Pins {
  readonly pinned: readonly PublicKey[];
  readonly revoked: readonly PublicKey[];
}

/** Signature algorithms we accept for host keys, best first. SHA-1 (`ssh-rsa`) and DSA are left out, as in OpenSSH since 8.8. */
const ALGORITHMS = [
  'ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'rsa-sha2-512', 'rsa-sha2-256',
] as const;
export type HostKeyAlgorithm = (typeof ALGORITHMS)[number];

/** The key type an algorithm signs with: both RSA algorithms use keys of type `ssh-rsa`. */
const typeFor = (algorithm: HostKeyAlgorithm) => (algorithm.startsWith('rsa-sha2-') ? 'ssh-rsa' : algorithm);

/** The key types a server may offer, each with the algorithms that use it. */
export const HOST_KEY_TYPES: ReadonlyMap<string, readonly HostKeyAlgorithm[]> = new Map(
  [...new Set(ALGORITHMS.map(typeFor))].map((type) => [type, ALGORITHMS.filter((one) => typeFor(one) === type)]),
);

/**
 * The pins of `host`: those of the config and those of the known_hosts text.
 * @throws {UserError} when a pin cannot be read.
 */
export function pinsOf(host: HostAddress, knownHosts: string | undefined): Pins {
  const known = knownHosts === undefined ? undefined : parseKnownHosts(knownHosts).keysOf(host.address, host.port);
  const pinned = host.hostKeys.map((line) => {
    const key = parsePublicKey(line);
    if (key !== undefined) return key;
    throw new UserError(`${host.name}: the pinned host-key cannot be read: ${line.slice(0, 60)}`, {
      remedy: 'It has the form `ssh-ed25519 AAAA…`; `slipway trust <environment>` prints it.',
    });
  });
  return { pinned: [...pinned, ...(known?.pinned ?? [])], revoked: known?.revoked ?? [] };
}

/**
 * All algorithms we accept, those of pinned types first: the server then proves itself with a key we know when it
 * has one, and shows us the other one otherwise, so that the error can name it.
 */
export function algorithmsFor(pins: Pins): HostKeyAlgorithm[] {
  const types = pins.pinned.map((key) => key.type);
  return ALGORITHMS.toSorted((a, b) => Number(types.includes(typeFor(b))) - Number(types.includes(typeFor(a))));
}

/** Why `offered` (wire form) is not accepted as the key of `host`; `undefined` when it is. */
export function refusal(offered: Buffer, pins: Pins, host: HostAddress, where: Where): SshError | undefined {
  const key = publicKeyOf(offered);
  if (key === undefined) return new SshError('kex', where, 'the server offered a host key that cannot be read.', { remedy: 'Is it an SSH server, and is nothing between it and this machine? `ssh-keyscan` shows what it offers.' });
  const is = (one: PublicKey) => one.blob.equals(offered);
  if (pins.revoked.some(is)) {
    return new SshError('host-key-revoked', where, `the server offered a revoked host key: ${describe(key)}.`, {
      remedy: 'The key is marked @revoked in known-hosts. Give the server a new host key before connecting again.',
    });
  }
  if (pins.pinned.some(is)) return undefined;
  const line = `host-key: ${key.line}`;
  if (pins.pinned.length === 0) {
    return new SshError('host-key-unknown', where, `no host key is pinned. The server offers ${describe(key)}.`, {
      remedy: [
        'Compare the fingerprint with the one the server itself shows'
          + ' (`for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf "$f"; done` on its console).',
        `If it is the same, add this line to ${host.name} in slipway.yml:`,
        `  ${line}`,
      ].join('\n'),
    });
  }
  return new SshError('host-key-changed', where, [
    `the server's host key is not the pinned one.`,
    `  offered: ${describe(key)}`,
    ...pins.pinned.map((pin) => `  pinned:  ${describe(pin)}`),
  ].join('\n'), {
    remedy: [
      'Someone may be between you and the server: do not go on before you know why the key differs.',
      'If the server was reinstalled, compare the fingerprint on its console and replace the pin in slipway.yml:',
      `  ${line}`,
    ].join('\n'),
  });
}

const describe = (key: PublicKey) => `${key.type} ${key.fingerprint}`;
