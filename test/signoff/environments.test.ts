import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { GitHubApi } from '../../src/github/api.js';
import { signOffSource } from '../../src/github/sign-off.js';
import { FakeGitHub } from '../support/fake-github.js';
import { DIGEST, only, run, RUN, type Situation } from './support.js';

let fake: FakeGitHub;
beforeEach(async () => {
  fake = await FakeGitHub.start();
  fake.runs.push({ id: RUN, workflow: 7, event: 'push', branch: 'v1.1.0', sha: fake.commit('Release', 'dora'), attempt: 1, actor: 'dora' });
  fake.signOff.gates.set('signoff-qa', { users: ['ann', 'bob'] });
  fake.signOff.gates.set('signoff-lead', { users: ['ann', 'carl'] });
});
afterEach(async () => {
  await fake.stop();
  expect(fake.faults).toEqual([]);
});

/** The state and the status of each role. */
const states = async (situation: Situation = {}): Promise<Record<string, string>> =>
  Object.fromEntries((await run(fake, situation)).records.map(({ subject, status, data }) => [subject, `${String(data?.['state'])}: ${status}`]));
const approve = (role: string, login: string, comment = '', type?: string): void => fake.signOff.review(RUN, `signoff-${role}`, login, 'approved', comment, type);

describe('a role has signed', () => {
  test('when a reviewer of its environment approved this run; who, when it was seen, the comment and the artefact are recorded', async () => {
    approve('qa', 'ann', 'All 214 cases pass');
    const outcome = await run(fake);
    expect(outcome.error).toBeUndefined();
    expect(only(outcome)).toMatchObject({
      id: 'signoff.before.qa', phase: 'signoff', subject: 'qa', status: 'pass', observed: 'approved by ann',
      data: { role: 'qa', login: 'ann', seen: '2026-11-21T12:00:00.000Z', comment: 'All 214 cases pass', digest: DIGEST, state: 'approved' },
    });
    expect(outcome.outputs).toMatchObject({ outcome: '1 of 1 role signed off', tables: [{ rows: [['qa', 'approved', 'ann', '2026-11-21T12:00:00.000Z', 'All 214 cases pass', DIGEST.slice(0, 12)]] }] });
  });

  test('not before somebody answers', async () => {
    fake.signOff.waiting.push('signoff-qa');
    const outcome = await run(fake);
    expect(only(outcome)).toMatchObject({ status: 'fail', observed: 'signoff-qa waits for its reviewers', data: { state: 'missing', login: '' } });
    expect(outcome.error?.message).toContain('not signed off');
  });

  test('not when the approval is of another environment, or of another run', async () => {
    approve('lead', 'ann');
    fake.signOff.review(RUN + 1, 'signoff-qa', 'ann');
    expect(await states()).toEqual({ qa: 'missing: fail' });
  });

  test('not when somebody rejected it, whoever approved it then', async () => {
    fake.signOff.review(RUN, 'signoff-qa', 'bob', 'rejected', 'Login is broken');
    approve('qa', 'ann');
    expect(only(await run(fake))).toMatchObject({ status: 'fail', observed: 'bob rejected it', data: { state: 'rejected', comment: 'Login is broken' } });
  });

  test('each for itself: one that is missing stops the others', async () => {
    approve('qa', 'bob');
    expect(await states({ config: { before: ['lead', 'qa'] } })).toEqual({ lead: 'missing: fail', qa: 'approved: pass' });
    approve('lead', 'ann');
    expect((await run(fake, { config: { before: ['lead', 'qa'] } })).error).toBeUndefined();
  });

  test('after going live, too', async () => {
    approve('lead', 'carl');
    const outcome = await run(fake, { config: { before: ['qa'], after: ['lead'] }, options: { stage: 'after' } });
    expect(only(outcome)).toMatchObject({ id: 'signoff.after.lead', status: 'pass' });
  });
});

