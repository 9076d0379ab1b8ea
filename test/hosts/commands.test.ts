import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Evidence } from '../../src/evidence/record.js';
import { type Host, startHost } from './harness.js';
import { Job, runAction, runCli } from './run-action.js';
import { answer, current, expectNothingLeft, listing } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

const PORT = 3001;
const ENV = 'JWT_SECRET=9f1c2f6e0a7b4d3c8e5f6a7b8c9d0e1f\nADMIN_EMAIL=admin@example.com\nGREETING=hello\n';

/** Preflight writes, links and deletes in the root folder to see that it can: the folder's own time shows it. */
const PROBED = 'f';

let host: Host;
let work: Workspace;
let inputs: Record<string, string>;
let outside: string;

beforeAll(async () => {
  host = await startHost({ publish: [PORT] });
  outside = await mkdtemp(join(tmpdir(), 'slipway-outside-'));
  work = await workspace(host, {
    kind: 'tiny',
    port: PORT,
    changes: {
      preflight: { node: '>=20', 'disk-free': '1%', tools: ['curl', 'tar'], env: { required: ['JWT_SECRET', 'ADMIN_EMAIL'], strong: ['JWT_SECRET'] } },
      smoke: [{ name: 'right', get: '/wrong', expect: { text: { contains: ['right'] } } }],
    },
  });
  inputs = { ...work.inputs, 'app-env': ENV };
  await writeFile(join(outside, 'app-env'), ENV, { mode: 0o600 });
}, 180_000);

afterAll(async () => {
  await host.stop();
  await rm(outside, { recursive: true, force: true });
  await work.remove();
});

describe('preflight of a real host', () => {
  test('passes, with its table in the log and in the summary, and leaves nothing', async () => {
    const before = await listing(host, '/srv /home/deploy', PROBED);
    const ran = await runAction('preflight', { workspace: work.folder, inputs });
    expect(ran.log).not.toContain('::error');
    expect(ran).toMatchObject({ code: 0, outputs: { result: 'success', evidence: expect.stringMatching(/\.jsonl$/) } });
    const disk = ran.evidence.find(({ title }) => title.startsWith('Disk space to spare'));
    expect(disk).toMatchObject({ status: 'pass', subject: host.address, expected: expect.any(String), observed: expect.any(String) });
    // In the log the cells are as wide as the table allows.
    expect(ran.log).toMatch(/✓ {2}Disk space to spare/);
    expect(ran.summary).toContain(`${disk!.title} | `);
    expect(ran.summary).toContain(disk!.observed);
    expect(ran.evidence.length).toBeGreaterThan(20);
    const told = (name: string): Evidence | undefined => ran.evidence.find(({ id }) => id === `preflight.hardening.${name}`);
    expect(told('passwords')).toMatchObject({ status: 'pass', observed: expect.stringContaining('PasswordAuthentication no') });
    expect(told('x11-forwarding')).toMatchObject({ status: 'warn', observed: expect.stringContaining('X11Forwarding yes') });
    expect(told('pm2-startup')).toMatchObject({ status: 'warn', observed: 'pm2-deploy.service is absent' });
    expect(await listing(host, '/srv /home/deploy', PROBED)).toBe(before);
  }, 60_000);

  test.each([
    ['a tool the host lacks', { 'preflight.tools': ['curl', 'no-such-tool'] }, ENV, 'no-such-tool'],
    ['a Node version the host has not', { 'preflight.node': '>=99' }, ENV, 'Node.js has a version the app works with'],
    ['a variable that is not given', { 'preflight.env.required': ['JWT_SECRET', 'STRIPE_KEY'] }, ENV, 'STRIPE_KEY'],
    ['a placeholder', {}, ENV.replace(/JWT_SECRET=.*/, 'JWT_SECRET=changeme'), 'JWT_SECRET'],
  ])('fails for %s, and names it with the remedy', async (_, changes, env, said) => {
    const kept = await readFile(join(work.folder, 'slipway.yml'), 'utf8');
    await work.configure(changes);
    const ran = await runAction('preflight', { workspace: work.folder, inputs: { ...inputs, 'app-env': env } });
    await writeFile(join(work.folder, 'slipway.yml'), kept);
    expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure' } });
    expect(ran.log).toMatch(/::error/);
    expect(ran.log).toContain(said);
    expect(ran.summary).toContain(said);
    const failed = ran.evidence.filter(({ status }) => status === 'fail');
    expect(failed.length).toBeGreaterThan(0);
    for (const record of failed) expect(record).toMatchObject({ expected: expect.any(String), observed: expect.any(String), remedy: expect.any(String) });
  }, 60_000);
});

