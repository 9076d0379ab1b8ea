import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { runPreflight } from '../../src/checks/run.js';
import type { Evidence } from '../../src/evidence/record.js';
import { gatherRepositoryState, type StateQuestions } from '../../src/github/repository-state.js';
import { configWith, NOW } from '../checks/support.js';
import { FakeGitHub, REPOSITORY, TOKEN } from '../support/fake-github.js';
import { clientOf } from './support.js';

let fake: FakeGitHub;
/** The commits of v1.0.0 and v1.1.0; what is released is v1.1.0. */
let first: string;
const RUN = 900;

beforeEach(async () => {
  fake = await FakeGitHub.start();
  first = fake.commit('Begin', 'ann');
  fake.tags.set('v1.0.0', first);
});
afterEach(async () => {
  await fake.stop();
  expect(fake.faults).toEqual([]);
});

/** Tags the head of the branch as v1.1.0. */
function release(): string {
  const head = fake.branches.get('main')!;
  fake.tags.set('v1.1.0', head);
  return head;
}

/** The records of the family, from the config through GitHub to the verdict. */
async function preflight(github: string, rest: Partial<StateQuestions> & { token?: string; severity?: string } = {}): Promise<Evidence[]> {
  const { token = TOKEN, severity = '', ...questions } = rest;
  const config = configWith(`preflight: { github: { ${github} }, severity: { ${severity} } }`);
  const { api } = clientOf(fake, { token });
  const facts = await gatherRepositoryState(api, REPOSITORY, { config: config.preflight, environmentName: 'production', ref: 'refs/tags/v1.1.0', ...questions });
  return runPreflight({ config, environment: 'production', hosts: [], github: facts, now: NOW }).filter(({ id }) => id.startsWith('preflight.github.'));
}

async function only(github: string, rest: Parameters<typeof preflight>[1] = {}): Promise<Evidence> {
  const records = await preflight(github, rest);
  expect(records).toHaveLength(1);
  return records[0]!;
}

describe('what is asked of GitHub', () => {
  test('is nothing when nothing is configured', async () => {
    release();
    expect(await preflight('')).toEqual([]);
    expect(fake.requests).toEqual([]);
  });

  test('is only what the configured checks need, so that other permissions may be missing', async () => {
    release();
    for (const permission of ['contents', 'pull-requests', 'checks', 'statuses', 'actions', 'security-events', 'secret_scanning_alerts', 'secrets', 'environments']) fake.refused.add(permission);
    expect((await only('alerts: { dependencies: high }')).status).toBe('pass');
  });

  test('can all be answered at once', async () => {
    fake.pull('ann', [{ user: 'bob', state: 'APPROVED' }]);
    fake.checkRun(release(), 'test', 'success');
    fake.secrets.push({ name: 'SSH_PRIVATE_KEY', updated: '2026-10-01T00:00:00Z' });
    const records = await preflight('protected: true, reviewed: true, checks: true, alerts: { secrets: true, code: high, dependencies: high }, secret-age: 90d');
    expect(records.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 'pass'));
    expect(new Set(records.map(({ subject }) => subject))).toEqual(new Set([REPOSITORY]));
  });
});

