import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FakeGitHub } from '../support/fake-github.js';
import { BOT, type FakeComment } from '../support/fake-sign-off.js';
import { DIGEST, run, RUN, type Outcome, type Situation } from './support.js';

const ROLES = { before: [{ role: 'lead', users: ['ann', 'lea'] }, { role: 'qa', users: ['bob', 'ann'], teams: ['acme/qa'] }], after: [{ role: 'support', users: ['sue'] }] };
const SHORT = DIGEST.slice(0, 12);

let fake: FakeGitHub;
beforeEach(async () => {
  fake = await FakeGitHub.start();
  fake.runs.push({ id: RUN, workflow: 7, event: 'push', branch: 'v1.1.0', sha: fake.commit('Release', 'dora'), actor: 'dora' });
  for (const login of ['ann', 'bob', 'lea', 'sue', 'dora']) fake.signOff.people.set(login, 'write');
  await open();
});
afterEach(async () => {
  await fake.stop();
  expect(fake.faults).toEqual([]);
});

const act = (issue: string, rest: Situation = {}): Promise<Outcome> =>
  run(fake, { config: ROLES, ...rest, options: { issue, issueNumber: '1', release: 'v1.1.0', ...rest.options } });
const open = (rest: Situation = {}): Promise<Outcome> => act('open', rest);
/** What the workflow on issue_comment does. */
const heard = (rest: Situation = {}): Promise<Outcome> => act('comment', { ...rest, options: { workflow: 'production.yml', ...rest.options } });
const say = (login: string, body: string, rest: Partial<FakeComment> = {}): FakeComment => fake.signOff.say(1, login, body, rest);
const body = (): string => fake.signOff.issues[0]!.body;
const bots = (): string[] => fake.signOff.comments.filter(({ login }) => login === BOT).map((comment) => comment.body);
const last = (): string => bots().at(-1)!;
/** State and status of each role before production, as the production run finds them. */
const verified = async (rest: Situation = {}): Promise<Record<string, string>> =>
  Object.fromEntries((await act('verify', rest)).records.map(({ subject, status, data }) => [subject, `${String(data?.['state'])}: ${status}`]));
const SIGNED = { lead: 'approved: pass', qa: 'approved: pass' };
const sign = (): FakeComment[] => [say('lea', `/approve lead ${SHORT}`), say('bob', `/approve qa ${SHORT}`)];

