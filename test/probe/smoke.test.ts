import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { planSmoke } from '../../src/probe/plan.js';
import { runScenario, runSmoke } from '../../src/probe/scenario.js';
import { until } from '../ssh/support.js';
import { listen, scenarios } from './scenarios.js';
import { json, makeCertificate, startServer, type TestServer } from './server.js';

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ';
const LOREM = 'lorem ipsum dolor sit amet '.repeat(400);

let folder: string;
let server: TestServer;
let flaky = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-smoke-'));
  server = await startServer({
    'GET /health': (_, response) => json(response, 200, { status: 'ok', release: '20261121T002714Z-3f9c2ab', checks: [{ up: true }, { up: true }], load: 0.5 },
      { 'x-frame-options': 'DENY', 'x-release': '20261121T002714Z-3f9c2ab' }),
    'POST /api/login': ({ body, headers }, response) => {
      const { email, password } = JSON.parse(body.toString()) as { email: string; password: string };
      if (headers['x-tenant-code'] !== 'DEMO' || email !== 'smoke@example.com' || password !== 'right-password') json(response, 401, { error: 'no' });
      else json(response, 200, { token: JWT, user: { id: 7 } }, { 'set-cookie': ['sid=cookie-value-1; Path=/; HttpOnly', 'theme=dark'] });
    },
    'GET /api/me': ({ headers }, response) => headers.authorization === `Bearer ${JWT}` ? json(response, 200, { id: 7, name: 'Smoke' }) : json(response, 403, {}),
    'GET /api/users/7': (_, response) => json(response, 200, { id: 7 }),
    'GET /session': ({ headers }, response) => json(response, headers.cookie?.includes('sid=cookie-value-1') === true ? 200 : 401, {}),
    'POST /default-login': (_, response) => json(response, 200, { access_token: 'plain-value-of-a-token', hint: 'welcome' }),
    'GET /flaky': (_, response) => {
      flaky += 1;
      json(response, flaky < 3 ? 503 : 200, {});
    },
    'GET /slow': (_, response) => void setTimeout(() => response.end('late'), 300),
    'GET /silent': () => undefined,
    'GET /trickle': (_, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.write('begun');
    },
    'GET /broken': (_, response) => {
      response.writeHead(200, { 'transfer-encoding': 'chunked' });
      response.write('part of it', () => response.destroy());
    },
    'GET /not-chunked': (_, response) => {
      response.socket?.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz not a length\r\n');
    },
    'GET /loop': (_, response) => response.writeHead(302, { location: '/loop' }).end(),
    'GET /old': (_, response) => response.writeHead(301, { location: '/middle?token=abcdefgh1234' }).end(),
    'GET /middle': (_, response) => response.writeHead(302, { location: '/health' }).end(),
    'POST /after-post': (_, response) => response.writeHead(303, { location: '/method' }).end(),
    'POST /keep-method': (_, response) => response.writeHead(307, { location: '/method' }).end(),
    'GET /method': ({ method, body }, response) => json(response, 200, { method, body: body.toString() }),
    'POST /method': ({ method, body }, response) => json(response, 200, { method, body: body.toString() }),
    'GET /gzip': (_, response) => response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'text/plain' }).end(gzipSync(LOREM)),
    'GET /br': (_, response) => response.writeHead(200, { 'content-encoding': 'br' }).end(brotliCompressSync(LOREM)),
    'GET /deflate': (_, response) => response.writeHead(200, { 'content-encoding': 'deflate' }).end(deflateSync(LOREM)),
    'GET /deflate-raw': (_, response) => response.writeHead(200, { 'content-encoding': 'deflate' }).end(deflateRawSync(LOREM)),
    'GET /not-gzip': (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(LOREM),
    'HEAD /gzip': (_, response) => response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': '99' }).end(),
    'GET /empty': (_, response) => response.writeHead(204, { 'content-encoding': 'gzip' }).end(),
    'GET /large': (_, response) => response.writeHead(200).end(Buffer.alloc(3_000_000, 'a')),
    'POST /upload': ({ headers, body }, response) => json(response, 201, { type: headers['content-type'], length: headers['content-length'], body: body.toString('latin1') }),
    'POST /form': ({ headers, body }, response) => json(response, 200, { type: headers['content-type'], body: body.toString() }),
    'GET /page': (_, response) => response.writeHead(200, { 'content-type': 'text/html; charset=iso-8859-1' })
      .end(Buffer.from('<title>Grüße</title><input name="csrf" value="csrf-abc-123">', 'latin1')),
    'DELETE /item': ({ headers }, response) => response.writeHead(headers['x-csrf'] === 'csrf-abc-123' ? 204 : 403).end(),
    'GET /private': ({ headers }, response) => response.writeHead(headers.authorization === 'Basic dTpwQHNz' ? 200 : 401).end('in'),
  });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  server.received.length = 0;
  flaky = 0;
});

