import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { loadConfig } from '../../src/config/load.js';
import { judge } from '../../src/window/judge.js';
import { judgementInWords, momentInWords, windowInWords } from '../../src/window/words.js';

const windowOf = (text: string) => loadConfig(`app: shop\nenvironments: { production: { hosts: [deploy@203.0.113.10], window: { ${text} } } }\n`, 'slipway.yml').environments['production']!.window!;
/** `open` or `closed`, and until when. */
const at = (window: string, moment: string): string => {
  const { open, opensAt, closesAt } = judge(windowOf(window), new Date(moment));
  return `${open ? 'open' : 'closed'} until ${(opensAt ?? closesAt)?.toISOString().replace(':00.000', '') ?? 'ever'}`;
};
const why = (window: string, moment: string, since?: string): readonly string[] => judge(windowOf(window), new Date(moment), since === undefined ? {} : { since: new Date(since) }).why;

describe('a window', () => {
  const NIGHTS = 'days: mon-thu, hours: 02:00-06:00, timezone: Africa/Lagos';

  test('is open from its first minute to the one before its end, in its own time zone', () => {
    // 2026-11-23 is a Monday; Lagos is an hour ahead of UTC all year.
    expect(at(NIGHTS, '2026-11-23T00:59:59Z')).toBe('closed until 2026-11-23T01:00Z');
    expect(at(NIGHTS, '2026-11-23T01:00:00Z')).toBe('open until 2026-11-23T05:00Z');
    expect(at(NIGHTS, '2026-11-23T04:59:59Z')).toBe('open until 2026-11-23T05:00Z');
    expect(at(NIGHTS, '2026-11-23T05:00:00Z')).toBe('closed until 2026-11-24T01:00Z');
    expect(at(NIGHTS, '2026-07-06T01:00:00Z')).toBe('open until 2026-07-06T05:00Z');
  });

  test('says everything that closes it', () => {
    expect(why(NIGHTS, '2026-11-27T11:30:00Z')).toEqual(['Friday is not one of its days (mon-thu)', '12:30 is outside 02:00-06:00']);
    expect(why(`${NIGHTS}, freeze: 2026-11-27`, '2026-11-27T02:00:00Z')).toEqual(['2026-11-27 is frozen', 'Friday is not one of its days (mon-thu)']);
  });

  test('that leaves Friday out opens again on the next of its days', () => {
    expect(at('days: mon-thu', '2026-11-27T10:00:00Z')).toBe('closed until 2026-11-30T00:00Z');
    expect(at('days: sat-thu', '2026-11-27T10:00:00Z')).toBe('closed until 2026-11-28T00:00Z');
    expect(at('days: [wed, sun]', '2026-11-27T10:00:00Z')).toBe('closed until 2026-11-29T00:00Z');
  });

  test('across midnight belongs to the day it begins', () => {
    const late = 'days: mon-thu, hours: 22:30-02:00';
    expect(at(late, '2026-11-27T01:59:00Z')).toBe('open until 2026-11-27T02:00Z');
    expect(at(late, '2026-11-27T22:30:00Z')).toBe('closed until 2026-11-30T22:30Z');
    expect(at(late, '2026-11-30T01:00:00Z')).toBe('closed until 2026-11-30T22:30Z');
    expect(why(late, '2026-11-30T01:00:00Z')).toEqual(['Sunday is not one of its days (mon-thu)']);
  });

  test('goes through the turn of the year', () => {
    const late = 'days: thu, hours: 23:00-01:00, timezone: America/New_York';
    expect(at(late, '2027-01-01T04:30:00Z')).toBe('open until 2027-01-01T06:00Z');
    expect(at(late, '2027-01-01T06:00:00Z')).toBe('closed until 2027-01-08T04:00Z');
  });

  test('that never closes and one that never opens are told as such', () => {
    expect(at('', '2026-11-27T10:00:00Z')).toBe('open until ever');
    const frozen = windowOf('freeze: 2026-01-01..2036-12-31');
    expect(judgementInWords(judge(frozen, new Date('2026-11-27T10:00:00Z')), 'UTC')).toBe('closed: 2026-11-27 is in the freeze 2026-01-01..2036-12-31; no opening is known for the next 400 days');
  });
});