describe('the go-live issue', () => {
  test('has a box for each role, the artefact, and how to sign; it calls the people', () => {
    expect(fake.signOff.issues).toMatchObject([{ title: 'Go-live of shop v1.1.0', labels: ['go-live'] }]);
    expect(body()).toContain(DIGEST);
    for (const role of ['lead', 'qa', 'support']) expect(body()).toContain(`- [ ] **${role}**:`);
    expect(body()).toContain(`/approve <role> ${SHORT}`);
    expect(bots()).toEqual([expect.stringContaining('@ann @lea @bob @acme/qa @sue')]);
  });

  test('is opened once for an artefact, and its record is made up for when a run died in between', async () => {
    fake.signOff.comments = [];
    const { outputs } = await open();
    expect(outputs).toMatchObject({ issue: 1, outcome: 'found https://github.com/acme/shop/issues/1' });
    await open();
    expect([fake.signOff.issues.length, bots().length]).toEqual([1, 1]);
  });

  test('of an artefact that was built anew is another one, and the old one is closed', async () => {
    sign();
    await open({ options: { digest: 'ab'.repeat(32) } });
    expect(fake.signOff.issues.map(({ state }) => state)).toEqual(['closed', 'open']);
    expect(await verified()).toEqual({ lead: 'void: fail', qa: 'void: fail' });
    expect(await verified({ options: { issueNumber: '2', digest: 'ab'.repeat(32) } })).toEqual({ lead: 'missing: fail', qa: 'missing: fail' });
  });

  test('of a tag that was moved is another one, though its content is the same: what was signed is of another commit', async () => {
    fake.runs[0]!.sha = fake.commit('Moved', 'dora');
    await open();
    expect(fake.signOff.issues.map(({ state }) => state)).toEqual(['closed', 'open']);
  });

  test('whose body somebody has changed to another artefact’s is not taken for its own', async () => {
    const other = 'ab'.repeat(32);
    fake.signOff.issues[0]!.body = body().replaceAll(DIGEST, other);
    await open({ options: { digest: other } });
    expect(await verified({ options: { issueNumber: '2', digest: other } })).toEqual({ lead: 'missing: fail', qa: 'missing: fail' });
  });

  test('is not opened while nobody is named who may sign', async () => {
    const { error } = await open({ config: { before: ['lead'] } });
    expect(error?.message).toBe('slipway.yml does not say who may sign for lead');
  });

  test.each(['v1 && x', '-v1', 'a..b', 'v1\nv2', 'v1:x'])('is not opened for the release %j', async (release) => {
    expect((await open({ options: { release } })).error?.message).toBe('`release` is no name of a tag');
  });

  test('of a tag with marks of HTML in it keeps its record whole', async () => {
    await open({ options: { release: 'v2-->$(id)`"<b>' } });
    fake.signOff.say(2, 'bob', `/approve qa ${SHORT}`);
    expect(await verified({ options: { issueNumber: '2', release: 'v2-->$(id)`"<b>' } })).toMatchObject({ qa: 'approved: pass' });
    expect(fake.signOff.issues[1]!.body).not.toContain('<b>');
  });

  test('has its label also where GitHub drops one that the repository does not have yet, and is found again by it', async () => {
    fake.signOff.issues = [];
    fake.signOff.known = new Set(['bug']);
    await open();
    await open();
    expect(fake.signOff.issues.map(({ labels }) => labels)).toEqual([['go-live']]);
    // Made by somebody else meanwhile, and still dropped from what is opened.
    fake.signOff.issues = [];
    fake.signOff.writes['POST /labels'] = () => ({ status: 422, body: { message: 'Validation Failed', documentation_url: 'https://docs.github.com/rest' } });
    fake.signOff.known = new Set();
    expect((await open()).error).toMatchObject({ message: expect.stringContaining('did not put the label go-live on https://github.com/acme/shop/issues/1') as unknown });
  });

  test('changes nothing with plan', async () => {
    await open({ plan: true, options: { release: 'v9' } });
    sign();
    await heard({ plan: true });
    expect([fake.signOff.issues.length, bots().length, fake.signOff.dispatches.length]).toEqual([1, 1, 0]);
  });
});