/** Runs scenarios against the server and gives back records, log and more. */
async function smoke(text: string, variables: Record<string, string> = {}, more: Parameters<typeof listen>[2] = {}) {
  const heard = listen(server.url, variables, more);
  const records = await runSmoke(scenarios(text), heard.context);
  return { records, record: records[0], ...heard };
}

describe('a request', () => {
  test('passes when everything it expects holds, and leaves one record with times', async () => {
    const { record, ledger, log } = await smoke(`- name: Health of the API
  get: /health
  expect:
    status: 200
    type: application/json
    within: 5s
    size: "< 1KB"
    headers: { X-Frame-Options: DENY, X-Powered-By: { absent: true }, Content-Type: { matches: json } }
    json: { $.status: ok, "$.checks[*].up": true, $.checks: { length: ">= 1", type: array }, $.load: { min: 0, max: 1 }, $.error: { absent: true } }
    text: { contains: [ok], absent: [stack, Exception], matches: ['"release":\\s*"2026'] }
    release: $.release`, {}, { release: '20261121T002714Z-3f9c2ab' });
    expect(record).toMatchObject({
      id: 'smoke.health-of-the-api.get-health', phase: 'smoke', title: 'Health of the API', subject: `${server.url}/health`, status: 'pass',
      data: { method: 'GET', httpStatus: 200, tries: 1 },
    });
    expect(record?.observed).toMatch(/^status 200, \d+ B in \d/);
    expect(record?.data?.['responseTime']).toEqual(expect.any(Number));
    expect(record?.duration).toBeGreaterThanOrEqual(0);
    expect(ledger.records).toEqual([record]);
    expect(log()).toContain('✓ Health of the API: status 200');
  });

  test('says expected and observed of each expectation that failed, with the beginning of the body', async () => {
    const { record, log } = await smoke(`- name: health
  get: /health
  expect:
    status: [201, 204]
    type: text/html
    within: 0ms
    size: "> 1MB"
    headers: { X-Frame-Options: SAMEORIGIN, X-Missing: { matches: a } }
    json: { $.status: fine, $.nothing: { exists: true }, "$.checks": { length: 5 }, $.load: "0.5" }
    text: { contains: missing-word, absent: [ok], matches: ["^never$"] }
    release: header:X-Release`.replace('contains: missing-word', 'contains: [missing-word]').replace('within: 0ms', 'within: 1ms'), {}, { release: '20261122T000000Z-aaaaaaa' });
    expect(record?.status).toBe('fail');
    expect(record?.expected?.split('\n').filter((line) => !line.startsWith('answer within'))).toEqual([
      'status 201 or 204', 'content type text/html', 'X-Frame-Options: SAMEORIGIN', 'X-Missing matches /a/',
      'release 20261122T000000Z-aaaaaaa answers (header:X-Release)', '$.status = "fine"', '$.nothing is there', '$.checks of length = 5', '$.load = "0.5"',
      'body contains “missing-word”', 'body without “ok”', 'body matches /^never$/', 'body > 1MB',
    ]);
    for (const line of ['status 200 OK', 'content type application/json', 'X-Frame-Options: DENY', 'X-Missing is absent', 'release 20261121T002714Z-3f9c2ab answers',
      '$.status is "ok"', '$.nothing is absent', '(length 2)', '$.load is 0.5', '“missing-word” is not in the body', 'body: {"status":"ok"']) {
      expect(record?.observed).toContain(line);
    }
    expect(record?.remedy).toBeDefined();
    expect(log()).toContain('✗ health');
  });

  test('must be answered with 2xx when nothing is said about the status', async () => {
    const { records } = await smoke('- get: /nothing\n- { get: /nothing, expect: { not-status: 5xx } }\n- { get: /nothing, expect: { status: 4xx } }');
    expect(records.map(({ status }) => status)).toEqual(['fail', 'pass', 'pass']);
    expect(records[0]).toMatchObject({ expected: 'status 2xx', observed: 'status 404 Not Found\nbody: not found' });
  });

  test('compares the release only when it is known', async () => {
    const { record } = await smoke('- { get: /health, expect: { release: $.release } }');
    expect(record?.status).toBe('pass');
  });

  test('fails on a bad JSONPath and on a body that is not JSON, in words', async () => {
    const { records } = await smoke('- { get: /health, expect: { json: { "$.[": 1 } } }\n- { get: /page, expect: { json: { $.a: 1 } } }');
    expect(records[0]?.observed).toContain('$.[ is not a JSONPath');
    expect(records[1]?.observed).toContain('a body that is not JSON (text/html)');
  });

  test('reads the charset of a page', async () => {
    const { record } = await smoke('- { get: /page, expect: { text: Grüße } }');
    expect(record?.status).toBe('pass');
  });
});

