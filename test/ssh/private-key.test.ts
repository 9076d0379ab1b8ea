import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { UserError } from '../../src/evidence/errors.js';
import { parsePrivateKey } from '../../src/ssh/private-key.js';

const PASSPHRASE = 'correct horse';
let folder: string;
let count = 0;

interface Made {
  readonly text: string;
  readonly publicText: string;
  readonly fingerprint: string;
}

/** A key as a user has it: made by ssh-keygen. */
function keygen(...options: string[]): Made {
  count += 1;
  const file = join(folder, `key-${count}`);
  const passphrase = options.includes('-N') ? [] : ['-N', ''];
  const run = spawnSync('ssh-keygen', ['-q', ...options, ...passphrase, '-f', file], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`ssh-keygen: ${run.error?.message ?? run.stderr}`);
  const listed = spawnSync('ssh-keygen', ['-lf', `${file}.pub`], { encoding: 'utf8' }).stdout.split(' ');
  return { text: readFileSync(file, 'utf8'), publicText: readFileSync(`${file}.pub`, 'utf8'), fingerprint: listed[1] ?? '' };
}

let ed25519: Made;
let encrypted: Made;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-keys-'));
  ed25519 = keygen('-t', 'ed25519');
  encrypted = keygen('-t', 'ed25519', '-N', PASSPHRASE);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a usable private key', () => {
  test.each([
    ['Ed25519', ['-t', 'ed25519'], 'ssh-ed25519'],
    ['RSA', ['-t', 'rsa', '-b', '2048'], 'ssh-rsa'],
    ['ECDSA 256', ['-t', 'ecdsa', '-b', '256'], 'ecdsa-sha2-nistp256'],
    ['ECDSA 384', ['-t', 'ecdsa', '-b', '384'], 'ecdsa-sha2-nistp384'],
    ['ECDSA 521', ['-t', 'ecdsa', '-b', '521'], 'ecdsa-sha2-nistp521'],
    ['RSA in PKCS#1 PEM', ['-t', 'rsa', '-b', '2048', '-m', 'PEM'], 'ssh-rsa'],
    ['ECDSA in SEC 1 PEM', ['-t', 'ecdsa', '-m', 'PEM'], 'ecdsa-sha2-nistp256'],
    ['RSA in PKCS#8', ['-t', 'rsa', '-b', '2048', '-m', 'PKCS8'], 'ssh-rsa'],
    ['ECDSA in PKCS#8', ['-t', 'ecdsa', '-m', 'PKCS8'], 'ecdsa-sha2-nistp256'],
  ])('%s, plain and with a passphrase, has the type and fingerprint ssh-keygen shows', (_name, options, type) => {
    const plain = keygen(...options);
    expect(parsePrivateKey(plain.text)).toMatchObject({ type, fingerprint: plain.fingerprint });
    const locked = keygen(...options, '-N', PASSPHRASE);
    expect(parsePrivateKey(locked.text, PASSPHRASE)).toMatchObject({ type, fingerprint: locked.fingerprint });
    expect(() => parsePrivateKey(locked.text)).toThrow(/encrypted and no passphrase/);
    expect(() => parsePrivateKey(locked.text, 'wrong')).toThrow(/passphrase does not open/);
  });

  test('Ed25519 in PKCS#8, which OpenSSL writes, signs what its public half verifies', () => {
    for (const options of [{}, { cipher: 'aes-256-cbc', passphrase: PASSPHRASE }]) {
      const { privateKey } = generateKeyPairSync('ed25519');
      const { key, type } = parsePrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8', ...options }).toString(), PASSPHRASE);
      expect(type).toBe('ssh-ed25519');
      const data = Buffer.from('data');
      expect(key.verify(data, key.sign(data))).toBe(true);
    }
  });

  test.each([
    ['without the last line end', (text: string) => text.trimEnd()],
    ['with blank lines around it', (text: string) => `\n\n${text}\n\n`],
    ['with a passphrase it does not need', (text: string) => text],
    ['with a byte order mark', (text: string) => `\uFEFF${text}`],
  ])('is accepted %s', (_name, change) => {
    expect(parsePrivateKey(change(ed25519.text), 'unneeded').fingerprint).toBe(ed25519.fingerprint);
  });

  test('an empty passphrase counts as none', () => {
    expect(parsePrivateKey(ed25519.text, '').fingerprint).toBe(ed25519.fingerprint);
    expect(() => parsePrivateKey(encrypted.text, '')).toThrow(/encrypted and no passphrase/);
  });
});

