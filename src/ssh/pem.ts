import { createPrivateKey, type KeyObject } from 'node:crypto';

/** The key is encrypted and the passphrase is missing or wrong. */
export class WrongPassphrase extends Error {}

/** A whole key, of a type SSH has no use for. */
export class UnsupportedKey extends Error {}

/** PEM as OpenSSL writes it (PKCS#1, SEC 1, PKCS#8, DSA), as against OpenSSH's own form. */
export function isPem(text: string): boolean {
  return /^-----BEGIN (RSA |EC |DSA |ENCRYPTED )?PRIVATE KEY-----/.test(text);
}

/**
 * Brings a PEM private key into a form ssh2 reads (it knows no PKCS#8): PKCS#1, SEC 1, or OpenSSH for Ed25519.
 * node:crypto does the reading, so encrypted keys of every PEM kind are understood.
 * @throws {WrongPassphrase} when the passphrase is missing or wrong.
 * @throws {UnsupportedKey} when it is of a type SSH has no use for.
 * @throws {Error} when the key is damaged.
 */
export function toSsh2Text(pem: string, passphrase: string | undefined): string {
  const key = open(pem, passphrase);
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return key.export({ format: 'pem', type: 'pkcs1' }).toString();
    case 'ec':
      return key.export({ format: 'pem', type: 'sec1' }).toString();
    case 'ed25519':
      return openSshEd25519(key);
    default:
      throw new UnsupportedKey(key.asymmetricKeyType);
  }
}

function open(pem: string, passphrase: string | undefined): KeyObject {
  const encrypted = /ENCRYPTED/.test(pem);
  try {
    return createPrivateKey(passphrase === undefined ? pem : { key: pem, passphrase });
  } catch (error) {
    // OpenSSL tells a wrong passphrase and a damaged encrypted body apart only by chance: a wrong key decrypts to noise.
    if (encrypted) throw new WrongPassphrase('', { cause: error });
    throw error;
  }
}

/** OpenSSH's private key form, unencrypted (openssh/PROTOCOL.key). */
function openSshEd25519(key: KeyObject): string {
  const { d, x } = key.export({ format: 'jwk' });
  const seed = Buffer.from(d ?? '', 'base64url');
  const point = Buffer.from(x ?? '', 'base64url');
  const type = string(Buffer.from('ssh-ed25519'));
  const check = Buffer.alloc(8);
  const secret = Buffer.concat([check, type, string(point), string(Buffer.concat([seed, point])), string(Buffer.alloc(0))]);
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, index) => index + 1));
  const one = Buffer.from([0, 0, 0, 1]);
  const none = string(Buffer.from('none'));
  const body = Buffer.concat([
    Buffer.from('openssh-key-v1\0'), none, none, string(Buffer.alloc(0)), one,
    string(Buffer.concat([type, string(point)])), string(Buffer.concat([secret, padding])),
  ]);
  const lines = body.toString('base64').match(/.{1,70}/g) ?? [];
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n');
}

/** An SSH string: length in four bytes, then the bytes. */
function string(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
