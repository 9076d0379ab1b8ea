import type { NameFacts } from '../../../src/checks/site-facts.js';
import type { CertificateFacts } from '../../../src/probe/certificate.js';
import type { ResolverView } from '../../../src/probe/dns.js';
import type { PageFacts } from '../../../src/probe/page.js';
import type { Offer, TlsFacts } from '../../../src/probe/tls.js';
import type { Case } from '../support.js';
import { NOW } from '../support.js';

const DAY = 86_400_000;
const no: Offer = { taken: 'no' };
const yes = (suite?: string): Offer => ({ taken: 'yes', ...(suite === undefined ? {} : { suite }) });
const untold: Offer = { taken: 'untold', why: 'no answer' };

/** A certificate of ninety days with `left` of them to go. */
const ninety = (left: number): CertificateFacts => ({
  subject: 'CN=app.example.com', issuer: "C=US, O=Let's Encrypt, CN=E7", names: ['app.example.com', 'www.example.com'], matches: true,
  validFrom: NOW.getTime() - (90 - left) * DAY, validTo: NOW.getTime() + left * DAY, key: { type: 'ec', bits: 256, curve: 'prime256v1' }, mustStaple: false, selfSigned: false,
});
const of = (life: number, left: number): CertificateFacts => ({ ...ninety(60), validFrom: NOW.getTime() - (life - left) * DAY, validTo: NOW.getTime() + left * DAY });

const VERSIONS: NonNullable<TlsFacts['versions']> = { 'TLS 1.3': yes(), 'TLS 1.2': yes('ECDHE-ECDSA-AES128-GCM-SHA256'), 'TLS 1.1': no, 'TLS 1.0': no, 'SSL 3.0': no };
const WEAK: NonNullable<TlsFacts['weak']> = { null: no, anonymous: no, export: no, rc4: no, '3des': no };

/** A server that earns an A+; each case changes what it is about. */
export const TLS: TlsFacts = {
  name: 'app.example.com', address: '203.0.113.10', port: 443, certificate: ninety(60), stapled: false, versions: VERSIONS, weak: WEAK,
  modern: yes('ECDHE-ECDSA-AES128-GCM-SHA256'), fresh: yes('ECDHE-ECDSA-AES128-GCM-SHA256'),
};
const dead: Partial<TlsFacts> = { certificate: undefined!, versions: undefined!, weak: undefined!, modern: undefined!, fresh: undefined! };

