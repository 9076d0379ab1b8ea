import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Host, OPERATOR_PASSWORD, startHost } from './harness.js';
import { runAction, runCli, type Ran } from './run-action.js';
import { current, expectNothingLeft, releases, status } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

const BLUE = 3001;
const GREEN = 13001;
const SITE = { domains: ['tiny.example.com'], routes: { '/': 'web' } };
/** Nobody can pass it: the deploy ends before its release is confirmed. */
const UNCONFIRMED = [{ name: 'right', get: '/wrong', expect: { text: { contains: ['right'] } } }];

let host: Host;
beforeAll(async () => {
  host = await startHost({ publish: [BLUE, GREEN] });
}, 120_000);
afterAll(async () => {
  await host.stop();
});

/** What listens on the ports of the slots, as the app itself says. */
async function inSlots(): Promise<Record<string, string>> {
  const { stdout } = await host.run(`for port in ${BLUE} ${GREEN}; do echo "$port $(curl -s -m 2 "localhost:$port/version" | sed -n 's/.*"release":"\\([^"]*\\)".*/\\1/p')"; done | grep '. .'`);
  return Object.fromEntries(stdout.split('\n').filter((line) => line !== '').map((line) => line.split(' ') as [string, string]));
}

async function deploy(work: Workspace, expected: 'success' | 'failure' = 'success'): Promise<Ran> {
  await work.commit({ text: `${Date.now()}` });
  const ran = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
  expect(ran.outputs).toMatchObject({ result: expected });
  return ran;
}

const marker = async (work: Workspace): Promise<string> => (await host.run(`ls -a ${work.root}/current/ | grep '^.slipway-'`)).stdout.trim();

describe.each(['pm2', 'systemd'])('a service behind the site, under %s', (manager) => {
  let work: Workspace;
  beforeAll(async () => {
    await host.run('rm -rf /srv/tiny');
    work = await workspace(host, { kind: 'tiny', port: BLUE, changes: { 'services.web.manager': manager } });
  }, 60_000);
  afterAll(async () => {
    await work.configure({ site: undefined, smoke: undefined });
    await host.run(`cd / && pkill -u deploy -f /srv/tiny; su deploy -c 'pm2 kill' ; systemctl stop 'tiny-web*'; rm -f /etc/systemd/system/tiny-*; systemctl daemon-reload; rm -rf /srv/tiny`);
    await work.remove();
  });

  test('comes to its slots from a place of its own, and goes back to it', async () => {
    const inPlace = (await deploy(work)).outputs['release']!;
    expect(await inSlots()).toEqual({ [BLUE]: inPlace });
    await work.configure({ site: SITE, 'environments.production.url': undefined });
    const slotted = (await deploy(work)).outputs['release']!;
    expect(await inSlots()).toEqual({ [GREEN]: slotted });
    expect(await marker(work)).toBe('.slipway-green');
    const back = await runAction('rollback', { workspace: work.folder, inputs: work.inputs });
    expect(back.outputs).toMatchObject({ result: 'success', release: inPlace });
    expect(await inSlots()).toEqual({ [BLUE]: inPlace });
  }, 180_000);

  test('takes the other slot with each release, and the old one ends once the new one is good', async () => {
    const first = (await deploy(work)).outputs['release']!;
    expect(await inSlots()).toEqual({ [GREEN]: first });
    const second = (await deploy(work)).outputs['release']!;
    expect(await inSlots()).toEqual({ [BLUE]: second });
    expect((await releases(work)).slice(0, 2).map(({ id, slot, state }) => [id, slot, state])).toEqual([[second, 'blue', 'good'], [first, 'green', 'good']]);
    await expectNothingLeft(host, work);
  }, 180_000);

  test('keeps the old slot warm until somebody confirms; then going back is the same rename', async () => {
    const [{ id: before } = { id: '' }] = await releases(work);
    await work.configure({ smoke: UNCONFIRMED });
    const next = (await deploy(work)).outputs['release']!;
    expect(await inSlots()).toEqual({ [BLUE]: before, [GREEN]: next });
    const pids = (await status(work)).services.filter(({ live }) => !live).map(({ pids: all }) => all);
    const back = await runCli(['rollback', 'production', '--identity', work.identity], { workspace: work.folder });
    expect(back.code).toBe(1); // smoke has no URL here; the switch itself is what is looked at
    expect(await current(host, work)).toBe(before);
    expect(await inSlots()).toEqual({ [BLUE]: before });
    expect((await status(work)).services.map(({ pids: all, live }) => [all, live])).toEqual([[pids[0], true]]);
    await work.configure({ smoke: undefined });
  }, 180_000);

  test('that does not become healthy never takes over, and its slot is empty again', async () => {
    const live = await current(host, work);
    await work.commit({ sick: 'on purpose' });
    await work.configure({ 'services.web.health.within': '3s' });
    const ran = await deploy(work, 'failure');
    expect(ran.log).toMatch(/nothing was switched, \S+ kept serving/);
    expect(ran.log).toContain('sick: on purpose');
    expect(ran.outputs).toMatchObject({ switched: 'false' });
    expect(await inSlots()).toEqual({ [await marker(work) === '.slipway-blue' ? BLUE : GREEN]: live });
    await work.commit({ sick: undefined });
    await expectNothingLeft(host, work);
  }, 180_000);

  test('can go back to a release that ran in the slot of the live one', async () => {
    await deploy(work);
    const all = (await releases(work)).filter(({ state, present }) => state === 'good' && present);
    const [live, ...older] = all;
    const same = older.find(({ slot }) => slot === live!.slot)!;
    const back = await runAction('rollback', { workspace: work.folder, inputs: { ...work.inputs, release: same.id } });
    expect(back.outputs).toMatchObject({ result: 'success', release: same.id });
    expect(Object.values(await inSlots())).toEqual([same.id]);
    expect(await marker(work)).toBe(live!.slot === 'blue' ? '.slipway-green' : '.slipway-blue');
  }, 180_000);
});

