import ssh2 from 'ssh2';
import type { ParsedKey } from 'ssh2';
import { UserError } from '../evidence/errors.js';
import { fingerprint } from './fingerprint.js';
import { faultOf } from './private-key-faults.js';
import { isPem, toSsh2Text, UnsupportedKey, WrongPassphrase } from './pem.js';

/** A private key that is ready to sign. */
export interface PrivateKey {
  readonly key: ParsedKey;
  /** Such as `ssh-ed25519`. */
  readonly type: string;
  /** `SHA256:…` of the public half, as the server's log and `ssh-keygen -l` show it. */
  readonly fingerprint: string;
}

const USABLE = /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521))$/;

/**
 * Reads a private key: OpenSSH, or PEM (PKCS#1, SEC 1, PKCS#8), encrypted or not. A missing line end after the footer
 * is accepted; whatever else is wrong is named.
 * @throws {UserError} one message per way of breaking a key; it never contains any of the key.
 */
export function parsePrivateKey(text: string, passphrase?: string): PrivateKey {
  const secret = passphrase === '' ? undefined : passphrase;
  const fault = faultOf(text, (candidate) => whyUnreadable(candidate, secret) === undefined);
  if (fault !== undefined) throw new UserError(fault.message, { remedy: fault.remedy });
  const parsed = read(text, secret);
  if (parsed instanceof UserError) throw parsed;
  return { key: parsed, type: parsed.type, fingerprint: fingerprint(parsed.getPublicSSH()) };
}

/** A key that only wants its passphrase is whole. */
function whyUnreadable(text: string, passphrase: string | undefined): string | undefined {
  const parsed = read(text, passphrase);
  return parsed instanceof UserError && !(parsed instanceof PassphraseError) ? parsed.message : undefined;
}

class PassphraseError extends UserError {}

function read(text: string, passphrase: string | undefined): ParsedKey | UserError {
  let source = text.trim();
  try {
    if (isPem(source)) source = toSsh2Text(source, passphrase);
  } catch (error) {
    if (error instanceof WrongPassphrase) return passphraseError(passphrase);
    return error instanceof UnsupportedKey ? unsupported(error) : damaged(error);
  }
  const result: ParsedKey | ParsedKey[] | Error = ssh2.utils.parseKey(source, passphrase);
  const parsed = Array.isArray(result) ? (result as ParsedKey[])[0] : result;
  if (parsed === undefined) return damaged(undefined);
  if (parsed instanceof Error) {
    if (/no passphrase given|integrity check failed|bad decrypt|passphrase/i.test(parsed.message)) return passphraseError(passphrase);
    return /unsupported .*(type|cipher|kdf)/i.test(parsed.message) ? unsupported(parsed) : damaged(parsed);
  }
  if (!USABLE.test(parsed.type)) return unsupported(new Error(parsed.type));
  return parsed;
}

function passphraseError(passphrase: string | undefined): UserError {
  if (passphrase === undefined) {
    return new PassphraseError('The private key is encrypted and no passphrase was given.', {
      remedy: 'Set ssh-passphrase, or give a deploy key of its own without a passphrase: `ssh-keygen -t ed25519 -N "" -f deploy-key`.',
    });
  }
  return new PassphraseError('The passphrase does not open the private key.', {
    remedy: 'Try it with `ssh-keygen -y -f <key>`. Mind blanks and line ends around the secret.',
  });
}

function unsupported(cause: Error): UserError {
  const what = /^(ssh-dss|dsa)$|type: ssh-dss/.test(cause.message) ? 'DSA, which servers no longer accept'
    : /\bsk-/.test(cause.message) ? 'bound to a hardware token (sk), which a runner cannot touch'
      : 'of a type that is not supported';
  return new UserError(`The private key is ${what}.`, { remedy: 'Make a new one: `ssh-keygen -t ed25519 -f deploy-key`.', cause });
}

function damaged(cause: unknown): UserError {
  return new UserError('The private key has header and footer, but what is between them is damaged or cut.', {
    remedy: 'Copy the whole file into the secret again, for example with `gh secret set SSH_PRIVATE_KEY < deploy-key`.', cause,
  });
}
