import { formatDuration } from '../evidence/format.js';
import type { Offer, TlsFacts, Version } from '../probe/tls.js';
import type { WeakSuites } from '../probe/tls-suites.js';
import { fail, pass, skip, verdict, type Outcome, type TlsCheck } from './model.js';

/**
 * What a server does over TLS, judged by what the public grader publishes: "SSL Server Rating Guide" (SSL Labs,
 * https://github.com/ssllabs/research/wiki/SSL-Server-Rating-Guide). An A+ there is: nothing below that lowers the grade,
 * and HSTS for half a year (page.ts). Each rule is a check of its own, so that the list reads as a checklist.
 */

const DAY = 86_400_000;
const NGINX = 'With `site.tls` Slipway writes these lines itself; in a file of your own:';

const FAULTS: Readonly<Record<string, readonly [observed: string, remedy: string]>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: ['signed by itself: nobody vouches for it', 'Get a certificate of a public authority; for a private one name its root under preflight.tls.ca.'],
  SELF_SIGNED_CERT_IN_CHAIN: ['from an authority that is not trusted', 'Get a certificate of a public authority; for a private one name its root under preflight.tls.ca.'],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['the server sends no intermediate certificate, or its authority is not trusted', 'Let ssl_certificate name the file with the whole chain (fullchain.pem, not cert.pem), and reload nginx. Browsers may hide this: they fetch what is missing.'],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['the chain ends at a certificate whose issuer is not trusted, or a part of it is missing', 'Let ssl_certificate name the file with the whole chain (fullchain.pem), and reload nginx; for a private authority name its root under preflight.tls.ca.'],
  CERT_HAS_EXPIRED: ['a certificate of the chain above the own one has expired', 'Take the chain as the authority hands it out today (fullchain.pem), and reload nginx.'],
};

const FAILURES: Readonly<Record<NonNullable<TlsFacts['failure']>['kind'], string>> = {
  'no-name': 'the name has no address', refused: 'nothing listens there', silent: 'no answer', 'no-route': 'no route from here', 'not-tls': 'answers, but not in TLS', failed: 'the handshake failed',
};

/** Short-lived certificates are renewed when a third is left: the days of those of 90 days would always warn of them. */
function limits(block: number, warn: number, lifetime: number): { block: number; warn: number } {
  return { block: Math.min(block, lifetime / 12), warn: Math.min(warn, lifetime / 4) };
}

/** Whether the version is spoken, as wanted. */
function spoken(version: Version, wanted: boolean): TlsCheck['run'] {
  return ({ versions }) => {
    if (versions === undefined) return undefined;
    const answer = versions[version];
    const expected = wanted ? `${version} is offered` : `${version} is refused`;
    if (answer.taken === 'untold') return skip(`could not be asked: ${answer.why}`, expected);
    return verdict((answer.taken === 'yes') === wanted, `${version} ${answer.taken === 'yes' ? 'accepted' : 'refused'}`, expected);
  };
}

function old(version: Version, id: string, why: string): TlsCheck {
  return {
    id: `preflight.tls.${id}`, title: `${version} is refused`, family: 'tls', scope: 'tls', requirement: ['TL-04', 'TL-06'], severity: 'block',
    remedy: `${why} ${NGINX} \`ssl_protocols TLSv1.2 TLSv1.3;\`, in every server block of this address: the first one decides for all.`,
    run: spoken(version, false),
  };
}

function weak(kind: WeakSuites, id: string, what: string, why: string): TlsCheck {
  return {
    id: `preflight.tls.${id}`, title: `${what} are refused`, family: 'tls', scope: 'tls', requirement: ['TL-04', 'TL-06'], severity: 'block',
    remedy: `${why} ${NGINX} take the list of ssl_ciphers that Slipway writes, or Mozilla's "intermediate" one.`,
    run: ({ weak: answers }) => answered(answers?.[kind], false, `${what} are refused`, (suite) => `${suite ?? 'one'} accepted`, 'all refused'),
  };
}

