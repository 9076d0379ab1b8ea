import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { RunContext } from '../../src/commands/run-context.js';
import { Timers } from '../../src/commands/timers.js';
import { SshError } from '../../src/ssh/errors.js';
import { EXIT, HostError } from '../../src/host/failure.js';
import type { Member } from '../../src/release/fleet.js';

/** A host of which only the timer matters. */
function member(name: string, asked: string[], fails?: Error): Member {
  const host = { rearm: (release: string) => (asked.push(`${name} ${release}`), fails === undefined ? Promise.resolve() : Promise.reject(fails)) };
  return { name, host } as unknown as Member;
}
const timers = (confirmWithin: number): Timers => new Timers({ config: { release: { confirmWithin } } } as RunContext, 'two');

let now = 0;
beforeEach(() => { jest.spyOn(performance, 'now').mockImplementation(() => now); });
afterEach(() => { jest.restoreAllMocks(); });
const pass = (ms: number): void => void (now += ms);

test('a timer that has used a quarter of its time begins anew, one that has just begun does not', async () => {
  const asked: string[] = [];
  const all = timers(400);
  all.armed(member('a', asked));
  pass(101);
  all.armed(member('b', asked));
  expect((await all.renew(false)).size).toBe(0);
  expect(asked).toEqual(['a two']);
  expect((await all.renew(false)).size).toBe(0);
  expect(asked).toEqual(['a two']);
});

test('in the end all but those of the last batch begin anew, so that all hosts wait as long', async () => {
  const asked: string[] = [];
  const all = timers(600_000);
  all.armed(member('a', asked));
  pass(1_001);
  all.armed(member('b', asked));
  await all.renew(false);
  expect(asked).toEqual([]);
  await all.renew(true);
  expect(asked).toEqual(['a two']);
});

test('a host that has gone back meanwhile is told apart from one that cannot be asked', async () => {
  const gone = new HostError('a', 'waiting for the confirmation', { code: EXIT.moved, stdout: '', stderr: 'slipway: one is live, not two' });
  const lost = new SshError('lost', { host: 'b' }, 'the link is lost');
  const all = timers(1);
  const [a, b, c] = [member('a', [], gone), member('b', [], lost), member('c', [])];
  for (const one of [a, b, c]) all.armed(one);
  pass(1);
  const failed = await all.renew(false);
  expect([...failed].map(([{ name }, { outcome, reason }]) => [name, outcome, reason])).toEqual([
    ['a', 'went-back', 'a: waiting for the confirmation: one is live, not two'],
    ['b', 'unknown', 'b: the link is lost'],
  ]);
});