describe('an approval', () => {
  test('by somebody of the role, of the right artefact, is counted: the box is ticked, a record is written', async () => {
    const { created } = say('bob', `All good.\n\n/approve qa ${SHORT}\n`);
    await heard();
    expect(body()).toContain(`- [x] **qa**: approved by bob (${created})`);
    expect(last()).toContain('✅ counted **qa**: approved by bob');
    expect(await verified()).toEqual({ lead: 'missing: fail', qa: 'approved: pass' });
  });

  test('of all roles passes the production run, with who and when in the evidence', async () => {
    const [, { created }] = sign() as [FakeComment, FakeComment];
    const { error, records } = await act('verify');
    expect(error).toBeUndefined();
    expect(records[1]).toMatchObject({ id: 'signoff.before.qa', data: { login: 'bob', seen: created, digest: DIGEST, state: 'approved' } });
  });

  test('by a member of a team of the role is counted', async () => {
    fake.signOff.teams.set('acme/qa', ['dan']);
    fake.signOff.people.set('dan', 'write');
    say('dan', `/approve qa ${SHORT}`);
    expect(await verified({ members: true })).toMatchObject({ qa: 'approved: pass' });
  });

  test.each<[string, string, string, string, RegExp]>([
    ['of another artefact', 'bob', '/approve qa ab12cd34', 'forged', /bob approved another artefact/],
    ['by somebody who is not of the role', 'sue', `/approve qa ${SHORT}`, 'not-allowed', /sue may not sign for qa/],
    ['by a stranger', 'mallory', `/approve qa ${SHORT}`, 'not-allowed', /mallory may not write to this repository/],
    ['that names too few digits', 'bob', `/approve qa ${DIGEST.slice(0, 6)}`, 'missing', /at least 7 hexadecimal digits/],
    ['that names no artefact', 'bob', '/approve qa', 'missing', /names no digest/],
    ['by a program', 'helper[bot]', `/approve qa ${SHORT}`, 'not-allowed', /is no person but a program/],
  ])('%s is refused, and said so', async (_, login, text, state, words) => {
    fake.signOff.teams.set('acme/qa', []);
    say(login, text);
    await heard({ members: true });
    expect(last()).toMatch(/🚫 not counted/);
    expect(last()).toMatch(words);
    expect(body()).toContain('- [ ] **qa**');
    expect(await verified({ members: true })).toMatchObject({ qa: `${state}: fail` });
  });

  test.each([`/approve q\u0430 ${SHORT}`, `/approve \uff51\uff41 ${SHORT}`, `/approve q\u200ba ${SHORT}`, `/approve qa\u00a0${SHORT}`, `/approve qa ${SHORT.slice(0, 6)}\u0661`, `\u2215approve qa ${SHORT}`])(
    'in letters that only look alike is none: %j', async (text) => {
      say('bob', text);
      await heard();
      expect(body()).toContain('- [ ] **qa**');
      expect(await verified()).toMatchObject({ qa: 'missing: fail' });
    });

  test.each([98, 99])('is found behind %i comments, at the end of a page and over it', async (count) => {
    // One is Slipway's own.
    for (let more = 1; more < count; more += 1) say('sue', `remark ${more}`);
    sign();
    expect(await verified()).toEqual(SIGNED);
  });

  test('written through an app is refused', async () => {
    say('bob', `/approve qa ${SHORT}`, { app: 'chat-bridge' });
    expect(await verified()).toMatchObject({ qa: 'not-allowed: fail' });
  });

  test('by somebody of the role who may only read is refused', async () => {
    fake.signOff.people.set('bob', 'read');
    say('bob', `/approve qa ${SHORT}`);
    expect(await verified()).toMatchObject({ qa: 'not-allowed: fail' });
  });

  test('by the one who started the release is refused, unless the configuration says so', async () => {
    fake.runs[0]!.actor = 'bob';
    say('bob', `/approve qa ${SHORT}`);
    expect(await verified()).toMatchObject({ qa: 'initiator: fail' });
    expect(await verified({ config: { ...ROLES, initiator: true } })).toMatchObject({ qa: 'approved: pass' });
  });

  test('by one person for two roles is refused for the second, unless the configuration says so', async () => {
    say('ann', `/approve lead ${SHORT}\n/approve qa ${SHORT}`);
    expect(await verified()).toEqual({ lead: 'approved: pass', qa: 'same-person: fail' });
    expect(await verified({ config: { ...ROLES, distinct: false } })).toEqual(SIGNED);
  });

  test('that was changed afterwards is refused, whatever it says now', async () => {
    const [, second] = sign() as [FakeComment, FakeComment];
    fake.signOff.edit(second, `/approve qa ${SHORT} `);
    expect(await verified()).toMatchObject({ qa: 'edited: fail' });
  });

  test('that was counted and is changed then counts no more: the box is open again', async () => {
    const [, second] = sign() as [FakeComment, FakeComment];
    await heard();
    fake.signOff.edit(second, 'never mind');
    await heard();
    expect(last()).toContain('⚠️ gone **qa**: the approval of bob was changed and no longer counts');
    expect(body()).toContain('- [ ] **qa**');
    expect(await verified()).toMatchObject({ qa: 'edited: fail' });
  });

  test('that was counted and is deleted then counts no more, which is said once', async () => {
    const [, second] = sign() as [FakeComment, FakeComment];
    await heard();
    fake.signOff.delete(second);
    await heard();
    expect(last()).toContain('the approval of bob was deleted and no longer counts');
    const before = bots().length;
    await heard();
    expect(bots()).toHaveLength(before);
    expect(await verified()).toMatchObject({ qa: 'deleted: fail' });
  });

  test('after that counts again', async () => {
    const [, second] = sign() as [FakeComment, FakeComment];
    await heard();
    fake.signOff.delete(second);
    say('bob', `/approve qa sha256:${DIGEST}`);
    expect(await verified()).toEqual(SIGNED);
  });

  test.each([
    ['a quotation', `> /approve qa ${SHORT}`], ['a code block', `\`\`\`\n/approve qa ${SHORT}\n\`\`\``], ['a code block with another in it', `~~~\n\`\`\`\n~~~~~ no\n/approve qa ${SHORT}`], ['a comment of HTML', `<!-- one\n\n/approve qa ${SHORT}\n-->`],
    ['what does not show', `Hello <!--\n/approve qa ${SHORT}\n-->`], ['the middle of a line', `I would /approve qa ${SHORT}`],
  ])('in %s is none', async (_, text) => {
    say('bob', text);
    expect(await verified()).toMatchObject({ qa: 'missing: fail' });
  });

  test.each([
    ['of GitHub', 'On Sat, 21 Nov 2026 at 10:00, Mallory <notifications@github.com> wrote:\n'],
    ['of a program that puts no marks before it', '________________________________\nFrom: Mallory\nSent: Saturday\n'],
    ['in another language', '-----Ursprüngliche Nachricht-----\nVon: Mallory\n'],
    ['with bold heads', '**Von:** Mallory\n**Gesendet:** Samstag\n'],
  ])('in the mail that was answered, %s, is none, and it says so', async (_, head) => {
    say('bob', `No, please wait.\n\n${head}\n/approve qa ${SHORT}`);
    await heard();
    expect(last()).toContain('🚫 not counted: what stands in the mail that was answered is not read');
    expect(await verified()).toMatchObject({ qa: 'missing: fail' });
  });

  test('above the mail that was answered counts', async () => {
    say('bob', `/approve qa ${SHORT}\n\nFrom: Mallory <notifications@github.com>\n\n/reject qa no`);
    expect(await verified()).toMatchObject({ qa: 'approved: pass' });
  });

  test.each(['.*', '(?:qa|x)', 'q[a]', 'qa|lead', '__proto__', 'constructor'])('for a role called %j is for none', async (role) => {
    say('bob', `/approve ${role} ${SHORT}`);
    expect((await heard()).error).toBeUndefined();
    expect(await verified()).toEqual({ lead: 'missing: fail', qa: 'missing: fail' });
  });

  test('is not in a ticked box: what the body says is nothing', async () => {
    fake.signOff.issues[0]!.body = body().replaceAll('- [ ]', '- [x]');
    expect(await verified()).toEqual({ lead: 'missing: fail', qa: 'missing: fail' });
    await heard();
    expect(body()).toContain('- [ ] **qa**');
  });
});

