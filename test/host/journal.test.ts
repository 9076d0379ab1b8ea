import { describe, expect, test } from '@jest/globals';
import { readHistory, type ReleaseState } from '../../src/host/history.js';
import { journalLine, type JournalEvent } from '../../src/host/journal.js';
import { revertTarget, rollbackTargets, toPrune } from '../../src/release/history.js';
import { AT } from '../support/host-fixture.js';

const begin = (release: string): JournalEvent => ({ event: 'begin', release, at: AT, by: { actor: 'octocat', run: 'r1' }, commit: 'abc' });
const staged = (release: string): JournalEvent => ({ event: 'staged', release, at: AT, digest: 'd', files: 1, bytes: 1 });
const switching = (release: string, previous: string): JournalEvent => ({ event: 'switching', release, at: AT, previous, why: 'deploy' });
const rollingBack = (release: string, previous: string, why: 'rollback' | 'back' = 'rollback'): JournalEvent => ({ event: 'switching', release, at: AT, previous, why });
const active = (release: string): JournalEvent => ({ event: 'active', release, at: AT });
const good = (release: string): JournalEvent => ({ event: 'good', release, at: AT });
const bad = (release: string): JournalEvent => ({ event: 'bad', release, at: AT, reason: 'no' });
const removed = (release: string): JournalEvent => ({ event: 'removed', release, at: AT });
const inSlot = (release: string, slot: 'blue' | 'green'): JournalEvent => ({ event: 'active', release, at: AT, slot });
const live = (release: string, previous: string): JournalEvent[] => [begin(release), staged(release), switching(release, previous), active(release)];
const history = (...events: JournalEvent[]) => readHistory(events.map(journalLine));
const stateOf = (events: JournalEvent[], id: string): ReleaseState | undefined => history(...events).releases.find((release) => release.id === id)?.state;

describe('the state of a release', () => {
  test.each<[string, JournalEvent[], ReleaseState]>([
    ['begun', [begin('a')], 'unfinished'],
    ['staged', [begin('a'), staged('a')], 'unfinished'],
    ['about to be switched to', [begin('a'), staged('a'), switching('a', '')], 'unfinished'],
    ['live', live('a', ''), 'active'],
    ['confirmed', [...live('a', ''), good('a')], 'good'],
    ['found bad', [...live('a', ''), bad('a')], 'bad'],
    ['good, and found bad later', [...live('a', ''), good('a'), bad('a')], 'bad'],
    ['good, and live again after a rollback', [...live('a', ''), good('a'), ...live('b', 'a'), switching('a', 'b'), active('a')], 'good'],
    ['good, and not healthy when a dead run was put right', [...live('a', ''), good('a'), { event: 'unhealthy', release: 'a', at: AT, reason: 'no' }], 'good'],
  ])('%s', (_name, events, state) => {
    expect(stateOf(events, 'a')).toBe(state);
  });

  test('knows commit, author, slot and digest', () => {
    expect(history(...live('a', ''), inSlot('a', 'blue')).releases[0]).toMatchObject({ commit: 'abc', by: { actor: 'octocat', run: 'r1' }, slot: 'blue', digest: 'd', present: true, begun: AT });
  });

  test('is no longer present once removed or undone', () => {
    expect(history(...live('a', ''), removed('a')).releases[0]?.present).toBe(false);
    expect(history(begin('a'), { event: 'undone', release: 'a', at: AT, found: 'dead' }).releases[0]).toMatchObject({ present: false, reason: 'dead' });
  });
});

describe('the order', () => {
  test('is that of the lines, not of names or times', () => {
    const lines = ['z', 'a', 'm'].flatMap((id, index) => live(id, '').map((event) => journalLine({ ...event, at: `2026-01-0${9 - index}T00:00:00Z` })));
    expect(readHistory(lines).releases.map(({ id }) => id)).toEqual(['z', 'a', 'm']);
  });
});

describe('what a dead run left', () => {
  test.each<[string, JournalEvent[], unknown[]]>([
    ['nothing, when all ended', [...live('a', ''), good('a')], []],
    ['files on their way', [...live('a', ''), begin('b')], [{ kind: 'staging', release: 'b' }]],
    ['a staged release', [begin('b'), staged('b')], [{ kind: 'staging', release: 'b' }]],
    ['a switch', [...live('a', ''), begin('b'), staged('b'), switching('b', 'a')], [{ kind: 'switching', release: 'b', previous: 'a', why: 'deploy' }]],
    ['a switch of which only the failure was written', [...live('a', ''), begin('b'), staged('b'), switching('b', 'a'), bad('b')], [{ kind: 'switching', release: 'b', previous: 'a', why: 'deploy' }]],
    ['nothing, when the way back ended', [...live('a', ''), begin('b'), staged('b'), switching('b', 'a'), bad('b'), active('a')], []],
    ['nothing, when the first release was taken away', [begin('a'), staged('a'), switching('a', ''), bad('a'), active('')], []],
    ['a taking away that did not end', [...live('a', ''), switching('', 'a')], [{ kind: 'switching', release: '', previous: 'a', why: 'deploy' }]],
    ['nothing, when the release put back is not healthy', [...live('a', ''), switching('b', 'a'), { event: 'unhealthy', release: 'a', at: AT, reason: 'x' }], []],
    ['nothing, when undone', [begin('b'), { event: 'undone', release: 'b', at: AT, found: 'x' }], []],
    ['a release that was rolled back from, when nobody wrote that it is bad', [...live('a', ''), good('a'), ...live('b', 'a'), good('b'), rollingBack('a', 'b'), active('a')], [{ kind: 'leaving', release: 'b', to: 'a' }]],
    ['nothing, when somebody wrote it', [...live('a', ''), good('a'), ...live('b', 'a'), rollingBack('a', 'b'), active('a'), bad('b')], []],
    ['nothing, when the rollback was taken back', [...live('a', ''), good('a'), ...live('b', 'a'), rollingBack('a', 'b'), active('a'), rollingBack('b', 'a', 'back'), active('b')], []],
    ['a switch first, then files', [begin('c'), ...live('a', ''), begin('b'), staged('b'), switching('b', 'a')], [{ kind: 'switching', release: 'b', previous: 'a', why: 'deploy' }, { kind: 'staging', release: 'c' }]],
  ])('%s', (_name, events, unfinished) => {
    expect(history(...events).unfinished).toEqual(unfinished);
  });
});

