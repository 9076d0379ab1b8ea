import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AT, OWNER, startGround, type Ground } from '../support/host-fixture.js';
import { until } from '../ssh/support.js';

let ground: Ground;
beforeEach(async () => { ground = await startGround(); });
afterEach(async () => { await ground.end(); });

/** Far more time than a beat takes on a slow machine, and nobody waits for its end. */
const FAST = { seconds: 20, beat: 300 };
const lease = (): string => join(ground.root, '.slipway/lease');
const field = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(readFileSync(lease(), 'utf8'))?.[1] ?? '';

describe('the lease', () => {
  test('is refused to a second run while the first is alive, with the name of its owner', async () => {
    const [first, second] = [await ground.host({ times: FAST }), await ground.host({ times: FAST })];
    await first.take('one', OWNER, false);
    const said: string[] = [];
    await expect(second.take('two', 'hubot https://example.com/run/2', false, undefined, (line) => said.push(line))).rejects.toThrow(/another run has the lease: octocat https:\/\/example\.com\/run\/1 \(expires in \d+ s\)/);
    expect(said).toEqual([expect.stringMatching(/^waiting: .*octocat/)]);
    expect(field('token')).toBe('one');
    first.lease?.assertHeld();
    await first.lease?.free();
    expect(existsSync(lease())).toBe(false);
    await second.take('two', OWNER, false);
    await second.lease?.free();
  });

  test('is renewed by every beat', async () => {
    const host = await ground.host({ times: FAST });
    await host.take('one', OWNER, false);
    const beat = field('beat');
    await until(() => field('beat') !== beat);
    const again = field('beat');
    await until(() => field('beat') !== again);
    await host.lease?.free();
  });

  test('goes with the connection of its owner, at once', async () => {
    await (await ground.host()).take('one', OWNER, false);
    ground.server.drop();
    await until(() => !existsSync(lease()));
    const next = await ground.host();
    expect((await next.take('two', OWNER, false)).exists).toBe(true);
    await next.lease?.free();
  });

  test('expires when its owner is silent, and the owner finds out', async () => {
    const silent = await ground.host({ times: { seconds: 4, beat: 8_000 } });
    // Logged in already: it comes while the lease is in force, however slow a login is.
    const next = await ground.host({ times: { seconds: 4, beat: 300 } });
    await silent.take('one', OWNER, false);
    const said: string[] = [];
    await next.take('two', OWNER, false, undefined, (line) => said.push(line));
    expect(said).toHaveLength(1);
    expect(field('token')).toBe('two');
    await until(() => { try { silent.lease?.assertHeld(); return false; } catch { return true; } });
    expect(() => silent.lease?.assertHeld()).toThrow(/the lease is gone/);
    await silent.lease?.free();
    expect(field('token')).toBe('two');
    await next.lease?.free();
  });

  test('of another run is never deleted by the one that lost it', async () => {
    const loser = await ground.host({ times: { seconds: 60, beat: 60_000 } });
    await loser.take('one', OWNER, false);
    writeFileSync(lease(), readFileSync(lease(), 'utf8').replace('token=one', 'token=two'));
    await loser.lease?.free();
    expect(field('token')).toBe('two');
    await expect(loser.finish([{ event: 'good', release: 'a', at: AT }])).rejects.toThrow(/no longer this run's/);
    expect(existsSync(join(ground.root, '.slipway/journal'))).toBe(false);
  });

  test('outlives its run when it is kept, for later steps of the same run, and is a wall to others', async () => {
    const first = await ground.host({ times: FAST });
    await first.take('one', OWNER, false);
    await first.lease?.keep(600);
    const other = await ground.host({ times: FAST });
    await expect(other.take('two', OWNER, false)).rejects.toThrow(/another run has the lease: octocat .*expires in (5\d\d|600) s/);
    expect((await other.look(false)).held).toMatchObject({ owner: OWNER });
    const later = await ground.host({ times: FAST });
    await later.take('one', OWNER, false);
    await later.lease?.free();
    expect(existsSync(lease())).toBe(false);
  });

  test('does not live longer when the clock is set back, nor shorter when it is set forward', async () => {
    const first = await ground.host({ times: FAST });
    await first.take('one', OWNER, false);
    await first.lease?.keep(600);
    const shift = (seconds: number): void => writeFileSync(lease(), readFileSync(lease(), 'utf8').replace(/^expires=(\d+)/m, (_, at: string) => `expires=${Number(at) + seconds}`));
    shift(86_000);
    expect((await (await ground.host()).look(false)).held?.secondsLeft).toBeLessThanOrEqual(600);
    shift(-2 * 86_000);
    expect((await (await ground.host()).look(false)).held?.secondsLeft).toBeGreaterThan(500);
  });

  test('from before a restart of the host counts by the clock, and not for days', async () => {
    const first = await ground.host();
    await first.take('one', OWNER, false);
    await first.lease?.keep(500);
    writeFileSync(lease(), readFileSync(lease(), 'utf8').replace(/^boot=.*/m, 'boot=before').replace(/^until=.*/m, 'until=0'));
    expect((await (await ground.host()).look(false)).held?.secondsLeft).toBeGreaterThan(400);
    writeFileSync(lease(), readFileSync(lease(), 'utf8').replace(/^expires=.*/m, 'expires=99999999999'));
    const next = await ground.host();
    await next.take('two', OWNER, false);
    await next.lease?.free();
  });

  test('that was not kept is free after a restart of the host: its run lost the connection with it', async () => {
    const first = await ground.host();
    await first.take('one', OWNER, false);
    writeFileSync(lease(), readFileSync(lease(), 'utf8').replace(/^boot=.*/m, 'boot=before'));
    const next = await ground.host();
    const said: string[] = [];
    await next.take('two', OWNER, false, undefined, (line) => said.push(line));
    expect(said).toEqual([]);
    await next.lease?.free();
  });

  test('is freed also when its keeper cannot go on: another script of ours is at work', async () => {
    await (await ground.host()).take('one', OWNER, false).then(async () => ground.server.drop());
    await until(() => !existsSync(lease()));
    const busy = await ground.host();
    await busy.take('busy', OWNER, false);
    const { spawn } = await import('node:child_process');
    // It holds the lock from its first word until its input ends.
    const holder = spawn('flock', [join(ground.root, '.slipway/lock'), 'sh', '-c', 'echo held; cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
    await once(holder.stdout, 'data');
    await busy.lease?.free();
    const next = await ground.host();
    let taken = false;
    const taking = next.take('two', OWNER, false).then(() => { taken = true; });
    await sleep(1_000);
    expect(taken).toBe(false);
    holder.stdin.end();
    await taking;
    expect(field('token')).toBe('two');
    await next.lease?.free();
  });

  test('has an owner of one line, whatever is in the name', async () => {
    const host = await ground.host();
    await host.take('one', "a\ntoken=two\r\n'$(id)'\\n%s", false);
    expect(field('token')).toBe('one');
    expect(field('owner')).toBe("a token=two '$(id)'\\n%s");
    await host.lease?.free();
  });
});

describe('unlock', () => {
  test('with a token frees that lease and no other', async () => {
    const host = await ground.host();
    await host.take('one', OWNER, false);
    await host.lease?.keep(100);
    const other = await ground.host();
    expect(await other.unlock('two')).toBeUndefined();
    expect(await other.unlock('one')).toBe(OWNER);
    expect(await other.unlock('one')).toBeUndefined();
  });

  test('without a token frees whoever holds it, and that run is told', async () => {
    const host = await ground.host({ times: FAST });
    await host.take('one', OWNER, false);
    expect(await (await ground.host()).unlock()).toBe(OWNER);
    await until(() => { try { host.lease?.assertHeld(); return false; } catch { return true; } });
  });

  test('on a host where nothing of ours is yet finds nothing to free', async () => {
    expect(await (await ground.host()).unlock('one')).toBeUndefined();
    expect(existsSync(ground.root)).toBe(false);
  });
});

describe('the folder', () => {
  test('is made once, with what belongs into it, and only looked at when nothing is to change', async () => {
    expect(await (await ground.host()).look(true)).toMatchObject({ exists: false, current: '', base: undefined });
    expect(existsSync(ground.root)).toBe(false);
    const host = await ground.host();
    await host.take('one', OWNER, true);
    expect(readFileSync(join(ground.root, '.slipway/app'), 'utf8')).toBe('shop production\n');
    expect(existsSync(join(ground.root, 'shared'))).toBe(true);
    await host.lease?.free();
  });

  test.each(['/', '//', '/srv', '/srv/', '/srv//', '/tmp', '/etc', '/srv/../etc', '/srv/app/..', '/srv/./app', '/srv//app', 'srv/app', '.', '..', '', '~'])('%j is refused', async (root) => {
    const host = await ground.host({ root });
    await expect(host.take('one', OWNER, false)).rejects.toThrow(/refusing to work in/);
    await expect(host.look(false)).rejects.toThrow(/refusing to work in/);
  });

  test('the home folder is refused, by whatever name', async () => {
    const { symlinkSync } = await import('node:fs');
    const alias = join(ground.root, '../home');
    symlinkSync(ground.server.home, alias);
    for (const root of [ground.server.home, `${ground.server.home}/`, alias]) {
      await expect((await ground.host({ root })).take('one', OWNER, false)).rejects.toThrow(/it is the home folder itself/);
    }
    expect(existsSync(join(ground.server.home, '.slipway'))).toBe(false);
  });

  test('that is not empty and not ours is refused, and nothing is written', async () => {
    mkdirSync(ground.root);
    writeFileSync(join(ground.root, 'precious'), '');
    for (const act of ['take', 'look'] as const) {
      const host = await ground.host();
      await expect(act === 'take' ? host.take('one', OWNER, false) : host.look(false)).rejects.toThrow(/is not empty and was not made by Slipway/);
    }
    expect(existsSync(join(ground.root, '.slipway'))).toBe(false);
  });

  test('of another app or environment is refused', async () => {
    const host = await ground.host();
    await host.take('one', OWNER, false);
    await host.lease?.free();
    await expect((await ground.host({ environment: 'staging' })).take('two', OWNER, false)).rejects.toThrow(/belongs to 'shop production', not to 'shop staging'/);
    await expect((await ground.host({ app: 'blog' })).look(false)).rejects.toThrow(/belongs to 'shop production'/);
    expect(existsSync(lease())).toBe(false);
  });

  test('of which a dead run had made only the beginning is taken', async () => {
    mkdirSync(join(ground.root, '.slipway'), { recursive: true });
    writeFileSync(join(ground.root, '.slipway/app.new.123'), 'sho');
    const host = await ground.host();
    await host.take('one', OWNER, false);
    await host.lease?.free();
    await rm(ground.root, { recursive: true });
  });

  test('for two who come first at the same moment belongs to one of them', async () => {
    const [one, two] = [await ground.host({ environment: 'staging' }), await ground.host()];
    const results = await Promise.allSettled([one.take('one', OWNER, false), two.take('two', OWNER, false)]);
    expect(results.filter(({ status }) => status === 'rejected').map((result) => String((result as PromiseRejectedResult).reason))).toEqual([expect.stringMatching(/belongs to/)]);
  });

  test('with another mode of its parents is made all the same', async () => {
    mkdirSync(ground.root);
    chmodSync(ground.root, 0o2770);
    const host = await ground.host();
    await host.take('one', OWNER, false);
    await host.lease?.free();
  });
});

describe('the journal on the host', () => {
  test('gets whole lines also behind a torn one, and is read to its last line', async () => {
    const host = await ground.host();
    await host.take('one', OWNER, true);
    await host.finish([{ event: 'begin', release: 'a', at: AT }]);
    await host.lease?.free();
    const file = join(ground.root, '.slipway/journal');
    for (const torn of ['{"event":"good","rel', '\0\0\0\0']) {
      writeFileSync(file, torn, { flag: 'a' });
      const next = await ground.host();
      const findings = await next.take('two', OWNER, true);
      expect(findings.history.releases.map(({ id }) => id)).toContain('a');
      await next.finish([{ event: 'bad', release: 'a', at: AT, reason: 'x' }]);
      await next.lease?.free();
      expect((await ground.journal()).at(-1)).toBe(`{"event":"bad","release":"a","at":"${AT}","reason":"x"}`);
    }
    expect((await (await ground.host()).look(false)).history).toMatchObject({ unreadable: 2, releases: [{ id: 'a', state: 'bad' }] });
  });

  test('says that a release is gone once it is, and keeps one that cannot be deleted', async () => {
    const host = await ground.host();
    await host.take('one', OWNER, true);
    mkdirSync(join(ground.root, 'releases/a/sub'), { recursive: true });
    mkdirSync(join(ground.root, '.slipway/manifests/a'), { recursive: true });
    await host.finish([{ event: 'good', release: 'b', at: AT }, { event: 'removed', release: 'a', at: AT }], ['a']);
    expect(existsSync(join(ground.root, 'releases/a'))).toBe(false);
    expect((await ground.journal()).map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(['good', 'removed']);
    // A mount point cannot be deleted, not even by root.
    const { symlinkSync } = await import('node:fs');
    mkdirSync(join(ground.root, 'releases/live'));
    symlinkSync('releases/live', join(ground.root, 'current'));
    expect(await host.finish([{ event: 'removed', release: 'live', at: AT }], ['live'])).toMatchObject({ stuck: [] });
    expect(existsSync(join(ground.root, 'releases/live'))).toBe(true);
    expect(await ground.journal()).toHaveLength(2);
    await host.lease?.free();
  });
});
