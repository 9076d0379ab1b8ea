import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { HealthConfig, ServiceConfig } from '../../src/config/schema.js';
import type { Activation } from '../../src/host/activation.js';
import type { RemoteHost } from '../../src/host/remote-host.js';
import { recover } from '../../src/release/recover.js';
import { instancesOf, renderService } from '../../src/services/render.js';
import { freePort } from '../support/free-port.js';
import { AT, OWNER, ship, startGround, switchLines, type Ground } from '../support/host-fixture.js';

const bin = join(import.meta.dirname, '../../node_modules/.bin');
const SERVER = `const http = require('node:http');
console.log('server of ' + process.env.SLIPWAY_RELEASE);
if (process.env.CRASH) { console.error('no database: ' + process.env.CRASH); setTimeout(() => process.exit(1), 50); return; }
const server = http.createServer((request, response) => {
  response.statusCode = request.url === '/sick' ? 503 : 200;
  response.end(JSON.stringify({ release: process.env.SLIPWAY_RELEASE, cwd: process.cwd(), value: process.env.VALUE, own: process.env.OWN, lcAll: process.env.LC_ALL }));
}).listen(process.env.PORT, '127.0.0.1');
process.on('SIGINT', () => server.close(() => process.exit(0)));
`;

let ground: Ground;
let host: RemoteHost;
let source: string;
let port: number;
let count = 0;
let live = '';
const said: string[] = [];

const ask = (path = '/'): Promise<{ release: string; cwd: string; value?: string; own?: string; lcAll?: string }> => new Promise((resolve, reject) => {
  const request = get({ port, path, host: '127.0.0.1', agent: false, timeout: 60_000 }, (response) => {
    let body = '';
    response.setEncoding('utf8').on('data', (chunk: string) => { body += chunk; }).on('end', () => resolve(JSON.parse(body) as { release: string; cwd: string }));
  }).on('error', reject);
  request.on('timeout', () => request.destroy(new Error('no answer within a minute')));
});
const pm2 = (...args: string[]): string => execFileSync(join(bin, 'pm2'), ['--no-color', ...args], { encoding: 'utf8', env: { ...process.env, HOME: ground.server.home, PM2_HOME: join(ground.server.home, '.pm2') } });
const health = (changes: Partial<HealthConfig> = {}): HealthConfig => ({ kind: 'http', path: '/health', port, status: [200], headers: {}, within: 60_000, successes: 2, interval: 200, ...changes }) as HealthConfig;
const web = (changes: Partial<ServiceConfig> = {}): ServiceConfig => ({ name: 'web', directory: 'api', install: [], start: 'node server.js', manager: 'pm2', instances: 1, port, env: {}, needs: [], scope: 'system', stopLimit: 3000, health: health(), ...changes });

/** Stages a release and brings it to life; what was live before is what it goes back to. */
async function release(services: ServiceConfig[], env = "VALUE='x'\n", previous = live): Promise<{ id: string; result: Activation }> {
  const id = `r${(count += 1)}`;
  const place = { app: 'shop', root: ground.root, envFile: '.env', user: 'deploy', publicHost: 'shop.example.com', drain: 0 };
  const definitions = Object.fromEntries(services.map((service, index) => [`0${index + 1}-${service.name}`, renderService(service, instancesOf(service, place, undefined)[0]!, () => undefined)]));
  await ship(host, await host.look(true), id, source, { env, services: definitions });
  said.length = 0;
  const result = await host.activate(id, previous, switchLines(id, previous), { siteMustAnswer: false }, (line) => said.push(line));
  if (result.outcome === 'active') live = id;
  return { id, result };
}

const current = (): string => { try { return readlinkSync(join(ground.root, 'current')); } catch { return ''; } };

beforeAll(async () => {
  port = await freePort();
  ground = await startGround({ env: { LC_ALL: 'C.UTF-8' } });
  host = await ground.host({ path: [bin, dirname(process.execPath)] });
  await host.take('token', OWNER, false);
  source = mkdtempSync(join(tmpdir(), 'slipway-source-'));
  mkdirSync(join(source, 'api'));
  writeFileSync(join(source, 'api/server.js'), SERVER);
});
beforeEach(() => { writeFileSync(join(source, 'api/server.js'), SERVER); });
afterAll(async () => {
  pm2('kill');
  await host.lease?.free();
  await ground.end();
  rmSync(source, { recursive: true, force: true });
});