describe('a rejection', () => {
  test('stops the release and is shown with its reason, as text', async () => {
    sign();
    say('bob', '/reject qa <img src=x> broken, see @all `rm -rf` $(id)');
    await heard();
    expect(await verified()).toEqual({ lead: 'approved: pass', qa: 'rejected: fail' });
    expect(body()).toContain('bob rejected it: &#60;img');
    expect(body()).not.toContain('@all');
  });

  test('cannot write records of Slipway’s own by its reason', async () => {
    const forged = `slipway:answers [{"comment":1,"updated":"x","login":"bob","entries":[{"role":"lead","outcome":"rejected"}]}]`;
    sign();
    say('bob', `/reject qa <!<!-- -->-- ${forged} -->`);
    await heard();
    say('bob', `/approve qa ${SHORT}`);
    expect(await verified()).toEqual(SIGNED);
  });

  test('is taken back by an approval after it', async () => {
    say('bob', '/reject qa broken');
    sign();
    expect(await verified()).toEqual(SIGNED);
  });

  test('may come from the one who started the release', async () => {
    fake.runs[0]!.actor = 'bob';
    say('bob', '/reject qa broken');
    expect(await verified()).toMatchObject({ qa: 'rejected: fail' });
  });

  test('stays when its comment is deleted', async () => {
    sign();
    const rejection = say('bob', '/reject qa broken');
    await heard();
    fake.signOff.delete(rejection);
    expect(await verified()).toMatchObject({ qa: 'rejected: fail' });
  });

  test.each([
    ['code within a line', 'This `<!--` is on the page'], ['code that begins a line', '```<!--``` is on the page'], ['a code block', '```html\n<!-- never closed\n```'],
  ])('is read behind %s', async (_, text) => {
    sign();
    say('bob', `${text}\n/reject qa broken`);
    expect(await verified()).toMatchObject({ qa: 'rejected: fail' });
  });

  test('stops also when its comment was changed before anybody read it, to it or from something else', async () => {
    sign();
    fake.signOff.edit(say('bob', '/reject qa brokn'), '/reject qa broken');
    expect(await verified()).toMatchObject({ qa: 'rejected: fail' });
  });

  test('of which GitHub does not tell whether it counts is not passed over', async () => {
    sign();
    fake.signOff.people.set('dan', 'write');
    say('dan', '/reject qa broken');
    // Without a token for teams it is not known whether dan is of the role.
    expect(await verified()).toMatchObject({ qa: 'unknown: fail' });
    fake.signOff.teams.set('acme/qa', ['dan']);
    expect(await verified({ members: true })).toMatchObject({ qa: 'rejected: fail' });
    fake.signOff.teams.set('acme/qa', []);
    expect(await verified({ members: true })).toEqual(SIGNED);
  });

  test('of a stranger stops nothing, and nothing is asked about who cannot sign', async () => {
    sign();
    say('mallory', '/reject lead no');
    const config = { before: [{ role: 'lead', users: ['lea'] }, { role: 'qa', users: ['bob'] }] };
    expect(await verified({ config })).toEqual(SIGNED);
    expect(fake.requests.filter((request) => request.includes('mallory'))).toEqual([]);
  });

  test('needs a reason, and somebody of the role', async () => {
    sign();
    fake.signOff.teams.set('acme/qa', []);
    say('bob', '/reject qa');
    say('sue', '/reject qa because');
    expect(await verified({ members: true })).toEqual(SIGNED);
  });
});

