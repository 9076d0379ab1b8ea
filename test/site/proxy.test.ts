import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createServer as createTcp, connect, type Server as TcpServer } from 'node:net';
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { until } from '../ssh/support.js';
import { freePort } from '../support/free-port.js';
import { startNginx, startService, type Nginx } from '../support/nginx.js';

let nginx: Nginx;
let blue: Server;
let green: Server;
let ports: { blue: number; green: number; dead: number; deadGreen: number };

/** What a service says of a request it got; paths say what else it does. */
const service = (slot: string) => (request: IncomingMessage, response: ServerResponse): void => {
  const { url = '' } = request;
  if (url.startsWith('/own-header')) response.setHeader('X-Frame-Options', 'DENY').setHeader('Strict-Transport-Security', 'max-age=1').setHeader('X-Site', 'service');
  if (url.startsWith('/static/')) response.setHeader('Cache-Control', 'no-cache');
  if (url.startsWith('/missing')) response.statusCode = 404;
  if (url.startsWith('/big')) response.setHeader('Content-Type', 'application/json').end(JSON.stringify('x'.repeat(5000)));
  else if (url.startsWith('/long-head')) response.setHeader('Set-Cookie', Array.from({ length: 10 }, (_, index) => `c${index}=${'x'.repeat(1000)}`)).end('ok');
  else if (url.startsWith('/slow')) setTimeout(() => response.end('slow'), 400);
  else response.end(JSON.stringify({ slot, url, method: request.method, headers: request.headers }));
};