describe('a chain of steps', () => {
  const CHAIN = `- name: user
  steps:
    - name: log in
      post: /api/login
      headers: { X-Tenant-Code: $TENANT }
      json: { email: $EMAIL, password: "\${PASSWORD}" }
      capture: { token: $.token, id: $.user.id, sid: "cookie:sid" }
    - name: me
      get: /api/me
      headers: { Authorization: Bearer $token }
      expect: { json: { $.id: 7 } }
    - get: /api/users/$id
    - get: /session`;
  const VARIABLES = { TENANT: 'DEMO', EMAIL: 'smoke@example.com', PASSWORD: 'right-password', id: 'from the environment' };

  test('shares captures and cookies, captures winning over variables', async () => {
    const { records } = await smoke(CHAIN, VARIABLES);
    expect(records.map(({ id, status }) => [id, status])).toEqual([
      ['smoke.user.log-in', 'pass'], ['smoke.user.me', 'pass'], ['smoke.user.get-api-users-id', 'pass'], ['smoke.user.get-session', 'pass'],
    ]);
    expect(server.received.map(({ url }) => url)).toEqual(['/api/login', '/api/me', '/api/users/7', '/session']);
  });

  test('masks captured tokens from then on', async () => {
    const { redactor } = await smoke(CHAIN, VARIABLES);
    expect(redactor.redact(`${JWT} cookie-value-1 7`)).toBe('*** *** 7');
  });

  test('skips the rest after a failed step', async () => {
    const { records, ledger } = await smoke(CHAIN, { ...VARIABLES, PASSWORD: 'wrong' });
    expect(records.map(({ status }) => status)).toEqual(['fail', 'skip', 'skip', 'skip']);
    expect(records[0]?.remedy).toContain('credentials');
    expect(server.received).toHaveLength(1);
    expect(ledger.records).toHaveLength(4);
  });

  test('uses a header and a part of the text of earlier answers', async () => {
    const { records } = await smoke(`- name: item
  steps:
    - get: /page
      capture: { csrf: 'regex:/name="csrf" value="([^"]+)"/', type: "header:Content-Type" }
    - delete: /item
      headers: { X-CSRF: $csrf }
      expect: { status: 204 }`);
    expect(records.map(({ status }) => status)).toEqual(['pass', 'pass']);
  });

  test('fails where a capture finds nothing', async () => {
    const { record } = await smoke('- { get: /health, capture: { token: $.token, other: "cookie:none" } }');
    expect(record).toMatchObject({ status: 'fail', expected: 'a value for token\na value for other', observed: '$.token found nothing\ncookie:none found nothing' });
  });

  test('gives captures, but no cookies, to later scenarios', async () => {
    const { records } = await smoke(`- name: login
  post: /api/login
  headers: { X-Tenant-Code: DEMO }
  json: { email: smoke@example.com, password: $PASSWORD }
  capture: { token: $.token }
- name: me
  get: /api/me
  headers: { Authorization: Bearer $token }
- { name: session, get: /session, expect: { status: 401 } }`, VARIABLES);
    expect(records.map(({ status }) => status)).toEqual(['pass', 'pass', 'pass']);
  });

  test('names a variable without a value and sends nothing', async () => {
    const { records } = await smoke('- { name: me, get: /api/me, headers: { Authorization: Bearer $token }, retries: 3 }\n- get: /health');
    expect(records.map(({ status }) => status)).toEqual(['fail', 'pass']);
    expect(records[0]?.observed).toContain('smoke me: headers: the variable `token` has no value');
    expect(server.received).toHaveLength(1);
  });
});