describe('a plan', () => {
  test.each(['preflight', 'deploy', 'go-live', 'smoke'] as const)('of %s touches nothing, before the first release', async (name) => {
    const before = await listing(host, '/srv /home/deploy');
    const ran = await runAction(name, { workspace: work.folder, inputs: { ...inputs, plan: 'true' } });
    expect(ran).toMatchObject({ code: 0, outputs: { result: 'plan' } });
    expect(await listing(host, '/srv /home/deploy')).toBe(before);
  }, 60_000);

  test.each(['deploy', 'rollback', 'smoke', 'go-live'] as const)('of %s says what it would do and touches nothing, on a host in use', async (name) => {
    if ((await current(host, work)) === '') {
      for (const text of ['one', 'two']) {
        await work.commit({ text });
        expect(await runAction('go-live', { workspace: work.folder, inputs })).toMatchObject({ code: 0 });
      }
    }
    const live = await answer(host, PORT);
    const before = await listing(host, '/srv /home/deploy/.ssh');
    const ran = await runAction(name, { workspace: work.folder, inputs: { ...inputs, plan: 'true' } });
    expect(ran).toMatchObject({ code: 0, outputs: { result: 'plan' } });
    if (name !== 'smoke') expect(ran.log).toMatch(/(would )?switch current from \S+ to \S+/);
    expect(await listing(host, '/srv /home/deploy/.ssh')).toBe(before);
    expect(await answer(host, PORT)).toEqual(live);
  }, 120_000);
});

describe('the command line', () => {
  const cli = (args: readonly string[], input?: string): ReturnType<typeof runCli> => runCli([...args, '--identity', work.identity], { workspace: work.folder, ...(input === undefined ? {} : { input }) });

  test('status and releases tell what is live and what could be gone back to', async () => {
    const live = await current(host, work);
    const shown = await cli(['status', 'production']);
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toContain(`live          ${live} (good)`);
    expect(shown.stdout).toMatch(/rollback to {3}\d{8}T\d{6}Z-/);
    expect(shown.stdout).toMatch(/web\s+pm2, pid \d+, \d+ restarts?, health ok, in \/srv\/tiny\/releases\//);
    const list = await cli(['releases', 'production']);
    expect(list.stdout).toMatch(new RegExp(`→ ${live} {2}good`));
  }, 60_000);

  test('rollback needs nothing but the environment and a key; a second one changes nothing', async () => {
    const live = await current(host, work);
    const ran = await cli(['rollback', 'production']);
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stdout).toMatch(/Rollback of tiny to production: success: went back to \S+/);
    expect(await current(host, work)).not.toBe(live);
    const again = await cli(['rollback', 'production']);
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/error: nothing to do: /);
    await expectNothingLeft(host, work);
  }, 60_000);

  test('deploys and confirms with the environment from a file or from standard input, and prints JSON', async () => {
    await work.commit({ text: 'by hand' });
    const plan = await cli(['deploy', 'production', '--plan', '--app-env', join(outside, 'app-env')]);
    expect(plan).toMatchObject({ code: 0 });
    const ran = await cli(['deploy', 'production', '--json', '--app-env', '-'], ENV);
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({ result: 'success', switched: true, release: await current(host, work) });
    const smoke = await cli(['smoke', 'production', '--junit', join(outside, 'junit.xml')]);
    expect(smoke.code).toBe(0);
    expect(await readFile(join(outside, 'junit.xml'), 'utf8')).toContain('<testsuite');
    await expectNothingLeft(host, work);
  }, 60_000);

  test('unlock removes the lease of a run that is known to be dead', async () => {
    const job = await Job.begin(work.folder, { inputs });
    await work.commit({ text: 'left between its steps' });
    expect(await job.run('deploy')).toMatchObject({ code: 0 });
    await job.abandon();
    const shown = await cli(['status', 'production']);
    expect(shown.stdout).toMatch(/lease {9}octocat .*expires in \d+ s/);
    const refused = await cli(['rollback', 'production']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('slipway unlock production');
    expect((await cli(['unlock', 'production', '--plan'])).stdout).toContain('would remove the lease of octocat');
    expect((await cli(['unlock', 'production'])).stdout).toContain('removed the lease of octocat');
    expect((await cli(['unlock', 'production'])).stdout).toContain('no lease was held');
    await expectNothingLeft(host, work);
    expect((await cli(['rollback', 'production'])).code).toBe(0);
  }, 120_000);

  test('config and schema need no host, and a typing error names the nearest right word', async () => {
    const config = await runCli(['config', 'production', '--json'], { workspace: work.folder });
    expect(config.code).toBe(0);
    expect(JSON.parse(config.stdout)).toMatchObject({ app: 'tiny', release: { keep: 5 } });
    expect(JSON.parse((await runCli(['schema'], { workspace: work.folder })).stdout)).toHaveProperty('properties.app');
    const wrong = await cli(['rollback', 'prodution']);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/production/);
    const unknown = await runCli(['rolback', 'production'], { workspace: work.folder });
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain('rollback');
  }, 60_000);
});
