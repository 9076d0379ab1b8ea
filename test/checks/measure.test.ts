import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { decodeAddress } from '../../src/checks/facts.js';
import { hasFingerprint } from '../../src/checks/gather/bundle.js';
import { hasChangelogEntry } from '../../src/checks/gather/git.js';
import { findCredentials } from '../../src/checks/measure/credentials.js';
import { estimateBits } from '../../src/checks/measure/entropy.js';
import { isSamplePassword, passwordInUrl, placeholderKind } from '../../src/checks/measure/placeholders.js';
import { isOfType, originFaults } from '../../src/checks/measure/types.js';
import { isLoopback, isPrivateHost, siteOf } from '../../src/checks/measure/urls.js';

/** The same random-looking bytes in every run: one string in some ten thousand holds a long run by chance, and counts less. */
const noise = (seed: number): Buffer => createHash('sha512').update(`slipway ${seed}`).digest();

describe('the estimate of a secret\'s strength', () => {
  it.each([
    ['openssl rand -hex 16', (bytes: Buffer) => bytes.subarray(0, 16).toString('hex')],
    ['openssl rand -hex 32', (bytes: Buffer) => bytes.subarray(0, 32).toString('hex')],
    ['openssl rand -base64 32', (bytes: Buffer) => bytes.subarray(0, 32).toString('base64')],
    ['openssl rand -base64 24', (bytes: Buffer) => bytes.subarray(0, 24).toString('base64url')],
    ['32 small letters and digits', (bytes: Buffer) => Array.from(bytes.subarray(0, 32), (byte) => 'abcdefghijklmnopqrstuvwxyz0123456789'[byte % 36]).join('')],
  ])('finds what %s makes worth 128 bits, less a twentieth for doubt', (_, make) => {
    const weak = Array.from({ length: 3000 }, (__, seed) => make(noise(seed))).filter((secret) => estimateBits(secret) < 128 * 0.95);
    expect(weak).toEqual([]);
  });

  it('counts a passphrase by its words', () => {
    expect(estimateBits('correct-horse-battery-staple')).toBeCloseTo(4 * 12.9);
    expect(estimateBits('Correct Horse Battery Staple 7')).toBeLessThan(60);
  });

  it.each([
    ['', 0], ['password', 10], ['a'.repeat(64), 15], ['abc'.repeat(30), 25], ['1234567890'.repeat(4), 30], ['qwertyuiopasdfghjklzxcvbnm', 65],
    ['abcdefghijklmnopqrstuvwxyz0123456789', 90], ['my-super-secret-jwt-key-for-production-use', 128], ['ChangeThisSecretKeyInProduction123!', 100],
    ['this-is-a-very-long-secret-string-that-nobody-will-ever-guess', 128], ['P@ssw0rd!P@ssw0rd!P@ssw0rd!', 30], ['00000000-0000-0000-0000-000000000000', 60],
  ])('counts %j below %d bits', (secret, limit) => {
    expect(estimateBits(secret)).toBeLessThanOrEqual(limit);
  });
});

describe('placeholders', () => {
  it.each([
    '<GENERATE_64_CHAR_SECRET>', '[generate-strong-secret]', '[key]', 'your-twilio-sid', 'your-api-key-here', 'your_jwt_secret', 'https://api.yourdomain.com',
    'noreply@yourdomain.com', 'change-this-in-production', 'CHANGE_ME', 'changeme', 'mongodb+srv://username:password@cluster.mongodb.net/db',
    '123456789.dkr.ecr.us-east-1.amazonaws.com/app', 'xxxx', 'sk-xxxxxxxx', 'G-XXXXXXXXXX', '{{ vault.secret }}', '__SECRET__', '...', 'sk-...', 'tbd', 'placeholder', 'replace-me',
    'postgres://app:[password]@db/app', 'insert-key-here', 'your-super-secret-jwt-key',
  ])('sees one in %s', (value) => {
    expect(placeholderKind(value)).toBeDefined();
  });

  it.each([
    '', 'production', 'https://gonxt.tech', '0 2 * * *', 'ASTRO-ASIX', '₦', 'Africa/Lagos', 'your-company', 'https://your-company.slack.com', 'image/png,image/jpeg', '["a","b"]', '[::1]:8080', '{"a":1}',
    'postgresql+asyncpg://axis:kT9_xx2z@db:25060/axis?ssl=require', 'exchange-items', 'Wait for it', 'xx', 'name@host', 'a<b', '5242880', 'redis://localhost:6379', 'Keyboard your way', 'exampleKey99',
  ])('takes %s for a real value', (value) => {
    expect(placeholderKind(value)).toBeUndefined();
  });

  it('knows the passwords of samples', () => {
    expect(['password', 'APP_PASSWORD', 'Admin123!', 'changeme', '12345678'].filter(isSamplePassword)).toHaveLength(5);
    expect(['tR7kq0Zs', ''].filter(isSamplePassword)).toEqual([]);
  });

  it.each([
    ['postgresql+asyncpg://u:p%40ss@h:1/d', 'p@ss'], ['mongodb+srv://u:a@b@h/d', 'a@b'], ['redis://:secret@h:6379', 'secret'], ['https://u:100%@h', '100%'],
    ['https://example.com/a:b@c', undefined], ['https://u@h', undefined], ['plain', undefined],
  ])('reads the password in %s', (url, password) => {
    expect(passwordInUrl(url)).toBe(password);
  });
});