describe('a negative expectation', () => {
  test('passes when default credentials are refused', async () => {
    const { record } = await smoke('- { name: no default login, post: /api/login, json: { email: admin@example.com, password: admin }, expect: { status: [401, 403] } }');
    expect(record?.status).toBe('pass');
  });

  test('fails when they are accepted, says what to do and shows no token', async () => {
    const { record, ledger, log } = await smoke('- { name: no default login, post: /default-login, json: { email: admin, password: admin }, expect: { status: [401, 403] } }');
    expect(record).toMatchObject({ status: 'fail', remedy: expect.stringContaining('accepted what it must refuse') });
    expect(record?.observed).toContain('welcome');
    expect(JSON.stringify(ledger.records) + log()).not.toContain('plain-value');
  });
});

describe('retries', () => {
  test('are made only where asked, and the evidence counts them', async () => {
    const { record, log } = await smoke('- { get: /flaky, retries: 4, retry-delay: 10ms }');
    expect(record).toMatchObject({ status: 'pass', data: { tries: 3 } });
    expect(record?.observed).toContain('passed on try 3 of 5');
    expect(log()).toContain('try 2 of 5 in 10 ms');
  });

  test('end with the last try', async () => {
    const { record, records } = await smoke('- { get: /flaky, retries: 1, retry-delay: 10ms }');
    expect(records).toHaveLength(1);
    expect(record).toMatchObject({ status: 'fail', data: { tries: 2 } });
    expect(record?.observed).toContain('failed on try 2 of 2');
  });

  test('are none by default', async () => {
    await smoke('- get: /flaky');
    expect(server.received).toHaveLength(1);
  });

  test('start the scenario from its beginning, without its cookies', async () => {
    await smoke(`- name: login and more
  retries: 1
  retry-delay: 10ms
  steps:
    - post: /api/login
      headers: { X-Tenant-Code: DEMO }
      json: { email: smoke@example.com, password: right-password }
    - get: /nothing`);
    expect(server.received.map(({ url }) => url)).toEqual(['/api/login', '/nothing', '/api/login', '/nothing']);
    expect(server.received[2]?.headers.cookie).toBeUndefined();
  });
});

