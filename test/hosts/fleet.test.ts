import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Host, startHost } from './harness.js';
import { runAction, runCli } from './run-action.js';
import { answer, current, expectNothingLeft } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

const PORT = 3001;

let hosts: Host[] = [];
let work: Workspace;
let good: string;

beforeAll(async () => {
  const first = await startHost({ publish: [PORT] });
  hosts = [first];
  const second = await startHost({ publish: [PORT], authorizedKeys: [first.clientPublicKey] });
  hosts.push(second);
  work = await workspace(first, {
    kind: 'tiny',
    port: PORT,
    // A question each host answers for itself, so that one can be made unwell.
    changes: { 'services.web.health': { command: 'test ! -e /tmp/unwell', within: '3s', successes: 1, interval: '200ms' } },
  });
  await work.configure({ 'environments.production.hosts.1': { address: second.address, 'host-key': second.hostKeyLine } });
  await second.run(`install -d -o deploy -g deploy ${work.root}`);
}, 240_000);

afterAll(async () => {
  await Promise.all(hosts.map((host) => host.stop()));
  await work.remove();
});

const run = (name: 'deploy' | 'rollback'): ReturnType<typeof runAction> => runAction(name, { workspace: work.folder, inputs: work.inputs });
const live = (): Promise<string[]> => Promise.all(hosts.map((host) => current(host, work)));
const answers = (): Promise<unknown[]> => Promise.all(hosts.map(async (host) => (await answer(host, PORT))['release']));

test('all hosts get the same release under one id', async () => {
  const ran = await run('deploy');
  expect(ran).toMatchObject({ code: 0, outputs: { result: 'success', switched: 'true' } });
  good = ran.outputs['release']!;
  expect(await live()).toEqual([good, good]);
  expect(await answers()).toEqual([good, good]);
}, 120_000);

test('a host that cannot take the release stops the deploy before any host has switched', async () => {
  await work.commit({ text: 'second' });
  await hosts[1]!.run(`chown root ${work.root}/releases`);
  const ran = await run('deploy');
  await hosts[1]!.run(`chown deploy ${work.root}/releases`);
  expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false' } });
  expect(ran.log).toContain(hosts[1]!.address);
  expect(ran.log).not.toContain('Switch to');
  expect(await answers()).toEqual([good, good]);
  for (const host of hosts) await expectNothingLeft(host, work);
}, 120_000);

test('a host that does not become healthy takes all of them back', async () => {
  await hosts[1]!.run('touch /tmp/unwell');
  const running = run('deploy');
  // It is well again as soon as the bad release has been given up, so that the old one can be.
  await hosts[1]!.run(`until grep -q '"event":"bad"' ${work.root}/.slipway/journal; do sleep 0.1; done; rm /tmp/unwell`);
  const ran = await running;
  expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false' } });
  expect(ran.log).toMatch(/all hosts run the same release/);
  expect(await live()).toEqual([good, good]);
  expect(await answers()).toEqual([good, good]);
  for (const host of hosts) await expectNothingLeft(host, work);
}, 120_000);

test('a host that is down before the start stops the deploy; the others are not touched', async () => {
  const before = await hosts[0]!.run(`cat ${work.root}/.slipway/journal`);
  await work.configure({ 'environments.production.hosts.1.address': 'deploy@127.0.0.1:1' });
  const ran = await run('deploy');
  await work.configure({ 'environments.production.hosts.1.address': hosts[1]!.address });
  expect(ran.code).toBe(1);
  expect(ran.log).toMatch(/127\.0\.0\.1:1/);
  expect((await hosts[0]!.run(`cat ${work.root}/.slipway/journal`)).stdout).toBe(before.stdout);
}, 60_000);

test('a rollback takes all hosts back, also when they have come to differ', async () => {
  const ran = await run('deploy');
  expect(ran.code).toBe(0);
  const newer = ran.outputs['release']!;
  expect(await live()).toEqual([newer, newer]);
  // Somebody moved one host by hand.
  await hosts[1]!.run(`ln -sfn releases/${good} ${work.root}/current`, { user: 'deploy' });
  const status = await runCli(['status', 'production', '--identity', work.identity], { workspace: work.folder });
  expect(status.stdout).toContain('The hosts run different releases.');
  const back = await run('rollback');
  expect(back).toMatchObject({ code: 0, outputs: { release: good, switched: 'true' } });
  expect(await live()).toEqual([good, good]);
  expect(await answers()).toEqual([good, good]);
}, 120_000);