describe('a broken private key has its own message', () => {
  const body = (text: string) => text.split('\n').slice(1, -2).join('\n');
  const certificate = () => {
    const file = join(folder, 'certified');
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
    spawnSync('ssh-keygen', ['-q', '-s', join(folder, 'key-1'), '-I', 'id', '-n', 'deploy', `${file}.pub`]);
    return readFileSync(`${file}-cert.pub`, 'utf8');
  };
  const cases: readonly (readonly [string, () => string, RegExp])[] = [
    ['empty', () => '', /is empty/],
    ['blank', () => ' \n\t\n', /is empty/],
    ['the public key', () => ed25519.publicText, /public key, not a private key/],
    ['a public key in RFC 4716 form', () => '---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----\n', /public key, not a private key/],
    ['a public key in PEM', () => generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }).toString(), /public key, not a private key/],
    ['a certificate', certificate, /SSH certificate, not a private key/],
    ['an X.509 certificate', () => '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n', /X\.509 certificate/],
    ['in PuTTY format', () => 'PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: k\n', /PuTTY format/],
    ['with CRLF', () => ed25519.text.replaceAll('\n', '\r\n'), /Windows line ends \(CRLF\)/],
    ['encrypted, with CRLF', () => encrypted.text.replaceAll('\n', '\r\n'), /Windows line ends \(CRLF\)/],
    ['without its header', () => ed25519.text.split('\n').slice(1).join('\n'), /header line .* is missing/],
    ['without its footer', () => ed25519.text.split('\n').slice(0, -2).join('\n'), /footer line .* is missing/],
    ['without header and footer', () => body(ed25519.text), /no header and no footer/],
    ['cut at the end', () => ed25519.text.slice(0, 200), /is cut/],
    ['cut in the middle', () => ed25519.text.split('\n').filter((_, index) => index !== 3).join('\n'), /damaged or cut/],
    ['with a character changed', () => ed25519.text.replace('b3BlbnNzaC1rZXk', 'b3BlbnNzaC1rZXj'), /damaged or cut/],
    ['with \\n for line ends', () => ed25519.text.replaceAll('\n', '\\n'), /two characters \\n/],
    ['on one line', () => ed25519.text.trim().replaceAll('\n', ' '), /lost its line breaks/],
    ['indented', () => ed25519.text.replaceAll(/^/gm, '    '), /indented/],
    ['in double quotes', () => `"${ed25519.text.trim()}"`, /quotation marks/],
    ['in single quotes', () => `'${ed25519.text}'\n`, /quotation marks/],
    ['encoded in base64', () => Buffer.from(ed25519.text).toString('base64'), /base64 as a whole/],
    ['with text before it', () => `my key:\n${ed25519.text}`, /text before or after/],
    ['followed by its public key', () => `${ed25519.text}${ed25519.publicText}`, /text before or after/],
    ['with a damaged header', () => ed25519.text.replace('-----BEGIN', '----BEGIN'), /header .* missing|damaged/],
    ['a path', () => '~/.ssh/id_ed25519', /path of a file/],
    ['a fingerprint', () => 'SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', /fingerprint/],
    ['something else', () => 'hello', /not a private key in a known form/],
    ['encrypted, without passphrase', () => encrypted.text, /encrypted and no passphrase/],
    ['DSA', () => generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), /DSA/],
    ['Ed448', () => generateKeyPairSync('ed448').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), /not supported/],
    ['damaged PEM', () => '-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----\n', /damaged or cut/],
  ];

  test.each(cases)('%s', (_name, make, message) => {
    const text = make();
    let error: unknown;
    try {
      parsePrivateKey(text);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(UserError);
    const { message: said, remedy = '' } = error as UserError;
    expect(said).toMatch(message);
    expect(remedy).not.toBe('');
    // Nothing of the key is repeated.
    for (const line of text.split(/\s+/).filter((one) => one.length >= 16)) expect(`${said} ${remedy}`).not.toContain(line);
  });

  test('the wrong passphrase', () => {
    expect(() => parsePrivateKey(encrypted.text, 'wrong')).toThrow(/passphrase does not open/);
  });
});
