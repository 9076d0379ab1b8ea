import { isIPv4, isIPv6 } from 'node:net';
import { ValueError } from './value-error.js';

export interface HostAddress {
  readonly user: string;
  /** A host name, an IPv4 address, or an IPv6 address without brackets. */
  readonly address: string;
  readonly port: number;
}

const EXAMPLE = 'deploy@203.0.113.10, deploy@www.example.com:2222 or deploy@[2001:db8::1]:22';

/**
 * Reads `user@host[:port]`; IPv6 stands in brackets. The user is required: nobody's login name is a safe guess.
 * Throws ValueError.
 */
export function parseHostAddress(text: string): HostAddress {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0];
  if (scheme !== undefined) throw new ValueError(`must be user@host[:port] without \`${scheme}\`, is \`${text}\``);
  if (/\s/.test(text)) throw new ValueError(`must not contain spaces, is \`${text}\``);
  const at = text.lastIndexOf('@');
  if (at < 1) throw new ValueError(`must name the user to log in as, as in ${EXAMPLE}; is \`${text}\``);
  const user = text.slice(0, at);
  if (user.includes(':')) throw new ValueError('must not contain a password: Slipway logs in with a key or an agent');
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?$/.test(user))
    throw new ValueError(`must begin with a user name, is \`${text}\``);
  return { user, ...readHost(text.slice(at + 1), text) };
}

/** The name logs and errors use: `user@address:port`, the port left out when it is 22, IPv6 in brackets. */
export function hostName({ user, address, port }: HostAddress): string {
  const host = isIPv6(address) ? `[${address}]` : address;
  return `${user}@${host}${port === 22 ? '' : `:${port}`}`;
}

/** Reads `host:port` as the hosts should reach it, IPv6 in brackets. Throws ValueError. */
export function parseEndpoint(text: string): { readonly address: string; readonly port: number } {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) throw new ValueError(`must be host:port without a scheme, is \`${text}\``);
  if (!/:\d+$/.test(text)) throw new ValueError(`must be host:port such as smtp.example.com:587; is \`${text}\``);
  return readHost(text, text);
}

function readHost(rest: string, text: string): { address: string; port: number } {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(rest);
  if (bracketed !== null) {
    const address = bracketed[1] ?? '';
    // A zone (fe80::1%eth0) names an interface of one machine; it means nothing on the runner.
    if (!isIPv6(address) || address.includes('%'))
      throw new ValueError(`must hold an IPv6 address in the brackets, is \`${text}\``);
    return { address, port: readPort(bracketed[2], text) };
  }
  if (isIPv6(rest) || (rest.match(/:/g)?.length ?? 0) > 1) {
    throw new ValueError(`must have its IPv6 address in brackets, such as deploy@[2001:db8::1]:22; is \`${text}\``);
  }
  const [address = '', port] = rest.split(':');
  if (/^[\d.]+$/.test(address) && !isIPv4(address))
    throw new ValueError(`must hold a whole IPv4 address, is \`${text}\``);
  if (
    address.length > 253 ||
    !/^[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*\.?$/i.test(address)
  ) {
    throw new ValueError(`must name a host, as in ${EXAMPLE}; is \`${text}\``);
  }
  return { address, port: readPort(port, text) };
}

function readPort(port: string | undefined, text: string): number {
  if (port === undefined) return 22;
  const number = Number(port);
  if (!/^\d{1,5}$/.test(port) || number < 1 || number > 65535) {
    throw new ValueError(`must end in a port 1–65535, is \`${text}\``);
  }
  return number;
}
