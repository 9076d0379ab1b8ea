import { X509Certificate } from 'node:crypto';

/** The certificate that lies on a host. Times are epoch milliseconds. */
export interface HostCertificate {
  readonly names: readonly string[];
  readonly serial: string;
  readonly issuer: string;
  readonly validFrom: number;
  readonly validTo: number;
  readonly selfSigned: boolean;
  /** How many certificates the file holds: its own, and those that lead to the root. */
  readonly length: number;
}

/**
 * Reads a certificate with its chain, PEM.
 * @throws Error when the text holds none.
 */
export function readChain(pem: string): HostCertificate {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [];
  const own = new X509Certificate(blocks[0] ?? '');
  return {
    names: (own.subjectAltName ?? '').split(', ').flatMap((entry) => (entry.startsWith('DNS:') ? [entry.slice('DNS:'.length).toLowerCase()] : [])),
    serial: own.serialNumber,
    // Undefined when it is empty, whatever its type says.
    issuer: (own.issuer as string | undefined)?.replaceAll('\n', ', ') ?? 'no name',
    validFrom: Date.parse(own.validFrom),
    validTo: Date.parse(own.validTo),
    selfSigned: own.subject === own.issuer && own.verify(own.publicKey),
    length: blocks.length,
  };
}

/** Whether a certificate with these names is taken for `name`: a wildcard stands for one label (RFC 6125 §6.4.3). */
export function covers(names: readonly string[], name: string): boolean {
  return names.includes(name) || names.includes(`*.${name.split('.').slice(1).join('.')}`);
}

/** What is known of the certificate that certbot keeps on a host. */
export interface Kept {
  /** Absent when there is none. */
  readonly certificate?: HostCertificate;
  /** Whether its private key lies beside it and belongs to it; undefined where the host cannot tell. */
  readonly keyMatches?: boolean;
  /** The authority that certbot asks when it renews it. */
  readonly server?: string;
}

export interface Wanted {
  readonly names: readonly string[];
  readonly server: string;
  /** Milliseconds. */
  readonly renewBefore: number;
  readonly force: boolean;
  readonly now: number;
}

export interface Decision {
  /** `issue`: there is none yet. `expand`: names are added. `renew`: the same names once more. `keep`: certbot is not run. */
  readonly action: 'issue' | 'expand' | 'renew' | 'keep';
  readonly why: string;
  readonly added: readonly string[];
  /** Names it has that the configuration does not have any more. */
  readonly removed: readonly string[];
}

const DAY = 86_400_000;
const days = (milliseconds: number): string => {
  const whole = Math.floor(Math.abs(milliseconds) / DAY);
  return `${whole} ${whole === 1 ? 'day' : 'days'}`;
};

/** From when on before its end a certificate is renewed: those that live for a few days would else be renewed in every run. */
function renewalTime({ validFrom, validTo }: HostCertificate, renewBefore: number): number {
  return Math.min(renewBefore, (validTo - validFrom) / 3);
}

/** What is to be done about the certificate of one host. */
export function decide(kept: Kept, wanted: Wanted): Decision {
  const { certificate } = kept;
  if (certificate === undefined) return { action: 'issue', why: 'there is no certificate yet', added: wanted.names, removed: [] };
  const added = wanted.names.filter((name) => !covers(certificate.names, name));
  const removed = certificate.names.filter((name) => !wanted.names.includes(name) && !wanted.names.some((one) => covers([name], one)));
  const left = certificate.validTo - wanted.now;
  const decision = (action: Decision['action'], why: string): Decision => ({ action, why, added, removed });
  if (added.length > 0) return decision('expand', `it lacks ${added.join(', ')}`);
  if (wanted.force) return decision('renew', 'asked for');
  if (kept.keyMatches === false) return decision('renew', 'its private key does not belong to it');
  if (kept.server !== undefined && kept.server !== wanted.server) return decision('renew', `it comes from ${kept.server}, wanted is ${wanted.server}`);
  if (left <= 0) return decision('renew', `it ended ${days(left)} ago`);
  if (left <= renewalTime(certificate, wanted.renewBefore)) return decision('renew', `it ends in ${days(left)}`);
  return decision('keep', `valid for ${days(left)} more`);
}

/** What speaks against using a certificate of the team's own, for all of `names`; empty when nothing does. */
export function faultsOf(kept: Kept, wanted: { readonly names: readonly string[]; readonly now: number; readonly production: boolean }): string[] {
  const { certificate, keyMatches } = kept;
  if (certificate === undefined) return ['there is no certificate'];
  const lacking = wanted.names.filter((name) => !covers(certificate.names, name));
  return [
    ...(lacking.length > 0 ? [`it is not for ${lacking.join(', ')} (it is for ${certificate.names.join(', ') || 'no name'})`] : []),
    ...(keyMatches === false ? ['the private key does not belong to it'] : []),
    ...(certificate.validTo <= wanted.now ? [`it ended on ${new Date(certificate.validTo).toISOString().slice(0, 10)}`] : []),
    ...(certificate.validFrom > wanted.now ? [`it begins only on ${new Date(certificate.validFrom).toISOString().slice(0, 10)}`] : []),
    ...(certificate.selfSigned && wanted.production ? ['it is self-signed, which no browser takes: not in an environment named production'] : []),
  ];
}
