import { fingerprint } from './fingerprint.js';

/** One public key, as it stands in known_hosts and authorized_keys. */
export interface PublicKey {
  /** Such as `ssh-ed25519`. */
  readonly type: string;
  /** The key in wire form (RFC 4253, 6.6). */
  readonly blob: Buffer;
  /** `SHA256:…` */
  readonly fingerprint: string;
  /** `type base64`: the form in which slipway.yml pins it. */
  readonly line: string;
}

/** The key a server offers, from its wire form. `undefined` when the bytes are no key. */
export function publicKeyOf(blob: Buffer): PublicKey | undefined {
  const type = typeOf(blob);
  if (type === undefined) return undefined;
  return { type, blob, fingerprint: fingerprint(blob), line: `${type} ${blob.toString('base64')}` };
}

/**
 * Reads `type base64 [comment]`. `undefined` when the text is not of that form or when the base64 holds a key of
 * another type than the one named, as happens when a line was cut or pasted together from two.
 */
export function parsePublicKey(line: string): PublicKey | undefined {
  const [type, base64] = line.trim().split(/\s+/);
  if (type === undefined || base64 === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined;
  const key = publicKeyOf(Buffer.from(base64, 'base64'));
  return key?.type === type ? key : undefined;
}

/** The first string of the wire form, which names the type. */
function typeOf(blob: Buffer): string | undefined {
  if (blob.length < 8) return undefined;
  const length = blob.readUInt32BE(0);
  if (length === 0 || length > 64 || blob.length <= 4 + length) return undefined;
  const type = blob.toString('latin1', 4, 4 + length);
  return /^[a-z0-9@.-]+$/.test(type) ? type : undefined;
}
