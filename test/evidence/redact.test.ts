import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Evidence } from '../../src/evidence/record.js';
import { redactRecord, Redactor } from '../../src/evidence/redact.js';

const SECRET = 'S3cr&t "pass"/wörd\'+=';

function redactorFor(...secrets: string[]): Redactor {
  const redactor = new Redactor();
  for (const secret of secrets) redactor.add(secret);
  return redactor;
}

describe('Redactor', () => {
  const bytes = Buffer.from(SECRET);
  test.each([
    ['as it is', SECRET],
    ['Base64', bytes.toString('base64')],
    ['Base64 without padding', bytes.toString('base64').replace(/=+$/, '')],
    ['Base64 for URLs', bytes.toString('base64url')],
    ['a URL component', encodeURIComponent(SECRET)],
    ['a URL component in lower case', encodeURIComponent(SECRET).replace(/%../g, (hex) => hex.toLowerCase())],
    ['a form field', new URLSearchParams({ a: SECRET }).toString().slice(2)],
    ['JSON', JSON.stringify(SECRET).slice(1, -1)],
    ['JSON in JSON', JSON.stringify(JSON.stringify(SECRET)).slice(3, -3)],
    ['HTML', 'S3cr&amp;t &quot;pass&quot;/wörd&#39;+='],
    ['a shell word', SECRET.replaceAll("'", "'\\''")],
  ])('masks a secret written as %s', (_, form) => {
    expect(redactorFor(SECRET).redact(`before ${form} after`)).toBe('before *** after');
  });

  test('masks a secret inside the Base64 of a longer text at any position', () => {
    const redactor = redactorFor('correct horse battery');
    for (const prefix of ['', 'u', 'us', 'use', 'user:']) {
      const encoded = Buffer.from(`${prefix}correct horse battery, and more`).toString('base64');
      const shown = redactor.redact(encoded);
      expect(shown).toContain('***');
      expect(Buffer.from(shown.replace('***', ''), 'base64').toString()).not.toContain('horse');
    }
  });

  test('masks each line of a key, wherever the lines end up, but not its public frame', () => {
    const key = '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5v\nbmUAAAAEbm9uZQ==\n-----END OPENSSH PRIVATE KEY-----\n';
    const redactor = redactorFor(key);
    expect(redactor.redact(key)).toBe('***');
    expect(redactor.redact('got b3BlbnNzaC1rZXktdjEAAAAABG5v here')).toBe('got *** here');
    expect(redactor.redact('expects -----BEGIN OPENSSH PRIVATE KEY-----')).toBe('expects -----BEGIN OPENSSH PRIVATE KEY-----');
  });

  test('masks the lines of a key that was written on one line with \\n', () => {
    expect(redactorFor('first line\\nsecond line').redact('x second line')).toBe('x ***');
  });

  test('masks a long secret that was wrapped by base64', () => {
    const secret = 'abcdefghij'.repeat(12);
    const wrapped = Buffer.from(secret).toString('base64').replace(/.{76}/g, '$&\n');
    expect(redactorFor(secret).redact(wrapped).replace(/\n/g, '')).toMatch(/^(\*\*\*)+$/);
  });

  test.each(['', 'abc', 'true', 'Production', 'localhost', '3000', '65535', '0.25', '    '])('leaves ordinary value %j alone', (value) => {
    const redactor = redactorFor(value);
    expect(redactor.redact(`x ${value} y`)).toBe(`x ${value} y`);
    expect(redactor.values()).toEqual([]);
  });

  test('masks a longer secret whole although a shorter one is part of it', () => {
    expect(redactorFor('hunter', 'hunter2-and-more').redact('hunter2-and-more hunter')).toBe('*** ***');
  });

  test('leaves nothing of secrets that overlap', () => {
    expect(redactorFor('abcdefgh', 'efghijkl').redact('-abcdefghijkl-abcdefghefghijkl-')).toBe('-***-******-');
  });

  test('treats the characters of a pattern as themselves', () => {
    expect(redactorFor('a.c*[x](y){2}^$|\\/-').redact('a.c*[x](y){2}^$|\\/- abc')).toBe('*** abc');
  });

  test('masks what is added later and tells each form once', () => {
    const told: string[] = [];
    const redactor = new Redactor((form) => told.push(form));
    expect(redactor.redact('token-12345')).toBe('token-12345');
    redactor.add('token-12345');
    redactor.add('token-12345');
    expect(redactor.redact('token-12345')).toBe('***');
    expect(new Set(told).size).toBe(told.length);
    expect([...told].sort()).toEqual([...redactor.values()].sort());
    expect(told).toContain(Buffer.from('token-12345').toString('base64'));
  });

  test('leaves no secret in any text, whatever the characters', () => {
    fc.assert(fc.property(fc.array(fc.string({ minLength: 8, unit: 'grapheme' }), { minLength: 1, maxLength: 5 }), fc.string(), (secrets, between) => {
      const redactor = redactorFor(...secrets);
      const masked = secrets.filter((secret) => redactor.values().includes(secret));
      const shown = redactor.redact(secrets.join(between)).replaceAll('***', '\0');
      for (const secret of masked) expect(shown).not.toContain(secret);
    }));
  });

  test('reads a megabyte of log against 200 secrets in under two seconds', () => {
    const redactor = redactorFor(...Array.from({ length: 200 }, (_, index) => `secret-value-${index}-${'x'.repeat(index % 40)}`));
    const text = 'npm warn deprecated some-package@1.2.3: use another one instead, please\n'.repeat(14_000);
    const start = performance.now();
    expect(redactor.redact(text)).toBe(text);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe('redactRecord', () => {
  const record: Evidence = {
    id: 'smoke.login.post', phase: 'smoke', title: 'login hunter2x', subject: 'https://u:hunter2x@example.com', status: 'fail',
    expected: 'no hunter2x', observed: 'hunter2x', remedy: 'change hunter2x', at: '2026-11-21T00:27:14.000Z', duration: 5,
    data: { hunter2x: ['hunter2x', { deep: 'a hunter2x b' }], code: 12345678, plain: 7, none: null },
  };

  test('masks every text and all of the data', () => {
    const redactor = redactorFor('hunter2x', '12345678');
    const clean = redactRecord(record, redactor);
    expect(JSON.stringify(clean)).not.toMatch(/hunter2x|12345678/);
    expect(clean).toMatchObject({ id: 'smoke.login.post', duration: 5, data: { '***': ['***', { deep: 'a *** b' }], code: '***', plain: 7, none: null } });
    expect(record.observed).toBe('hunter2x');
  });

  test('turns what JSON cannot hold into text', () => {
    const loop: Record<string, unknown> = { when: new Date(0), big: 10n, error: new Error('broken hunter2x') };
    loop['self'] = loop;
    const { data } = redactRecord({ ...record, data: loop }, redactorFor('hunter2x'));
    expect(data).toEqual({ when: '1970-01-01T00:00:00.000Z', big: '10', error: 'Error: broken ***', self: '(circular)' });
  });

  test('adds no field that was absent', () => {
    const { expected: _e, observed: _o, remedy: _r, data: _d, ...bare } = record;
    expect(Object.keys(redactRecord(bare, new Redactor()))).toEqual(Object.keys(bare));
  });
});