describe('redirects', () => {
  test('are not followed unless asked, and shown', async () => {
    const { record } = await smoke('- get: /old');
    expect(record).toMatchObject({ status: 'fail', remedy: expect.stringContaining('redirects: 1') });
    expect(record?.observed).toBe(`status 301 Moved Permanently → ${server.url}/middle?token=***`);
  });

  test('are followed as often as allowed, each shown without what looks like a key', async () => {
    const { record } = await smoke('- { get: /old, redirects: 2 }');
    expect(record?.status).toBe('pass');
    expect(record?.data?.['redirects']).toEqual([
      { status: 301, from: `${server.url}/old`, to: `${server.url}/middle?token=***` }, { status: 302, from: `${server.url}/middle?token=***`, to: `${server.url}/health` },
    ]);
  });

  test('end in a loop with the last answer', async () => {
    const { record } = await smoke('- { get: /loop, redirects: 5 }');
    expect(record?.status).toBe('fail');
    expect(server.received).toHaveLength(6);
  });

  test('turn a POST into a GET or repeat it, as the status says', async () => {
    const { records } = await smoke(`- { post: /after-post, body: hello, redirects: 1, expect: { json: { $.method: GET, $.body: "" } } }
- { post: /keep-method, body: hello, redirects: 1, expect: { json: { $.method: POST, $.body: hello } } }`);
    expect(records.map(({ status }) => status)).toEqual(['pass', 'pass']);
  });

  test('take no credentials to another origin', async () => {
    const other = await startServer({ 'GET /': (_, response) => void response.end('other') });
    const origin = await startServer({ 'GET /': (_, response) => void response.writeHead(302, { location: other.url }).end() });
    const { context } = listen(origin.url);
    await runSmoke(scenarios('- { get: /, redirects: 1, headers: { Authorization: Bearer abcdefgh, Cookie: a=b, X-Other: c } }'), context);
    expect(other.received[0]?.headers).toMatchObject({ 'x-other': 'c' });
    expect(Object.keys(other.received[0]?.headers ?? {})).not.toEqual(expect.arrayContaining(['authorization']));
    expect(other.received[0]?.headers.cookie).toBeUndefined();
    await other.close();
    await origin.close();
  });
});

describe('bodies', () => {
  test('are sent as forms', async () => {
    const { record } = await smoke('- { post: /form, form: { a: "1 & 2", b: $B }, expect: { json: { $.type: application/x-www-form-urlencoded, $.body: a=1+%26+2&b=%C3%BC } } }', { B: 'ü' });
    expect(record?.observed).toMatch(/^status 200/);
  });

  test('are uploaded byte for byte as multipart, with their length', async () => {
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256));
    writeFileSync(join(folder, 'a "b".png'), bytes);
    const { record } = await smoke(`- name: upload
  post: /upload
  upload: { field: logo, file: 'a "b".png', fields: { tenant: $TENANT } }
  expect: { status: 201 }`, { TENANT: 'DEMO' }, { cwd: folder });
    expect(record?.status).toBe('pass');
    const { headers, body } = server.received[0] ?? { headers: {}, body: Buffer.alloc(0) };
    const boundary = /^multipart\/form-data; boundary=(.+)$/.exec(headers['content-type'] ?? '')?.[1] ?? '';
    expect(headers['content-length']).toBe(String(body.length));
    expect(headers['transfer-encoding']).toBeUndefined();
    expect(body).toEqual(Buffer.concat([
      Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="tenant"\r\n\r\nDEMO\r\n`),
      Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="logo"; filename="a %22b%22.png"\r\nContent-Type: image/png\r\n\r\n`),
      bytes, Buffer.from(`\r\n--${boundary}--\r\n`),
    ]));
  });

  test('say which file is missing', async () => {
    const { record } = await smoke('- { post: /upload, upload: { file: nowhere.png } }');
    expect(record?.observed).toBe('The file to upload, nowhere.png, does not exist.');
  });

  test.each(['gzip', 'br', 'deflate', 'deflate-raw'])('are unpacked from %s', async (encoding) => {
    const { record } = await smoke(`- { get: /${encoding}, expect: { text: lorem ipsum, size: "= 10800" } }`);
    expect(record?.observed).toMatch(/^status 200, 10.8 kB/);
  });

  test('that are not there need no unpacking', async () => {
    const { records } = await smoke('- head: /gzip\n- get: /empty');
    expect(records.map(({ observed }) => observed)).toEqual([expect.stringMatching(/^status 200, 0 B/), expect.stringMatching(/^status 204, 0 B/)]);
  });

  test('that a server refuses half-way leave its answer readable', async () => {
    const strict = createHttpServer((request, response) => {
      request.once('data', () => {
        request.pause();
        response.writeHead(413, { connection: 'close' }).end('too large');
      });
    });
    await new Promise<void>((resolve) => strict.listen(0, '127.0.0.1', resolve));
    writeFileSync(join(folder, 'large.bin'), Buffer.alloc(20_000_000));
    const { record } = await smoke(`- { post: "http://127.0.0.1:${(strict.address() as AddressInfo).port}/", upload: { file: large.bin }, expect: { status: 413 } }`, {}, { cwd: folder });
    expect(record?.observed).toMatch(/^status 413/);
    strict.closeAllConnections();
    await new Promise((resolve) => strict.close(resolve));
  });

  test('that are not compressed as they say are explained', async () => {
    const { record } = await smoke('- get: /not-gzip');
    expect(record?.observed).toContain('is not compressed as its Content-Encoding says');
  });

  test('beyond the limit are not read, and what cannot be known does not pass', async () => {
    const http = { bodyLimit: 1_000_000 };
    const { records } = await smoke(`- { get: /large, expect: { size: "> 500KB", text: aaa } }
- { get: /large, expect: { size: "< 2MB" } }
- { get: /large, expect: { text: { absent: [b] } } }`, {}, { http });
    expect(records.map(({ status }) => status)).toEqual(['pass', 'fail', 'fail']);
    expect(records[1]?.observed).toContain('body of more than 1 MB');
  });
});