// One after the other: each begins with what the one before left.
describe('a service under PM2', () => {
  test('that never becomes healthy leaves nothing when it is the first; its last words are told, errors last', async () => {
    const { result } = await release([web({ health: health({ within: 3000 }) })], "CRASH='refused'\n", '');
    expect(result).toMatchObject({ outcome: 'stopped', reason: expect.stringMatching(/^web after \d+ s and \d+ tries: /) });
    const logs = 'logs' in result ? result.logs : [];
    expect(logs.at(-1)).toMatch(/^web .*no database: refused$/);
    expect(logs.some((line) => /server of r1$/.test(line))).toBe(true);
    expect(current()).toBe('');
    expect(existsSync(join(ground.root, '.slipway/services/web'))).toBe(false);
    expect(JSON.parse(pm2('jlist'))).toEqual([]);
    expect((await host.look(false)).history).toMatchObject({ unfinished: [], releases: [{ id: 'r1', state: 'bad' }] });
  });

  test('starts in the folder of its release, with the values of both environment files and the locale of the login', async () => {
    const nasty = 'sp ace "double" \'single\' $HOME `id` \\ back\nline\té😀 # x=y';
    const env = `VALUE="${nasty.replace(/["\\$`]/g, '\\$&')}"\nroot='a'\nstate='b'\nrelease='c'\nenv_file='d'\n`;
    const { id, result } = await release([web({ env: { OWN: 'own value' } })], env, '');
    expect(result.outcome).toBe('active');
    expect(await ask()).toEqual({ release: id, cwd: join(ground.root, 'releases', id, 'api'), value: nasty, own: 'own value', lcAll: 'C.UTF-8' });
    expect(said.find((line) => line.startsWith('healthy'))).toMatch(/^healthy web \d+ \d+ 1$/);
    expect(await host.status()).toMatchObject([{ name: 'web', manager: 'pm2', folder: join(ground.root, 'releases', id, 'api'), health: 'ok' }]);
  });

  test('gets none of our open files', () => {
    const daemon = readFileSync(join(ground.server.home, '.pm2/pm2.pid'), 'utf8').trim();
    for (const pid of [daemon, ...pm2('pid', 'shop-web').trim().split('\n')]) {
      const open = readdirSync(`/proc/${pid}/fd`).map((fd) => { try { return readlinkSync(`/proc/${pid}/fd/${fd}`); } catch { return ''; } });
      expect(open.filter((path) => path.startsWith(join(ground.root, '.slipway')) && !path.includes('/logs/'))).toEqual([]);
    }
  });

  test('keeps no secret in memory, dump or arguments of PM2', () => {
    expect(pm2('jlist')).not.toContain('sp ace');
    expect(readFileSync(join(ground.server.home, '.pm2/dump.pm2'), 'utf8')).not.toContain('sp ace');
  });

  test('answers every request while a new release comes in, in cluster mode', async () => {
    await release([web({ instances: 2 })]);
    const answers: string[] = [];
    const stop = new AbortController();
    const stream = (async () => { while (!stop.signal.aborted) answers.push((await ask()).release); })();
    const { id } = await release([web({ instances: 2 })]);
    stop.abort();
    await stream;
    expect(new Set(answers).size).toBe(2);
    expect(answers.length).toBeGreaterThan(20);
    expect((await ask()).release).toBe(id);
  });

  test.each<[string, () => Partial<ServiceConfig>, RegExp]>([
    ['an answer that is not the expected one', () => ({ health: health({ path: '/sick', within: 6000 }) }), /HTTP 503/],
    ['a command', () => ({ health: { kind: 'command', command: 'echo "VALUE is $VALUE"; test "$VALUE" = y', within: 2000, successes: 2, interval: 200 } }), /exit 1: VALUE is x/],
    ['a port nobody listens on', () => ({ health: { kind: 'tcp', port: 1, within: 2000, successes: 2, interval: 200 } }), /no connection/],
  ])('goes back to the release before it because of %s', async (_name, changes, observed) => {
    const before = live;
    const { result } = await release([web({ instances: 2, ...changes() })]);
    expect(result).toMatchObject({ outcome: 'went-back', reason: expect.stringMatching(observed) });
    expect(current()).toBe(`releases/${before}`);
    expect((await ask()).release).toBe(before);
    expect((await host.look(false)).history.unfinished).toEqual([]);
  });

  test('that starts again and again is not healthy, though it answers in between', async () => {
    const before = live;
    writeFileSync(join(source, 'api/server.js'), `${SERVER}\nsetTimeout(() => process.exit(1), 400);`);
    const { result } = await release([web({ health: health({ within: 5000, successes: 8 }) })]);
    expect(result).toMatchObject({ outcome: 'went-back' });
    expect((await ask()).release).toBe(before);
  });

  test('with another definition is started with the new one; one that is gone is stopped; a plain command runs too', async () => {
    const other = await freePort();
    const worker = web({ name: 'worker', directory: '.', start: `echo "worker of $SLIPWAY_RELEASE"; exec sleep 1000`, port: other });
    const { health: _none, ...alone } = worker;
    expect((await release([web({ health: { kind: 'tcp', port, within: 60_000, successes: 3, interval: 100 } }), alone])).result.outcome).toBe('active');
    expect((JSON.parse(pm2('jlist')) as { name: string }[]).map(({ name }) => name).sort()).toEqual(['shop-web', 'shop-worker']);
    expect((await host.status()).map(({ name, folder }) => [name, folder])).toEqual([['web', join(ground.root, 'releases', live, 'api')], ['worker', join(ground.root, 'releases', live)]]);
    expect((await release([web({ health: { kind: 'command', command: 'test "$VALUE" = x', within: 15_000, successes: 1, interval: 100 } })])).result.outcome).toBe('active');
    expect((JSON.parse(pm2('jlist')) as { name: string }[]).map(({ name }) => name)).toEqual(['shop-web']);
    expect(said).toContain('stopped worker');
  });

  test('that still works in an old release is found out', async () => {
    const before = live;
    // The server goes back to the folder it knows: as PM2 does that keeps a resolved path.
    writeFileSync(join(source, 'api/server.js'), `${SERVER}\nprocess.chdir(${JSON.stringify(join(ground.root, 'releases', before))});`);
    const { id, result } = await release([web()]);
    expect(result).toMatchObject({ outcome: 'went-back', reason: expect.stringMatching(new RegExp(`still works in .*/releases/${before}, not in release ${id}`)) });
  });

  test('goes back although the journal cannot be written any more, and the next run puts the journal right', async () => {
    const before = live;
    const journal = join(ground.root, '.slipway/journal');
    const full = `mv ${journal} ${journal}.kept; ln -s /dev/full ${journal}`;
    const { id, result } = await release([web({ health: { kind: 'command', command: `[ -e ${journal}.kept ] || { ${full}; }`, within: 60_000, successes: 1, interval: 100 } })]);
    expect(result).toMatchObject({ outcome: 'went-back', reason: expect.stringMatching(/journal cannot be written/) });
    expect(current()).toBe(`releases/${before}`);
    execFileSync('mv', ['-f', `${journal}.kept`, journal]);
    const findings = await host.look(false);
    expect(findings.history.unfinished).toEqual([{ kind: 'switching', release: id, previous: before, why: 'deploy' }]);
    const recovery = await recover(host, findings, AT, () => undefined);
    expect(recovery).toMatchObject({ switched: true, said: [expect.stringMatching(new RegExp(`${id}: a run died during the switch; went back to ${before}`))] });
    expect((await host.look(false)).history.unfinished).toEqual([]);
    expect((await ask()).release).toBe(before);
  });

  test('that cannot be brought back to health does not block the next deploy', async () => {
    const before = live;
    await host.finish([{ event: 'good', release: before, at: AT }, { event: 'switching', release: 'lost', at: AT, previous: before, why: 'deploy' }]);
    const env = join(ground.root, 'releases', before, '.env');
    writeFileSync(env, "CRASH='yes'\nVALUE='y'\n");
    const recovery = await recover(host, await host.look(false), AT, () => undefined);
    expect(recovery).toMatchObject({ switched: false, said: [expect.stringMatching(/NOT HEALTHY[^]*no database: yes/)] });
    const { history } = await host.look(false);
    expect(history.unfinished).toEqual([]);
    expect(history.releases.find(({ id }) => id === before)?.state).toBe('good');
    expect((await release([web()])).result).toEqual({ outcome: 'active' });
  });
});
