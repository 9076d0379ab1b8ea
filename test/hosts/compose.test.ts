import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Host, startHost } from './harness.js';
import { startLoad } from './load.js';
import { runAction } from './run-action.js';
import { current, expectNothingLeft, states, status } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

/** The names of the site are known to nobody, and nobody is asked. */
const NO_NAMES = { 'preflight.dns': { resolvers: [] }, 'preflight.severity': { dns: 'off', tls: 'off' } };

let host: Host;

beforeAll(async () => {
  host = await startHost({ docker: true, publish: [80, 3000] });
}, 180_000);

afterAll(async () => {
  await host.stop();
});

const DOCKERFILE = ['FROM slipway-test-node:1', 'WORKDIR /app', 'COPY . .', 'CMD ["node", "server.cjs"]', ''].join('\n');
const composeFile = (address: string): string => `services:
  web:
    build: .
    init: true
    restart: unless-stopped
    ports: ["${address}\${PORT}:3000"]
    env_file: .env
    environment: { PORT: "3000", SLIPWAY_RELEASE: "\${SLIPWAY_RELEASE}" }
`;
const FILES = { 'Dockerfile': DOCKERFILE, '.dockerignore': '.env\n' };
const SERVICE = { manager: 'compose', port: 3000, 'stop-limit': '3s', health: { path: '/health', within: '20s', interval: '200ms' } };
const ENV = `GREETING=it's $5\n`;

/** What Docker holds under an app's name: containers, running or not, and networks. */
const held = async (app: string): Promise<string[]> =>
  (await host.run(`docker ps --all --format '{{.Names}}' --filter name='^${app}-'; docker network ls --format '{{.Name}}' --filter name='^${app}-'`)).stdout.split('\n').filter(Boolean).sort();
/** The tags that keep an app's images. */
const tags = async (app: string): Promise<string[]> =>
  (await host.run(`docker image ls --format '{{.Tag}}' slipway/${app}-production | sort`)).stdout.split('\n').filter(Boolean);

describe('containers behind the site, in two slots', () => {
  let work: Workspace;
  let first: string;
  let second: string;

  const act = (name: 'go-live' | 'rollback', inputs: Record<string, string> = { 'app-env': ENV }): ReturnType<typeof runAction> =>
    runAction(name, { workspace: work.folder, inputs: { ...work.inputs, ...inputs } });
  const version = async (): Promise<Record<string, unknown>> =>
    JSON.parse((await host.run('curl -sf -H "Host: shop.example.com" http://127.0.0.1/version')).stdout || '{}') as Record<string, unknown>;

  beforeAll(async () => {
    work = await workspace(host, {
      kind: 'tiny', app: 'shop', port: 80,
      changes: { 'services.web': SERVICE, site: { domains: ['shop.example.com'], routes: { '/': 'web' }, drain: '5s' }, 'release.keep': 2, ...NO_NAMES },
    });
    await work.commit({ ...FILES, 'compose.yaml': composeFile('127.0.0.1:') });
  });
  afterAll(() => work.remove());

  test('go live, with the environment of the release', async () => {
    const ran = await act('go-live');
    expect(ran.log).toContain('is live');
    expect(ran.code).toBe(0);
    first = ran.outputs['release']!;
    expect(await version()).toMatchObject({ release: first, greeting: "it's $5" });
    expect((await status(work)).services[0]).toMatchObject({ manager: 'compose', health: 'ok', folder: `${work.root}/releases/${first}`, slot: 'blue' });
    expect(await held('shop')).toEqual(['shop-web-blue-web-1', 'shop-web-blue_default']);
    await expectNothingLeft(host, work);
  }, 180_000);

  test('move to the next release without a lost request, and leave nothing of the old slot', async () => {
    const load = startLoad({ port: host.published[80]!, host: 'shop.example.com' });
    const ran = await act('go-live');
    const { failures, moves, requests } = await load.stop();
    expect(ran).toMatchObject({ code: 0, outputs: { result: 'success' } });
    second = ran.outputs['release']!;
    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(100);
    expect(moves).toEqual([{ from: first, to: second }]);
    expect(await held('shop')).toEqual(['shop-web-green-web-1', 'shop-web-green_default']);
  }, 180_000);

  test.each([
    ['an image that cannot be built', { Dockerfile: `${DOCKERFILE}RUN echo "no such lib: left-pad" >&2; exit 3\n` }, /no such lib: left-pad/],
    ['a container that ends at once', { crash: 'no database' }, /cannot start: no database/],
    ['one that is not healthy', { sick: 'queue is full' }, /sick: queue is full/],
  ])('stay with the old release for %s, and show what was said', async (_, files, said) => {
    await work.commit(files);
    await work.configure({ 'services.web.health.within': '6s' });
    const load = startLoad({ port: host.published[80]!, host: 'shop.example.com' });
    const ran = await act('go-live');
    const { failures, releases } = await load.stop();
    expect(ran.code).toBe(1);
    expect(ran.log).toMatch(said);
    expect({ failures, releases }).toEqual({ failures: [], releases: [second] });
    expect(await held('shop')).toEqual(['shop-web-green-web-1', 'shop-web-green_default']);
    await expectNothingLeft(host, work);
    await work.commit({ ...Object.fromEntries(Object.keys(files).map((name) => [name, undefined])), Dockerfile: DOCKERFILE });
    await work.configure({ 'services.web.health.within': '20s' });
  }, 180_000);

  test('go back with the very image the release had, though it cannot be built any more', async () => {
    await host.run(`docker image tag slipway-test-node:1 hidden:1 && docker image rm slipway-test-node:1 && docker builder prune --all --force`);
    const load = startLoad({ port: host.published[80]!, host: 'shop.example.com' });
    const ran = await act('rollback', { release: first });
    const { failures, moves } = await load.stop();
    await host.run('docker image tag hidden:1 slipway-test-node:1 && docker image rm hidden:1');
    expect(ran.log).toContain(`${first} is live`);
    expect(ran).toMatchObject({ code: 0, outputs: { release: first } });
    expect({ failures, moves }).toEqual({ failures: [], moves: [{ from: second, to: first }] });
    expect(await held('shop')).toEqual(['shop-web-blue-web-1', 'shop-web-blue_default']);
  }, 180_000);

  test('come back after a reboot in the slot that was live', async () => {
    await host.restart();
    for (const end = Date.now() + 60_000; Date.now() < end && (await version())['release'] === undefined; ) await sleep(500);
    expect(await version()).toMatchObject({ release: first });
    expect((await status(work)).services).toEqual([expect.objectContaining({ health: 'ok', slot: 'blue' })]);
    expect(await current(host, work)).toBe(first);
  }, 120_000);

  test('keep the images of the releases that are kept, and go when another manager takes over', async () => {
    await work.configure({ 'services.web': { manager: 'pm2', start: 'node server.cjs', port: 3000, health: { path: '/health', within: '20s', interval: '200ms' } } });
    const ran = await act('go-live');
    expect(ran.code).toBe(0);
    expect(await version()).toMatchObject({ release: ran.outputs['release'], greeting: "it's $5" });
    expect(await held('shop')).toEqual([]);
    const present = Object.entries(await states(work)).filter(([, state]) => !state.endsWith('removed')).map(([id]) => id);
    for (const tag of await tags('shop')) expect(present).toContain(tag.replace(/^web\.\d+\./, ''));
    expect((await host.run('pm2 delete all', { user: 'deploy' })).code).toBe(0);
  }, 180_000);
});