describe('a release that nobody confirms', () => {
  test.each([
    ['the timer of the user', 'deploy', 'user', {}],
    ['a timer of the system', 'operator', 'system', { 'sudo-password': OPERATOR_PASSWORD }],
    ['a process of its own', 'plain', 'none', {}],
  ])('is gone back from by %s', async (_, user, scope, inputs) => {
    const work = await workspace(host, {
      kind: 'tiny', app: `left-${user}`, port: BLUE,
      changes: { 'environments.production.hosts.0.address': host.address.replace('deploy@', `${user}@`), 'release.confirm-within': '6s' },
    });
    try {
      await host.run(`chown ${user} ${work.root}`);
      const ran = async (): Promise<string> => {
        await work.commit({ text: `${Date.now()}` });
        const done = await runAction('deploy', { workspace: work.folder, inputs: { ...work.inputs, ...inputs } });
        expect(done.outputs).toMatchObject({ result: 'success' });
        return done.outputs['release']!;
      };
      const good = await ran();
      await work.configure({ smoke: UNCONFIRMED });
      const waiting = await ran();
      const timers = await host.run(`su ${user} -c 'XDG_RUNTIME_DIR=/run/user/$(id -u) systemctl --user list-timers --no-legend' 2>/dev/null | sed 's/^/user /' ; systemctl list-timers --no-legend | sed 's/^/system /'`);
      expect([...timers.stdout.matchAll(new RegExp(`^(\\w+) .*slipway-${work.app}-`, 'gm'))].map((match) => match[1])).toEqual(scope === 'none' ? [] : [scope]);
      const reverted = `"event":"reverted","release":"${waiting}"`;
      await host.run(`timeout 30 sh -c 'until grep -q "$1" "$2"; do sleep 0.1; done' sh '${reverted}' ${work.root}/.slipway/journal; sleep 1`);
      expect((await host.run(`tail -n 1 ${work.root}/.slipway/journal`)).stdout).toContain(reverted);
      expect(await current(host, work)).toBe(good);
      expect(await inSlots()).toEqual({ [BLUE]: good });
      const next = await runCli(['smoke', 'production', '--identity', work.identity], { workspace: work.folder });
      expect(next.raw).toContain(`the host went back from ${waiting} to ${good} by itself`);
      await expectNothingLeft(host, work);
    } finally {
      await host.run(`su ${user} -c 'pm2 kill'; rm -rf ${work.root}`);
      await work.remove();
    }
  }, 120_000);
});