describe('the environment', () => {
  test('without required reviewers makes the sign-off void, though its job passed', async () => {
    fake.signOff.gates.set('signoff-qa', {});
    fake.signOff.job(RUN, 'signoff-qa');
    const record = only(await run(fake));
    expect(record).toMatchObject({ status: 'fail', data: { state: 'void' } });
    expect(record.remedy).toContain('sign off by issue');
  });

  test('without required reviewers makes void an approval that is there', async () => {
    approve('qa', 'ann');
    fake.signOff.gates.set('signoff-qa', {});
    expect(await states()).toEqual({ qa: 'void: fail' });
  });

  test('that does not exist asks nobody', async () => {
    fake.signOff.gates.delete('signoff-qa');
    expect(only(await run(fake))).toMatchObject({ status: 'fail', observed: 'there is no environment signoff-qa, so nobody was asked', data: { state: 'absent' } });
  });

  test('is found in any spelling of upper and lower case', async () => {
    fake.signOff.gates.set('SignOff-QA', { users: ['Ann'] });
    fake.signOff.gates.delete('signoff-qa');
    fake.signOff.review(RUN, 'SignOff-QA', 'ann');
    expect(await states()).toEqual({ qa: 'approved: pass' });
  });

  test('is looked at alone with plan: it asks somebody, or it is said what is wrong', async () => {
    expect(await states({ plan: true, options: { digest: undefined } })).toEqual({ qa: 'ready: pass' });
    fake.signOff.gates.set('signoff-qa', {});
    expect(await states({ plan: true, options: { digest: undefined } })).toEqual({ qa: 'void: fail' });
  });
});

describe('the approver', () => {
  const named = { config: { before: [{ role: 'qa', users: ['bob'] }] } };

  test('is one of the users of the role', async () => {
    approve('qa', 'Bob');
    expect(await states(named)).toEqual({ qa: 'approved: pass' });
  });

  test('is not, though the environment asks that person', async () => {
    approve('qa', 'ann');
    const record = only(await run(fake, named));
    expect(record).toMatchObject({ status: 'fail', observed: 'ann may not sign for qa', data: { state: 'not-allowed', login: 'ann' } });
  });

  const team = { config: { before: [{ role: 'qa', teams: ['acme/qa'] }] }, members: true };

  test('is in a team of the role', async () => {
    fake.signOff.teams.set('acme/qa', ['ann']);
    approve('qa', 'ann');
    expect(await states(team)).toEqual({ qa: 'approved: pass' });
  });

  test.each([['in no team of the role', ['bob']], ['only invited to it', ['ann pending']]])('is %s', async (_, members) => {
    fake.signOff.teams.set('acme/qa', members);
    approve('qa', 'ann');
    expect(await states(team)).toEqual({ qa: 'not-allowed: fail' });
  });

  test('is nobody as long as the token may not see the team: the permission to add is named', async () => {
    fake.signOff.teams.set('acme/qa', ['ann']);
    approve('qa', 'ann');
    const record = only(await run(fake, { ...team, members: false }));
    expect(record).toMatchObject({ status: 'fail', data: { state: 'unknown' }, observed: expect.stringContaining('403 Resource not accessible by integration') });
    expect(record.remedy).toMatch(/`members-token`.*`Members: read`/);
  });

  test('is nobody when the team does not exist', async () => {
    approve('qa', 'ann');
    expect(await states(team)).toEqual({ qa: 'unknown: fail' });
  });

  test('is no program', async () => {
    approve('qa', 'ann', '', 'Bot');
    expect(await states()).toEqual({ qa: 'not-allowed: fail' });
  });
});

describe('one person', () => {
  const roles = { before: ['lead', 'qa'] };

  test('for each role: two people pass', async () => {
    approve('lead', 'ann');
    approve('qa', 'bob');
    expect(await states({ config: roles })).toEqual({ lead: 'approved: pass', qa: 'approved: pass' });
  });

  test('for two roles does not', async () => {
    approve('lead', 'ann');
    approve('qa', 'Ann');
    expect(await states({ config: roles })).toEqual({ lead: 'same-person: fail', qa: 'same-person: fail' });
  });

  test('for two roles does when the configuration says so', async () => {
    approve('lead', 'ann');
    approve('qa', 'ann');
    expect(await states({ config: { ...roles, distinct: false } })).toEqual({ lead: 'approved: pass', qa: 'approved: pass' });
  });

  test('before and after is one person, too', async () => {
    approve('lead', 'ann');
    approve('qa', 'ann');
    expect(await states({ config: { before: ['lead'], after: ['qa'] }, options: { stage: 'after' } })).toEqual({ qa: 'same-person: fail' });
  });
});

describe('the initiator', () => {
  test.each([['who pushed', { actor: 'ann' }], ['who started the re-run', { actor: 'dora', trigger: 'ann' }]])('%s does not sign', async (_, who) => {
    Object.assign(fake.runs[0]!, who);
    approve('qa', 'ann');
    expect(only(await run(fake))).toMatchObject({ status: 'fail', observed: 'ann has started this release and signs it for qa', data: { state: 'initiator' } });
  });

  test('that GitHub does not tell leaves nothing to say who may sign', async () => {
    const nobody = { get: () => Promise.resolve({ id: RUN, run_attempt: 1, head_sha: 'c0ffee', actor: null, triggering_actor: null }) } as unknown as GitHubApi;
    await expect(signOffSource({ api: nobody, repository: 'acme/shop' }).run(RUN)).rejects.toThrow('does not tell who started');
  });

  test('signs when the configuration says so', async () => {
    fake.runs[0]!.actor = 'ann';
    approve('qa', 'ann');
    expect(await states({ config: { before: ['qa'], initiator: true } })).toEqual({ qa: 'approved: pass' });
  });
});

