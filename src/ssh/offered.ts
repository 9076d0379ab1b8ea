import { greet, linkJump, prepare, type ConnectOptions } from './connect.js';
import type { SshConnection } from './connection.js';
import { SshError, type Where } from './errors.js';
import { Login } from './login.js';
import { HOST_KEY_TYPES, type HostKeyAlgorithm } from './pins.js';
import { publicKeyOf, type PublicKey } from './public-key.js';
import type { Credentials, HostAddress } from './types.js';

/**
 * The host keys `host` offers, one per type, for a person to compare and pin. Nothing is logged in to but its jump
 * hosts, which must be pinned.
 * @throws {SshError} when the host, or a jump host, cannot be reached.
 */
export async function offeredHostKeys(host: HostAddress, credentials: Credentials = {}, options: ConnectOptions = {}): Promise<PublicKey[]> {
  const where: Where = { host: host.name };
  const context = await prepare(host, credentials, options, where, host.jump !== undefined);
  const jump = await linkJump(host, where, context);
  const keys: PublicKey[] = [];
  try {
    for (const algorithms of HOST_KEY_TYPES.values()) {
      const key = await offeredKey(host, where, jump, options, algorithms);
      if (key !== undefined) keys.push(key);
    }
    return keys;
  } finally {
    await jump?.close();
  }
}

/** The key the host proves itself with by one of `algorithms`; `undefined` when it has none of that type. */
async function offeredKey(
  host: HostAddress, where: Where, jump: SshConnection | undefined, options: ConnectOptions, algorithms: readonly HostKeyAlgorithm[],
): Promise<PublicKey | undefined> {
  let key: PublicKey | undefined;
  // The answer is all we want: refusing it ends the connection before any login.
  const enough = new SshError('host-key-unknown', where, 'no host key is pinned.');
  try {
    await greet(host, where, jump, options, {
      algorithms,
      verify: (offered) => {
        key = publicKeyOf(offered);
        return enough;
      },
      login: new Login(host.user, { key: undefined, agent: undefined }),
    });
  } catch (error) {
    const none = error instanceof SshError && error.kind === 'kex' && /no matching host key/.test(error.message);
    if (error !== enough && !none) throw error;
  }
  return key;
}
