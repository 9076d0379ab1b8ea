import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectAgrees, expectNothingLeft } from './agreement.js';
import { docker } from './docker.js';
import { faultHost, type FaultHost } from './fault-host.js';
import { Job, runAction } from './run-action.js';

/** What users notice of ten deploys in a row, and of a release that nobody is left to confirm: nothing. */
let faults: FaultHost;
let first: string;

beforeAll(async () => {
  faults = await faultHost('pm2');
  const ran = await runAction('deploy', { workspace: faults.work.folder, inputs: faults.work.inputs });
  expect(ran).toMatchObject({ code: 0 });
  first = ran.outputs['release']!;
}, 180_000);
afterAll(() => faults.stop(), 60_000);

test('ten deploys in a row lose no request, and the releases that answer only move forward', async () => {
  const { work, load } = faults;
  load.mark();
  load.resume();
  const releases = [first];
  for (let turn = 1; turn <= 10; turn += 1) {
    await work.commit({ text: String(turn) });
    const ran = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
    expect(ran).toMatchObject({ code: 0, outputs: { result: 'success', switched: 'true' } });
    releases.push(ran.outputs['release']!);
  }
  await load.pause();
  const answers = load.mark();
  expect(answers.failures).toEqual([]);
  expect(answers.releases).toEqual(releases);
  expect(answers.moves).toEqual(releases.slice(1).map((to, index) => ({ from: releases[index], to })));
  expect(answers.requests).toBeGreaterThan(1_000);
  const facts = await faults.facts();
  expectAgrees(facts);
  expectNothingLeft(facts);
}, 240_000);

test('a host whose runner and network are gone right after the switch goes back by itself in time, and the next run says so', async () => {
  const { work, host } = faults;
  const before = (await faults.facts()).current;
  await work.configure({ smoke: [{ name: 'right', get: '/wrong', expect: { text: { contains: ['right'] } } }], 'release.confirm-within': '20s' });
  await work.commit({ text: 'never confirmed' });
  const job = await Job.begin(work.folder, { inputs: work.inputs });
  // The host stands right behind its switch when the runner dies: no later word of the run can have reached it.
  await faults.arm('active');
  let child: ChildProcess | undefined;
  const running = job.run('deploy', { onLine: (_, process) => (child = process) });
  await faults.reached(60_000);
  const switched = Date.now();
  child?.kill('SIGKILL');
  const ran = await running;
  expect(ran.code).toBe('SIGKILL');
  await faults.letGo();
  await faults.settled();
  await docker(['network', 'disconnect', '--force', 'bridge', host.container]);
  const release = /::group::Stage (\S+)/.exec(ran.log)?.[1] ?? '';
  expect(await faults.facts()).toMatchObject({ current: release, answers: release });
  while ((await faults.facts()).answers !== before && Date.now() - switched < 60_000) await sleep(100);
  expect(Date.now() - switched).toBeLessThan(45_000);
  await faults.settled();
  const facts = await faults.facts();
  expectAgrees(facts);
  expect(facts).toMatchObject({ current: before, unfinished: [], left: [] });
  expect(facts.releases.find(({ id }) => id === release)).toMatchObject({ state: 'bad', reason: 'nobody confirmed it within 20 s' });
  expect((await host.run(`cat ${work.root}/.slipway/journal`)).stdout).toMatch(new RegExp(`"event":"reverted","release":"${release}".*"to":"${before}"`));
  await job.abandon();

  await docker(['network', 'connect', 'bridge', host.container]);
  await work.configure({ smoke: undefined });
  const next = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
  expect(next.log).toMatch(new RegExp(`the host went back from ${release} to ${before} by itself at \\S+: nobody confirmed it within 20 s`));
  expect(next).toMatchObject({ code: 0, outputs: { result: 'success', switched: 'true' } });
}, 180_000);
