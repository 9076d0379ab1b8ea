import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Host, startHost } from './harness.js';
import { Job, type Ran, runAction } from './run-action.js';
import { answer, current, expectNothingLeft, states, status } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

const PORT = 3001;
/** While this file is on the host, no install comes to its end there: a run that is to be met before its switch cannot outrun us. */
const HOLD = '/run/hold-install';
const INSTALL = `while [ -e ${HOLD} ]; do sleep 0.1; done; echo installed > installed`;

let host: Host;
let work: Workspace;
/** The release that was live before the run that is interrupted. */
let good: string;

beforeAll(async () => {
  host = await startHost({ publish: [PORT] });
  work = await workspace(host, {
    kind: 'tiny',
    port: PORT,
    changes: {
      'services.web.install': [INSTALL],
      // A run that is told to stop has six seconds to carry its switch to the end (src/main/stop.ts), also on a slow machine.
      'services.web.health.successes': 2,
      'services.web.health.interval': '200ms',
      // The deploy ends before anybody has confirmed the release.
      smoke: [{ name: 'right', get: '/wrong', expect: { text: { contains: ['right'] } } }],
    },
  });
  // Big enough that its way takes some time.
  await writeFile(join(work.folder, 'payload-old'), randomBytes(1_000_000));
  await work.commit();
  good = await confirmed();
}, 240_000);

afterAll(async () => {
  await host.stop();
  await work.remove();
});

/** Deploys and confirms; returns the release. */
async function confirmed(): Promise<string> {
  const ran = await runAction('go-live', { workspace: work.folder, inputs: work.inputs });
  expect(ran).toMatchObject({ code: 0 });
  return ran.outputs['release']!;
}

/** What the deploy after a dead one has to show: it succeeds without hands. */
async function expectNextSucceeds(): Promise<Ran> {
  await work.commit({ text: String(Date.now()) });
  const next = await runAction('go-live', { workspace: work.folder, inputs: work.inputs });
  expect(next.log).toContain('is live');
  expect(next).toMatchObject({ code: 0, outputs: { result: 'success', switched: 'true' } });
  expect(await current(host, work)).toBe(next.outputs['release']);
  expect(await answer(host, PORT)).toMatchObject({ release: next.outputs['release'] });
  await expectNothingLeft(host, work);
  good = next.outputs['release']!;
  return next;
}

