import type { DetailedPeerCertificate } from 'node:tls';
import { connect, rootCertificates, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { isIP } from 'node:net';
import { leadsToRoot, readCertificate, splitPem, type CertificateFacts } from './certificate.js';
import { offer, VERSIONS, type OldVersion, type Place } from './tls-hello.js';
import { FRESH_SUITES, MODERN_SUITES, ALL_SUITES, suiteName, suitesOf, WEAK_SUITES, type WeakSuites } from './tls-suites.js';

export type Version = OldVersion | 'TLS 1.3';

/** `untold`: no answer, or a question this machine cannot put; `why` says which. */
export type Offer =
  | { readonly taken: 'yes'; readonly suite?: string }
  | { readonly taken: 'no' }
  | { readonly taken: 'untold'; readonly why: string };

/** What one address does when it is asked for one name. */
export interface TlsFacts {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Why there was no handshake at all; then nothing below is there. */
  readonly failure?: { readonly kind: 'no-name' | 'refused' | 'silent' | 'no-route' | 'not-tls' | 'failed'; readonly message: string };
  readonly certificate?: CertificateFacts;
  /** OpenSSL's word for what is wrong with the chain; absent when it is trusted. Dates and names are not its matter. */
  readonly chainFault?: string;
  /** Whether an OCSP answer was stapled. */
  readonly stapled?: boolean;
  readonly versions?: Readonly<Record<Version, Offer>>;
  readonly weak?: Readonly<Record<WeakSuites, Offer>>;
  /** With TLS 1.2: authenticated encryption, and forward secrecy at all. */
  readonly modern?: Offer;
  readonly fresh?: Offer;
  /** Bits of the Diffie-Hellman group, where the server takes DHE. */
  readonly dhBits?: number;
}

export interface TlsOptions {
  /** Certificates in PEM that are trusted besides the public ones. */
  readonly ca?: string;
  /** Milliseconds for each question. */
  readonly limit: number;
  readonly signal?: AbortSignal;
}

/** Everything OpenSSL knows, however weak: what is found is judged later. */
const EVERYTHING = 'ALL:COMPLEMENTOFALL:@SECLEVEL=0';
/** Faults that say this machine could not put the question. */
const OWN_FAULTS = ['ERR_SSL_NO_PROTOCOLS_AVAILABLE', 'ERR_SSL_NO_CIPHERS_AVAILABLE', 'ERR_SSL_NO_CIPHER_MATCH', 'ERR_SSL_UNSUPPORTED_PROTOCOL'];
const DATES = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);

/** Asks one address everything: first as a browser would, then whatever it should refuse. Never throws but for the signal. */
export async function probeTls(place: Place, options: TlsOptions): Promise<TlsFacts> {
  const { name, address, port } = place;
  const where = { name, address, port };
  const roots = options.ca === undefined ? [...rootCertificates] : [...rootCertificates, ...splitPem(options.ca)];
  const first = await handshake(place, options, { requestOCSP: true });
  if (!first.ok && first.failure.kind !== 'failed') return { ...where, failure: first.failure };
  const [versions, weak, modern, fresh, dhBits] = await questions(place, options);
  const offers = { versions, weak, modern, fresh, ...(dhBits === undefined ? {} : { dhBits }) };
  // A server that OpenSSL cannot come to terms with may still take what is old.
  if (!first.ok) return Object.values(versions).some(({ taken }) => taken === 'yes') ? { ...where, ...offers } : { ...where, failure: first.failure };
  const { sent, fault, stapled } = first;
  const [own] = sent;
  if (own === undefined) return { ...where, ...offers };
  const certificate = readCertificate(own, name);
  return { ...where, ...offers, certificate, stapled, ...chainFault(fault, certificate, sent, roots) };
}