describe('typed settings', () => {
  it.each([
    ['port', ['1', '3001', '65535'], ['0', '65536', 'http', '-1', '80.5']],
    ['url', ['postgres://h/d', 'https://a.example.com'], ['a.example.com', 'https://']],
    ['https-url', ['https://a.example.com/x'], ['http://a.example.com', 'https://', 'a']],
    ['https-origins', ['https://a.example.com', 'https://a.example.com, https://b.example.com', '["https://a.example.com"]'], ['*', 'https://*.example.com', 'http://a.example.com', '', 'https://a.example.com/']],
    ['cron', ['0 2 * * *', '*/5 0-6 1,15 jan mon-fri', '@daily', '0 0 2 * * *'], ['0 25 * * *', '* * * *', 'daily', '*/0 * * * *', '60 * * * *']],
    ['size', ['5242880', '10MB', '512 KiB', '1.5g'], ['ten', '10 apples', '-1']],
    ['duration', ['30', '15m', '24h', '7 days'], ['soon', '-1s']],
    ['timezone', ['Africa/Lagos', 'UTC', 'Europe/Berlin'], ['Lagos', 'Africa/Atlantis', '+01:00']],
    ['currency', ['NGN', 'EUR'], ['₦', 'ngn', 'XXXX']],
    ['log-level', ['info', 'WARN', 'error'], ['loud', '']],
    ['email', ['ops@example.com', 'Ops <ops@example.com>'], ['ops', 'ops@host', '@example.com', 'a b@example.com']],
    ['integer', ['30', '-5'], ['30.5', '1e3', '']],
    ['boolean', ['true', 'False', '0'], ['maybe', '']],
  ] as const)('%s', (type, good, bad) => {
    expect(good.filter((value) => isOfType(type, value) !== true)).toEqual([]);
    expect(bad.filter((value) => isOfType(type, value) !== false)).toEqual([]);
  });

  it('names each fault of a list of origins once', () => {
    expect(originFaults('*,http://a.example.com,http://b.example.com')).toEqual(['holds *', 'holds http:// instead of https://']);
  });
});

