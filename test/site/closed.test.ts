import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { freePort } from '../support/free-port.js';
import { startNginx, startService, type Nginx } from '../support/nginx.js';

let nginx: Nginx;
let service: Server;
const marker = (): string => join(nginx.root, '.slipway/maintenance');

beforeAll(async () => {
  const port = await freePort();
  service = await startService(port, (request, response) => {
    if (request.url === '/api/busy') response.setHeader('Retry-After', '7').statusCode = 503;
    response.end(`the app, ${request.method ?? ''}`);
  });
  nginx = await startNginx(
    `{ backend: { manager: pm2, start: node a.js, port: ${port}, green-port: ${await freePort()} }, pages: { manager: static, directory: public } }`,
    "{ domains: [www.example.com], routes: { /api: backend, /: pages }, headers: { X-Site: shop } }",
  );
});
afterAll(async () => {
  await nginx.stop();
  service.close().closeAllConnections();
});
beforeEach(async () => {
  await nginx.release('20260101T000000Z-aaaaaaa', 'blue', { 'public/index.html': 'home', '../../.slipway/acme/.well-known/acme-challenge/token': 'proof' });
  await rm(marker(), { force: true });
});

describe('a site whose marker is there', () => {
  test('is closed on every route from the next request on, without a reload, and open again when it is gone', async () => {
    expect((await nginx.ask('/')).body).toBe('home');
    await writeFile(marker(), '');
    for (const path of ['/', '/api/x', '/missing', '/a.css']) {
      const { status, headers, body } = await nginx.ask(path);
      expect([path, status, headers['retry-after'], headers['content-type']]).toEqual([path, 503, '120', 'text/html']);
      expect(body).toContain('<h1>Back in a few minutes</h1>');
      expect(headers['x-site']).toBe('shop');
    }
    await rm(marker());
    expect((await nginx.ask('/api/x')).body).toBe('the app, GET');
    expect((await nginx.ask('/')).headers).not.toHaveProperty('retry-after');
  });

  test('lets no form through to the app, and answers it with the page', async () => {
    await writeFile(marker(), '');
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const { status, body, headers } = await nginx.ask('/api/x', { method, body: 'a=b' });
      expect([method, status, headers['retry-after']]).toEqual([method, 503, '120']);
      expect(body).toContain('Back in a few minutes');
    }
    expect(await nginx.ask('/', { method: 'HEAD' })).toMatchObject({ status: 503, body: '' });
  });

  test('answers a client that asks for JSON with JSON, and a browser that takes both with the page', async () => {
    await writeFile(marker(), '');
    const { status, headers, body } = await nginx.ask('/api/x', { headers: { Accept: 'application/json' } });
    expect([status, headers['content-type'], headers['retry-after']]).toEqual([503, 'application/json', '120']);
    expect(JSON.parse(body)).toMatchObject({ error: 'maintenance' });
    expect((await nginx.ask('/', { headers: { Accept: 'text/html,application/json;q=0.9' } })).headers['content-type']).toBe('text/html');
  });

  test("shows the release's own page when it has one", async () => {
    await nginx.release('20260102T000000Z-bbbbbbb', 'blue', { 'maintenance.html': '<p>ours</p>' });
    await writeFile(marker(), '');
    expect(await nginx.ask('/api/x')).toMatchObject({ status: 503, body: '<p>ours</p>' });
    expect((await nginx.ask('/', { method: 'POST' })).status).toBe(503);
  });

  test('still tells the host which slot is live, and answers for certificates', async () => {
    await writeFile(marker(), '');
    expect((await nginx.ask('/.slipway/slot')).body).toBe(`blue ${nginx.root}/releases/20260101T000000Z-aaaaaaa\n`);
    expect((await nginx.ask('/.well-known/acme-challenge/token')).body).toBe('proof');
    expect((await nginx.ask('/.slipway/slot/x')).status).toBe(503);
  });
});

test('a 503 of the app is its own', async () => {
  await nginx.release('20260103T000000Z-ccccccc', 'blue');
  const { status, headers, body } = await nginx.ask('/api/busy');
  expect([status, headers['retry-after'], body]).toEqual([503, '7', 'the app, GET']);
});