describe('the bypass of an administrator', () => {
  beforeEach(() => void fake.signOff.gates.set('signoff-qa', { users: ['ann'], bypass: true }));

  test('shows in that the job ran and nobody had approved', async () => {
    fake.signOff.job(RUN, 'go-live / signoff-qa');
    expect(only(await run(fake))).toMatchObject({ status: 'fail', data: { state: 'bypassed' }, observed: expect.stringContaining('an administrator bypassed the rules') });
  });

  test('shows from within the job itself', async () => {
    expect(await states({ options: { role: 'qa' } })).toEqual({ qa: 'bypassed: fail' });
  });

  test('of an earlier attempt is not held against one that still waits', async () => {
    fake.runs[0]!.attempt = 2;
    fake.signOff.job(RUN, 'signoff-qa', { attempt: 1 });
    fake.signOff.waiting.push('signoff-qa');
    expect(await states()).toEqual({ qa: 'missing: fail' });
  });

  test('does not show to one who asks for a role from outside', async () => {
    fake.runs.push({ ...fake.runs[0]!, id: RUN + 1 });
    expect(await states({ options: { role: 'qa', run: String(RUN + 1) } })).toEqual({ qa: 'missing: fail' });
  });

  test('shows in an approval of somebody whom the environment does not ask', async () => {
    approve('qa', 'root');
    expect(only(await run(fake))).toMatchObject({ status: 'fail', data: { state: 'bypassed', login: 'root' } });
  });

  test('is a warning when the configuration lets it pass', async () => {
    approve('qa', 'root');
    const outcome = await run(fake, { config: { before: ['qa'], bypass: true } });
    expect(outcome.error).toBeUndefined();
    expect(only(outcome)).toMatchObject({ status: 'warn', data: { state: 'bypassed' } });
  });

  test('is none when a reviewer approved, by name or by team', async () => {
    fake.signOff.gates.set('signoff-qa', { teams: ['qa'], bypass: true });
    fake.signOff.teams.set('acme/qa', ['ann']);
    approve('qa', 'ann');
    expect(await states({ members: true })).toEqual({ qa: 'approved: pass' });
  });

  test('cannot be told from an approval by a team that the token may not see, so it fails', async () => {
    fake.signOff.gates.set('signoff-qa', { teams: ['qa'], bypass: true });
    fake.signOff.teams.set('acme/qa', ['ann']);
    approve('qa', 'ann');
    expect(only(await run(fake))).toMatchObject({ status: 'fail', data: { state: 'unknown' }, remedy: expect.stringContaining('Switch off') });
  });

  test('cannot be where the environment forbids it, so the team need not be seen', async () => {
    fake.signOff.gates.set('signoff-qa', { teams: ['qa'], bypass: false });
    approve('qa', 'ann');
    expect(await states()).toEqual({ qa: 'approved: pass' });
  });
});