describe('the production run', () => {
  const dispatch = { workflow: 'production.yml', ref: 'v1.1.0', inputs: { issue: '1', release: 'v1.1.0', digest: DIGEST, run: String(RUN) } };

  test('is started when the last role before production has signed, and once', async () => {
    fake.signOff.delete(sign()[1]!);
    await heard();
    expect(fake.signOff.dispatches).toEqual([]);
    say('bob', `/approve qa ${SHORT}`);
    await heard();
    await heard();
    expect(fake.signOff.dispatches).toEqual([dispatch]);
    expect(last()).toContain('https://github.com/acme/shop/actions/runs/77');
  });

  test('is started again when a signature was given anew', async () => {
    const [, second] = sign() as [FakeComment, FakeComment];
    await heard();
    fake.signOff.delete(second);
    await heard();
    say('bob', `/approve qa ${SHORT}`);
    await heard();
    expect(fake.signOff.dispatches).toEqual([dispatch, dispatch]);
  });

  test('is not started again by a second yes', async () => {
    sign();
    await heard();
    say('bob', `/approve qa ${SHORT}`);
    say('ann', `/approve qa ${SHORT}`);
    await heard();
    expect(fake.signOff.dispatches).toEqual([dispatch]);
    expect(await verified()).toEqual(SIGNED);
  });

  test('of a newer release closes the issue of the one that went out before it, not that of one that still waits', async () => {
    sign();
    await heard();
    await open({ options: { release: 'v1.2.0' } });
    const newer = { options: { release: 'v1.3.0', digest: 'ab'.repeat(32), issueNumber: '3' } };
    await open(newer);
    fake.signOff.say(3, 'lea', '/approve lead abababab');
    fake.signOff.say(3, 'bob', '/approve qa abababab');
    await heard(newer);
    expect(fake.signOff.dispatches.map(({ ref }) => ref)).toEqual(['v1.1.0', 'v1.3.0']);
    expect(fake.signOff.issues.map(({ state }) => state)).toEqual(['closed', 'open', 'open']);
    expect(fake.signOff.comments.filter(({ issue }) => issue === 1).at(-1)?.body).toContain('<code>v1.3.0</code> is on its way (#3)');
    expect(await verified()).toEqual({ lead: 'void: fail', qa: 'void: fail' });
  });

  test.each([
    ['is not started over a newer release that went out while this one waited, which is said once', 'v1.2.0', ['v1.2.0']],
    ['is started over an older one that did', 'v1.0.9', ['v1.0.9', 'v1.1.0']],
  ])('%s', async (_, release, started) => {
    const other = { options: { release, digest: 'ab'.repeat(32), issueNumber: '2' } };
    await open(other);
    fake.signOff.say(2, 'lea', '/approve lead abababab');
    fake.signOff.say(2, 'bob', '/approve qa abababab');
    await heard(other);
    fake.signOff.issues[1]!.state = 'closed';
    sign();
    await heard();
    const before = bots().length;
    await heard();
    expect(fake.signOff.dispatches.map(({ ref }) => ref)).toEqual(started);
    expect([bots().length, last().includes('(#2) went there meanwhile')]).toEqual([before, !started.includes('v1.1.0')]);
    // Who wants it all the same starts the production run by hand.
    expect(await verified()).toEqual(SIGNED);
  });

  test('refuses an issue that was moved to another repository, whatever it says', async () => {
    sign();
    fake.signOff.issues[0]!.repository = 'mallory/shop';
    expect(await verified()).toEqual({ lead: 'unknown: fail', qa: 'unknown: fail' });
    expect((await heard()).error?.message).toContain('was moved to another repository, https://github.com/mallory/shop/issues/1');
  });

  test('is not started by a signature that is gone before it is read', async () => {
    const [, second] = sign() as [FakeComment, FakeComment];
    fake.signOff.edit(second, `/approve qa ${SHORT}!`);
    await heard();
    expect(fake.signOff.dispatches).toEqual([]);
  });

  test('refuses another artefact than the one that was signed, another release, and an issue that was closed', async () => {
    sign();
    expect(await verified()).toEqual(SIGNED);
    expect(await verified({ options: { digest: `${SHORT}${'0'.repeat(52)}` } })).toEqual({ lead: 'forged: fail', qa: 'forged: fail' });
    expect(await verified({ options: { release: 'v1.2.0' } })).toEqual({ lead: 'void: fail', qa: 'void: fail' });
    fake.signOff.issues[0]!.state = 'closed';
    expect(await verified()).toEqual({ lead: 'void: fail', qa: 'void: fail' });
  });

  test('refuses an issue that somebody else has opened, and one whose record was changed', async () => {
    sign();
    const record = fake.signOff.comments.find(({ login }) => login === BOT)!;
    fake.signOff.edit(record, record.body);
    expect(await verified()).toEqual({ lead: 'void: fail', qa: 'void: fail' });
    record.updated = record.created;
    expect(await verified()).toEqual(SIGNED);
    fake.signOff.issues[0]!.login = 'mallory';
    expect(await verified()).toEqual({ lead: 'void: fail', qa: 'void: fail' });
  });

  test('refuses what was written before it was said which artefact is meant', async () => {
    sign();
    fake.signOff.delete(fake.signOff.comments.find(({ login }) => login === BOT)!);
    await open();
    expect(await verified()).toEqual({ lead: 'void: fail', qa: 'void: fail' });
  });

  test('refuses a record whose run has built something else', async () => {
    sign();
    fake.runs[0]!.sha = fake.commit('Other', 'mallory');
    expect(await verified()).toEqual({ lead: 'unknown: fail', qa: 'unknown: fail' });
  });

  test('refuses an issue in which an answer was changed, to hide a rejection', async () => {
    sign();
    const rejection = say('bob', '/reject qa broken');
    await heard();
    fake.signOff.delete(rejection);
    say('ann', 'Nothing to see');
    fake.signOff.edit(fake.signOff.comments.find(({ body: text }) => text.includes('❌ counted'))!, 'Nothing to see');
    expect(await verified()).toEqual({ lead: 'void: fail', qa: 'void: fail' });
  });

  test('refuses to be started from another commit than the one that was signed', async () => {
    sign();
    fake.runs.push({ ...fake.runs[0]!, id: 5000, event: 'workflow_dispatch' }, { ...fake.runs[0]!, id: 5001, event: 'workflow_dispatch', sha: fake.commit('Own roles', 'mallory') });
    expect(await verified({ runId: 5000 })).toEqual(SIGNED);
    expect(await verified({ runId: 5001 })).toEqual({ lead: 'forged: fail', qa: 'forged: fail' });
  });

  test('refuses when GitHub does not show the issue: the permission to add is named', async () => {
    sign();
    fake.refused.add('issues');
    const { records } = await act('verify');
    expect(records[0]).toMatchObject({ status: 'fail', data: { state: 'unknown' }, remedy: expect.stringContaining('Add `issues: read`') });
  });

  test('takes no record that a person has written', async () => {
    sign();
    const record = fake.signOff.comments.find(({ login }) => login === BOT)!;
    Object.assign(record, { login: 'mallory', type: 'User' });
    expect(await verified()).toEqual({ lead: 'void: fail', qa: 'void: fail' });
  });

  test('lets the roles after going live sign in the same issue', async () => {
    say('sue', `/approve support ${SHORT}`);
    expect(await verified({ options: { stage: 'after' } })).toEqual({ support: 'approved: pass' });
  });
});