describe('a freeze', () => {
  test('takes both of its ends, in the time zone of the window', () => {
    const window = 'freeze: [2026-12-18..2027-01-04], timezone: America/New_York';
    expect(at(window, '2026-12-18T04:59:59Z')).toBe('open until 2026-12-18T05:00Z');
    expect(at(window, '2026-12-18T05:00:00Z')).toBe('closed until 2027-01-05T05:00Z');
    expect(at(window, '2027-01-05T04:59:59Z')).toBe('closed until 2027-01-05T05:00Z');
  });

  test('closes a window that has begun the day before', () => {
    expect(at('hours: 22:00-02:00, freeze: 2026-12-18', '2026-12-17T23:00:00Z')).toBe('open until 2026-12-18T00:00Z');
    expect(at('hours: 22:00-02:00, freeze: 2026-12-18', '2026-12-18T01:00:00Z')).toBe('closed until 2026-12-19T00:00Z');
  });
});

describe('when the clocks are changed', () => {
  test.each([
    // In 2026: Europe/Berlin on 29 March and 25 October at 01:00 UTC, America/New_York on 8 March at 07:00 UTC and 1 November at 06:00 UTC.
    ['a window that begins in the missing hour opens when the hour after it begins', 'Europe/Berlin', '02:00-06:00', '2026-03-29T00:30:00Z', 'closed until 2026-03-29T01:00Z'],
    ['and ends as the clock says', 'Europe/Berlin', '02:00-06:00', '2026-03-29T01:00:00Z', 'open until 2026-03-29T04:00Z'],
    ['a window that ends in the missing hour ends where that begins', 'Europe/Berlin', '00:00-02:30', '2026-03-29T00:00:00Z', 'open until 2026-03-29T01:00Z'],
    ['a window within the missing hour does not open that day', 'Europe/Berlin', '02:00-03:00', '2026-03-29T00:30:00Z', 'closed until 2026-03-30T00:00Z'],
    ['a window within the doubled hour is open both times', 'Europe/Berlin', '02:00-03:00', '2026-10-25T00:00:00Z', 'open until 2026-10-25T02:00Z'],
    ['a window that ends within it closes', 'Europe/Berlin', '00:00-02:30', '2026-10-25T00:00:00Z', 'open until 2026-10-25T00:30Z'],
    ['and is open for that half hour once more', 'Europe/Berlin', '00:00-02:30', '2026-10-25T00:30:00Z', 'closed until 2026-10-25T01:00Z'],
    ['west of Greenwich, in spring', 'America/New_York', '02:00-06:00', '2026-03-08T06:30:00Z', 'closed until 2026-03-08T07:00Z'],
    ['west of Greenwich, in spring, to its end', 'America/New_York', '02:00-06:00', '2026-03-08T07:00:00Z', 'open until 2026-03-08T10:00Z'],
    ['west of Greenwich, in autumn', 'America/New_York', '01:00-02:00', '2026-11-01T05:30:00Z', 'open until 2026-11-01T07:00Z'],
    ['west of Greenwich, the day after', 'America/New_York', '01:00-02:00', '2026-11-01T07:00:00Z', 'closed until 2026-11-02T06:00Z'],
    ['where they are not changed', 'Africa/Lagos', '02:00-03:00', '2026-03-29T00:30:00Z', 'closed until 2026-03-29T01:00Z'],
    ['where they are changed by half an hour', 'Australia/Lord_Howe', '02:00-02:30', '2026-10-03T15:00:00Z', 'closed until 2026-10-04T15:00Z'],
  ])('%s', (_, timezone, hours, moment, says) => {
    expect(at(`hours: ${hours}, timezone: ${timezone}`, moment)).toBe(says);
  });
});