describe('what brings no answer', () => {
  test('is explained: nothing listens', async () => {
    const free = createServer();
    await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    const { record } = await smoke(`- get: http://127.0.0.1:${port}/x`);
    expect(record).toMatchObject({ status: 'fail', expected: 'an answer', observed: `127.0.0.1:${port} refused the connection: nothing listens there` });
    expect(record?.remedy).toBeDefined();
  });

  test('is explained: no such name', async () => {
    const { record } = await smoke('- get: http://nothing.invalid/');
    expect(record?.observed).toMatch(/^the name of nothing\.invalid:80 (is not in the DNS|could not be looked up)/);
  });

  test.each([
    ['/silent', '200ms', 'no answer within 200 ms'], ['/trickle', '2s', 'the body was not complete within 2 s'],
    ['/broken', '20s', 'closed the connection before the body was complete'], ['/not-chunked', '20s', 'sent a body that is not valid HTTP'],
  ])('is explained: %s', async (path, timeout, words) => {
    const { record } = await smoke(`- { get: ${path}, timeout: ${timeout} }`);
    expect(record?.status).toBe('fail');
    expect(record?.observed).toContain(words);
  });

  test('is explained: the answer is too late for `within`, though it came', async () => {
    const { record } = await smoke('- { get: /slow, expect: { within: 100ms, text: late } }');
    expect(record).toMatchObject({ status: 'fail', expected: 'answer within 100 ms', observed: expect.stringMatching(/^answer after ([3-9]\d\d ms|[\d.]+ s)/) });
  });

  test('is explained: another protocol', async () => {
    const ssh = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.resume();
      socket.end('SSH-2.0-OpenSSH_9.2\r\n');
    });
    await new Promise<void>((resolve) => ssh.listen(0, '127.0.0.1', resolve));
    const { port } = ssh.address() as AddressInfo;
    const { records } = await smoke(`- get: http://127.0.0.1:${port}/\n- get: https://127.0.0.1:${port}/\n- get: https://127.0.0.1:${server.port}/health`);
    expect(records[0]?.observed).toContain('did not answer in HTTP');
    expect(records[1]?.observed).toContain('does not speak TLS');
    expect(records[2]?.observed).toContain('does not speak TLS');
    await new Promise((resolve) => ssh.close(resolve));
  });

  test('is explained: a line break in a header that came from a variable, without its value', async () => {
    const { record } = await smoke('- { get: /health, headers: { X-Key: $KEY } }', { KEY: 'first-line\nsecond-line' });
    expect(record?.observed).toContain('x-key');
    expect(JSON.stringify(record)).not.toContain('second-line');
  });

  test('is explained: an environment without a URL', async () => {
    const { context } = listen(undefined);
    const [record] = await runSmoke(scenarios('- get: /health'), context);
    expect(record?.observed).toBe("/health needs the environment's url.");
  });

  test('is explained: the run was cancelled, and nothing is tried again', async () => {
    const controller = new AbortController();
    const running = smoke('- { get: /silent, retries: 5, retry-delay: 10s }\n- get: /health', {}, { signal: controller.signal });
    await until(() => server.received.length > 0);
    controller.abort();
    const { records } = await running;
    expect(records.map(({ status, observed }) => [status, observed])).toEqual([['fail', 'cancelled'], ['fail', 'cancelled']]);
    expect(server.received).toHaveLength(1);
  });
});