describe('the workflow on comments', () => {
  test('does nothing below a pull request, or an issue that is none of ours', async () => {
    sign();
    const [issue] = fake.signOff.issues;
    for (const change of [{ pull: true }, { pull: false, login: 'mallory' }, { login: BOT, state: 'closed' }]) {
      Object.assign(issue!, change);
      expect((await heard()).outputs.outcome).toContain('nothing was done');
    }
    expect([bots().length, fake.signOff.dispatches.length]).toEqual([1, 0]);
  });

  test('is not stopped by a flood of commands', async () => {
    fake.signOff.people.set('mallory', 'read');
    for (let index = 0; index < 60; index += 1) say('mallory', `/reject qa ${'<|'.repeat(200)}\n`.repeat(150));
    sign();
    expect((await heard()).error).toBeUndefined();
    expect(Math.max(...bots().map((text) => text.length))).toBeLessThan(65_536);
    expect(fake.signOff.dispatches).toHaveLength(1);
    const before = bots().length;
    await heard();
    expect(bots()).toHaveLength(before);
  });

  test('answers all that was not answered in one comment, and nothing twice', async () => {
    sign();
    say('mallory', '/approve lead 1234567');
    await heard();
    const answer = bots().find((text) => text.includes('not counted'))!;
    expect(answer.match(/^- /gm)).toHaveLength(3);
    const before = bots().length;
    await heard();
    expect(bots()).toHaveLength(before);
  });

  test.each([
    ['issues: write', 'Add `issues: write`'], ['actions: write', 'Add `actions: write`'],
  ])('without %s names the permission to add', async (refused, words) => {
    sign();
    fake.refused.add(refused);
    const { error } = await heard();
    expect(error).toHaveProperty('remedy', expect.stringContaining(words));
    expect(fake.signOff.dispatches).toEqual([]);
  });

  test('answers and starts below a locked conversation too, and leaves it locked', async () => {
    const [issue] = fake.signOff.issues;
    issue!.locked = true;
    sign();
    expect((await heard()).error).toBeUndefined();
    expect(last()).toContain('was started');
    expect([issue!.locked, body().includes('- [x] **qa**'), fake.signOff.dispatches.length]).toEqual([true, true, 1]);
  });

  test('does not write twice what may have arrived, and writes again what GitHub refused for its rate', async () => {
    const [first] = sign() as [FakeComment, FakeComment];
    fake.failures.push({ at: '/comments', times: 1, status: 403, message: 'You have exceeded a secondary rate limit.', headers: { 'retry-after': '3' } });
    expect((await heard()).waits).toEqual([3000]);
    expect(bots()).toHaveLength(3);
    fake.failures.push({ at: '/dispatches', times: 1, status: 502, message: 'Server Error' });
    fake.signOff.delete(first);
    say('lea', `/approve lead ${SHORT}`);
    const { error } = await heard();
    expect(error?.message).toBe('GitHub does not start the workflow: 502 Server Error');
    expect(fake.requests.filter((request) => request.includes('/dispatches'))).toHaveLength(2);
  });

  test('says when the workflow to start has other inputs', async () => {
    sign();
    fake.signOff.inputs = ['issue'];
    expect((await heard()).error?.message).toContain('422 Unexpected inputs provided');
  });

  test.each([[undefined, '`issue-number` is required'], ['1; rm', '`issue-number` must be a number']])('begins with no issue like %j', async (issueNumber, message) => {
    expect((await heard({ options: { issueNumber } })).error?.message).toBe(message);
  });
});
