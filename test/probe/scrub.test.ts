import { describe, expect, test } from '@jest/globals';
import { looksLikeToken, scrub, snippet } from '../../src/probe/scrub.js';
import { slug } from '../../src/probe/slug.js';

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl';

describe('what an app answers is shown without its keys', () => {
  test.each([
    [`{"access_token":"abc","id":1}`, '{"access_token":"***","id":1}'],
    [`{"Password" : "a\\"b" , "ok":true}`, '{"Password" : "***" , "ok":true}'],
    [`{"x":"${JWT}"}`, '{"x":"***"}'],
    ['Authorization: Bearer abcdefgh12345', 'Authorization: Bearer ***'],
    ['https://example.com/?reset_token=abcdef&x=12345', 'https://example.com/?reset_token=***&x=12345'],
    ['{"token":"cut off in the mid', '{"token":"***'],
    ['{"status":"ok","tokens":3}', '{"status":"ok","tokens":3}'],
  ])('%s', (text, shown) => expect(scrub(text)).toBe(shown));

  test('the beginning of a body is scrubbed before it is cut', () => {
    expect(snippet(`{"a":"${'x'.repeat(170)}","token":"${'s'.repeat(100)}"}`)).not.toContain('sss');
    expect(snippet('a\n  b\u001b[31m\tc')).toBe('a b c');
  });
});

test.each([
  [JWT, true], ['g3A9'.repeat(6), true], ['sess_0123456789abcdefXYZ', true],
  ['7', false], ['2f1c1f6e-8a0b-4c8e-9d57-1d1f3b1c2a3b', false], ['507f1f77bcf86cd799439011', false],
  ['2026-11-21T00:27:14.000Z', false], ['a plain sentence with 1 number', false], ['https://example.com/items/12345', false],
])('%s looks like a token: %s', (value, expected) => expect(looksLikeToken(value)).toBe(expected));

test.each([['Log in (admin)', 'log-in-admin'], ['Prüfung №1', 'prufung-no1'], ['日本', 'x'], ['--a--', 'a'], ['a'.repeat(100), 'a'.repeat(60)]])(
  'the slug of %s is %s', (name, expected) => expect(slug(name)).toBe(expected));
