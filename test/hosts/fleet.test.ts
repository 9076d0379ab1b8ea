import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { HostStatus } from '../../src/commands/status.js';
import { type Host, startHost } from './harness.js';
import { runAction, runCli, type Ran } from './run-action.js';
import { answer, current, expectNothingLeft } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

const PORT = 3001;

let hosts: Host[] = [];
let work: Workspace;
let good: string;

beforeAll(async () => {
  const first = await startHost({ publish: [PORT] });
  hosts = [first];
  hosts.push(...(await Promise.all([2, 3].map(() => startHost({ publish: [PORT], authorizedKeys: [first.clientPublicKey] })))));
  work = await workspace(first, {
    kind: 'tiny',
    port: PORT,
    // A question each host answers for itself, so that one can be made unwell.
    changes: { 'services.web.health': { command: 'test ! -e /tmp/unwell', within: '3s', successes: 1, interval: '200ms' } },
  });
  for (const [index, host] of hosts.entries()) {
    await work.configure({ [`environments.production.hosts.${index}`]: { address: host.address, 'host-key': host.hostKeyLine } });
    await host.run(`install -d -o deploy -g deploy ${work.root}`);
  }
}, 300_000);

afterAll(async () => {
  await Promise.all(hosts.map((host) => host.stop()));
  await work.remove();
});

const run = (name: 'deploy' | 'rollback', inputs: Record<string, string> = {}): Promise<Ran> => runAction(name, { workspace: work.folder, inputs: { ...work.inputs, ...inputs } });
const live = (): Promise<string[]> => Promise.all(hosts.map((host) => current(host, work)));
const answers = (): Promise<unknown[]> => Promise.all(hosts.map(async (host) => (await answer(host, PORT))['release']));
const everywhere = (release: string): string[] => hosts.map(() => release);
const linesOf = async (file: string): Promise<number[]> => Promise.all(hosts.map(async (host) => Number((await host.run(`cat ${file} 2>/dev/null | wc -l`)).stdout)));

/** Makes a host unwell until the bad release has been given up there, so that the old one can be well again. */
async function unwellDuring<T>(host: Host, work: Workspace, body: () => Promise<T>): Promise<T> {
  const known = (await host.run(`grep -c '"event":"bad"' ${work.root}/.slipway/journal || true`)).stdout.trim();
  await host.run('touch /tmp/unwell');
  const running = body();
  await host.run(`until [ "$(grep -c '"event":"bad"' ${work.root}/.slipway/journal)" -gt ${known} ]; do sleep 0.1; done; rm /tmp/unwell`);
  return running;
}

test('all hosts get the same release under one id', async () => {
  const ran = await run('deploy');
  expect(ran).toMatchObject({ code: 0, outputs: { result: 'success', switched: 'true' } });
  good = ran.outputs['release']!;
  expect(await live()).toEqual(everywhere(good));
  expect(await answers()).toEqual(everywhere(good));
}, 180_000);

test('a host that cannot take the release stops the deploy before any host has switched', async () => {
  await work.commit({ text: 'second' });
  await hosts[1]!.run(`chown root ${work.root}/releases`);
  const ran = await run('deploy');
  await hosts[1]!.run(`chown deploy ${work.root}/releases`);
  expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false' } });
  expect(ran.log).toContain(hosts[1]!.address);
  expect(ran.log).not.toContain('Switch to');
  expect(await answers()).toEqual(everywhere(good));
  for (const host of hosts) await expectNothingLeft(host, work);
}, 180_000);

test('a host that does not become healthy takes all of them back', async () => {
  const ran = await unwellDuring(hosts[1]!, work, () => run('deploy'));
  expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false' } });
  expect(ran.log).toMatch(/all hosts run the same release/);
  expect(await live()).toEqual(everywhere(good));
  expect(await answers()).toEqual(everywhere(good));
  for (const host of hosts) await expectNothingLeft(host, work);
}, 180_000);

