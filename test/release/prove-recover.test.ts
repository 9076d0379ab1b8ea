import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { JournalEvent } from '../../src/host/journal.js';
import type { RemoteHost } from '../../src/host/remote-host.js';
import { recover } from '../../src/release/recover.js';
import { AT, OWNER, ship, startGround, switchLines, type Ground } from '../support/host-fixture.js';

let ground: Ground;
let host: RemoteHost;
let source: string;
beforeEach(async () => {
  ground = await startGround();
  source = mkdtempSync(join(tmpdir(), 'slipway-source-'));
  mkdirSync(join(source, 'lib'));
  for (const name of ['index.js', 'lib/data.db', "lib/it's\nodd"]) writeFileSync(join(source, name), name);
  symlinkSync('lib', join(source, 'link'));
  host = await ground.host();
  await host.take('token', OWNER, true);
});
afterEach(async () => {
  await host.lease?.free();
  await ground.end();
  rmSync(source, { recursive: true, force: true });
});
const at = (...path: string[]): string => join(ground.root, ...path);
const stage = async (release: string): Promise<void> => { await ship(host, await host.look(true), release, source, { env: "A='1'\n", shared: ['uploads'] }); };
const install = (release: string): void => {
  for (const folder of ['node_modules/a', 'node_modules/b c', 'node_modules/odd\nname', 'lib/made']) mkdirSync(at('releases', release, folder), { recursive: true });
};
const activate = async (release: string, previous: string): Promise<void> => {
  expect((await host.activate(release, previous, switchLines(release, previous), { siteMustAnswer: false }, () => undefined)).outcome).toBe('active');
};