describe('a re-run', () => {
  beforeEach(() => {
    fake.runs[0]!.attempt = 2;
    fake.signOff.job(RUN, 'signoff-qa', { attempt: 1 });
    approve('qa', 'ann');
  });

  test('does not go on with the approval of the attempt before', async () => {
    fake.signOff.job(RUN, 'signoff-qa', { attempt: 2 });
    expect(only(await run(fake))).toMatchObject({ status: 'fail', data: { state: 'stale' }, observed: 'asked 2 times in 2 attempts, approved once (ann): whether this attempt was approved is not known' });
  });

  test('passes once it was approved afresh', async () => {
    fake.signOff.job(RUN, 'signoff-qa', { attempt: 2 });
    approve('qa', 'bob');
    expect(only(await run(fake))).toMatchObject({ status: 'pass', observed: 'approved by ann, bob' });
  });

  test('passes when its jobs that had failed ran again and the role was not asked anew', async () => {
    fake.signOff.job(RUN, 'signoff-qa', { attempt: 2, started: fake.signOff.jobs[0]!.started });
    expect(await states()).toEqual({ qa: 'approved: pass' });
  });

  test('that took one job of the role over and asked in another needs both approvals', async () => {
    fake.signOff.job(RUN, 'signoff-qa', { attempt: 2, started: fake.signOff.jobs[0]!.started });
    fake.signOff.job(RUN, 'signoff-qa (again)', { attempt: 2 });
    expect(await states()).toEqual({ qa: 'stale: fail' });
  });

  test('passes when the first attempt did not come as far as the role', async () => {
    fake.signOff.jobs = [];
    fake.signOff.job(RUN, 'signoff-qa', { attempt: 1, conclusion: 'skipped' });
    fake.signOff.job(RUN, 'signoff-qa', { attempt: 2 });
    expect(await states()).toEqual({ qa: 'approved: pass' });
  });

  test('knows its jobs by what the release workflow calls them', async () => {
    fake.signOff.jobs = [];
    for (const name of ['release / Sign-off by qa', 'release / Sign-off by lead-qa']) fake.signOff.job(RUN, name, { attempt: 2 });
    expect(await states()).toEqual({ qa: 'approved: pass' });
    fake.signOff.job(RUN, 'release / Sign-off afterwards by qa', { attempt: 1 });
    expect(await states()).toEqual({ qa: 'stale: fail' });
  });

  test('needs an approval for each attempt where no job carries the name of the environment', async () => {
    fake.signOff.jobs = [];
    fake.signOff.job(RUN, 'approve qa');
    expect(await states()).toEqual({ qa: 'stale: fail' });
  });

  test('lets no approver pass who may not sign, whichever attempt it was', async () => {
    fake.signOff.job(RUN, 'signoff-qa', { attempt: 2 });
    approve('qa', 'bob');
    expect(await states({ config: { before: [{ role: 'qa', users: ['bob'] }] } })).toEqual({ qa: 'not-allowed: fail' });
  });
});

describe('GitHub', () => {
  test('that refuses is no sign-off: the permission to add is named', async () => {
    approve('qa', 'ann');
    fake.refused.add('actions');
    const record = only(await run(fake));
    expect(record).toMatchObject({ status: 'fail', data: { state: 'unknown' }, observed: expect.stringContaining('403 Resource not accessible by integration') });
    expect(record.remedy).toContain('Add `actions: read` to the job\'s `permissions:`');
  });

  test('that knows no such run is no sign-off', async () => {
    expect(await states({ options: { run: '999' } })).toEqual({ qa: 'unknown: fail' });
  });

  test('that asks for patience gets it, and jobs on several pages are all read', async () => {
    fake.pageSize = 1;
    fake.runs[0]!.attempt = 3;
    for (const attempt of [1, 2, 3]) fake.signOff.job(RUN, attempt === 2 ? 'build' : 'signoff-qa', { attempt });
    approve('qa', 'bob');
    approve('lead', 'carl');
    approve('qa', 'ann');
    fake.failures.push({ at: '/approvals', times: 1, status: 403, message: 'You have exceeded a secondary rate limit.', headers: { 'retry-after': '9' } });
    const outcome = await run(fake);
    expect(outcome.waits).toEqual([9000]);
    expect(only(outcome).status).toBe('pass');
  });

  test('that stumbles is asked again, and one that stays down is no sign-off', async () => {
    approve('qa', 'ann');
    fake.failures.push({ at: '/environments/', times: 2, status: 502, message: '<html>Unicorn!</html>' });
    expect(await states()).toEqual({ qa: 'approved: pass' });
    fake.failures.push({ at: '/environments/', times: 9, status: 502, message: '<html>Unicorn!</html>' });
    expect(await states()).toEqual({ qa: 'unknown: fail' });
  });
});

describe('the command', () => {
  test.each<[Situation['options'], RegExp]>([
    [{ digest: undefined }, /`digest` is required/], [{ digest: '3f9c2ab' }, /must be 64 hexadecimal digits/], [{ stage: 'during' }, /must be before or after/],
    [{ role: 'qs' }, /has no role `qs` — did you mean `qa`\?/], [{ run: '47; rm' }, /the run must be a number/],
  ])('does not begin with %j', async (options, message) => {
    const { error, records } = await run(fake, { options: options ?? {} });
    expect(`${error?.message ?? ''} ${records.map(({ observed }) => observed).join()}`).toMatch(message);
  });

  test('asks nothing where nobody has to sign', async () => {
    const { error, outputs } = await run(fake, { config: { before: [] } });
    expect(error).toBeUndefined();
    expect(outputs.outcome).toBe('slipway.yml names nobody who signs before production');
    expect(fake.requests).toEqual([]);
  });
});