test('in batches, the one whose second host fails is given up: what was switched goes back, the rest is never switched', async () => {
  await work.configure({ 'environments.production.batch': 1 });
  const ran = await unwellDuring(hosts[1]!, work, () => run('deploy'));
  expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false' } });
  const [first, second, third] = hosts.map(({ address }) => address);
  const bad = ran.outputs['release']!;
  expect(ran.log).toMatch(
    new RegExp(
      `::error.*${bad} is on none of the hosts:\n` +
        ` +${first} +switched, then taken back; ${good} is live\n` +
        ` +${second} +FAILED: web.*; ${good} is live\n` +
        ` +${third} +never switched: another host did not become healthy; ${good} is live\n` +
        `${second}: release ${bad}: web.*\n(?: .*\n)* +.*release ${bad} listens on ${PORT}`,
    ),
  );
  expect(ran.summary).toContain(`${third}  never switched`);
  expect(ran.evidence.filter(({ id, subject }) => id === 'deploy.switch' && subject === third)).toMatchObject([{ status: 'skip' }]);
  expect((await hosts[2]!.run(`grep -c '"event":"switching","release":"${bad}"' ${work.root}/.slipway/journal || true`)).stdout.trim()).toBe('0');
  expect(await live()).toEqual(everywhere(good));
  expect(await answers()).toEqual(everywhere(good));
  for (const host of hosts) await expectNothingLeft(host, work);
}, 180_000);

test('in batches, each is switched once the one before it is healthy', async () => {
  const ran = await run('deploy');
  expect(ran.code).toBe(0);
  expect([...ran.log.matchAll(/(deploy@\S+) +web is healthy/g)].map(([, address]) => address)).toEqual(hosts.map(({ address }) => address));
  good = ran.outputs['release']!;
  expect(await answers()).toEqual(everywhere(good));
  await work.configure({ 'environments.production.batch': undefined });
}, 180_000);

test('a host that is down before the start stops the deploy; the others are not touched', async () => {
  const before = await Promise.all(hosts.map((host) => host.run(`cat ${work.root}/.slipway/journal`)));
  await work.configure({ 'environments.production.hosts.1.address': 'deploy@127.0.0.1:1' });
  const ran = await run('deploy');
  expect(ran.code).toBe(1);
  expect(ran.log).toMatch(/::error.*1 of 3 hosts cannot be reached; nothing was changed on any:[^]*127\.0\.0\.1:1[^]*exclude-hosts: deploy@127\.0\.0\.1:1/);
  expect(await Promise.all(hosts.map((host) => host.run(`cat ${work.root}/.slipway/journal`)))).toEqual(before);
  for (const host of hosts) await expectNothingLeft(host, work);
}, 120_000);

test('left out by name, it stops nothing, and that is on record', async () => {
  const ran = await run('deploy', { 'exclude-hosts': 'deploy@127.0.0.1:1' });
  await work.configure({ 'environments.production.hosts.1.address': hosts[1]!.address });
  expect(ran).toMatchObject({ code: 0, outputs: { result: 'success' } });
  const release = ran.outputs['release']!;
  expect(await live()).toEqual([release, good, release]);
  expect(ran.evidence).toContainEqual(expect.objectContaining({ id: 'deploy.excluded', status: 'warn', subject: 'deploy@127.0.0.1:1' }));
  expect(ran.summary).toMatch(/^Left out by name: deploy@(<wbr>)?127\.0\.0\.1:1$/m);
  const seen = await runCli(['status', 'production', '--identity', work.identity, '--json'], { workspace: work.folder });
  expect(seen.code).toBe(0);
  expect((JSON.parse(seen.stdout) as HostStatus[]).map(({ drift }) => drift)).toEqual([[], [`${good} is live here, ${release} on most hosts`], []]);
  const wrong = await run('deploy', { 'exclude-hosts': 'deploy@192.0.2.1' });
  expect(wrong.code).toBe(1);
  expect(wrong.log).toContain(`there is no host \`deploy@192.0.2.1\` in production`);
  expect(wrong.log).toContain(hosts[2]!.address);
}, 180_000);

