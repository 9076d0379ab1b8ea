import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../support/free-port.js';
import { siteText, startNginx, startService, type Nginx } from '../support/nginx.js';

const ROUTES = 'domains: [www.example.com], routes: { /api: backend }';
let nginx: Nginx;
let service: Server;
let secure: number;
let folder: string;
let services: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-tls-'));
  const [certificate, key] = [join(folder, 'site.pem'), join(folder, 'site.key')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=www.example.com', '-addext', 'subjectAltName=DNS:www.example.com', '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  const port = await freePort();
  service = await startService(port, (request, response) => response.end(JSON.stringify(request.headers)));
  secure = await freePort();
  services = `{ backend: { manager: pm2, start: a, port: ${port}, green-port: ${await freePort()} } }`;
  nginx = await startNginx(services, `{ ${ROUTES}, trusted-proxies: 127.0.0.2, tls: { email: a@example.com, certificate: ${certificate}, key: ${key} } }`, {
    secure: true,
    change: (text) => text.replaceAll('listen 443 ', `listen 127.0.0.1:${secure} `),
  });
  await nginx.release('r1', 'blue');
  await mkdir(join(nginx.root, '.slipway/acme/.well-known/acme-challenge'), { recursive: true });
  await writeFile(join(nginx.root, '.slipway/acme/.well-known/acme-challenge/token'), 'proof');
});
afterAll(async () => {
  await nginx.stop();
  service.close().closeAllConnections();
  await rm(folder, { recursive: true });
});

test('over http everything leads to https, forms too', async () => {
  const page = await nginx.ask('/api/x?y=1');
  expect([page.status, page.headers.location]).toEqual([301, 'https://www.example.com/api/x?y=1']);
  expect(page.headers).not.toHaveProperty('strict-transport-security');
  expect((await nginx.ask('/api/x', { method: 'POST', body: 'a=1' })).status).toBe(308);
});

test('the answer to a certificate authority and the slot stay on http', async () => {
  expect(await nginx.ask('/.well-known/acme-challenge/token')).toMatchObject({ status: 200, body: 'proof' });
  expect((await nginx.ask('/.well-known/acme-challenge/none')).status).toBe(404);
  expect((await nginx.ask('/.slipway/slot')).body).toBe(`blue ${nginx.root}/releases/r1\n`);
});

test('over https the service answers, with HSTS, and is told of https', async () => {
  const [answer] = (await once(get({ host: '127.0.0.1', port: secure, servername: 'www.example.com', path: '/api', headers: { Host: 'www.example.com' }, rejectUnauthorized: false }), 'response')) as [AsyncIterable<Buffer> & { headers: Record<string, string> }];
  let body = '';
  for await (const chunk of answer) body += chunk.toString();
  expect(answer.headers['strict-transport-security']).toBe('max-age=31536000; includeSubDomains');
  expect(JSON.parse(body)).toMatchObject({ 'x-forwarded-proto': 'https', 'x-forwarded-for': '127.0.0.1' });
});

test('HTTP/2 is spoken', async () => {
  const session = connectHttp2(`https://127.0.0.1:${secure}`, { servername: 'www.example.com', rejectUnauthorized: false });
  const stream = session.request({ ':path': '/api', ':authority': 'www.example.com' });
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  expect(headers[':status']).toBe(200);
  session.destroy();
});

test('a load balancer is believed, and nobody else', async () => {
  const plain = await startNginx(services, `{ ${ROUTES}, trusted-proxies: [127.0.0.2, 10.0.0.0/8] }`);
  const told = async (from: string): Promise<unknown> => JSON.parse((await plain.ask('/api', { from, headers: { 'X-Forwarded-For': '203.0.113.7, 10.1.2.3', 'X-Forwarded-Proto': 'https' } })).body);
  try {
    await plain.release('r1', 'blue');
    expect(await told('127.0.0.2')).toMatchObject({ 'x-real-ip': '203.0.113.7', 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https' });
    expect(await told('127.0.0.3')).toMatchObject({ 'x-real-ip': '127.0.0.3', 'x-forwarded-for': '127.0.0.3', 'x-forwarded-proto': 'http' });
    // Whoever comes through it is not on the host.
    expect((await plain.ask('/.slipway/slot', { from: '127.0.0.2', headers: { 'X-Forwarded-For': '203.0.113.7' } })).status).toBe(404);
  } finally {
    await plain.stop();
  }
});

test('nothing of a release is served where no route leads', async () => {
  const plain = await startNginx(services, `{ ${ROUTES} }`);
  try {
    await plain.release('r1', 'blue', { 'package.json': '{}', '.env': 'X=1' });
    for (const path of ['/', '/package.json', '/.env', '/apis']) expect((await plain.ask(path)).status).toBe(404);
  } finally {
    await plain.stop();
  }
});

test('two sites with long names stand side by side', async () => {
  const other = siteText(services, '{ domains: [other.example.com], routes: { /: backend } }', '/srv/other')
    .replaceAll('listen 80;', `listen 127.0.0.1:${await freePort()};`).replace(/^ *listen \[::\].*\n/gm, '').replaceAll('/var/log/nginx/', `${folder}/`)
    .replaceAll('shop_production', `other_${'x'.repeat(15)}`);
  const both = await startNginx(services, `{ ${ROUTES} }`, { more: other });
  await both.stop();
});
