import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import * as z from 'zod';
import { text } from './fields.js';
import { codec } from './section.js';

/** The values of `site:` that end up in nginx's own language: whatever means something there is refused here. */

/** Labels of at most 63 letters, digits and hyphens, 253 characters in all: RFC 1123, section 2.1. */
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** A name the site answers to. */
export const domain = text('A host name of the site.', 'www.example.com').regex(HOST_NAME, { error: ({ input }) => `must be a host name in lower case${hint(String(input))}, is \`${String(input)}\`` });

/** What people write who mean something that has another form in the DNS. */
function hint(name: string): string {
  if (name.startsWith('*.')) return ' (a wildcard is no site: name each host)';
  const ascii = domainToASCII(name);
  return HOST_NAME.test(ascii) && ascii !== name ? ` (as the DNS has it: ${ascii})` : '';
}

/** Paths that Slipway itself answers on every site. */
const OWN = ['/.slipway', '/.well-known/acme-challenge'];

/** What is wrong with a path of the site, or undefined. */
export function pathComplaint(path: string): string | undefined {
  const written = `is \`${path}\``;
  if (!path.startsWith('/')) return `must begin with /, ${written}`;
  if (path !== '/' && path.endsWith('/')) return `must not end with /: \`${path.replace(/\/+$/, '') || '/'}\` holds for everything below it too`;
  if (path.includes('//') || path.split('/').some((part) => part === '.' || part === '..')) return `must not contain //, /./ or /../, ${written}`;
  if (!/^[A-Za-z0-9._~@+/-]*$/.test(path)) return `must consist of letters, digits and ._~@+-/, ${written}`;
  const own = OWN.find((taken) => path === taken || path.startsWith(`${taken}/`));
  return own === undefined ? undefined : `must not be below ${own}, which Slipway answers itself`;
}

/** A path below the domains. */
export const sitePath = z.string().refine((path) => pathComplaint(path) === undefined, { error: ({ input }) => pathComplaint(String(input)) ?? '' });

/** A path below all domains (`/api`) or one of them (`api.example.com/v1`). */
export const siteRoute = z.string().refine((key) => routeComplaint(key) === undefined, { error: ({ input }) => routeComplaint(String(input)) ?? '' });

function routeComplaint(key: string): string | undefined {
  const { host, path } = splitRoute(key);
  if (path === '') return `must begin with / or with a domain and /, is \`${key}\``;
  if (host !== undefined && !HOST_NAME.test(host)) return `must begin with / or with a host name in lower case and /, is \`${key}\``;
  return pathComplaint(path);
}

/** The two halves of a route's key; no host where it holds for all of them. */
export function splitRoute(key: string): { host: string | undefined; path: string } {
  const slash = key.indexOf('/');
  if (slash === -1) return { host: key, path: '' };
  return { host: slash === 0 ? undefined : key.slice(0, slash), path: key.slice(slash) };
}

const plainValue = z.union([z.string(), z.number(), z.literal(false)]);

/** The value of a response header; '' for one that is not to be sent. A plain number is taken as its text. */
export const headerValue = codec<typeof plainValue, string>(
  plainValue.refine((value) => valueComplaint(value) === undefined, { error: ({ input }) => valueComplaint(input) ?? '' }),
  { decode: (value) => (value === false ? '' : String(value).trim()), encode: (value) => value },
).meta({ description: 'The value, or false for none.' });

/** A value in nginx's file cannot hold a `$`: there is no way to write one. */
function valueComplaint(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  return /^[\x20-\x7e]*$/.test(value.trim()) && !value.includes('$') ? undefined : `must be one line of ASCII characters without $, is \`${value.trim().slice(0, 60)}\``;
}

/** An absolute path on the hosts. */
export const systemPath = (description: string, ...examples: string[]) =>
  text(description, ...examples).regex(/^\/[A-Za-z0-9._/@+-]*$/, {
    error: ({ input }) => `must be an absolute path of letters, digits and ._@+-, is \`${String(input)}\``,
  });

/** An address or a network: `10.0.0.0/8`, `2001:db8::/32`. */
export const trustedProxy = text('An address or a network.', '10.0.0.0/8').refine(isNetwork, {
  error: ({ input }) => `must be an IP address or a network such as 10.0.0.0/8, is \`${String(input)}\``,
});

function isNetwork(value: string): boolean {
  const [address = '', bits, ...rest] = value.split('/');
  const version = isIP(address);
  return version !== 0 && rest.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128)));
}