describe('over TLS', () => {
  let secure: TestServer;
  let ca: string;
  beforeAll(async () => {
    const pair = makeCertificate(folder, 'ss.example.com');
    ca = pair.cert;
    secure = await startServer({ 'GET /': ({ headers }, response) => json(response, 200, { host: headers.host }) }, pair);
  });
  afterAll(() => secure.close());

  const run = async (text: string, http: NonNullable<Parameters<typeof listen>[2]>['http']) => {
    const { context } = listen('https://ss.example.com', {}, { http });
    return (await runSmoke(scenarios(text), context))[0];
  };

  test('a name can be sent to an address: Host header and certificate stay those of the name', async () => {
    const record = await run('- { get: /, expect: { json: { $.host: ss.example.com } } }', { ca, connectTo: { 'ss.example.com': { address: '127.0.0.1', port: secure.port } } });
    expect(record?.observed).toMatch(/^status 200/);
  });

  test('a certificate nobody vouches for is refused and explained', async () => {
    const record = await run('- get: /', { connectTo: { 'ss.example.com': { address: '127.0.0.1', port: secure.port } } });
    expect(record?.observed).toBe('the certificate of ss.example.com:443 is signed by itself, so nobody vouches for it');
  });

  test('a certificate for another name is refused and names what it is for', async () => {
    const record = await run('- get: https://www.example.com/', { ca, connectTo: { 'www.example.com': { address: '127.0.0.1', port: secure.port } } });
    expect(record?.observed).toBe('the certificate of www.example.com:443 is for other names: ss.example.com');
  });
});

test('credentials in a URL are sent and never shown', async () => {
  const { records, log } = await smoke(`- get: ${server.url.replace('//', '//u:p%40ss@')}/private`);
  expect(records[0]?.status).toBe('pass');
  expect(JSON.stringify(records) + log()).not.toContain('p%40ss');
});

test('a path goes below the path of the environment\'s URL', async () => {
  const { context } = listen(`${server.url}/api/`);
  const records = await runScenario(scenarios('- get: /users/7')[0]!, context);
  expect(records[0]?.status).toBe('pass');
});

test('equal names get ids of their own', async () => {
  const { records } = await smoke('- { name: Same, get: /health }\n- { name: same, get: /health }\n- name: Two\n  steps: [{ get: /health }, { get: /health }]');
  expect(records.map(({ id }) => id)).toEqual(['smoke.same.get-health', 'smoke.same-2.get-health', 'smoke.two.get-health', 'smoke.two.get-health-2']);
});

test('a plan tells each step and sends nothing', () => {
  expect(planSmoke(scenarios('- { name: login, post: /login/$ID, json: {} }\n- name: more\n  steps: [{ name: e2e, run: npx playwright test }, { get: $OTHER/x }]'), 'https://ss.example.com/')).toEqual([
    'login: POST https://ss.example.com/login/$ID', 'more: e2e: run npx playwright test', 'more: GET $OTHER/x',
  ]);
});
