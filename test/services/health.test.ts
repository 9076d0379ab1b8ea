import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

/** What the functions of services.sh ask an app, by themselves: a host with curl, and one that has nothing but bash. */
const scripts = ['lib.sh', 'services.sh'].map((name) => readFileSync(join(import.meta.dirname, '../../src/host/scripts', name), 'utf8')).join('\n');

let server: Server;
let asked: IncomingMessage[] = [];
let folder: string;
let port: number;
/** Folders of programs: one with curl, one without. */
let tools: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-health-'));
  tools = {};
  for (const [name, programs] of Object.entries({ 'with curl': ['bash', 'curl', 'sed'], 'without curl': ['bash', 'sed'] })) {
    const bin = tools[name] = join(folder, name.replace(' ', '-'));
    mkdirSync(bin);
    for (const program of programs) symlinkSync(spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim(), join(bin, program));
  }
  // As an app behind a proxy: http is sent on to https, a stranger's name is refused, and the team's header opens the door.
  server = createServer((request, response) => {
    asked.push(request);
    const { host, authorization, 'x-forwarded-proto': scheme, 'x-forwarded-host': name } = request.headers;
    if (scheme !== 'https') response.writeHead(301, { Location: `https://${host ?? ''}${request.url ?? ''}` });
    else if (host !== 'shop.example.com' || name !== 'shop.example.com') response.writeHead(400);
    else if (authorization !== 'Basic "a\\b"') response.writeHead(401);
    else response.writeHead(request.url === '/moved' ? 302 : 200, { Location: '/elsewhere' });
    response.end('{}');
  }).listen(0, 'localhost');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Asks the app once, as a release's health check does; says what came of it. */
async function ask(path: string, status: string, bin: string, at = port): Promise<string> {
  asked = [];
  const child = spawn('/bin/sh', ['-c', `${scripts}
health_kind=http health_host=shop.example.com health_port=$1 health_path=$2 health_status=$3
health_headers='Authorization: Basic "a\\b"
'
if ask_health; then echo "healthy $observed"; else echo "not healthy: $observed"; fi`, 'slipway', String(at), path, status], { env: { PATH: bin }, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => { said += text; });
  await once(child, 'close');
  return said.trim();
}

describe.each(['with curl', 'without curl'])('on a host %s, an app', (name) => {
  test('is asked once on the host itself, under its public name and as over https, with the headers of the team', async () => {
    expect(await ask('/health?deep=1&all', '200', tools[name] ?? '')).toBe('healthy 200');
    expect(asked.map(({ url, method }) => `${method ?? ''} ${url ?? ''}`)).toEqual(['GET /health?deep=1&all']);
  });

  test('that answers with a redirect is healthy when that is what is expected, and told by its code when not', async () => {
    expect(await ask('/moved', '200 302', tools[name] ?? '')).toBe('healthy 302');
    expect(await ask('/moved', '200', tools[name] ?? '')).toBe('not healthy: HTTP 302');
    // It was not followed.
    expect(asked).toHaveLength(1);
  });

  test('that does not answer is told apart from one that answers badly', async () => {
    expect(await ask('/', '200', tools[name] ?? '', 1)).toBe('not healthy: no answer');
  });
});