/** The release is on its way over the link. */
const SENDING = /call 2, /;
/** The new release is live; nobody has confirmed it. */
const LIVE = / {2}\d{8}T\d{6}Z-[0-9a-f]{7} is live {2}\(/;

const BEFORE_INSTALLED = /lease taken|call 2|Install/;

/** One deploy of a changed payload; `signal` is sent when a line matches `at`. */
async function interrupt(signal: NodeJS.Signals, at: RegExp): Promise<Ran & { job: Job }> {
  await writeFile(join(work.folder, 'payload'), randomBytes(6_000_000));
  await work.commit({ text: `${signal} ${at.source}` });
  if (BEFORE_INSTALLED.test(at.source)) await host.run(`touch ${HOLD}`);
  const job = await Job.begin(work.folder, { inputs: work.inputs });
  let sent = false;
  const ran = await job.run('deploy', {
    onLine: (line, child) => {
      if (sent || !at.test(line)) return;
      sent = true;
      // What the line announces has begun when the signal comes.
      if (at === SENDING) setTimeout(() => child.kill(signal), 150);
      else child.kill(signal);
    },
  });
  await host.run(`rm -f ${HOLD}`);
  expect(sent).toBe(true);
  return { ...ran, job };
}

/** Between the steps that the fault matrix stops at (faults.ts): there what is found is the same each time. */
describe('a run that is killed', () => {
  test.each([
    ['while it sends the release', SENDING],
    ['while it installs', /::group::Install/],
    ['while the new service starts', /starting web/],
  ])('%s leaves a host on which the next deploy succeeds without hands, and says what it found', async (_, at) => {
    const { job, code, log } = await interrupt('SIGKILL', at);
    expect(code).toBe('SIGKILL');
    // The runner is gone as a whole: no post step.
    await job.abandon();
    const next = await expectNextSucceeds();
    const [, dead] = /::group::Stage (\S+)/.exec(log) ?? [];
    const found = next.log.slice(0, next.log.indexOf('::group::Stage'));
    if (/starting/.test(at.source)) {
      // The host carries a switch to its end alone.
      expect(found).toMatch(new RegExp(`lease taken; ${dead} is live`));
      return;
    }
    expect(found).toMatch(new RegExp(`release ${dead}: a run by octocat \\(https://github\\.example\\.com/acme/app/actions/runs/4711\\) ended before the switch; its files were removed`));
    expect((await states(work))[dead!]).toMatch(/^unfinished, removed/);
  }, 120_000);
});

describe('a cancelled run', () => {
  let log: string;
  beforeEach(() => {
    log = '';
  });
  afterEach(() => expect(log).not.toContain('This is a defect'));

  test.each([
    ['SIGINT', 'while it sends the release', SENDING],
    ['SIGTERM', 'while it sends the release', SENDING],
    ['SIGINT', 'while it installs', /::group::Install/],
    ['SIGTERM', 'while it installs', /::group::Install/],
  ] as const)('by %s %s, ends red, in time, and leaves the live release alone', async (signal, _, at) => {
    const before = await answer(host, PORT);
    const ran = await interrupt(signal, at);
    log = ran.log;
    expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false' } });
    expect(ran.log).toMatch(/::error::.*stopped/);
    expect(await answer(host, PORT)).toEqual(before);
    await ran.job.end();
    await expectNothingLeft(host, work);
    await expectNextSucceeds();
  }, 120_000);

  test.each(['SIGINT', 'SIGTERM'] as const)('by %s during the switch leaves the host on one release or the other, healthy', async (signal) => {
    const ran = await interrupt(signal, /starting web/);
    log = ran.log;
    expect(ran.code).toBe(1);
    expect(ran.outputs).toMatchObject({ result: 'failure', switched: 'true' });
    expect(ran.log).toMatch(/::error::stopped by a signal during the switch.* is live, and nobody has confirmed it/);
    // GitHub goes on with the steps that are `always()`: what is known is reported.
    const report = await ran.job.run('report', { inputs: { environment: 'production', html: join(ran.job.temp, 'report.html') } });
    expect(report).toMatchObject({ code: 0, outputs: { result: 'success', verdict: 'fail' } });
    expect(await readFile(join(ran.job.temp, 'report.html'), 'utf8')).toContain(ran.outputs['release']);
    await ran.job.end();
    expect((await status(work)).lease).toBeUndefined();
    const live = await current(host, work);
    expect([good, ran.outputs['release']]).toContain(live);
    expect(await answer(host, PORT)).toMatchObject({ release: live });
    await expectNextSucceeds();
  }, 120_000);
});

describe('two runs at once', () => {
  test('the second is refused with the name of the first, which goes on unharmed', async () => {
    await work.commit({ text: 'the first' });
    await host.run(`touch ${HOLD}`);
    let second: Promise<Ran> | undefined;
    const first = await runAction('deploy', {
      workspace: work.folder,
      inputs: work.inputs,
      onLine: (line) => {
        if (!line.includes('::group::Install')) return;
        second ??= runAction('deploy', { workspace: work.folder, inputs: work.inputs, env: { GITHUB_ACTOR: 'hubot', GITHUB_RUN_ID: '4712' } }).finally(() => host.run(`rm -f ${HOLD}`));
      },
    });
    const refused = await second!;
    expect(refused).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false' } });
    expect(refused.log).toContain('another run has the lease: octocat https://github.example.com/acme/app/actions/runs/4711');
    expect(refused.log).toContain('Nothing was changed.');
    expect(first).toMatchObject({ code: 0, outputs: { result: 'success', switched: 'true' } });
    expect(await current(host, work)).toBe(first.outputs['release']);
    await expectNothingLeft(host, work);
    await expectNextSucceeds();
  }, 120_000);

  test('the lease is held from deploy through smoke, and freed by the post step', async () => {
    await work.commit({ text: 'between the steps' });
    const job = await Job.begin(work.folder, { inputs: work.inputs });
    expect(await job.run('deploy')).toMatchObject({ code: 0 });
    const started = Date.now();
    const other = await runAction('deploy', { workspace: work.folder, inputs: work.inputs, env: { GITHUB_ACTOR: 'hubot' } });
    expect(other).toMatchObject({ code: 1 });
    expect(other.log).toContain('another run has the lease: octocat');
    expect(Date.now() - started).toBeLessThan(30_000);
    expect(await job.run('smoke')).toMatchObject({ code: 0 });
    expect((await host.run(`cat ${work.root}/.slipway/lease`)).stdout).toContain('octocat');
    const [post] = await job.end();
    expect(post).toMatchObject({ code: 0 });
    await expectNothingLeft(host, work);
  }, 120_000);

  test.each([
    ['before it staged', /lease taken/],
    ['after its switch', LIVE],
  ])('the post step frees the lease of a deploy that was killed %s', async (_, at) => {
    const { job, log } = await interrupt('SIGKILL', at);
    expect(await job.end()).toMatchObject([{ code: 0 }]);
    await expectNothingLeft(host, work);
    const next = await expectNextSucceeds();
    if (at === LIVE) expect(next.log).toContain(`lease taken; ${/::group::Stage (\S+)/.exec(log)?.[1] ?? 'no release'} is live`);
  }, 120_000);
});