describe('reviews', () => {
  const reviewed = (rest: Parameters<typeof preflight>[1] = {}): Promise<Evidence> => only('reviewed: true', rest);

  test('hold when a second person approved the merged pull request', async () => {
    fake.pull('ann', [{ user: 'bob', state: 'APPROVED' }]);
    release();
    expect(await reviewed()).toMatchObject({ status: 'pass', observed: '1 commit since v1.0.0, all reviewed' });
  });

  test('are missed at a pull request that nobody approved', async () => {
    fake.pull('ann', [{ user: 'bob', state: 'COMMENTED' }], { title: 'Change the price' });
    release();
    const record = await reviewed();
    expect(record.status).toBe('fail');
    expect(record.observed).toContain('"Change the price" by ann: #1 has no approval');
  });

  test('are missed at a direct push', async () => {
    fake.pull('ann', [{ user: 'bob', state: 'APPROVED' }]);
    fake.commit('Quick fix', 'eve');
    release();
    expect((await reviewed()).observed).toMatch(/^1 of 2 commits since v1\.0\.0: [0-9a-f]{7} "Quick fix" by eve: pushed without a pull request$/);
  });

  test('are missed at a direct push whose author GitHub does not know', async () => {
    fake.commit('Quick fix', '?eve');
    release();
    expect((await reviewed()).observed).toContain('pushed without a pull request');
  });

  test('cover every commit of a pull request that was merged with a merge commit, pressed by the reviewer', async () => {
    const one = fake.commit('One', 'ann', [first], 'feature');
    const two = fake.commit('Two', 'ann', [one], 'feature');
    const merge = fake.commit('Merge pull request #1', 'bob', [first, two]);
    fake.pull('ann', [{ user: 'bob', state: 'APPROVED' }], { commits: [one, two, merge] });
    release();
    expect(await reviewed()).toMatchObject({ status: 'pass', observed: '3 commits since v1.0.0, all reviewed' });
  });

  test('do not cover a commit that the only approver wrote himself', async () => {
    const own = fake.commit('Slip this in', 'bob', [first]);
    fake.pull('ann', [{ user: 'bob', state: 'APPROVED' }], { commits: [own] });
    release();
    expect((await reviewed()).observed).toContain('#1 is approved by nobody who counts: bob is the author');
  });

  test('cover the one commit of a squash merge', async () => {
    const squashed = fake.commit('Add basket (#1)', 'ann');
    fake.commit('wip', 'ann', [first], 'feature');
    fake.pull('ann', [{ user: 'bob', state: 'APPROVED' }], { commits: [squashed] });
    release();
    expect((await reviewed()).status).toBe('pass');
  });

  test('by a person count when a bot opened and merged the pull request', async () => {
    fake.pull('dependabot[bot]', [{ user: 'bob', state: 'APPROVED' }]);
    release();
    expect((await reviewed()).status).toBe('pass');
  });

  test('by a bot are nobody’s reading', async () => {
    fake.pull('dependabot[bot]', [{ user: 'approver[bot]', state: 'APPROVED', type: 'Bot' }]);
    release();
    expect((await reviewed()).observed).toContain('approver[bot] is a bot');
  });

  test('by a passer-by of a public repository do not count', async () => {
    fake.pull('ann', [{ user: 'mallory', state: 'APPROVED', association: 'FIRST_TIME_CONTRIBUTOR' }]);
    release();
    expect((await reviewed()).observed).toContain('mallory is to the repository only first time contributor');
  });

  test('that were taken back do not count, nor against changes still asked for', async () => {
    fake.pull('ann', [{ user: 'bob', state: 'APPROVED' }, { user: 'bob', state: 'DISMISSED' }]);
    fake.pull('ann', [{ user: 'bob', state: 'APPROVED' }, { user: 'cid', state: 'CHANGES_REQUESTED' }]);
    release();
    const { observed } = await reviewed();
    expect(observed).toContain('#1 has no approval');
    expect(observed).toContain('#2: cid asked for changes');
  });

  test('of a pull request that is still open do not count', async () => {
    fake.pull('ann', [{ user: 'bob', state: 'APPROVED' }], { merged: false });
    release();
    expect((await reviewed()).observed).toContain('its pull request #1 is not merged');
  });

  test('are read over several pages', async () => {
    fake.pageSize = 2;
    for (let index = 0; index < 5; index += 1) fake.pull('ann', [{ user: 'cid', state: 'COMMENTED' }, { user: 'cid', state: 'COMMENTED' }, { user: 'bob', state: 'APPROVED' }]);
    release();
    expect(await reviewed()).toMatchObject({ status: 'pass', observed: '5 commits since v1.0.0, all reviewed' });
  });

  test('are counted from the named release, where tags written otherwise are no releases', async () => {
    fake.commit('Direct, in the old days', 'ann');
    fake.tags.set('v1.0.1-rc.1', fake.branches.get('main')!);
    fake.tags.set('nightly', fake.branches.get('main')!);
    expect(release()).toBeDefined();
    expect((await reviewed()).status).toBe('fail');
    expect(await only('reviewed: true, reviewed-since: nightly')).toMatchObject({ status: 'pass', observed: 'no commit since nightly' });
  });

  test('cannot be counted without an earlier release, which is a failure with its way out', async () => {
    fake.tags.clear();
    fake.pull('ann', [{ user: 'bob', state: 'APPROVED' }]);
    release();
    const record = await reviewed();
    expect(record).toMatchObject({ status: 'fail', observed: 'there is no earlier release tag, written like v1.1.0, to count from' });
    expect(record.remedy).toContain('reviewed-since');
  });

  test('hold for a release without a tag, from the last version on', async () => {
    fake.pull('ann', [{ user: 'bob', state: 'APPROVED' }]);
    expect(await reviewed({ ref: 'refs/heads/main', commit: fake.branches.get('main') })).toMatchObject({ status: 'pass', observed: '1 commit since v1.0.0, all reviewed' });
  });

  test('are refused for another commit than the one checked out', async () => {
    fake.pull('ann', [{ user: 'bob', state: 'APPROVED' }]);
    release();
    expect((await reviewed({ commit: first })).observed).toMatch(/^the tag v1\.1\.0 is .* on GitHub, while .* is checked out$/);
  });

  test('ask for the permission that the job lacks', async () => {
    fake.pull('ann', [{ user: 'bob', state: 'APPROVED' }]);
    release();
    fake.refused.add('pull-requests');
    const record = await reviewed();
    expect(record).toMatchObject({ status: 'fail', observed: 'GitHub does not tell the pull requests of a commit: 403 Resource not accessible by integration' });
    expect(record.remedy).toContain('`pull-requests: read`');
  });
});

