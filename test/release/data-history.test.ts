import { describe, expect, test } from '@jest/globals';
import { readHistory, type History } from '../../src/host/history.js';
import { journalLine, type JournalEvent } from '../../src/host/journal.js';
import { appliedMigrations, lastDataStep, leftData, migrationsSince } from '../../src/release/data-history.js';

const at = '2026-11-21T00:00:00.000Z';
type Data = Omit<Extract<JournalEvent, { event: 'data' }>, 'event' | 'at' | 'database' | 'migrations'> & { migrations?: 'expand' | 'breaking' };

/** A journal in short: the id of a release that becomes live, or a step on the data. */
function journal(...lines: readonly (string | Data)[]): History {
  const events = lines.map((line): JournalEvent => (typeof line === 'string' ? { event: 'active', release: line, at } : { migrations: 'expand', ...line, event: 'data', at, database: 'main' }));
  return readHistory(events.map(journalLine));
}
const migrated = (release: string, backup: string, before: string, after: string, more: Partial<Data> = {}): Data[] => [
  { release, outcome: 'begun', backup, before, ...more }, { release, outcome: 'migrated', backup, before, after, ...more },
];

describe('the data in the journal', () => {
  test('what a rollback would find is what has been migrated since its target was left', () => {
    const history = journal('one', ...migrated('two', 'B2', '1', '2'), 'two', ...migrated('three', 'B3', '2', '3'), 'three');
    expect(migrationsSince(history, 'main', 'one').map(({ after }) => after)).toEqual(['2', '3']);
    expect(migrationsSince(history, 'main', 'two').map(({ after }) => after)).toEqual(['3']);
    expect(migrationsSince(history, 'main', 'three')).toEqual([]);
    expect(migrationsSince(history, 'other', 'one')).toEqual([]);
  });

  test('the backup to go back to is the last from before the target was left, also when a deploy failed in between', () => {
    const history = journal('one', ...migrated('two', 'B2', '1', '2'), ...migrated('three', 'B3', '2', '2'), 'three', ...migrated('four', 'B4', '2', '4'), 'four');
    expect(leftData(history, 'main', 'one')?.backup).toBe('B3');
    expect(leftData(history, 'main', 'three')?.backup).toBe('B4');
    expect(leftData(history, 'main', 'four')).toBeUndefined();
  });

  test('what was brought back does not count as migrated, and what that undid counts again when it is undone itself', () => {
    const away = journal('one', ...migrated('two', 'B2', '1', '2'), 'two', { release: 'two', outcome: 'restoring', backup: 'B2', undo: 'S' }, { release: 'two', outcome: 'restored', backup: 'B2', undo: 'S' });
    expect(appliedMigrations(away, 'main')).toEqual([]);
    const back = journal('one', ...migrated('two', 'B2', '1', '2'), 'two', { release: 'two', outcome: 'restoring', backup: 'B2', undo: 'S' }, { release: 'two', outcome: 'restored', backup: 'B2', undo: 'S' },
      { release: 'two', outcome: 'restoring', backup: 'S', undo: 'S' }, { release: 'two', outcome: 'restored', backup: 'S' });
    expect(appliedMigrations(back, 'main').map(({ release }) => release)).toEqual(['two']);
  });

  test('a migration that failed and was left counts, unless the schema is as before', () => {
    expect(appliedMigrations(journal('one', { release: 'two', outcome: 'failed', before: '1', after: '1' }), 'main')).toEqual([]);
    expect(appliedMigrations(journal('one', { release: 'two', outcome: 'failed', before: '1' }), 'main')).toHaveLength(1);
  });

  test('what is settled leaves nothing to undo', () => {
    const history = journal('one', ...migrated('two', 'B2', '1', '2', { undo: 'B2', towards: 'two', migrations: 'breaking' }), 'two', { release: 'two', outcome: 'settled' });
    expect(lastDataStep(history, 'main')).not.toHaveProperty('undo');
    expect(migrationsSince(history, 'main', 'one')).toMatchObject([{ migrations: 'breaking' }]);
  });

  test('each release knows its own steps, and events of a newer Slipway are passed over', () => {
    const history = readHistory([journalLine({ event: 'begin', release: 'two', at }), `{"event":"blessed","release":"two","at":"${at}"}`, ...[{ release: 'two', outcome: 'saved', backup: 'B' } as const].map((step) => journalLine({ ...step, event: 'data', at, database: 'main', migrations: 'expand' }))]);
    expect(history.unreadable).toBe(0);
    expect(history.releases.find(({ id }) => id === 'two')?.data).toMatchObject([{ outcome: 'saved', backup: 'B', database: 'main' }]);
  });
});