/** Epoch milliseconds of the first minute after `from` at which the clock on the wall says otherwise, found the slow way. */
function firstChange(timezone: string, { from, to }: { from: number; to: number }, day: number | undefined, after: number): number {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: timezone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const open = (moment: number): boolean => {
    const [weekday = '', time = ''] = format.format(moment).split(/,? /);
    const [hour = 0, minute = 0] = time.split(':').map(Number);
    const minutes = hour * 60 + minute;
    const early = to < from && minutes < to;
    const within = to < from ? minutes >= from || early : minutes >= from && minutes < to;
    const begun = (['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].indexOf(weekday) + (early ? 6 : 0)) % 7 + 1;
    return within && (day === undefined || begun === day);
  };
  const now = open(after);
  for (let moment = Math.floor(after / 60_000) * 60_000 + 60_000; ; moment += 60_000) if (open(moment) !== now) return moment;
}

test.each([
  // By half an hour, at midnight (so that there is none, or two), backwards in winter, by two hours, and in zones half an hour off.
  ['Australia/Lord_Howe', '2026-04-04', '2026-10-03'], ['Africa/Casablanca', '2027-02-06', '2027-03-13'], ['America/St_Johns', '2026-03-07', '2026-10-31'],
  ['America/Santiago', '2026-04-04', '2026-09-05'], ['Africa/Cairo', '2026-04-23', '2026-10-29'], ['Antarctica/Troll', '2026-03-28', '2026-10-24'], ['Europe/Dublin', '2026-03-28', '2026-10-24'],
])('in %s a window opens and closes when the clock on the wall says so, through both changes', (timezone, ...days) => {
  const hours = [[0, 150], [105, 135], [1380, 30], [0, 1440]].map(([from = 0, to = 0]) => ({ from, to }));
  for (const date of days) {
    for (const range of hours) {
      // From midnight in UTC of the day before in steps that meet the hours on both sides of the change.
      for (let hour = 0; hour < 48; hour += 7) {
        const moment = Date.parse(`${date}T00:00:00Z`) + hour * 3_600_000 + 7 * 60_000;
        const weekday = hour % 2 === 0 && range.to - range.from < 1440 ? undefined : 7;
        const { opensAt, closesAt } = judge({ ...windowOf(''), timezone, hours: range, days: [weekday === undefined ? { from: 1, to: 7 } : { from: weekday, to: weekday }] }, new Date(moment));
        expect([timezone, date, range, weekday, hour, (opensAt ?? closesAt)?.toISOString()]).toEqual([timezone, date, range, weekday, hour, new Date(firstChange(timezone, range, weekday, moment)).toISOString()]);
      }
    }
  }
});

describe('public holidays', () => {
  test('close the window for their day, and with eves for the day before', () => {
    // ZA: 16 December is the Day of Reconciliation.
    expect(at('holidays: ZA, timezone: Africa/Johannesburg', '2026-12-15T21:59:00Z')).toBe('open until 2026-12-15T22:00Z');
    expect(at('holidays: ZA, timezone: Africa/Johannesburg', '2026-12-15T22:00:00Z')).toBe('closed until 2026-12-16T22:00Z');
    expect(why('holidays: ZA', '2026-12-16T10:00:00Z')).toEqual(['2026-12-16 is a public holiday in ZA (Day of Reconciliation)']);
    expect(why('holidays: { country: ZA, eves: true }', '2026-12-15T10:00:00Z')).toEqual(['2026-12-15 is the day before a public holiday in ZA (Day of Reconciliation)']);
  });

  test('before the turn of the year have their eve in the year before', () => {
    expect(why('holidays: { country: NG, eves: true }', '2026-12-31T10:00:00Z')).toEqual(["2026-12-31 is the day before a public holiday in NG (New Year's Day)"]);
  });

  test('on a weekend close their substitutes too, and an eve is the day before, whichever day of the week that is', () => {
    // GB: Christmas 2027 is a Saturday, so Monday and Tuesday are free; Easter Monday 2027 is 29 March.
    const days = (dates: string[]): boolean[] => dates.map((date) => judge(windowOf('holidays: { country: GB, region: ENG, eves: true }'), new Date(`${date}T12:00:00Z`)).open);
    expect(days(['2027-12-23', '2027-12-24', '2027-12-25', '2027-12-26', '2027-12-27', '2027-12-28', '2027-12-29'])).toEqual([true, false, false, false, false, false, true]);
    expect(days(['2027-03-24', '2027-03-25', '2027-03-26', '2027-03-27', '2027-03-28', '2027-03-29', '2027-03-30'])).toEqual([true, false, false, true, false, false, true]);
  });

  test('of years that are not known keep it closed', () => {
    expect(why('holidays: ZA', '2044-06-01T10:00:00Z')[0]).toMatch(/the public holidays of 2044 are not known to this version/);
    expect(why('holidays: { country: ZA, eves: true }', '2037-12-31T10:00:00Z')[0]).toMatch(/the public holidays of 2038 are not known/);
  });
});

describe('notice', () => {
  const NOTICE = 'days: mon-thu, hours: 02:00-06:00, notice: 24h';

  test('counts from the tag, and the window opens once it has passed', () => {
    expect(why(NOTICE, '2026-11-24T03:00:00Z', '2026-11-23T12:00:00Z')).toEqual(['the release is there for 15 h, and 1 d of notice are wanted']);
    const { opensAt } = judge(windowOf(NOTICE), new Date('2026-11-24T03:00:00Z'), { since: new Date('2026-11-23T12:00:00Z') });
    expect(opensAt?.toISOString()).toBe('2026-11-25T02:00:00.000Z');
    expect(judge(windowOf(NOTICE), new Date('2026-11-24T03:00:00Z'), { since: new Date('2026-11-23T04:30:00Z') }).opensAt?.toISOString()).toBe('2026-11-24T04:30:00.000Z');
    expect(why(NOTICE, '2026-11-25T03:00:00Z', '2026-11-23T12:00:00Z')).toEqual([]);
  });

  test('keeps the window closed when nobody can say since when the release is there', () => {
    expect(why(NOTICE, '2026-11-24T03:00:00Z')[0]).toMatch(/git does not say/);
  });
});

describe('the words', () => {
  test('for a window and a moment are local and in UTC', () => {
    expect(windowInWords(windowOf('days: [mon-wed, sun], hours: 22:00-02:00, timezone: Africa/Lagos, freeze: [2026-12-18..2027-01-04, 2026-11-27], holidays: { country: DE, region: BY, eves: true }, notice: 24h')))
      .toBe('mon-wed, sun 22:00-02:00 Africa/Lagos; frozen 2026-12-18..2027-01-04, 2026-11-27; not on public holidays in DE-BY or the day before; 1 d of notice');
    expect(momentInWords(new Date('2026-11-23T23:30:00Z'), 'Africa/Lagos')).toBe('Tue 2026-11-24 00:30 Africa/Lagos (2026-11-23 23:30 UTC)');
    expect(momentInWords(new Date('2026-11-23T23:30:00Z'), 'UTC')).toBe('Mon 2026-11-23 23:30 UTC');
  });
});

test('the next opening is open, and the minute before it is not; the same for closing', () => {
  const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Africa/Lagos', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Pacific/Apia');
  const time = fc.integer({ min: 0, max: 24 * 60 - 1 });
  const day = fc.integer({ min: 1, max: 7 });
  fc.assert(fc.property(zone, time, time, day, day, fc.integer({ min: Date.UTC(2026, 0), max: Date.UTC(2027, 0) }), (timezone, from, to, first, last, moment) => {
    fc.pre(from !== to);
    const window = { ...windowOf(''), timezone, hours: { from, to }, days: [{ from: first, to: last }] };
    const { open, opensAt, closesAt } = judge(window, new Date(moment));
    const change = (opensAt ?? closesAt)!.getTime();
    expect(change).toBeGreaterThan(moment);
    expect(judge(window, new Date(change)).open).toBe(!open);
    expect(judge(window, new Date(Math.max(moment, change - 60_000))).open).toBe(open);
  }), { numRuns: 60 });
});