describe('checks of the commit', () => {
  const checks = (rest: Parameters<typeof preflight>[1] = {}, except = ''): Promise<Evidence> => only(`checks: true${except}`, rest);

  test.each(['success', 'neutral', 'skipped'])('are green with %s', async (conclusion) => {
    fake.checkRun(release(), 'test', conclusion);
    expect(await checks()).toMatchObject({ status: 'pass', observed: expect.stringMatching(/^1 check of [0-9a-f]{7}, all green$/) });
  });

  test.each(['failure', 'cancelled', 'timed_out', 'action_required'])('are red with %s', async (conclusion) => {
    const commit = release();
    fake.checkRun(commit, 'lint', 'success');
    fake.checkRun(commit, 'test', conclusion);
    expect(await checks()).toMatchObject({ status: 'fail', observed: expect.stringContaining(`: test: ${conclusion.replace('_', ' ')}`) });
  });

  test('that still run are waited for by a person', async () => {
    fake.checkRun(release(), 'test', null);
    const record = await checks();
    expect(record).toMatchObject({ status: 'fail', observed: expect.stringContaining('test: in progress') });
    expect(record.remedy).toContain('Wait');
  });

  test('are statuses too', async () => {
    const commit = release();
    fake.checkRun(commit, 'test', 'success');
    fake.statuses.push({ sha: commit, context: 'ci/other', state: 'pending' });
    expect((await checks()).observed).toContain('ci/other: pending');
    fake.statuses[0]!.state = 'success';
    expect((await checks()).status).toBe('pass');
  });

  test('count by the newest of a name and app', async () => {
    const commit = release();
    fake.checkRun(commit, 'test', 'failure');
    fake.checkRun(commit, 'test', 'success');
    expect((await checks()).status).toBe('pass');
    fake.checkRun(commit, 'test', 'failure', { app: 'other-ci' });
    expect((await checks()).status).toBe('fail');
  });

  test('that do not matter are left out by name', async () => {
    const commit = release();
    fake.checkRun(commit, 'test', 'success');
    fake.checkRun(commit, 'docs / preview', 'failure');
    expect((await checks({}, ', checks-except: [docs / preview]')).status).toBe('pass');
  });

  test('leave out the run that asks and its earlier tries, but no other run', async () => {
    const commit = release();
    const run = { workflow: 7, event: 'push', branch: 'v1.1.0', sha: commit };
    fake.runs.push({ ...run, id: RUN }, { ...run, id: RUN - 1 }, { ...run, id: RUN - 2, branch: 'main' }, { ...run, id: RUN - 3, workflow: 8 });
    fake.checkRun(commit, 'go-live / smoke', 'failure', { run: RUN - 1 });
    fake.checkRun(commit, 'go-live / preflight', null, { run: RUN });
    fake.checkRun(commit, 'test', 'success', { run: RUN - 3 });
    expect(await checks({ runId: String(RUN) })).toMatchObject({ status: 'pass', observed: expect.stringContaining('1 check of') });
    fake.checkRun(commit, 'test on main', 'failure', { run: RUN - 2 });
    expect((await checks({ runId: String(RUN) })).observed).toContain('test on main: failure');
  });

  test('of another app that names our run stay', async () => {
    const commit = release();
    fake.runs.push({ id: RUN, workflow: 7, event: 'push', branch: 'v1.1.0', sha: commit });
    fake.checkRun(commit, 'scan', 'failure', { run: RUN, app: 'scanner' });
    expect((await checks({ runId: String(RUN) })).observed).toContain('scan: failure');
  });

  test('are missed when none but our own has reported', async () => {
    const commit = release();
    fake.runs.push({ id: RUN, workflow: 7, event: 'push', branch: 'v1.1.0', sha: commit });
    fake.checkRun(commit, 'go-live / preflight', null, { run: RUN });
    expect(await checks({ runId: String(RUN) })).toMatchObject({ status: 'fail', observed: expect.stringContaining('no check has reported on') });
  });

  test.each([['checks', 'checks: read'], ['statuses', 'statuses: read'], ['actions', 'actions: read'], ['contents', 'contents: read']])('ask for %s', async (refused, words) => {
    fake.runs.push({ id: RUN, workflow: 7, event: 'push', branch: 'v1.1.0', sha: release() });
    fake.refused.add(refused);
    const record = await checks({ runId: String(RUN) });
    expect(record.status).toBe('fail');
    expect(record.remedy).toContain(`Add \`${words}\` to the job's \`permissions:\``);
  });

  test('of a tag that is not on GitHub are not known', async () => {
    expect(await checks({ ref: 'v9.9.9' })).toMatchObject({ status: 'fail', observed: 'GitHub does not tell the tag: 404 Not Found' });
  });

  test('are found through a lightweight tag too', async () => {
    fake.checkRun(release(), 'test', 'success');
    fake.lightweight.add('v1.1.0');
    expect((await checks()).status).toBe('pass');
  });
});