function answered(answer: Offer | undefined, wanted: boolean, expected: string, yes: (suite?: string) => string, no: string): Outcome | undefined {
  if (answer === undefined) return undefined;
  if (answer.taken === 'untold') return skip(`could not be asked: ${answer.why}`, expected);
  return verdict((answer.taken === 'yes') === wanted, answer.taken === 'yes' ? yes(answer.suite) : no, expected);
}

export const tls: readonly TlsCheck[] = [
  {
    id: 'preflight.tls.answers',
    title: 'The site answers over TLS',
    // A first deploy comes before the first certificate.
    family: 'tls', scope: 'tls', requirement: ['TL-07'], severity: 'warn', smoke: 'block',
    remedy: 'See whether nginx listens on the port of https and the firewall lets it through. Before the first certificate this is as it must be.',
    run({ failure, address, port }) {
      const where = `${address}:${port}`;
      if (failure === undefined) return pass(`${where} answers`, 'a TLS handshake');
      // GitHub's runners have no IPv6.
      if (failure.kind === 'no-route') return skip(`${where}: ${FAILURES['no-route']}${address.includes(':') ? ' (this machine has no IPv6)' : ''}`, 'a TLS handshake');
      return fail(`${address === '' ? '' : `${where}: `}${FAILURES[failure.kind]}${['failed', 'not-tls'].includes(failure.kind) ? ` (${failure.message})` : ''}`, 'a TLS handshake');
    },
  },
  {
    id: 'preflight.tls.chain',
    title: 'The chain leads to a trusted authority',
    family: 'tls', scope: 'tls', requirement: ['TL-05', 'TL-07'], severity: 'block',
    remedy: 'Install a certificate of a public authority with its whole chain (fullchain.pem).',
    run({ certificate, chainFault }) {
      if (certificate === undefined) return undefined;
      const expected = 'a chain up to an authority browsers trust';
      if (chainFault === undefined) return pass(`issued by ${certificate.issuer}`, expected);
      const [observed, remedy] = FAULTS[chainFault] ?? [chainFault];
      return fail(`${observed} (issuer: ${certificate.issuer})`, expected, remedy === undefined ? {} : { remedy });
    },
  },
  {
    id: 'preflight.tls.name',
    title: 'The certificate is for this name',
    family: 'tls', scope: 'tls', requirement: ['TL-07'], severity: 'block',
    remedy: 'Add the name to the certificate (a wildcard covers one label: *.example.com is not for example.com). If another site answers, its server block takes this name.',
    run({ certificate, name }) {
      if (certificate === undefined) return undefined;
      const held = certificate.names.length === 0 ? 'no name' : `${certificate.names.slice(0, 6).join(', ')}${certificate.names.length > 6 ? ` and ${certificate.names.length - 6} more` : ''}`;
      return verdict(certificate.matches, `holds ${held}`, name);
    },
  },
  {
    id: 'preflight.tls.expiry',
    title: 'The certificate is valid for some days still',
    family: 'tls', scope: 'tls', requirement: ['TL-07', 'HC-03'], severity: 'block',
    remedy: 'Renew it now (sudo certbot renew), reload nginx, and see why the timer did not: systemctl list-timers certbot.timer, /var/log/letsencrypt.',
    run({ certificate }, { config, now }) {
      if (certificate === undefined) return undefined;
      const { validFrom, validTo } = certificate;
      const { block } = limits(config.preflight.tls.expiresBlock, config.preflight.tls.expiresWarn, validTo - validFrom);
      const expected = `at least ${inDays(block)} left`;
      const until = new Date(validTo).toISOString().slice(0, 10);
      const left = validTo - now.getTime();
      if (validFrom > now.getTime()) {
        return fail(`not valid before ${new Date(validFrom).toISOString()}`, expected, { remedy: 'See the clock of the runner and of the machine that made the certificate.' });
      }
      return verdict(left >= block, left < 0 ? `expired on ${until}, ${inDays(-left)} ago` : `until ${until}, ${inDays(left)} left`, expected);
    },
  },
  {
    id: 'preflight.tls.renewal',
    title: 'The certificate was renewed in time',
    family: 'tls', scope: 'tls', requirement: ['TL-07', 'HC-03'], severity: 'warn',
    remedy: 'Renewal should have happened by itself: systemctl list-timers certbot.timer, sudo certbot renew --dry-run; after a renewal nginx must be reloaded.',
    run({ certificate }, { config, now }) {
      if (certificate === undefined) return undefined;
      const { validFrom, validTo } = certificate;
      const { block, warn } = limits(config.preflight.tls.expiresBlock, config.preflight.tls.expiresWarn, validTo - validFrom);
      const left = validTo - now.getTime();
      // preflight.tls.expiry tells of it.
      if (left < block) return undefined;
      return verdict(left >= warn, `${inDays(left)} left`, `at least ${inDays(warn)} left`);
    },
  },
  {
    // SSL Labs: RSA below 2048 bits caps at B, below 1024 is an F.
    id: 'preflight.tls.key',
    title: 'The key of the certificate is strong',
    family: 'tls', scope: 'tls', requirement: ['TL-06'], severity: 'block',
    remedy: 'Get a certificate with a new key: ECDSA P-256 (certbot does so by itself), or RSA with 2048 bits or more.',
    run({ certificate }) {
      if (certificate === undefined) return undefined;
      const { type, bits, curve } = certificate.key;
      const least = type.startsWith('rsa') || type === 'dsa' ? 2048 : 256;
      const known = type.startsWith('ed') || (type !== 'dsa' && bits !== undefined && bits >= least);
      return verdict(known, `${type.toUpperCase()}${curve === undefined ? '' : ` ${curve}`}${bits === undefined || curve !== undefined ? '' : ` ${bits} bits`}`, 'RSA 2048 bits, EC 256 bits or more');
    },
  },
  {
    id: 'preflight.tls.signature',
    title: 'The certificate is signed with SHA-256 or better',
    family: 'tls', scope: 'tls', requirement: ['TL-06'], severity: 'block',
    remedy: 'Get a new certificate: SHA-1 and MD5 can be forged, and no browser takes them.',
    run: ({ certificate }) => (certificate === undefined ? undefined
      : verdict(certificate.weakSignature === undefined, certificate.weakSignature === undefined ? 'neither SHA-1 nor MD5' : `signed with ${certificate.weakSignature.toUpperCase()}`, 'SHA-256 or better')),
  },
  {
    // Let's Encrypt has ended OCSP in 2025; stapling matters only where the certificate itself demands it.
    id: 'preflight.tls.staple',
    title: 'A certificate that demands a stapled OCSP answer gets one',
    family: 'tls', scope: 'tls', requirement: ['TL-06'], severity: 'block',
    remedy: 'Get the certificate anew without --must-staple; or set `ssl_stapling on;` with a resolver in nginx. Browsers that keep to must-staple refuse the site.',
    run: ({ certificate, stapled }) => (certificate?.mustStaple !== true ? undefined : verdict(stapled === true, stapled === true ? 'stapled' : 'must-staple, and nothing stapled', 'an OCSP answer in the handshake')),
  },
  {
    // SSL Labs: no TLS 1.2 caps at C.
    id: 'preflight.tls.version-1-2',
    title: 'TLS 1.2 or 1.3 is offered',
    family: 'tls', scope: 'tls', requirement: ['TL-04', 'TL-06'], severity: 'block',
    remedy: `${NGINX} \`ssl_protocols TLSv1.2 TLSv1.3;\`.`,
    run(facts, context) {
      // Without TLS 1.2 a server of today may do, with TLS 1.3 alone.
      if (facts.versions?.['TLS 1.3'].taken === 'yes') return pass(facts.versions['TLS 1.2'].taken === 'yes' ? 'TLS 1.2 and 1.3' : 'TLS 1.3 alone', 'TLS 1.2 or 1.3 is offered');
      return spoken('TLS 1.2', true)(facts, context);
    },
  },
  {
    // SSL Labs' guide, rule 2009r: without TLS 1.3 there is no A+.
    id: 'preflight.tls.version-1-3',
    title: 'TLS 1.3 is offered',
    family: 'tls', scope: 'tls', requirement: ['TL-04', 'TL-06'], severity: 'warn',
    remedy: `${NGINX} \`ssl_protocols TLSv1.2 TLSv1.3;\` (nginx 1.13 with OpenSSL 1.1.1 or newer).`,
    run: spoken('TLS 1.3', true),
  },
  old('TLS 1.1', 'version-1-1', 'Deprecated since RFC 8996; graded B at best.'),
  old('TLS 1.0', 'version-1-0', 'Deprecated since RFC 8996, broken by BEAST; graded B at best.'),
  old('SSL 3.0', 'version-ssl-3', 'Broken by POODLE; graded C at best.'),
  {
    // SSL Labs: since 2018 a server without authenticated encryption is capped at B.
    id: 'preflight.tls.aead',
    title: 'Ciphers with authenticated encryption are offered',
    family: 'tls', scope: 'tls', requirement: ['TL-04', 'TL-06'], severity: 'block',
    remedy: `The server takes nothing but CBC. ${NGINX} ssl_ciphers with ECDHE and GCM or CHACHA20.`,
    run: ({ modern, versions }) => answered(versions?.['TLS 1.3'].taken === 'yes' ? versions['TLS 1.3'] : modern, true, 'GCM or CHACHA20 with TLS 1.2, or TLS 1.3', (suite) => `${suite ?? 'TLS 1.3'} accepted`, 'all refused'),
  },
  {
    // SSL Labs: no forward secrecy caps at B.
    id: 'preflight.tls.forward-secrecy',
    title: 'Each connection has a key of its own',
    family: 'tls', scope: 'tls', requirement: ['TL-04', 'TL-06'], severity: 'block',
    remedy: `Whoever gets hold of the certificate's key could read everything recorded before. ${NGINX} ssl_ciphers with ECDHE.`,
    run: ({ fresh }) => answered(fresh, true, 'ECDHE or DHE is accepted', (suite) => `${suite ?? 'TLS 1.3'} accepted`, 'ECDHE and DHE refused'),
  },
  {
    // SSL Labs: groups below 2048 bits cap at B, below 1024 are an F (Logjam).
    id: 'preflight.tls.dh-group',
    title: 'The Diffie-Hellman group is large enough',
    family: 'tls', scope: 'tls', requirement: ['TL-06'], severity: 'block',
    remedy: 'Remove ssl_dhparam and the DHE ciphers (ECDHE serves everyone), or take the 2048-bit group of RFC 7919.',
    run: ({ dhBits }) => (dhBits === undefined ? undefined : verdict(dhBits >= 2048, `${dhBits} bits`, '2048 bits or more')),
  },
  weak('null', 'no-null', 'Ciphers without encryption', 'Everything is readable on the way; graded F.'),
  weak('anonymous', 'no-anonymous', 'Ciphers without a certificate', 'Anyone on the way can be the server; graded F.'),
  weak('export', 'no-export', 'Export ciphers', 'Made to be breakable (FREAK, Logjam); graded F.'),
  weak('rc4', 'no-rc4', 'RC4 ciphers', 'Forbidden by RFC 7465; graded B at best, C with TLS 1.1 and newer.'),
  weak('3des', 'no-3des', 'DES, 3DES and IDEA ciphers', 'Blocks of 64 bits (Sweet32); graded C at best.'),
];

function inDays(milliseconds: number): string {
  const days = Math.floor(milliseconds / DAY);
  return days >= 3 ? `${days} days` : formatDuration(Math.floor(milliseconds / 60_000) * 60_000);
}