beforeAll(async () => {
  ports = { blue: await freePort(), green: await freePort(), dead: await freePort(), deadGreen: await freePort() };
  blue = await startService(ports.blue, service('blue'));
  green = await startService(ports.green, service('green'));
  for (const server of [blue, green]) {
    server.on('upgrade', (request, socket) => {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${request.headers.upgrade ?? ''}\r\nConnection: ${request.headers.connection ?? ''}\r\n\r\n`);
      socket.on('error', () => undefined).pipe(socket);
    });
  }
  nginx = await startNginx(
    `{ backend: { manager: pm2, start: node a.js, port: ${ports.blue}, green-port: ${ports.green} }, dead: { manager: pm2, start: a, port: ${ports.dead}, green-port: ${ports.deadGreen} } }`,
    `{ domains: [www.example.com, api.example.com], upload: 1KB,
       routes: { /: backend, /api: { service: backend, upload: 3KB }, /limited: { service: backend, limit: tight }, /quiet: { service: backend, log: false },
                 /slow: { service: backend, timeout: 100ms }, /dead: dead, api.example.com/: dead, api.example.com/api: backend },
       cache: { /static: 30d }, limits: { tight: { rate: 1/m, burst: 2 } },
       headers: { X-Site: 'quo"ted \\ {value};' }, content-security-policy: "default-src 'self'; img-src *" }`,
  );
});
afterAll(async () => {
  await nginx.stop();
  blue.close().closeAllConnections();
  green.close().closeAllConnections();
});
beforeEach(() => nginx.release('20260101T000000Z-aaaaaaa', 'blue'));

const slotOf = async (path: string, host?: string): Promise<unknown> => {
  const { status, body } = await nginx.ask(path, host === undefined ? {} : { host });
  return status === 200 ? (JSON.parse(body) as { slot: string }).slot : status;
};

describe('the slot', () => {
  test('is the one whose marker the live release carries, and a rename moves all routes at once', async () => {
    expect(await slotOf('/')).toBe('blue');
    await nginx.release('20260102T000000Z-bbbbbbb', 'green');
    expect([await slotOf('/'), await slotOf('/api/x'), await slotOf('/api/x', 'api.example.com')]).toEqual(['green', 'green', 'green']);
    await nginx.release('20260101T000000Z-aaaaaaa', 'blue');
    expect(await slotOf('/')).toBe('blue');
  });

  test('that cannot be told is an error, never a guess', async () => {
    await nginx.release('20260103T000000Z-ccccccc', '');
    const answer = await nginx.ask('/');
    expect(answer).toMatchObject({ status: 503, body: 'No release is live here, or nginx cannot see it.\n' });
    expect(answer.headers['content-type']).toMatch(/^text\/plain/);
  });

  test('is told on the host alone, with the release', async () => {
    expect((await nginx.ask('/.slipway/slot')).body).toBe(`blue ${nginx.root}/releases/20260101T000000Z-aaaaaaa\n`);
    expect((await nginx.ask('/.slipway/slot', { host: 'api.example.com' })).status).toBe(200);
  });

  test('loses no request while it changes again and again', async () => {
    const wrong: unknown[] = [];
    let done = false;
    const users = Array.from({ length: 8 }, async () => {
      while (!done) {
        const { status } = await nginx.ask('/');
        if (status !== 200) wrong.push(status);
      }
    });
    for (let round = 0; round < 150; round += 1) await nginx.release(`r-${round % 2}`, round % 2 === 0 ? 'green' : 'blue');
    done = true;
    await Promise.all(users);
    expect(wrong).toEqual([]);
  });
});

describe('a request to a service', () => {
  const seen = async (path: string, options = {}): Promise<{ url: string; method: string; headers: Record<string, string> }> =>
    JSON.parse((await nginx.ask(path, options)).body) as { url: string; method: string; headers: Record<string, string> };

  test('arrives as it was sent: path, query, escapes', async () => {
    for (const path of ['/api', '/api/', '/api/a%20b/%2F?x=1&y=%22', '/', '//twice']) expect((await seen(path)).url).toBe(path);
  });

  test('says who asks, for what and how; what the client claims to be is not believed', async () => {
    const { headers } = await seen('/', { headers: { 'X-Forwarded-For': '8.8.8.8', 'X-Forwarded-Proto': 'https', 'X-Real-IP': '8.8.8.8', Proxy: 'http://evil' } });
    expect(headers).toMatchObject({ host: 'www.example.com', 'x-real-ip': '127.0.0.1', 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http', 'x-forwarded-host': 'www.example.com' });
    expect(headers).not.toHaveProperty('proxy');
    expect(headers).not.toHaveProperty('connection', 'close');
    expect(headers).not.toHaveProperty('upgrade');
  });

  test('goes by the longest path, and by the domain', async () => {
    expect(await slotOf('/apis')).toBe('blue');
    expect(await slotOf('/dead/x')).toBe(502);
    expect(await slotOf('/', 'api.example.com')).toBe(502);
    expect(await slotOf('/api', 'api.example.com')).toBe('blue');
  });

  test('may hold as much as its route takes', async () => {
    const send = async (path: string, size: number): Promise<number> => (await nginx.ask(path, { method: 'POST', body: 'x'.repeat(size) })).status;
    expect([await send('/', 1000), await send('/', 1001), await send('/api/x', 3000), await send('/api', 3001)]).toEqual([200, 413, 200, 413]);
  });

  test('beyond the rate of its route is answered with 429', async () => {
    const statuses = [];
    for (let count = 0; count < 5; count += 1) statuses.push((await nginx.ask('/limited/x')).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    expect((await nginx.ask('/')).status).toBe(200);
  });

  test('that the service leaves unanswered ends with 504', async () => {
    expect((await nginx.ask('/slow')).status).toBe(504);
  });

  test('becomes a websocket', async () => {
    const socket = connect(nginx.port, '127.0.0.1');
    socket.write('GET /live HTTP/1.1\r\nHost: www.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    const [head] = (await once(socket, 'data')) as [Buffer];
    expect(head.toString()).toMatch(/^HTTP\/1.1 101 [^]*upgrade: websocket/i);
    socket.write('ping');
    expect(String((await once(socket, 'data'))[0])).toBe('ping');
    socket.destroy();
  });

  test('meets heads of answers that are longer than nginx takes by itself', async () => {
    expect((await nginx.ask('/long-head')).status).toBe(200);
  });
});

describe('an answer', () => {
  const security = { 'x-frame-options': 'SAMEORIGIN', 'x-content-type-options': 'nosniff', 'referrer-policy': 'strict-origin-when-cross-origin', 'x-xss-protection': '1; mode=block', 'content-security-policy': "default-src 'self'; img-src *", 'x-site': 'quo"ted \\ {value};' };

  test.each([['/', 200], ['/missing', 404], ['/dead', 502], ['/static/missing', 200]])('of %s (%i) has the security headers', async (path, status) => {
    const answer = await nginx.ask(path);
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject(security);
    expect(answer.headers).not.toHaveProperty('strict-transport-security');
    expect(answer.headers['server']).toBe('nginx');
  });

  test('of too much, of too many and of no release has them too', async () => {
    expect((await nginx.ask('/', { method: 'POST', body: 'x'.repeat(2000) })).headers).toMatchObject(security);
    await nginx.release('20260103T000000Z-ccccccc', '');
    expect((await nginx.ask('/')).headers).toMatchObject(security);
  });

  test("keeps the service's own header where the site names none, else has the site's", async () => {
    expect((await nginx.ask('/own-header')).headers).toMatchObject({ 'x-frame-options': 'DENY', 'x-site': 'quo"ted \\ {value};' });
  });

  test('below a cached folder may be kept, whatever the service says', async () => {
    expect((await nginx.ask('/static/a.js')).headers['cache-control']).toBe('public, max-age=2592000, immutable');
    expect((await nginx.ask('/a.js')).headers).not.toHaveProperty('cache-control');
  });

  test('is compressed for who can read that', async () => {
    expect((await nginx.ask('/big', { headers: { 'Accept-Encoding': 'gzip' } })).headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
    expect((await nginx.ask('/big')).headers).not.toHaveProperty('content-encoding');
  });
});

test('the access log has a line of JSON for each request, with times, slot and release', async () => {
  await nginx.ask('/log?q="a"\\', { headers: { 'User-Agent': 'say "hi"\u00e9' } });
  await nginx.ask('/quiet');
  await nginx.ask('/.slipway/slot');
  await nginx.ask('/after');
  // A line is written behind its answer.
  const of = (uri: string, lines: Record<string, unknown>[]): number => lines.findIndex((line) => line['uri'] === uri);
  await until(async () => of('/after', await nginx.log()) >= 0);
  const lines = await nginx.log();
  expect(lines[of('/after', lines) - 1]).toMatchObject({
    host: 'www.example.com', method: 'GET', uri: '/log?q="a"\\', status: 200, bytes: expect.any(Number), request_time: expect.any(Number),
    upstream: `127.0.0.1:${ports.blue}`, upstream_time: expect.stringMatching(/^\d+\.\d+$/), slot: 'blue', release: '20260101T000000Z-aaaaaaa', time: expect.stringMatching(/^\d{4}-/),
  });
});

test('a form that a service dropped is not sent a second time', async () => {
  const got: string[] = [];
  const port = await freePort();
  const tcp: TcpServer = createTcp((socket) => socket.on('error', () => undefined).on('data', (chunk) => {
    const line = chunk.toString().split('\r\n')[0] ?? '';
    got.push(line);
    // The first answer on a connection is given, the second question meets a closed door.
    if (line.includes('/first')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    else socket.destroy();
  })).listen(port, '127.0.0.1');
  const other = await startNginx(`{ backend: { manager: pm2, start: a, port: ${port}, green-port: ${await freePort()} } }`, '{ domains: [www.example.com], routes: { /: backend } }');
  try {
    await other.release('r1', 'blue');
    await other.ask('/first');
    expect((await other.ask('/form', { method: 'POST', body: 'a=1' })).status).toBe(502);
    expect(got.filter((line) => line.startsWith('POST'))).toEqual(['POST /form HTTP/1.1']);
    await other.ask('/first');
    expect((await other.ask('/page')).status).toBe(502);
    expect(got.filter((line) => line.includes('/page')).length).toBe(2);
  } finally {
    await other.stop();
    tcp.close();
  }
});
