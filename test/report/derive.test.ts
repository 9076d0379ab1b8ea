import { describe, expect, test } from '@jest/globals';
import { merge } from '../../src/report/merge.js';
import { scaleOf } from '../../src/report/scale.js';
import { answer, HOST, record, report, WENT_BACK } from './support.js';

describe('ledgers of several jobs', () => {
  test('become one list in order of time, in which the same record stands once', () => {
    const [first, second, third] = [record('deploy.a', 1), record('deploy.b', 2), record('deploy.c', 3)];
    const { all } = merge([{ name: 'two', records: [second, third] }, { name: 'one', records: [first, second] }]);
    expect(all.map(({ record: { id } }) => id)).toEqual(['deploy.a', 'deploy.b', 'deploy.c']);
  });

  test('of a job that was run again, the last attempt counts for the verdict; the time line shows both', () => {
    const made = report([], { sources: [
      { name: 'evidence-7-production-1', records: [record('deploy.stage', 1, { status: 'fail' })] },
      { name: 'evidence-7-production-2', records: [record('deploy.stage', 100)] },
    ] });
    expect(made.verdict).toBe('pass');
    expect(made.phases.map(({ status }) => status)).toEqual(['fail', 'pass']);
    expect(made.notes[0]).toContain('evidence-7-production-1');
  });
});

describe('what is made of them', () => {
  test('a release that was taken back is red, names what is live, and why', () => {
    const made = report();
    expect(made.verdict).toBe('fail');
    expect(made.outcome).toBe('Went back: r1 is live in production; “version” failed (https://shop.example.com/version)');
    expect(made.releases).toEqual([{ environment: 'production', host: HOST, before: 'r1', after: 'r1' }]);
    expect(made.digest).toBe('f'.repeat(64));
  });

  test('a rollback alone is no failure', () => {
    const made = report(WENT_BACK.filter(({ phase }) => phase === 'rollback'));
    expect([made.verdict, made.title, made.outcome]).toEqual(['pass', 'Rollback', 'Rolled back: r1 is live in production']);
  });

  test('a job that failed without evidence makes it red', () => {
    const made = report([record('preflight.x', 0)], { jobs: new Map([['staging', 'cancelled'], ['production', 'skipped']]) });
    expect([made.verdict, made.outcome]).toEqual(['fail', 'Nothing was switched in production: the job staging ended with cancelled']);
  });

  test('a ledger that cannot be read is no silent gap', () => {
    const made = report([record('preflight.x', 0)], { unreadable: ['a.jsonl:3: is not a record of evidence.'] });
    expect([made.verdict, made.notes]).toEqual(['warn', ['Left out, since it cannot be read: a.jsonl:3: is not a record of evidence.']]);
  });

  test('what staging runs is not taken for what production runs', () => {
    const staging = 'deploy@192.0.2.1';
    const made = report([record('deploy.switch', 1, { subject: staging, expected: 'r2' })], { hosts: new Map([[HOST, 'production'], [staging, 'staging']]) });
    expect(made.outcome).toBe('1 passed; nothing was switched in production');
    expect(made.releases).toEqual([{ environment: 'staging', host: staging, before: undefined, after: 'r2' }]);
  });

  test('each timed answer belongs to the release that was live then', () => {
    expect(report().samples.map(({ step, release, ms }) => [step, release, ms])).toEqual([['health', 'r1', 10], ['health', 'r2', 30], ['version', 'r2', 5], ['health', 'r1', 12]]);
  });

  test('answers of another environment are left out', () => {
    const made = report([answer('a', 1, 5), answer('b', 2, 5, { subject: 'https://staging.example.com/b' })]);
    expect(made.samples.map(({ step }) => step)).toEqual(['a']);
  });

  test('sign-offs, overrides, backups and migrations have their tables', () => {
    const made = report([
      record('signoff.before.qa', 1, { data: { role: 'qa', login: 'bob', seen: '2026-11-21T11:00:00Z', comment: 'fine', digest: 'abc', state: 'approved' } }),
      record('deploy.window', 2, { status: 'warn', data: { override: 'a fix for all', by: 'ann' } }),
      record('deploy.window', 3, { status: 'warn', data: { override: 'a fix for all', by: 'ann' } }),
      record('backup.create', 4, { observed: '1.2 MB' }), record('deploy.data.schema', 5, { observed: '3 → 4' }),
    ]);
    expect(made.signOffs).toEqual([{ stage: 'before', role: 'qa', state: 'approved', status: 'pass', login: 'bob', seen: '2026-11-21T11:00:00Z', comment: 'fine', digest: 'abc' }]);
    expect(made.tables.map(({ title, rows }) => [title, rows.length])).toEqual([['Backups and migrations', 2], ['Overrides', 1]]);
  });
});

test('a sign-off is seen when the job of its role saw it, not when later jobs looked again', () => {
  const signed = (seen: string, rest = {}): Parameters<typeof record>[2] => ({ subject: 'qa', data: { role: 'qa', state: 'approved', login: 'ann', seen, comment: '', digest: 'f', ...rest } });
  const seen = (...records: ReturnType<typeof record>[]): string[] => report(records).signOffs.map((one) => `${one.login} ${one.seen}`);
  expect(seen(record('signoff.before.qa', 1, signed('12:00')), record('signoff.before.qa', 600, signed('12:10')))).toEqual(['ann 12:00']);
  expect(seen(record('signoff.before.qa', 1, signed('12:00', { state: 'missing', login: '' })), record('signoff.before.qa', 600, signed('12:10')))).toEqual(['ann 12:10']);
});

test('a wait of hours does not press the rest of the time line together', () => {
  const span = (from: number, to: number) => ({ lane: 'a', label: '', status: 'pass' as const, from, to });
  const scale = scaleOf([span(0, 10_000), span(7_200_000, 7_210_000)]);
  expect(scale.length).toBeLessThan(25_000);
  expect(scale.waits.map(({ ms }) => ms)).toEqual([7_190_000]);
  expect(scale.when(scale.at(7_205_000))).toBe(7_205_000);
});