describe('containers in place, from images that the release ships', () => {
  let work: Workspace;

  /** An image of a shell alone, as `docker save` writes it; it is not on the host afterwards. */
  const ship = async (said: string): Promise<void> => {
    const saved = await host.run(`set -e; cd /; dir=$(mktemp -d)
      tar --create --dereference --transform 's,^bin/busybox$,bin/sh,' bin/busybox $(ldd bin/busybox | grep -o '/[^ :]*\\.so[^ ]*' | cut -c 2-) |
        docker import --change 'CMD ["sh", "-c", "trap \\"exit 0\\" TERM; echo ${said}; while :; do sleep 1; done"]' - worker:1 >/dev/null
      docker save worker:1 | gzip | base64 -w 0; docker image rm worker:1 >/dev/null`);
    expect(saved.code).toBe(0);
    await writeFile(join(work.folder, 'images.tar.gz'), Buffer.from(saved.stdout, 'base64'));
    await work.commit({ 'compose.yaml': 'services:\n  job: { image: "worker:1" }\n' });
  };

  beforeAll(async () => {
    work = await workspace(host, {
      kind: 'tiny', app: 'batch',
      changes: { 'services.web': undefined, 'services.job': { manager: 'compose', image: 'load', archive: 'images.tar.gz', 'stop-limit': '3s', health: { command: 'true', within: '15s', interval: '200ms', successes: 2 } } },
    });
  });
  afterAll(() => work.remove());

  test('are replaced by the next release, go back, and go', async () => {
    await ship('one');
    const one = await runAction('go-live', { workspace: work.folder, inputs: work.inputs });
    expect(one.code).toBe(0);
    expect(one.log).toMatch(/the container job has no restart policy/);
    expect((await host.run('docker logs batch-job-job-1')).stdout).toBe('one\n');

    await ship('two');
    const two = await runAction('go-live', { workspace: work.folder, inputs: work.inputs });
    expect(two.code).toBe(0);
    expect((await host.run('docker logs batch-job-job-1')).stdout).toBe('two\n');

    const back = await runAction('rollback', { workspace: work.folder, inputs: work.inputs });
    expect(back).toMatchObject({ code: 0, outputs: { release: one.outputs['release'] } });
    expect((await host.run('docker logs batch-job-job-1')).stdout).toBe('one\n');
    expect((await status(work)).services[0]).toMatchObject({ manager: 'compose', folder: `${work.root}/releases/${one.outputs['release']!}` });
    expect(await held('batch')).toEqual(['batch-job-job-1', 'batch-job_default']);
    await expectNothingLeft(host, work);
  }, 180_000);
});
