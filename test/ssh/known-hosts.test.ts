import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parseKnownHosts } from '../../src/ssh/known-hosts.js';
import { UserError } from '../../src/evidence/errors.js';
import { lineOf, makeKey } from '../support/embedded-host.js';

const A = lineOf(makeKey('ed25519'));
const B = lineOf(makeKey('ed25519'));
const E = lineOf(makeKey('ecdsa'));

const pinned = (text: string, address: string, port = 22) => parseKnownHosts(text).keysOf(address, port).pinned.map((key) => key.line);
const revoked = (text: string, address: string, port = 22) => parseKnownHosts(text).keysOf(address, port).revoked.map((key) => key.line);

describe('known_hosts', () => {
  test.each([
    ['a plain name', `example.com ${A}`, 'example.com', 22, [A]],
    ['names without regard to case', `Example.COM ${A}`, 'eXample.com', 22, [A]],
    ['one of several names', `example.org,example.com,203.0.113.10 ${A}`, '203.0.113.10', 22, [A]],
    ['several keys and types of one host', `example.com ${A}\nexample.com ${E}\nother.example.com ${B}`, 'example.com', 22, [A, E]],
    ['a name in brackets with a port', `[example.com]:2222 ${A}`, 'example.com', 2222, [A]],
    ['no other port than the one in brackets', `[example.com]:2222 ${A}`, 'example.com', 22, []],
    ['a port of its own before the plain name', `example.com ${A}\n[example.com]:2222 ${B}`, 'example.com', 2222, [B]],
    ['the plain name for a port without an entry, as OpenSSH does', `example.com ${A}`, 'example.com', 2222, [A]],
    ['a star', `*.example.com ${A}`, 'web.example.com', 22, [A]],
    ['a star that does not reach the name itself', `*.example.com ${A}`, 'example.com', 22, []],
    ['a question mark for one character', `web?.example.com ${A}`, 'web1.example.com', 22, [A]],
    ['a question mark for no more than one', `web?.example.com ${A}`, 'web12.example.com', 22, []],
    ['dots as dots', `web.example.com ${A}`, 'webxexample.com', 22, []],
    ['a negated pattern', `*.example.com,!db.example.com ${A}`, 'db.example.com', 22, []],
    ['a negated pattern that stands first', `!db.example.com,*.example.com ${A}`, 'web.example.com', 22, [A]],
    ['a line of negations only as no match', `!db.example.com ${A}`, 'web.example.com', 22, []],
    ['IPv6', `2001:db8::1 ${A}`, '2001:db8::1', 22, [A]],
    ['IPv6 with a port', `[2001:db8::1]:2222 ${A}`, '2001:db8::1', 2222, [A]],
    ['comments, blank lines, tabs, CRLF and a comment after the key', `# c\r\n\r\n  example.com\t${A} root@host\r\n`, 'example.com', 22, [A]],
    ['nothing in an empty text', '', 'example.com', 22, []],
  ])('understands %s', (_name, text, address, port, expected) => {
    expect(pinned(text, address, port)).toEqual(expected);
  });

  test('reads what ssh-keygen -H has hashed', () => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-known-'));
    try {
      const file = join(folder, 'known_hosts');
      writeFileSync(file, `example.com ${A}\n[example.com]:2222 ${B}\n2001:db8::1 ${E}\n`);
      expect(spawnSync('ssh-keygen', ['-H', '-f', file]).status).toBe(0);
      const text = readFileSync(file, 'utf8');
      expect(text).not.toContain('example.com');
      expect(pinned(text, 'example.com')).toEqual([A]);
      expect(pinned(text, 'example.com', 2222)).toEqual([B]);
      expect(pinned(text, '2001:db8::1')).toEqual([E]);
      expect(pinned(text, 'example.org')).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('keeps revoked keys apart from pinned ones', () => {
    const text = `example.com ${A}\n@revoked * ${A}\n@revoked other.example.com ${B}`;
    expect(pinned(text, 'example.com')).toEqual([A]);
    expect(revoked(text, 'example.com')).toEqual([A]);
    expect(revoked(text, 'example.com', 2222)).toContain(A);
  });

  test.each([
    ['a certificate authority', `# one\nexample.com ${A}\n@cert-authority *.example.com ${A}`, /^known-hosts:3: .*@cert-authority.*not supported/],
    ['an unknown marker', `@trusted example.com ${A}`, /^known-hosts:1: unknown marker @trusted/],
    ['a line without a key', 'example.com ssh-ed25519', /^known-hosts:1: .*needs a host, a key type and a key/],
    ['a key that was cut', `example.com ${A.slice(0, 24)}`, /^known-hosts:1: .*ssh-ed25519 key of example.com/],
    ['a key under another type', `example.com ssh-rsa ${A.split(' ')[1] ?? ''}`, /^known-hosts:1: .*ssh-rsa key/],
    ['a hash that was cut', `|1|c2FsdA==|aGFzaA== ${A}`, /^known-hosts:1: the hashed host name/],
  ])('refuses %s and names the line', (_name, text, message) => {
    expect(() => parseKnownHosts(text)).toThrow(UserError);
    expect(() => parseKnownHosts(text)).toThrow(message);
  });
});