describe('credentials in files', () => {
  const key = `-----BEGIN OPENSSH PRIVATE KEY-----\n${'b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ'.repeat(2)}\n-----END OPENSSH PRIVATE KEY-----`;
  // Put together here, so that no scanner takes this file for a leak.
  const aws = ['AKIA', 'Q3EGRZ5T7YUJ2M4K'].join('');
  const github = ['ghp', 'x7Kq2Lm9Pz4Rt6Vw8Yb1Cd3Ef5Gh7Jk9Mn2Q'].join('_');
  const password = ['tR7', 'kq0Zs', 'v2Mx'].join('!');

  it.each([
    ['a private key', key, 'private key'],
    ['a private key in one JSON line', JSON.stringify({ key }), 'private key'],
    ['an AWS key', `aws_access_key_id = ${aws}`, 'AWS access key'],
    ['a GitHub token', `token: ${github}`, 'GitHub token'],
    ['a password in quotes', `const password = "${password}";`, 'hard-coded secret'],
    ['a secret in JSON', `{ "jwtSecret": "9f3c7a1e5b8d2046c1f7e83b6a90d524" }`, 'hard-coded secret'], // slipway:allow
    ['a connection string', `DATABASE_URL=postgres://app:${password}@db/app`, 'password in a URL'],
  ])('finds %s', (_, text, kind) => {
    expect(findCredentials(`first\n${text}`)).toEqual([{ line: 2, kind }]);
  });

  it('finds a login in a document, but not in code without quotes', () => {
    const text = `**Password:** \`${password}\``;
    expect(findCredentials(text, true)).toEqual([{ line: 1, kind: 'login in a document' }]);
    expect(findCredentials(`password: ${password}`)).toEqual([]);
    expect(findCredentials('password: reader.readString1(),', true)).toEqual([]);
  });

  it.each([
    'const password = process.env.PASSWORD;', 'password: "${DB_PASSWORD}"', 'password = "password"', "secret: 'your-secret-key-1'", 'const token = "";', `key: "${aws}" // slipway:allow`,
    'AKIAIOSFODNN7EXAMPLE', '"-----BEGIN PRIVATE KEY-----" is how a key begins', 'postgres://user:password@localhost/db', 'passwordLabel: "Enter your password"', 'token: "********"',
    'https://example.com:8443/a@b', 'apiKey: "<insert key>"', 'PWD: "/Users/Maciej1"', 'const apiToken = "abc123xyz456"', 'error.password = "Must have 8 characters"',
  ])('leaves %s alone', (text) => {
    expect(findCredentials(text)).toEqual([]);
  });
});

describe('small readings', () => {
  it.each([
    ['## [1.2.3] - 2026-11-21', 'v1.2.3', true], ['# v1.2.3', 'v1.2.3', true], ['1.2.3\n=====', '1.2.3', true], ['## 1.2.30', 'v1.2.3', false], ['## 11.2.3', 'v1.2.3', false],
    ['## 1.2.3-rc.1', 'v1.2.3', false], ['Since 1.2.3 it works', 'v1.2.3', false], ['## Release 1.2.3: names', 'v1.2.3', true], ['## 1.2.3.', '1.2.3', true], ['## 1x2x3', '1.2.3', false],
  ])('in %j there is an entry for %s: %s', (text, tag, expected) => {
    expect(hasChangelogEntry(`Changelog\n\n${text}\n\nText\n`, tag)).toBe(expected);
  });

  it.each([
    ['assets/index-BxK3_9aQ.js', true], ['main.3f9c2ab1.chunk.js', true], ['chunks/app/layout-5b1a0a2c5e8f7d33.js', true], ['css/a1b2c3d4e5f60718.css', true], ['build-XyZ12345/_ssg.js', true],
    ['app.js', false], ['vendor.min.js', false], ['bootstrap.js', false], ['jquery-3.7.1.js', false], ['components.js', false],
  ])('the name %s is fingerprinted: %s', (file, expected) => {
    expect(hasFingerprint(file)).toBe(expected);
  });

  it.each([['0100007F', '127.0.0.1'], ['00000000', '0.0.0.0'], ['00000000000000000000000000000000', '::'], ['00000000000000000000000001000000', '::1'], ['0000000000000000FFFF00000100007F', '::ffff:127.0.0.1']])('the kernel\'s %s is %s', (hex, address) => {
    expect(decodeAddress(hex)).toBe(address);
  });

  it('tells private hosts from public ones', () => {
    expect(['localhost', '127.0.0.1', '10.1.2.3', '172.31.4.237', '192.168.1.1', '[::1]', 'fd00::1', 'db.internal'].filter((host) => !isPrivateHost(host))).toEqual([]);
    expect(['172.32.0.1', '203.0.113.5', 'api.example.com', '2001:db8::1', 'fc.example.com'].filter(isPrivateHost)).toEqual([]);
    expect(['127.0.0.53', '::1', '::ffff:127.0.0.1'].filter((address) => !isLoopback(address))).toEqual([]);
    expect(['0.0.0.0', '*', '::', '10.0.0.1'].filter(isLoopback)).toEqual([]);
  });

  it('finds the part of a name a team registers', () => {
    expect([siteOf('api.example.com'), siteOf('a.b.example.co.za'), siteOf('example.com')]).toEqual(['example.com', 'example.co.za', 'example.com']);
  });
});