describe('the branch', () => {
  const branch = async (): Promise<Record<string, Evidence>> => Object.fromEntries((await preflight('protected: true')).map((record) => [record.id.split('.')[2]!, record]));

  test('is protected by rules, or by branch protection', async () => {
    release();
    expect((await branch())['branch-protected']).toMatchObject({ status: 'pass', observed: 'main: pull_request, non_fast_forward' });
    Object.assign(fake, { rules: [], classic: true });
    expect((await branch())['branch-protected']).toMatchObject({ status: 'pass', observed: 'main: branch protection' });
  });

  test.each([[[], 'main: no rule'], [['deletion'], 'main: deletion']])('is not protected with the rules %j', async (rules, observed) => {
    release();
    fake.rules = rules;
    expect((await branch())['branch-protected']).toMatchObject({ status: 'fail', observed });
  });

  test('contains the commit, also when it has gone on since', async () => {
    release();
    fake.commit('Later', 'ann');
    expect((await branch())['branch-contains']?.status).toBe('pass');
  });

  test('does not contain a commit of another branch', async () => {
    fake.tags.set('v1.1.0', fake.commit('Elsewhere', 'ann', [first], 'hotfix'));
    expect((await branch())['branch-contains']).toMatchObject({ status: 'fail', observed: expect.stringContaining('is not on main') });
  });

  test('that is not there is said', async () => {
    release();
    fake.branches.delete('main');
    expect((await branch())['branch-protected']).toMatchObject({ status: 'fail', observed: expect.stringContaining('404') });
  });
});

