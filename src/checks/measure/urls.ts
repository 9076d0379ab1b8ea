import { isIPv4 } from 'node:net';

/** `user:password@host:port` of a URL with any scheme; undefined when it is none. */
export function authorityOf(url: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*:\/\/([^/?#\s]*)/i.exec(url.trim())?.[1];
}

/** A URL, or undefined for what is none. */
export function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

/** Loopback, link-local and private networks (RFC 1918, RFC 6890), and the host names that stand for them. */
export function isPrivateHost(host: string): boolean {
  const plain = host.replace(/^\[|\]$/g, '').toLowerCase();
  if (isIPv4(plain)) return /^(?:127\.|10\.|0\.|192\.168\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.)/.test(plain);
  if (plain === 'localhost' || plain.endsWith('.localhost') || plain.endsWith('.local') || plain.endsWith('.internal')) return true;
  return plain === '::1' || plain === '::' || /^f[cd][0-9a-f]{2}:/.test(plain) || /^fe[89ab][0-9a-f]:/.test(plain);
}

/** Whether a listening address can be reached only from the host itself. */
export function isLoopback(address: string): boolean {
  return /^127\./.test(address) || address === '::1' || /^::ffff:127\./.test(address);
}

/** The part of a host name a team registers: `api.example.co.za` → `example.co.za`. A guess without the public suffix list. */
export function siteOf(host: string): string {
  const labels = host.toLowerCase().split('.');
  const [second = '', last = ''] = labels.slice(-2);
  const wide = last.length === 2 && second.length <= 3 && labels.length > 2;
  return labels.slice(wide ? -3 : -2).join('.');
}
