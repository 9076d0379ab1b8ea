import { isIP } from 'node:net';
import * as z from 'zod';
import { formatDuration, parseLifetime } from '../duration.js';
import { duration, relativePath, text } from './fields.js';
import { parsed, section } from './section.js';
import { domain } from './site-fields.js';

/** What is asked of the site from outside: its names and its certificates. */

const lifetime = (description: string, ...examples: string[]) => parsed<number>(parseLifetime, formatDuration, description, examples);

const names = z.array(domain).prefault([]).meta({
  description: "Names asked besides the site's domains and the name in the environment's https URL.",
  examples: [['api.example.com']],
});

const address = text('An IP address.', '203.0.113.10').refine((value) => isIP(value) !== 0, { error: ({ input }) => `must be an IP address, is \`${String(input)}\`` });

const resolver = text('A resolver.', '9.9.9.9').refine(isResolver, {
  error: ({ input }) => `must be an IP address, with a port where that is not 53 (203.0.113.1:5353, [2001:db8::1]:5353), is \`${String(input)}\``,
});

function isResolver(value: string): boolean {
  if (isIP(value) !== 0) return true;
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([\d.]+)):(\d{1,5})$/.exec(value) ?? [];
  return isIP(bracketed ?? plain ?? '') !== 0 && Number(port) > 0 && Number(port) < 65_536;
}

export const dns = section("What the DNS must say of the site's names. Asked when there is a site or an https URL.", {
  names,
  resolvers: z.array(resolver).prefault(['1.1.1.1', '8.8.8.8']).meta({
    description: "Resolvers asked besides the runner's own; an empty list asks that one alone.",
    examples: [['9.9.9.9'], []],
  }),
  addresses: z.array(address).prefault([]).meta({
    description: 'The addresses the names must have, where these are not the addresses of the hosts: behind a load balancer, a proxy or NAT.',
    examples: [['203.0.113.80', '2001:db8::80']],
  }),
  issuer: z.union([z.literal(false), domain]).prefault('letsencrypt.org').meta({
    description: 'The certificate authority that CAA records must permit, by the name it has there; false where none is to be asked.',
    examples: ['letsencrypt.org', 'sectigo.com'],
  }),
  'max-ttl': lifetime('How long resolvers may remember an address: so long a move takes.', '1d').prefault('1d'),
  timeout: duration('How long a resolver may take.').prefault('3s'),
});

export const tls = section('What the site must do over TLS. Asked when the environment has an https URL or the site a certificate.', {
  names,
  'expires-block': lifetime('How long the certificate must be valid still.', '7d').prefault('7d'),
  'expires-warn': lifetime('From when on its end is warned of.', '21d').prefault('21d'),
  ca: relativePath('Certificates (PEM) of private authorities that are trusted besides the public ones.', 'ops/ca.pem').exactOptional(),
  smoke: z.boolean().prefault(false).meta({ description: 'Whether smoke asks again, after the switch.' }),
  timeout: duration('How long each question may take.').prefault('5s'),
});