describe('alerts', () => {
  test('of secret scanning stop a release, whatever they are', async () => {
    fake.secretAlerts = [{ type: 'Amazon AWS Access Key ID' }];
    expect(await only('alerts: { secrets: true }')).toMatchObject({ status: 'fail', observed: '1 open: #1 Amazon AWS Access Key ID' });
  });

  test('of code scanning and Dependabot stop it from the named severity on', async () => {
    fake.codeAlerts = [{ level: 'critical', rule: 'js/sql-injection' }, { level: 'medium', rule: 'js/x' }, { severity: 'warning', rule: 'style' }, { severity: 'error', rule: 'js/y' }];
    fake.dependencyAlerts = [{ severity: 'medium', name: 'left-pad' }];
    const [code, dependencies] = await preflight('alerts: { code: high, dependencies: high }');
    expect(code).toMatchObject({ status: 'fail', observed: expect.stringMatching(/^2 open: #1 .*js\/sql-injection \(critical\), #4 .*js\/y \(high\)$/) });
    expect(dependencies).toMatchObject({ status: 'pass', observed: '1 open, none of them so bad' });
    expect((await only('alerts: { dependencies: medium }')).observed).toBe('1 open: #1 left-pad (medium)');
  });

  test('are read over several pages, by number and by cursor', async () => {
    fake.pageSize = 2;
    fake.dependencyAlerts = [...Array.from({ length: 6 }, (_, index) => ({ severity: 'low', name: `p${index}` })), { severity: 'critical', name: 'openssl' }];
    fake.codeAlerts = [...Array.from({ length: 4 }, () => ({ level: 'low', rule: 'r' })), { level: 'high', rule: 'last' }];
    const records = await preflight('alerts: { code: high, dependencies: high }');
    expect(records.map(({ observed }) => observed)).toEqual([expect.stringContaining('last (high)'), '1 open: #7 openssl (critical)']);
  });

  test('that are switched off are no clean bill', async () => {
    Object.assign(fake, { secretAlerts: undefined, codeAlerts: undefined, dependencyAlerts: undefined });
    const records = await preflight('alerts: { secrets: true, code: high, dependencies: high }');
    expect(records.map(({ status }) => status)).toEqual(['fail', 'fail', 'fail']);
    expect(records.map(({ observed }) => observed)).toEqual([
      expect.stringContaining('Secret scanning is disabled'), expect.stringContaining('no analysis found'), expect.stringContaining('Dependabot alerts are disabled'),
    ]);
  });

  test.each([
    ['secrets: true', 'secret_scanning_alerts', /token of a GitHub App.*`Secret scanning alerts: read`/],
    ['code: high', 'security-events', /Add `security-events: read`/],
    ['dependencies: high', 'vulnerability-alerts', /Add `vulnerability-alerts: read`/],
  ])('with { %s } ask for their permission', async (alerts, refused, words) => {
    fake.refused.add(refused);
    expect(await only(`alerts: { ${alerts} }`)).toMatchObject({ status: 'fail', remedy: expect.stringMatching(words) });
  });

  test('warn only, when that is configured', async () => {
    fake.secretAlerts = [{ type: 'Key' }];
    expect((await only('alerts: { secrets: true }', { severity: 'github.secret-alerts: warn' })).status).toBe('warn');
  });
});

describe('secrets', () => {
  const old = { name: 'DB_PASSWORD', updated: '2026-01-15T08:00:00Z' };
  const fresh = { name: 'SSH_PRIVATE_KEY', updated: '2026-11-01T00:00:00Z' };

  test('are within their time', async () => {
    fake.secrets.push(fresh);
    fake.environments.set('production', [{ ...old, updated: '2026-08-24T00:00:00Z' }]);
    expect(await only('secret-age: 90d')).toMatchObject({ status: 'pass', observed: '2 secrets of the repository and of the environment production, the oldest 89 days old' });
  });

  test('that are too old are named with their age', async () => {
    fake.secrets.push(fresh);
    fake.environments.set('production', [old]);
    expect(await only('secret-age: 90d')).toMatchObject({ status: 'fail', observed: 'DB_PASSWORD: 309 days' });
    expect((await only('secret-age: 90d, secret-age-except: [DB_PASSWORD]')).status).toBe('pass');
  });

  test('of the environment hide those of the repository', async () => {
    fake.secrets.push(old);
    fake.environments.set('production', [{ ...fresh, name: old.name }]);
    expect((await only('secret-age: 90d')).status).toBe('pass');
  });

  test('that are nowhere are not taken for young', async () => {
    expect((await only('secret-age: 90d')).observed).toBe('there is no secret of the repository and of no environment production, which GitHub does not have');
  });

  test.each([['secrets', /`Secrets: read`/], ['environments', /`Environments: read`/]])('ask for %s, which no job can grant', async (refused, words) => {
    fake.refused.add(refused);
    fake.environments.set('production', [fresh]);
    expect(await only('secret-age: 90d')).toMatchObject({ status: 'fail', remedy: expect.stringMatching(words) });
  });
});

test('a token that is no longer valid is said so, and shown nowhere', async () => {
  release();
  const record = await only('checks: true', { token: 'ghs_old' });
  expect(record).toMatchObject({ status: 'fail', observed: expect.stringContaining('401 Bad credentials'), remedy: expect.stringContaining('The token is not, or no longer, valid') });
  expect(JSON.stringify(record)).not.toContain('ghs_old');
});
