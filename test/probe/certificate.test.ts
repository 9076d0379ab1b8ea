import { afterAll, expect, test } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { rmSync } from 'node:fs';
import { readCertificate } from '../../src/probe/certificate.js';
import { readChain } from '../../src/site/certificate.js';
import { TestAuthority } from '../support/certificates.js';

const authority = new TestAuthority();
afterAll(() => rmSync(authority.folder, { recursive: true }));

test('a certificate with an empty subject is read: its names alone count', () => {
  const { cert } = authority.selfSigned('', ['subjectAltName=DNS:app.example.com']);
  expect(new X509Certificate(cert).subject).toBeUndefined();
  expect(readCertificate(new X509Certificate(cert).raw, 'app.example.com')).toMatchObject({ subject: 'no name', issuer: 'no name', names: ['app.example.com'], matches: true, selfSigned: true });
  expect(readChain(cert)).toMatchObject({ issuer: 'no name', names: ['app.example.com'], selfSigned: true });
});
