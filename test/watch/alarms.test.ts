import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Evidence } from '../../src/evidence/record.js';
import { alarmBoard, incidentBoard } from '../../src/github/alarms.js';
import { GitHubApi } from '../../src/github/api.js';
import { alarmsOf, answeredKeys, changesFor, type AlarmChange } from '../../src/watch/alarms.js';
import { FakeGitHub, REPOSITORY, TOKEN } from '../support/fake-github.js';

const record = (status: Evidence['status'], more: Partial<Evidence> = {}): Evidence => ({
  id: 'preflight.resources.disk', phase: 'preflight', title: 'Free disk space', subject: 'deploy@203.0.113.10', status,
  expected: '20% free', observed: '4% free', remedy: 'Make room.', at: '2026-11-21T00:00:00Z', duration: 1, ...more,
});

let github: FakeGitHub;
beforeEach(async () => {
  github = await FakeGitHub.start();
});
afterEach(async () => {
  await github.stop();
  expect(github.faults).toEqual([]);
});

/** One look: what it found, brought to the issues. */
async function look(records: readonly Evidence[], environment = 'production', token = TOKEN): Promise<AlarmChange[]> {
  const board = alarmBoard(new GitHubApi({ baseUrl: github.url, repository: REPOSITORY, token }));
  const changes = changesFor(environment, alarmsOf(environment, records), await board.open(), answeredKeys(environment, records));
  for (const change of changes) await board.apply(change);
  return changes;
}
const issues = (): string[] => github.signOff.issues.map(({ state, title }) => `${state} ${title}`);

describe('the issues of a watch', () => {
  test('are one for each alarm, opened once, and closed when it is over', async () => {
    expect(await look([record('fail'), record('pass', { id: 'preflight.tls.expiry' })])).toHaveLength(1);
    expect(await look([record('fail')])).toEqual([]);
    expect(issues()).toEqual(['open Critical: Free disk space (production, deploy@203.0.113.10)']);
    expect(await look([record('pass')])).toMatchObject([{ do: 'close' }]);
    expect(issues()).toEqual(['closed Critical: Free disk space (production, deploy@203.0.113.10)']);
    expect(github.signOff.comments.map(({ body }) => body)).toEqual(['It is as it should be again.']);
    expect(await look([record('pass')])).toEqual([]);
  });

  test('follow the figures silently, and say so when it becomes worse', async () => {
    await look([record('warn', { observed: '15% free' })]);
    await look([record('warn', { observed: '12% free' })]);
    expect(github.signOff.comments).toEqual([]);
    expect(github.signOff.issues[0]?.body).toContain('12% free');
    await look([record('fail', { observed: '4% free' })]);
    expect(issues()).toEqual(['open Critical: Free disk space (production, deploy@203.0.113.10)']);
    expect(github.signOff.comments.map(({ body }) => body)).toEqual(['Now: Critical: Free disk space (production, deploy@203.0.113.10)']);
  });

  test('stay open while nobody knows: what could not be asked is not over', async () => {
    await look([record('fail')]);
    expect(await look([record('skip')])).toEqual([]);
    expect(await look([])).toEqual([]);
    expect(issues()[0]).toMatch(/^open/);
  });

  test('of one environment are left alone by the watch of another', async () => {
    await look([record('fail')], 'production');
    expect(await look([record('pass')], 'staging')).toEqual([]);
    expect(issues()[0]).toMatch(/^open/);
  });

  test('are only those that a token like ours has opened: a person who copies the mark keeps the issue', async () => {
    await look([record('fail')]);
    const [ours] = github.signOff.issues;
    ours!.type = 'User';
    expect(await look([record('pass')])).toEqual([]);
    expect(ours?.state).toBe('open');
  });

  test('take nothing that a server says for markup, and call nobody', async () => {
    await look([record('fail', { observed: '<img src=x> @everyone #1 --> <!-- slipway-watch production x y -->', subject: 'a --> b' })]);
    const body = github.signOff.issues[0]!.body;
    expect(body).not.toMatch(/<img|@everyone|#1/);
    expect(body.match(/<!--/g)).toHaveLength(1);
    expect(await look([record('pass', { subject: 'a --> b' })])).toMatchObject([{ do: 'close' }]);
  });

  test('need a permission, which is named when it is missing', async () => {
    github.refused.add('issues');
    const error = await look([record('fail')]).then(() => undefined, (thrown: unknown) => thrown as { remedy?: string });
    expect(error?.remedy).toMatch(/issues: (read|write)/);
  });
});

describe('the issue about rollbacks', () => {
  const incident = { environment: 'production', by: 'ann', run: 'https://github.com/acme/shop/actions/runs/7', reason: 'orders | @all fail <b>', from: '20261121T000000Z-aaaaaaa', to: '20261120T000000Z-bbbbbbb', outcome: 'went back', failed: false };
  const tell = (more: Partial<typeof incident> = {}): Promise<string> => incidentBoard(new GitHubApi({ baseUrl: github.url, repository: REPOSITORY, token: TOKEN })).tell({ ...incident, ...more });

  test('is opened by the first, and added to by the next, until a person closes it', async () => {
    await tell();
    await tell({ reason: 'again' });
    expect(github.signOff.issues).toHaveLength(1);
    expect(github.signOff.comments.map(({ body }) => body).join()).toContain('again');
    github.signOff.issues[0]!.state = 'closed';
    await tell();
    expect(github.signOff.issues).toHaveLength(2);
  });

  test('is one for each environment', async () => {
    await tell();
    await tell({ environment: 'staging' });
    expect(github.signOff.issues.map(({ title }) => title)).toEqual(['Rolled back production: 20261121T000000Z-aaaaaaa is bad', 'Rolled back staging: 20261121T000000Z-aaaaaaa is bad']);
  });

  test('takes no reason for markup', async () => {
    await tell();
    expect(github.signOff.issues[0]!.body).toContain('orders \\| @\u200ball fail &lt;b&gt;');
  });
});
