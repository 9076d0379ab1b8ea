import * as z from 'zod';
import { lifetime, text } from './fields.js';
import { section, variable } from './section.js';
import { systemPath } from './site-fields.js';
import { tlsRules } from './tls-rules.js';

/** How the authority is shown that the names are ours. */
export const TLS_MODES = ['webroot', 'nginx', 'standalone', 'dns'] as const;

/** Let's Encrypt's, which certbot asks by default: https://letsencrypt.org/docs/acme-protocol-updates/ */
export const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';

const command = (description: string, example: string) =>
  text(description, example).regex(/^[^\r\n\0]*$/, { error: 'must be one line' });

const account = section('The account that the authority has given you (external account binding).', {
  'key-id': variable(text('Its identifier.', '$ACME_KEY_ID')),
  key: variable(text('Its key, base64url; a variable, so that it stands in no file.', '$ACME_KEY')),
});

const dns = section('Commands of yours that run on the host, as root, for each name; certbot tells them the name in CERTBOT_DOMAIN.', {
  authenticate: command('Makes the TXT record `_acme-challenge.$CERTBOT_DOMAIN` with $CERTBOT_VALIDATION, and waits until it is served.', '/usr/local/bin/dns-add'),
  'clean-up': command('Takes it away again.', '/usr/local/bin/dns-remove').exactOptional(),
});

/** The certificate of the site. */
export const tls = section(
  'The certificate. Until its files are on the host, the site is served over http.',
  {
    email: z.email({
      error: ({ input }) => `must be an e-mail address, ${typeof input === 'string' ? `is \`${input}\`` : 'such as ops@example.com'}`,
    }).meta({
      description: 'Whom the certificate authority writes to.',
      examples: ['ops@example.com'],
    }),
    certificate: systemPath('The certificate with its chain. Default: /etc/letsencrypt/live/<first domain>/fullchain.pem.', '/etc/ssl/site.pem').exactOptional(),
    key: systemPath('Its private key. Default: /etc/letsencrypt/live/<first domain>/privkey.pem.', '/etc/ssl/site.key').exactOptional(),
    mode: z.enum(TLS_MODES).prefault('webroot').meta({
      description: 'How the names are proven: a file that our site serves, certbot\'s nginx plugin, a server of certbot\'s own on port 80, or a record in the DNS.',
    }),
    server: z.url({ protocol: /^https$/, error: ({ input }) => `must be an https URL, is \`${String(input)}\`` }).prefault(LETS_ENCRYPT).meta({
      description: 'The ACME directory of the authority.',
      examples: ['https://acme.zerossl.com/v2/DV90'],
    }),
    ca: systemPath('A file on the hosts with the root that certifies the authority\'s own server, for a private one.', '/etc/ssl/acme-root.pem').exactOptional(),
    account: account.exactOptional(),
    dns: dns.exactOptional(),
    'stop-nginx': z.boolean().prefault(false).meta({
      description: 'With `mode: standalone`: nginx is stopped while the authority asks, now and in each renewal. The site does not answer meanwhile.',
    }),
    'key-type': z.enum(['ecdsa', 'rsa']).prefault('ecdsa').meta({ description: 'The kind of key.' }),
    'renew-before': lifetime('How long before its end `slipway certbot` renews a certificate; of short-lived ones at most a third of their life.').prefault('30d'),
  },
  { rules: tlsRules },
);