test('what must happen once happens on the first host alone, and nothing is switched when it fails', async () => {
  await work.configure({ 'release.once': 'echo migrated >> /tmp/once', 'release.after-switch': ['echo cleared >> /tmp/each'] });
  const ran = await run('deploy');
  expect(ran.code).toBe(0);
  good = ran.outputs['release']!;
  expect(await linesOf('/tmp/once')).toEqual([1, 0, 0]);
  expect(await linesOf('/tmp/each')).toEqual([1, 1, 1]);
  expect(ran.evidence.filter(({ id }) => id === 'deploy.once')).toMatchObject([{ status: 'pass', subject: hosts[0]!.address }]);
  await work.configure({ 'release.once': 'echo "column exists" >&2; exit 4', 'release.after-switch': undefined });
  const failed = await run('deploy');
  await work.configure({ 'release.once': undefined });
  expect(failed).toMatchObject({ code: 1, outputs: { switched: 'false' } });
  expect(failed.log).toMatch(/::error.*failed with exit code 4:[^]*column exists/);
  expect(await live()).toEqual(everywhere(good));
  for (const host of hosts) await expectNothingLeft(host, work);
}, 180_000);

test('a service runs only where one of its roles is', async () => {
  await work.configure({
    'environments.production.hosts.0.roles': ['web'], 'environments.production.hosts.1.roles': ['web', 'mail'], 'environments.production.hosts.2.roles': ['web'],
    'services.web.roles': ['web'],
    'services.mail': { manager: 'pm2', start: 'node server.cjs', port: 3002, roles: ['mail'], health: { path: '/health', successes: 1, within: '20s' } },
  });
  const ran = await run('deploy');
  await work.configure({ 'services.web.roles': ['mail'] });
  const moved = await run('deploy');
  await work.configure({ 'services.mail': undefined, 'services.web.roles': undefined });
  expect([ran.code, moved.code]).toEqual([0, 0]);
  const healthy = ({ log }: Ran): string[] => [...new Set([...log.matchAll(/(deploy@\S+) +(\w+) is healthy/g)].map(([, host, name]) => `${host} ${name}`))].sort();
  const on = (index: number, name: string): string => `${hosts[index]!.address} ${name}`;
  expect(healthy(ran)).toEqual([on(0, 'web'), on(1, 'mail'), on(1, 'web'), on(2, 'web')].sort());
  expect(healthy(moved)).toEqual([on(1, 'mail'), on(1, 'web')].sort());
  // What a host is no longer for is stopped there.
  const processes = await Promise.all(hosts.map(async (host) => (await host.run('pm2 jlist | grep -o \'"name":"[a-z-]*"\' | sort -u', { user: 'deploy' })).stdout.split('\n').filter((line) => line !== '')));
  expect(processes).toEqual([[], ['"name":"tiny-mail"', '"name":"tiny-web"'], []]);
  const again = await run('deploy');
  good = again.outputs['release']!;
  expect(await answers()).toEqual(everywhere(good));
}, 240_000);

test('a rollback takes all hosts back, also when they have come to differ', async () => {
  const ran = await run('deploy');
  expect(ran.code).toBe(0);
  const newer = ran.outputs['release']!;
  expect(await live()).toEqual(everywhere(newer));
  // Somebody moved one host by hand.
  await hosts[1]!.run(`ln -sfn releases/${good} ${work.root}/current`, { user: 'deploy' });
  const status = await runCli(['status', 'production', '--identity', work.identity], { workspace: work.folder });
  expect(status.stdout).toContain('The hosts run different releases.');
  expect(status.stdout).toContain(`drift         ${good} is live here, ${newer} on most hosts`);
  const back = await run('rollback');
  expect(back).toMatchObject({ code: 0, outputs: { release: good, switched: 'true' } });
  expect(await live()).toEqual(everywhere(good));
  expect(await answers()).toEqual(everywhere(good));
}, 180_000);