describe('a release that can be gone back to', () => {
  beforeEach(async () => {
    await stage('one');
    install('one');
    await activate('one', '');
  });

  test('is whole, with what its install made, also when the app has added files', async () => {
    writeFileSync(at('releases/one/lib/new'), '');
    expect(await host.prove(['one'])).toEqual({ whole: 'one', broken: [] });
  });

  test.each<[string, (release: string) => void, RegExp]>([
    ['a file is missing', (folder) => rmSync(join(folder, 'index.js')), /changed or gone.*index\.js/],
    ['a file was changed', (folder) => appendFileSync(join(folder, "lib/it's\nodd"), '!'), /changed or gone.*lib\/it's\?odd/],
    ['a mode was changed', (folder) => chmodSync(join(folder, 'index.js'), 0o600), /changed or gone.*index\.js/],
    ['a link is gone', (folder) => rmSync(join(folder, 'link')), /changed or gone.*link/],
    ['what install made is gone', (folder) => rmSync(join(folder, 'node_modules'), { recursive: true }), /what its install made is gone: node_modules/],
    ['its environment is gone', (folder) => rmSync(join(folder, '.env')), /environment file \.env is gone/],
    ['all of it is gone', (folder) => rmSync(folder, { recursive: true }), /its folder is gone/],
    ['its manifest is gone', () => rmSync(at('.slipway/manifests/one/sums')), /its manifest is gone/],
  ])('is broken when %s', async (_name, harm, reason) => {
    harm(at('releases/one'));
    expect(await host.prove(['one'])).toEqual({ whole: undefined, broken: [{ id: 'one', reason: expect.stringMatching(reason) }] });
  });

  test('is the first whole one of several', async () => {
    await stage('two');
    rmSync(at('releases/two/index.js'));
    expect(await host.prove(['two', 'one'])).toMatchObject({ whole: 'one', broken: [{ id: 'two' }] });
  });

  test('may have data that the app is known to rewrite', async () => {
    appendFileSync(at('releases/one/lib/data.db'), 'rows');
    await stage('two');
    expect(await host.prove(['one'])).toEqual({ whole: 'one', broken: [] });
  });
});

describe('what a dead run left', () => {
  const put = async (): Promise<{ said: readonly string[]; switched: boolean }> => {
    const result = await recover(host, await host.look(true), AT, () => undefined);
    expect((await host.look(true)).history.unfinished).toEqual([]);
    return result;
  };
  const good = (release: string): JournalEvent => ({ event: 'good', release, at: AT });
  const switching = (release: string, previous: string, why: 'deploy' | 'rollback' = 'deploy'): JournalEvent => ({ event: 'switching', release, at: AT, previous, why });
  const live = (): string => readlinkSync(at('current'));

  test('files on their way: removed', async () => {
    mkdirSync(at('.slipway/staging/one'), { recursive: true });
    await host.finish([{ event: 'begin', release: 'one', at: AT, by: { actor: 'octocat', run: 'run 1' } }]);
    expect(await put()).toEqual({ said: ['release one: a run by octocat (run 1) ended before the switch; its files were removed'], switched: false });
  });

  test('a release that was staged and never switched to: removed', async () => {
    await stage('one');
    expect((await put()).said).toHaveLength(1);
    expect([existsSync(at('releases/one')), existsSync(at('.slipway/manifests/one'))]).toEqual([false, false]);
  });

  test.each([['before the rename', false], ['after the rename', true]])('a deploy that died %s: undone', async (_name, renamed) => {
    await stage('one');
    await activate('one', '');
    await stage('two');
    await host.finish([good('one'), switching('two', 'one')]);
    if (renamed) {
      rmSync(at('current'));
      symlinkSync('releases/two', at('current'));
    }
    expect(await put()).toEqual({ said: [expect.stringMatching(/release two: a run died during the switch; went back to one/)], switched: true });
    expect(live()).toBe('releases/one');
    expect((await host.look(false)).history.releases.map(({ id, state }) => [id, state])).toEqual([['one', 'good'], ['two', 'bad']]);
  });

  test('the first deploy that died during its switch: nothing is live', async () => {
    await stage('one');
    await host.finish([switching('one', '')]);
    symlinkSync('releases/one', at('current'));
    expect((await put()).said[0]).toMatch(/its services were stopped, there was no release before it/);
    expect(existsSync(at('current'))).toBe(false);
  });

  test('a rollback that died: finished', async () => {
    await stage('one');
    await activate('one', '');
    await stage('two');
    await activate('two', 'one');
    await host.finish([good('one'), switching('one', 'two', 'rollback')]);
    expect((await put()).said).toEqual(['a run died on the way to release one; the way was finished']);
    expect(live()).toBe('releases/one');
    expect((await host.look(false)).history.releases.map(({ id, state }) => [id, state])).toEqual([['one', 'good'], ['two', 'bad']]);
  });

  test('a rollback that died before it wrote that what it left is bad: written, so that the next one does not go further back', async () => {
    await stage('one');
    await activate('one', '');
    await stage('two');
    await activate('two', 'one');
    await host.finish([good('one'), good('two'), switching('one', 'two', 'rollback')]);
    await activate('one', '-');
    await host.finish([switching('one', 'two', 'rollback'), { event: 'active', release: 'one', at: AT }]);
    expect((await put()).said).toEqual(['release two: a run rolled back from it to one and died; it is marked bad']);
    expect((await host.look(false)).history).toMatchObject({ unfinished: [], releases: [{ id: 'one', state: 'good' }, { id: 'two', state: 'bad' }] });
    expect((await put()).said).toEqual([]);
  });

  test('a repair that died itself: finished by the next', async () => {
    await stage('one');
    await activate('one', '');
    await stage('two');
    await host.finish([switching('two', 'one'), { event: 'bad', release: 'two', at: AT, reason: 'died' }, { ...switching('one', 'one'), why: 'recovery' } as JournalEvent]);
    rmSync(at('current'));
    symlinkSync('releases/two', at('current'));
    await put();
    expect(live()).toBe('releases/one');
  });

  test('nothing: nothing is said', async () => {
    await stage('one');
    await activate('one', '');
    expect(await put()).toEqual({ said: [], switched: false });
  });

  test('a switch to a release that is not here: refused before anything moves', async () => {
    await stage('one');
    await activate('one', '');
    await expect(host.activate('two', 'one', switchLines('two', 'one'), { siteMustAnswer: false }, () => undefined)).rejects.toThrow(/release two is not on this host/);
    expect((await host.look(false)).history.unfinished).toEqual([]);
    expect(live()).toBe('releases/one');
  });
});
