import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Host, linkTo, startHost } from './harness.js';
import { type Ran, runAction } from './run-action.js';
import { answer, current, expectNothingLeft, states } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

const PORT = 3001;

let host: Host;
let work: Workspace;
let good: string;

beforeAll(async () => {
  host = await startHost({ publish: [PORT], tmpfs: { '/srv': '80m' } });
  work = await workspace(host, { kind: 'tiny', port: PORT });
  const ran = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
  expect(ran).toMatchObject({ code: 0 });
  good = ran.outputs['release']!;
}, 180_000);

afterAll(async () => {
  await host.stop();
  await work.remove();
});

async function deploysAgain(): Promise<void> {
  await rm(join(work.folder, 'payload'), { force: true });
  await work.commit({ text: String(Date.now()) });
  const ran = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
  expect(ran).toMatchObject({ code: 0, outputs: { result: 'success' } });
  good = ran.outputs['release']!;
  expect(await answer(host, PORT)).toMatchObject({ release: good });
  expect((await states(work))[good]).toBe('good');
  await expectNothingLeft(host, work);
}

describe('a link that breaks while the release is sent', () => {
  test.each([
    ['reset', 40_000],
    // Three unanswered signs of life, two seconds apart.
    ['silent', 40_000],
  ] as const)('(%s) ends the run red in time, and the next one through a healthy link succeeds', async (cut, limit) => {
    const link = await linkTo(host, { cutAfterBytes: 1_500_000, cut });
    try {
      await writeFile(join(work.folder, 'payload'), randomBytes(4_000_000));
      await work.commit();
      await work.configure({ 'environments.production.hosts.0.address': link.address, 'environments.production.hosts.0.keepalive': '2s' });
      const started = Date.now();
      const ran = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
      expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false', 'previous-release': good } });
      expect(Date.now() - started).toBeLessThan(limit);
      expect(ran.log).toMatch(new RegExp(`::error::${link.address.replaceAll('.', '\\.')}: .*(lost|reset|gave no sign of life|broken)`));
      expect(link.connections).toBeGreaterThan(0);
    } finally {
      await link.close();
      await work.configure({ 'environments.production.hosts.0.address': host.address });
    }
    expect(await current(host, work)).toBe(good);
    expect(await answer(host, PORT)).toMatchObject({ release: good });
    await deploysAgain();
  }, 180_000);
});

describe('a disk that runs full', () => {
  /** What every one of them has to come to: nothing changed, and all is well once there is room. */
  async function expectUnharmed(ran: Ran): Promise<void> {
    expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false' } });
    expect(ran.log).toMatch(/::error::[^]*(No space left on device|disk)/i);
    expect(await current(host, work)).toBe(good);
    expect(await answer(host, PORT)).toMatchObject({ release: good });
    await host.run('rm -f /srv/full');
    await expectNothingLeft(host, work);
    await deploysAgain();
  }

  test('is foreseen: a release that does not fit is not begun', async () => {
    await writeFile(join(work.folder, 'payload'), '');
    await truncate(join(work.folder, 'payload'), 100_000_000);
    const ran = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
    expect(ran.log).not.toContain('::group::Stage');
    await expectUnharmed(ran);
  }, 120_000);

  test('by others, while the release is sent, ends the run red', async () => {
    const link = await linkTo(host, { delay: 60 });
    await writeFile(join(work.folder, 'payload'), randomBytes(20_000_000));
    await work.configure({ 'environments.production.hosts.0.address': link.address });
    let filling: Promise<unknown> | undefined;
    const ran = await runAction('deploy', {
      workspace: work.folder,
      inputs: work.inputs,
      onLine: (line) => {
        if (line.includes('call 2, ')) filling = host.run('head -c 200m /dev/zero > /srv/full; true');
      },
    });
    await filling;
    await link.close();
    await work.configure({ 'environments.production.hosts.0.address': host.address });
    await expectUnharmed(ran);
  }, 120_000);

  test('by the install ends the run red, and the room is given back', async () => {
    await work.configure({ 'services.web.install': ['head -c 200m /dev/zero > filled'] });
    const ran = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
    await work.configure({ 'services.web.install': undefined });
    await expectUnharmed(ran);
  }, 120_000);

  test('to the last byte, before the run, is said at once', async () => {
    await host.run('head -c 200m /dev/zero > /srv/full; true');
    await expectUnharmed(await runAction('deploy', { workspace: work.folder, inputs: work.inputs }));
  }, 120_000);
});