const HEADERS = {
  'content-security-policy': "default-src 'self'; frame-ancestors 'none'", 'x-frame-options': 'SAMEORIGIN', 'x-content-type-options': 'nosniff', 'referrer-policy': 'strict-origin-when-cross-origin',
};
/** A page that earns an A+. */
export const PAGE: PageFacts = {
  name: 'app.example.com', http: { status: 301, to: 'https://app.example.com/' }, first: { status: 200, hsts: 'max-age=31536000; includeSubDomains' },
  page: { url: 'https://app.example.com', status: 200, headers: HEADERS, html: true, mixed: [] },
};
const headers = (changed: Readonly<Record<string, string | undefined>>): Partial<PageFacts> => {
  const all: Record<string, string | undefined> = { ...HEADERS, ...changed };
  const sent = Object.fromEntries(Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  return { page: { url: 'https://app.example.com', status: 200, html: true, mixed: [], headers: sent } };
};
const hsts = (value?: string): Partial<PageFacts> => ({ first: { status: 200, ...(value === undefined ? {} : { hsts: value }) } });

const a = (address: string, ttl = 300): ResolverView['a'] => [{ address, ttl }];
const view = (resolver: string, answer: ResolverView['a'] = a('203.0.113.10'), aaaa: ResolverView['aaaa'] = 'no-record', time = 20): ResolverView => ({ resolver, a: answer, aaaa, time });
/** A name in good order. */
export const NAME: NameFacts = { name: 'app.example.com', views: [view('system'), view('9.9.9.9')], besideCname: [], expected: ['203.0.113.10'], caa: { records: [], permits: true } };

type Row = readonly [id: string, says: Case['says'], when: string, facts: Partial<Case>, words?: RegExp];
const rows: readonly Row[] = [
  ['tls.answers', 'pass', 'there is a handshake', {}],
  ['tls.answers', 'fail', 'nothing listens', { tls: { ...dead, failure: { kind: 'refused', message: 'x' } } }, /203\.0\.113\.10:443: nothing listens there/],
  ['tls.answers', 'fail', 'plain http answers', { tls: { ...dead, failure: { kind: 'not-tls', message: 'wrong version number' } } }, /answers, but not in TLS/],
  ['tls.answers', 'skip', 'this machine has no IPv6', { tls: { ...dead, address: '2001:db8::1', failure: { kind: 'no-route', message: 'x' } } }, /no IPv6/],
  ['tls.chain', 'nothing', 'there was no handshake', { tls: dead }],
  ['tls.chain', 'pass', 'the chain is trusted', {}, /Let's Encrypt/],
  ['tls.chain', 'fail', 'the intermediate is missing', { tls: { chainFault: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' } }, /fullchain\.pem, not cert\.pem/],
  ['tls.chain', 'fail', 'OpenSSL says something unheard of', { tls: { chainFault: 'PATH_LENGTH_EXCEEDED' } }, /PATH_LENGTH_EXCEEDED/],
  ['tls.name', 'pass', 'it holds the name', {}],
  ['tls.name', 'fail', 'it is for others', { tls: { certificate: { ...ninety(60), matches: false } } }, /holds app\.example\.com, www/],
  ['tls.expiry', 'pass', '60 of 90 days are left', {}, /60 days left/],
  ['tls.expiry', 'fail', '5 of 90 days are left', { tls: { certificate: ninety(5) } }, /5 days left/],
  ['tls.expiry', 'fail', 'it has expired', { tls: { certificate: ninety(-4) } }, /expired on 2026-11-17, 4 days ago/],
  ['tls.expiry', 'fail', 'it is not valid yet', { tls: { certificate: of(90, 91) } }, /clock/],
  ['tls.expiry', 'pass', 'a certificate of 6 days has 3 left', { tls: { certificate: of(6, 3) } }],
  ['tls.expiry', 'fail', '8 days are left and 10 are wanted', { config: 'preflight: { tls: { expires-block: 10d } }', tls: { certificate: of(365, 8) } }],
  ['tls.renewal', 'pass', '30 of 90 days are left', { tls: { certificate: ninety(30) } }],
  ['tls.renewal', 'fail', '15 of 90 days are left', { tls: { certificate: ninety(15) } }, /at least 21 days/],
  ['tls.renewal', 'pass', '13 of 45 days are left', { tls: { certificate: of(45, 13) } }],
  ['tls.renewal', 'nothing', 'preflight.tls.expiry says it', { tls: { certificate: ninety(5) } }],
  ['tls.key', 'pass', 'it is P-256', {}, /EC prime256v1/],
  ['tls.key', 'pass', 'it is RSA with 2048 bits', { tls: { certificate: { ...ninety(60), key: { type: 'rsa', bits: 2048 } } } }],
  ['tls.key', 'fail', 'it is RSA with 1024 bits', { tls: { certificate: { ...ninety(60), key: { type: 'rsa', bits: 1024 } } } }, /RSA 1024 bits/],
  ['tls.signature', 'pass', 'it is SHA-256', {}],
  ['tls.signature', 'fail', 'it is SHA-1', { tls: { certificate: { ...ninety(60), weakSignature: 'sha1' } } }],
  ['tls.staple', 'nothing', 'the certificate does not demand it', {}],
  ['tls.staple', 'pass', 'it is demanded and stapled', { tls: { certificate: { ...ninety(60), mustStaple: true }, stapled: true } }],
  ['tls.staple', 'fail', 'it is demanded and missing', { tls: { certificate: { ...ninety(60), mustStaple: true } } }],
  ['tls.version-1-2', 'pass', 'it is offered', {}],
  ['tls.version-1-2', 'pass', 'only TLS 1.3 is offered', { tls: { versions: { ...VERSIONS, 'TLS 1.2': no } } }, /TLS 1\.3 alone/],
  ['tls.version-1-2', 'fail', 'the newest is TLS 1.1', { tls: { versions: { ...VERSIONS, 'TLS 1.3': no, 'TLS 1.2': no, 'TLS 1.1': yes() } } }],
  ['tls.version-1-3', 'pass', 'it is offered', {}],
  ['tls.version-1-3', 'fail', 'it is not', { tls: { versions: { ...VERSIONS, 'TLS 1.3': no } } }],
  ['tls.version-1-3', 'skip', 'this machine cannot speak it', { tls: { versions: { ...VERSIONS, 'TLS 1.3': untold } } }],
  ...(['1.1', '1.0'] as const).flatMap((version): Row[] => [
    [`tls.version-${version.replace('.', '-')}`, 'pass', 'it is refused', {}],
    [`tls.version-${version.replace('.', '-')}`, 'fail', 'it is accepted', { tls: { versions: { ...VERSIONS, [`TLS ${version}`]: yes('AES128-SHA') } } }, /ssl_protocols/],
  ]),
  ['tls.version-ssl-3', 'pass', 'it is refused', {}],
  ['tls.version-ssl-3', 'fail', 'it is accepted', { tls: { versions: { ...VERSIONS, 'SSL 3.0': yes() } } }],
  ['tls.aead', 'pass', 'GCM is accepted', {}],
  ['tls.aead', 'fail', 'only CBC is accepted', { tls: { versions: { ...VERSIONS, 'TLS 1.3': no }, modern: no } }],
  ['tls.forward-secrecy', 'pass', 'ECDHE is accepted', {}],
  ['tls.forward-secrecy', 'fail', 'only static RSA is', { tls: { fresh: no } }],
  ['tls.dh-group', 'nothing', 'the server has no DHE', {}],
  ['tls.dh-group', 'pass', 'it has 2048 bits', { tls: { dhBits: 2048 } }],
  ['tls.dh-group', 'fail', 'it has 1024 bits', { tls: { dhBits: 1024 } }],
  ...(['null', 'anonymous', 'export', 'rc4', '3des'] as const).flatMap((kind): Row[] => [
    [`tls.no-${kind}`, 'pass', 'they are refused', {}],
    [`tls.no-${kind}`, 'fail', 'one is accepted', { tls: { weak: { ...WEAK, [kind]: yes('THAT-ONE') } } }, /THAT-ONE accepted/],
    [`tls.no-${kind}`, 'skip', 'there was no answer', { tls: { weak: { ...WEAK, [kind]: untold } } }],
  ]),
  ['tls.start-page', 'pass', 'it answers', {}],
  ['tls.start-page', 'pass', 'it leads to another name over https', { page: { page: undefined!, error: 'leads to https://example.com' } }],
  ['tls.start-page', 'fail', 'it leads back to http', { page: { page: undefined!, error: 'leads to http://example.com' } }],
  ['tls.start-page', 'fail', 'it answers 502', { page: { page: { ...PAGE.page!, status: 502 } } }, /502/],
  ['tls.start-page', 'fail', 'there is no answer', { page: { first: undefined!, page: undefined!, error: 'closed' } }],
  ['tls.redirect', 'pass', 'it is one step', {}],
  ['tls.redirect', 'pass', 'port 80 is closed', { page: { http: { closed: 'refused' } } }],
  ['tls.redirect', 'fail', 'the page is served over http', { page: { http: { status: 200 } } }, /200, served over plain http/],
  ['tls.redirect', 'fail', 'the first step is to another name', { page: { http: { status: 301, to: 'https://www.example.com/' } } }],
  ['tls.redirect', 'fail', 'the first step is over http', { page: { http: { status: 301, to: 'http://app.example.com/x' } } }],
  ['tls.redirect', 'fail', 'the answer is no HTTP', { page: { http: { error: 'not HTTP' } } }],
  ['tls.redirect-permanent', 'pass', 'it is 301', {}],
  ['tls.redirect-permanent', 'fail', 'it is 302', { page: { http: { status: 302, to: 'https://app.example.com/' } } }],
  ['tls.hsts', 'pass', 'it is a year', {}, /no preload/],
  ['tls.hsts', 'pass', 'preload is asked for', { page: hsts('max-age=63072000; includeSubDomains; preload') }, /preload asked for/],
  ['tls.hsts', 'fail', 'there is none', { page: hsts() }, /no such header/],
  ['tls.hsts', 'fail', 'it is a month', { page: hsts('max-age=2592000') }],
  ['tls.hsts', 'fail', 'max-age stands there twice', { page: hsts('max-age=31536000; max-age=0') }, /not valid/],
  ['tls.hsts-subdomains', 'pass', 'it says so', {}],
  ['tls.hsts-subdomains', 'fail', 'it does not', { page: hsts('max-age=31536000') }],
  ['tls.csp', 'pass', 'there is one', {}],
  ['tls.csp', 'fail', 'there is none', { page: headers({ 'content-security-policy': undefined }) }],
  ['tls.csp', 'nothing', 'the start page is JSON', { page: { page: { ...PAGE.page!, html: false } } }],
  ['tls.csp-scripts', 'pass', 'it names itself alone', {}],
  ['tls.csp-scripts', 'pass', 'unsafe-inline stands beside a nonce', { page: headers({ 'content-security-policy': "script-src 'nonce-abc' 'unsafe-inline' 'strict-dynamic' https:" }) }],
  ['tls.csp-scripts', 'fail', 'it allows unsafe-inline', { page: headers({ 'content-security-policy': "default-src 'self'; script-src 'self' 'unsafe-inline'" }) }, /'unsafe-inline'/],
  ['tls.csp-scripts', 'fail', 'it says nothing of scripts', { page: headers({ 'content-security-policy': "frame-ancestors 'none'" }) }, /everywhere/],
  ['tls.frame', 'pass', 'the policy says so', {}, /frame-ancestors 'none'/],
  ['tls.frame', 'pass', 'the header says so', { page: headers({ 'content-security-policy': undefined }) }],
  ['tls.frame', 'fail', 'neither does', { page: headers({ 'content-security-policy': undefined, 'x-frame-options': undefined }) }],
  ['tls.nosniff', 'pass', 'it is sent', {}],
  ['tls.nosniff', 'fail', 'it is not', { page: headers({ 'x-content-type-options': undefined }) }],
  ['tls.referrer', 'pass', 'it is strict', {}],
  ['tls.referrer', 'fail', 'it is unsafe-url', { page: headers({ 'referrer-policy': 'no-referrer, unsafe-url' }) }],
  ['tls.mixed-content', 'pass', 'there is none', {}],
  ['tls.mixed-content', 'fail', 'a script comes over http', { page: { page: { ...PAGE.page!, mixed: ['script http://cdn.example.com/a.js'] } } }, /cdn\.example\.com/],
  ['tls.mixed-content', 'pass', 'the browser is told to upgrade it', { page: { page: { ...PAGE.page!, headers: { 'content-security-policy': 'upgrade-insecure-requests' }, mixed: ['img http://x/'] } } }],
  ['tls.mixed-content', 'skip', 'the start page is JSON', { page: { page: { ...PAGE.page!, html: false } } }],

  ['dns.resolves', 'pass', 'everyone knows it', {}],
  ['dns.resolves', 'fail', 'nobody knows it', { dns: { views: [view('system', 'no-name', 'no-name')] } }, /Add to the zone: app\.example\.com\. 300 IN A 203\.0\.113\.10/],
  ['dns.resolves', 'fail', 'one does not know it yet', { dns: { views: [view('system'), view('9.9.9.9', 'no-name', 'no-name')] } }, /9\.9\.9\.9: no such name; others know it[\s\S]*wait for the TTL/],
  ['dns.resolves', 'fail', 'every answer is SERVFAIL', { dns: { views: [view('system', 'servfail', 'servfail')] } }, /DNSSEC/],
  ['dns.resolves', 'pass', 'one resolver is silent and another knows it', { dns: { views: [view('system'), view('9.9.9.9', 'timeout', 'timeout')] } }],
  ['dns.addresses', 'pass', 'it is the host', {}],
  ['dns.addresses', 'fail', 'it is another machine', { dns: { views: [view('system', a('198.51.100.7'))] } }, /198\.51\.100\.7 is none[\s\S]*app\.example\.com\. 300 IN A 203\.0\.113\.10, in place of/],
  ['dns.addresses', 'fail', 'one resolver lies', { dns: { views: [view('system'), view('9.9.9.9', a('198.51.100.7'))] } }, /so says 9\.9\.9\.9/],
  ['dns.addresses', 'skip', 'the hosts stand behind NAT', { dns: { expected: [], unknown: 'private' } }],
  ['dns.ipv6', 'nothing', 'there is no AAAA record', {}],
  ['dns.ipv6', 'pass', 'it is the host, spelt otherwise', { dns: { expected: ['2001:db8::1'], views: [view('system', 'no-record', a('2001:0db8:0:0::1'))] } }],
  ['dns.ipv6', 'fail', 'it is a forgotten one', { dns: { views: [view('system', a('203.0.113.10'), a('2001:db8::dead'))] } }, /remove: app\.example\.com\. 300 IN AAAA 2001:db8::dead/],
  ['dns.agree', 'pass', 'both say the same', {}],
  ['dns.agree', 'fail', 'they differ', { dns: { views: [view('system'), view('9.9.9.9', a('198.51.100.7'))] } }],
  ['dns.agree', 'nothing', 'one alone was asked', { dns: { views: [view('system')] } }],
  ['dns.resolvers', 'pass', 'all answer', {}],
  ['dns.resolvers', 'fail', 'one is slow', { dns: { views: [view('system', a('203.0.113.10'), 'no-record', 1800)] } }, /system: took 1\.8/],
  ['dns.resolvers', 'fail', 'one is silent', { dns: { views: [view('system'), view('9.9.9.9', 'timeout', 'timeout')] } }, /9\.9\.9\.9: no answer in time/],
  ['dns.resolvers', 'fail', 'one cannot verify the zone', { dns: { views: [view('system'), view('9.9.9.9', 'servfail', 'servfail')] } }, /DNSSEC/],
  ['dns.alias', 'nothing', 'it is no alias', {}],
  ['dns.alias', 'pass', 'it stands alone', { dns: { cname: 'lb.example.net' } }],
  ['dns.alias', 'fail', 'an A record stands beside it', { dns: { cname: 'lb.example.net', besideCname: ['A'] } }, /Remove `app\.example\.com\. IN CNAME lb\.example\.net\.`/],
  ['dns.ttl', 'pass', 'it is five minutes', {}],
  ['dns.ttl', 'fail', 'it is two days', { dns: { views: [view('system', a('203.0.113.10', 172_800))] } }, /remembered for/],
  ['dns.caa', 'pass', 'there is no record', {}],
  ['dns.caa', 'fail', 'another authority alone may', { dns: { caa: { at: 'example.com', records: ['0 issue "sectigo.com"'], permits: false } } }, /Add: example\.com\. 300 IN CAA 0 issue "letsencrypt\.org", or for this name alone: app\.example\.com\./],
  ['dns.caa', 'fail', 'the name servers cannot say', { dns: { caa: { records: [], permits: false, fault: 'servfail' } } }, /refuses to issue/],
  ['dns.caa', 'nothing', 'no issuer is asked about', { config: 'preflight: { dns: { issuer: false } }' }],
];

export const siteCases: Case[] = rows.map(([id, says, when, facts, words]) => ({ id: `preflight.${id}`, says, when, ...facts, ...(words === undefined ? {} : { words }) }));
