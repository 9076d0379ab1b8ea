import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

/** What a certificate says of itself. Times are epoch milliseconds. */
export interface CertificateFacts {
  readonly subject: string;
  readonly issuer: string;
  /** Names it holds, without their kinds. */
  readonly names: readonly string[];
  /** Whether it is for the name asked for, by the rules of RFC 6125: a wildcard stands for one label. */
  readonly matches: boolean;
  readonly validFrom: number;
  readonly validTo: number;
  readonly key: { readonly type: string; readonly bits?: number; readonly curve?: string };
  /** `sha1` or `md5`, which nobody trusts any more. */
  readonly weakSignature?: string;
  /** It asks clients to refuse servers that staple no OCSP answer (RFC 7633). */
  readonly mustStaple: boolean;
  readonly selfSigned: boolean;
}

const oid = (hex: string): Buffer => Buffer.from(hex, 'hex');
const WEAK_SIGNATURES: readonly (readonly [string, Buffer])[] = [
  ['md5', oid('06092a864886f70d010104')], ['sha1', oid('06092a864886f70d010105')], ['sha1', oid('06072a8648ce3d0401')],
];
/** id-pe-tlsfeature. */
const TLS_FEATURE = oid('06082b06010505070118');
const CURVE_BITS: Readonly<Record<string, number>> = { prime256v1: 256, secp384r1: 384, secp521r1: 521, secp224r1: 224, prime192v1: 192, secp256k1: 256 };

/**
 * What a certificate says of itself.
 * @param raw DER, as it came over the wire.
 * @param name the host name or address it was asked for by.
 * @throws Error when it is none that OpenSSL can read.
 */
export function readCertificate(raw: Buffer, name: string): CertificateFacts {
  const certificate = new X509Certificate(raw);
  const { asymmetricKeyType: type = 'unknown', asymmetricKeyDetails: details = {} } = certificate.publicKey;
  const bits = details.modulusLength ?? (details.namedCurve === undefined ? undefined : CURVE_BITS[details.namedCurve]);
  const weak = WEAK_SIGNATURES.find(([, bytes]) => raw.includes(bytes));
  const selfSigned = certificate.subject === certificate.issuer && certificate.verify(certificate.publicKey);
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    names: (certificate.subjectAltName ?? '').split(', ').filter(Boolean).map((entry) => entry.replace(/^(DNS|IP Address):/, '')),
    matches: (isIP(name) === 0 ? certificate.checkHost(name, { subject: 'never', partialWildcards: false }) : certificate.checkIP(name)) !== undefined,
    validFrom: Date.parse(certificate.validFrom),
    validTo: Date.parse(certificate.validTo),
    key: { type, ...(bits === undefined ? {} : { bits }), ...(details.namedCurve === undefined ? {} : { curve: details.namedCurve }) },
    ...(weak === undefined ? {} : { weakSignature: weak[0] }),
    mustStaple: raw.includes(TLS_FEATURE),
    selfSigned,
  };
}

/**
 * Whether the certificates a server sent lead from its own (the first) to a trusted one, their dates left aside: OpenSSL
 * tells of one fault alone, and of an expired certificate it tells the date.
 */
export function leadsToRoot(sent: readonly Buffer[], roots: readonly string[]): boolean {
  const chain = sent.map((raw) => new X509Certificate(raw));
  const trusted = roots.map((pem) => new X509Certificate(pem));
  const issued = (child: X509Certificate) => (parent: X509Certificate): boolean => child.checkIssued(parent) && child.verify(parent.publicKey);
  let certificate = chain[0];
  for (let depth = 0; certificate !== undefined && depth < 10; depth += 1) {
    const { fingerprint256 } = certificate;
    if (trusted.some((root) => root.fingerprint256 === fingerprint256) || trusted.some(issued(certificate))) return true;
    certificate = chain.filter((other) => other.fingerprint256 !== fingerprint256).find(issued(certificate));
  }
  return false;
}

/** Certificates in one PEM text. */
export function splitPem(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
}

/** An authority may leave the subject empty, as the names alone count (seen with Debian 13's certbot and pebble): then Node says `undefined`, whatever its types say. */
function oneLine(name: string | undefined): string {
  return name?.split('\n').join(', ') ?? 'no name';
}