describe('lines that are not ours', () => {
  test('are counted, never guessed at, and change nothing', () => {
    const own = live('a', '').map(journalLine);
    const strange = ['{"event":"begi', 'hello', '[]', 'null', '7', '{"event":"exploded","release":"a"}', '{"event":"good","release":7,"at":"x"}', '{"event":"good","release":"a"}', '\0\0\0{"event":"good"}',
      '{"event":"switching","release":"b","at":"x"}', '{"event":"reverted","release":"b","at":"x"}'];
    const read = readHistory([...own, ...strange, '', '   ']);
    expect(read.unreadable).toBe(strange.length);
    expect(read.releases).toEqual(readHistory(own).releases);
    expect(read.unfinished).toEqual([]);
  });

  test('event and release stand first in each line, where the scripts look for them', () => {
    expect(journalLine({ at: AT, release: 'a', event: 'good' })).toBe(`{"event":"good","release":"a","at":"${AT}"}`);
  });
});

describe('rollback targets', () => {
  test('are the good releases that are here, newest first, without the live one', () => {
    const events = [...live('a', ''), good('a'), ...live('b', 'a'), good('b'), removed('b'), ...live('c', 'b'), good('c'), ...live('d', 'c'), bad('d'), ...live('e', 'c')];
    expect(rollbackTargets(history(...events), 'e').map(({ id }) => id)).toEqual(['c', 'a']);
    expect(rollbackTargets(history(...events), 'c').map(({ id }) => id)).toEqual(['a']);
  });

  test('after good, bad, bad the good one is the target', () => {
    expect(rollbackTargets(history(...live('a', ''), good('a'), ...live('b', 'a'), bad('b'), ...live('c', 'b'), bad('c')), 'c').map(({ id }) => id)).toEqual(['a']);
  });
});

describe('what is deleted', () => {
  const goods = (...ids: string[]): JournalEvent[] => ids.flatMap((id) => [...live(id, ''), good(id)]);

  test('all but the newest good ones', () => {
    expect(toPrune(history(...goods('a', 'b', 'c', 'd')), 'd', 2)).toEqual(['a', 'b']);
  });

  test('bad and unfinished ones, which never count', () => {
    expect(toPrune(history(...goods('a', 'b'), ...live('x', 'b'), bad('x'), begin('y'), staged('y'), ...goods('c')), 'c', 3)).toEqual(['x', 'y']);
  });

  test('a failed deploy evicts no good release', () => {
    expect(toPrune(history(...goods('a', 'b'), ...live('x', 'b'), bad('x'), ...live('y', 'b'), bad('y')), 'b', 2)).toEqual(['x', 'y']);
  });

  test('never the live release, however old it is', () => {
    expect(toPrune(history(...goods('a', 'b', 'c')), 'a', 1)).toEqual(['b']);
  });

  test('never the newest good one, even when none are to be kept', () => {
    expect(toPrune(history(...goods('a', 'b'), ...live('c', 'b')), 'c', 0)).toEqual(['a']);
  });

  test('nothing that is gone already', () => {
    expect(toPrune(history(...goods('a', 'b'), removed('a')), 'b', 1)).toEqual([]);
  });
});

describe('a host that went back by itself', () => {
  const reverted: JournalEvent = { event: 'reverted', release: 'b', to: 'a', at: AT, reason: 'nobody confirmed it', slot: 'blue' };
  const events = [...live('a', ''), good('a'), ...live('b', 'a'), inSlot('b', 'green'), { ...switching('a', 'b'), why: 'revert' } as JournalEvent, reverted];

  test('has a bad release, a good one in its slot, and nothing unfinished', () => {
    const { releases, unfinished } = history(...events);
    expect(releases.map(({ id, state, slot }) => [id, state, slot])).toEqual([['a', 'good', 'blue'], ['b', 'bad', 'green']]);
    expect(unfinished).toEqual([]);
  });

  test('says so until a run has done something since', () => {
    expect(history(...events).reverted).toEqual({ release: 'b', to: 'a', at: AT, reason: 'nobody confirmed it' });
    expect(history(...events, begin('c')).reverted).toBeUndefined();
  });

  test('and died on the way is found on its way', () => {
    expect(history(...events.slice(0, -1)).unfinished).toEqual([{ kind: 'switching', release: 'a', previous: 'b', why: 'revert' }]);
  });
});

describe('what a host goes back to without a confirmation', () => {
  test('is what was live when that is good, else the newest good one, else what was live', () => {
    const first = [...live('a', ''), good('a')];
    expect(revertTarget(history(...first), 'a')).toBe('a');
    expect(revertTarget(history(...first, ...live('b', 'a')), 'b')).toBe('a');
    expect(revertTarget(history(...live('b', '')), 'b')).toBe('b');
    expect(revertTarget(history(), '')).toBe('');
  });
});
