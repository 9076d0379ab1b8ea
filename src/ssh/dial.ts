import { lookup } from 'node:dns/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { SshError, type Where } from './errors.js';
import type { HostAddress } from './types.js';

interface Address {
  readonly address: string;
  readonly family: number;
}

/**
 * Opens the TCP connection to a host. The name is looked up first, so that a wrong name, a closed port and a silent
 * firewall are told apart. `stop` ends the wait; its reason is thrown.
 * @throws {SshError} of kind dns, refused, unreachable.
 */
export async function dial(host: HostAddress, where: Where, stop: AbortSignal): Promise<Socket> {
  const addresses = await untilStopped(resolve(host, where), stop);
  return await new Promise<Socket>((fulfil, reject) => {
    const socket = connectTcp({
      host: host.address,
      port: host.port,
      noDelay: true,
      // Tries IPv4 and IPv6 in turn when the name has both (RFC 8305).
      autoSelectFamily: addresses.length > 1,
      lookup: (_name, options, callback) => {
        if (options.all === true) callback(null, [...addresses]);
        else callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
      },
    });
    const stopped = () => {
      socket.destroy();
      reject(stop.reason as Error);
    };
    const failed = (error: Error) => {
      stop.removeEventListener('abort', stopped);
      socket.destroy();
      reject(explain(error, host, addresses, where));
    };
    stop.addEventListener('abort', stopped, { once: true });
    socket.once('error', failed);
    socket.once('connect', () => {
      stop.removeEventListener('abort', stopped);
      socket.off('error', failed);
      fulfil(socket);
    });
  });
}

async function resolve(host: HostAddress, where: Where): Promise<Address[]> {
  const family = isIP(host.address);
  if (family !== 0) return [{ address: host.address, family }];
  try {
    return await lookup(host.address, { all: true, order: 'verbatim' });
  } catch (error) {
    const temporary = codeOf(error) === 'EAI_AGAIN';
    throw new SshError('dns', where, temporary
      ? `the name ${host.address} could not be looked up: no DNS server answered.`
      : `the name ${host.address} is not known to DNS.`, {
      remedy: temporary ? 'Try again; if it stays, check the DNS settings of the machine this runs on.'
        : 'Check the spelling of the address in slipway.yml and whether the DNS record exists.',
      cause: error,
    });
  }
}

function explain(error: Error, host: HostAddress, addresses: readonly Address[], where: Where): SshError {
  // With several addresses net gives an AggregateError; the first one's error stands for all.
  const inner: unknown = 'errors' in error && Array.isArray(error.errors) ? error.errors[0] : error;
  const code = codeOf(inner) ?? codeOf(error);
  const target = addresses.map(({ address }) => (isIP(address) === 6 ? `[${address}]:${host.port}` : `${address}:${host.port}`)).join(', ');
  switch (code) {
    case 'ECONNREFUSED':
      return new SshError('refused', where, `${target} refused the connection: nothing listens on that port.`, {
        remedy: 'Check the port in slipway.yml, and on the server that sshd runs: `systemctl status ssh`.', cause: error,
      });
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
      return new SshError('unreachable', where, `there is no route to ${target} (${code}).`, {
        remedy: addresses.every(({ family }) => family === 6)
          ? 'The address is IPv6: GitHub\'s hosted runners have no IPv6. Use an IPv4 address, a jump host, or a runner of your own.'
          : 'Check the address in slipway.yml and whether this machine may reach the server\'s network (VPN, jump host).',
        cause: error,
      });
    case 'ETIMEDOUT':
      return new SshError('timeout', where, `${target} did not answer.`, { remedy: FIREWALL, cause: error });
    default:
      return new SshError('unreachable', where, `no connection to ${target}: ${error.message || String(code)}.`, { cause: error, remedy: 'Check the address and port in slipway.yml, and whether this machine may reach them.' });
  }
}

/** What to do when a server stays silent. */
export const FIREWALL = 'A firewall may drop the packets: allow this machine\'s address on the server\'s SSH port, or use a jump host.';

function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** `promise`, or the reason of `stop` when that comes first. */
export async function untilStopped<T>(promise: Promise<T>, stop: AbortSignal): Promise<T> {
  let stopped: (() => void) | undefined;
  const end = new Promise<never>((_fulfil, reject) => {
    stopped = () => reject(stop.reason as Error);
    if (stop.aborted) stopped();
    else stop.addEventListener('abort', stopped, { once: true });
  });
  try {
    return await Promise.race([promise, end]);
  } finally {
    if (stopped !== undefined) stop.removeEventListener('abort', stopped);
  }
}
