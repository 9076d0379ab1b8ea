import { describe, expect, test } from '@jest/globals';
import { losses, lossTable, lossText, wrongRows } from '../../src/commands/losses.js';

const now = new Map([['users', 12], ['orders', 1500], ['drafts', 3]]);
const then = new Map([['users', 12], ['orders', 1200], ['invoices', 7]]);

describe('what a restore costs', () => {
  test('is told by table, what differs first, tables of one side too', () => {
    expect(lossTable(losses(now, then)).rows).toEqual([
      ['drafts', '3', 'no such table', '−3'],
      ['invoices', 'no such table', '7', '+7'],
      ['orders', '1,500', '1,200', '−300'],
      ['users', '12', '12', ''],
    ]);
  });

  test('leaves no table wrong that was written to during the dump, as far as it was', () => {
    const moved = new Map([['orders', 299], ['drafts', Infinity], ['users', 1]]);
    expect(wrongRows(now, { rows: then, moved }).map(({ table }) => table)).toEqual(['invoices', 'orders']);
    expect(wrongRows(now, { rows: then, moved: moved.set('orders', 300).set('invoices', 7) })).toEqual([]);
  });

  test.each([
    [losses(now, then), '303 rows written since are lost, 7 rows deleted since come back'],
    [losses(new Map([['a', 2]]), new Map([['a', 1]])), '1 row written since is lost'],
    [losses(then, then), 'no table has more or fewer rows than the backup; what was changed in place is lost'],
    [undefined, 'what is written since is lost; it could not be counted'],
  ])('is told in a few words (%#)', (all, text) => expect(lossText(all)).toBe(text));
});