/** An expired certificate has a check of its own; the chain is wrong only if it leads nowhere, or another of it has expired. */
function chainFault(fault: string | undefined, own: CertificateFacts, sent: readonly Buffer[], roots: readonly string[]): { chainFault?: string } {
  if (fault === undefined) return {};
  if (!DATES.has(fault)) return { chainFault: fault };
  if (!leadsToRoot(sent, roots)) return { chainFault: own.selfSigned ? 'DEPTH_ZERO_SELF_SIGNED_CERT' : 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' };
  const now = Date.now();
  return own.validTo < now || own.validFrom > now ? {} : { chainFault: fault };
}

type Handshake =
  | { readonly ok: true; readonly sent: readonly Buffer[]; readonly fault: string | undefined; readonly stapled: boolean; readonly dhBits?: number }
  | { readonly ok: false; readonly failure: NonNullable<TlsFacts['failure']>; readonly own: boolean };

function handshake(place: Place, { ca, limit, signal }: TlsOptions, extra: ConnectionOptions): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    let stapled = false;
    let socket: TLSSocket | undefined;
    const finish = (result: Handshake): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      socket?.destroy();
      resolve(result);
    };
    const abort = (): void => {
      clearTimeout(timer);
      socket?.destroy();
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => finish({ ok: false, own: false, failure: { kind: 'silent', message: `no answer within ${limit / 1000} s` } }), limit);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      socket = connect({
        host: place.address, port: place.port, rejectUnauthorized: false, minVersion: 'TLSv1',
        // The name is asked of the certificate itself: here it would hide what is wrong with the chain, or stand for it.
        checkServerIdentity: () => undefined,
        ciphers: EVERYTHING, ALPNProtocols: ['http/1.1'],
        ...(isIP(place.name) === 0 ? { servername: place.name } : {}),
        ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
        ...extra,
      });
    } catch (error) {
      finish(failed(error));
      return;
    }
    const open = socket;
    open.on('OCSPResponse', (response: Buffer | null) => {
      stapled = response !== null && response.length > 0;
    });
    open.once('secureConnect', () => {
      const key = open.getEphemeralKeyInfo() as { type?: string; size?: number } | null;
      const fault = open.authorized ? undefined : codeOf(open.authorizationError);
      finish({
        ok: true, stapled, fault, sent: sentCertificates(open.getPeerCertificate(true)),
        ...(key?.type === 'DH' && key.size !== undefined ? { dhBits: key.size } : {}),
      });
    });
    open.once('error', (error) => finish(failed(error)));
    open.once('close', () => finish({ ok: false, own: false, failure: { kind: 'failed', message: 'the connection was closed during the handshake' } }));
  });
}

function sentCertificates(own: DetailedPeerCertificate): Buffer[] {
  const found: Buffer[] = [];
  // A root is its own issuer. Without any certificate the object is empty.
  for (let next: Partial<DetailedPeerCertificate> | undefined = own; next !== undefined; next = next.issuerCertificate) {
    const { raw } = next;
    if (raw === undefined || found.some((known) => known.equals(raw))) break;
    found.push(raw);
  }
  return found;
}

function codeOf(error: unknown): string {
  if (typeof error === 'string') return error;
  const { code, message } = error as { code?: string; message?: string };
  return code ?? message ?? 'failed';
}

function failed(error: unknown): Handshake {
  const code = codeOf(error);
  const message = (error as Error).message;
  const own = OWN_FAULTS.includes(code) || /no protocols available|no cipher match|no ciphers available/i.test(message);
  const kind = code === 'ECONNREFUSED' ? 'refused'
    : ['EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL'].includes(code) ? 'no-route'
      : code === 'ETIMEDOUT' ? 'silent'
        : /wrong version number|packet length too long|http request/i.test(message) ? 'not-tls' : 'failed';
  return { ok: false, own, failure: { kind, message: message.replace(/^[0-9A-F]{8,}:error:[0-9A-F]*:/, '').replace(/:\.\.[\s\S]*$/, '').trim() } };
}

async function questions(place: Place, options: TlsOptions): Promise<[Record<Version, Offer>, Record<WeakSuites, Offer>, Offer, Offer, number | undefined]> {
  const ask = async (version: number, suites: readonly number[]): Promise<Offer> => {
    const answer = await offer(place, version, suites, options.limit, options.signal);
    switch (answer.kind) {
      case 'accepted': return { taken: 'yes', suite: suiteName(answer.suite) };
      case 'refused': return { taken: 'no' };
      case 'silent': return { taken: 'untold', why: 'no answer' };
      case 'unreachable': return { taken: 'untold', why: answer.code };
    }
  };
  const [newest, dh] = await Promise.all([
    handshake(place, options, { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256' }),
    handshake(place, options, { maxVersion: 'TLSv1.2', ciphers: 'DHE:@SECLEVEL=0' }),
  ]);
  const versions = { 'TLS 1.3': newest.ok ? { taken: 'yes' } : newest.own ? { taken: 'untold', why: 'not known to this OpenSSL' } : newest.failure.kind === 'silent' ? { taken: 'untold', why: 'no answer' } : { taken: 'no' } } as Record<Version, Offer>;
  // One after the other: a server that counts connections per address must not begin to refuse.
  for (const [name, version] of Object.entries(VERSIONS) as [OldVersion, number][]) versions[name] = await ask(version, ALL_SUITES);
  const newestOld = versions['TLS 1.2'].taken === 'yes' ? VERSIONS['TLS 1.2'] : (Object.entries(VERSIONS) as [OldVersion, number][]).filter(([name]) => versions[name].taken === 'yes').at(-1)?.[1];
  const weak = {} as Record<WeakSuites, Offer>;
  for (const kind of Object.keys(WEAK_SUITES) as WeakSuites[]) {
    // TLS 1.3 has none of them.
    weak[kind] = newestOld === undefined ? { taken: 'no' } : await ask(newestOld, suitesOf(kind));
  }
  const only13: Offer = versions['TLS 1.3'];
  const modern = newestOld === undefined ? only13 : await ask(newestOld, MODERN_SUITES);
  const fresh = newestOld === undefined ? only13 : await ask(newestOld, FRESH_SUITES);
  return [versions, weak, modern, fresh, dh.ok ? dh.dhBits : undefined];
}
