import { describe, expect, test } from '@jest/globals';
import { Ledger } from '../../src/evidence/ledger.js';
import { progressBar } from '../../src/evidence/progress.js';
import type { Evidence } from '../../src/evidence/record.js';
import { Redactor } from '../../src/evidence/redact.js';
import { plainReporter, silentReporter, terminalReporter } from '../../src/evidence/reporters.js';

const clock = (): Date => new Date(2026, 10, 21, 12, 1, 7);
const RECORD: Evidence = { id: 'a.b', phase: 'deploy', title: 't', subject: 's', status: 'pass', at: '2026-11-21T00:27:14.000Z', duration: 1 };

function listen() {
  const texts: string[] = [];
  return { write: (text: string) => void texts.push(text), text: () => texts.join('') };
}

describe('plainReporter', () => {
  test('writes one line per step with time, host and how long it took', () => {
    const sink = listen();
    plainReporter(sink.write, { clock }).step('deploy@203.0.113.10', 'uploaded 212 files, 1.4 MB', 2100);
    expect(sink.text()).toBe('12:01:07  deploy@203.0.113.10  uploaded 212 files, 1.4 MB  (2.1 s)\n');
  });

  test('lines up the lines of a longer text, and shows warnings, errors, and debug lines only when asked', () => {
    const sink = listen();
    const reporter = plainReporter(sink.write, { clock });
    reporter.line('runner', 'one\ntwo\n');
    reporter.warn('careful');
    reporter.error('broken');
    reporter.debug('hidden');
    plainReporter(sink.write, { clock, debug: true }).debug('shown');
    expect(sink.text()).toBe([
      '12:01:07  runner |  one', '12:01:07            two', '12:01:07  warning:  careful', '12:01:07  error:  broken', '12:01:07  debug:  shown', '',
    ].join('\n'));
  });

  test('heads a group and closes it with its time, also when it throws', async () => {
    const sink = listen();
    const reporter = plainReporter(sink.write, { clock });
    expect(await reporter.group('Preflight', () => Promise.resolve(7))).toBe(7);
    await expect(reporter.group('Deploy', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(sink.text()).toMatch(/^▸ Preflight\n {2}Preflight: done in \d+ ms\n▸ Deploy\n {2}Deploy: failed after \d+ ms\n$/);
  });

  test('removes secrets and escape sequences, a secret cut by colours included', () => {
    const sink = listen();
    const redactor = new Redactor();
    redactor.add('hunter2hunter2');
    plainReporter(sink.write, { clock, redactor }).line('hunter2hunter2', 'pass=hunter2\u001b[31mhunter2\u001b[0m');
    expect(sink.text()).toBe('12:01:07  *** |  pass=***\n');
  });

  test('lets no output of a host pass for a command of the Actions runner', () => {
    const sink = listen();
    const reporter = plainReporter(sink.write, { clock });
    reporter.line('host', 'fine\r::set-output name=a::b\n  ::error::x ##[add-mask]y');
    for (const line of sink.text().split(/[\r\n]/)) {
      expect(line.replace(/^\S+\s+/, '').trim()).not.toMatch(/^::/);
      expect(line).not.toContain('##[');
    }
  });

  test('gives evidence to the ledger', () => {
    const ledger = new Ledger();
    plainReporter(() => undefined, { ledger }).evidence(RECORD);
    silentReporter({ ledger }).evidence(RECORD);
    expect(ledger.records).toHaveLength(2);
  });
});

describe('terminalReporter', () => {
  test('draws progress on one line of a terminal and takes it away before other output', () => {
    const screen = listen();
    const reporter = terminalReporter({ out: screen, err: { ...screen, isTTY: true, columns: 60 } }, { clock, colour: false });
    reporter.progress('deploy@203.0.113.10', 500_000, 1_000_000);
    reporter.step('deploy@203.0.113.10', 'still going');
    reporter.progress('deploy@203.0.113.10', 1_000_000, 1_000_000);
    expect(screen.text()).toBe([
      '\r\u001b[2K[████████████────────────] 50 %  500 kB of 1 MB  deploy@20…',
      '\r\u001b[2K12:01:07  deploy@203.0.113.10  still going\n',
    ].join(''));
  });

  test('draws nothing where there is no terminal', () => {
    const err = listen();
    terminalReporter({ out: listen(), err }).progress('host', 1, 2);
    expect(err.text()).toBe('');
  });

  test('uses colour', () => {
    const out = listen();
    terminalReporter({ out, err: listen() }, { clock }).error('broken');
    expect(out.text()).toContain('\u001b[31mbroken\u001b[0m');
  });
});

test('the bar adds up the transfers of all hosts, draws ten times a second at most, and ends with the last', () => {
  let now = 0;
  const screen = listen();
  const bar = progressBar({ ...screen, isTTY: true, columns: 100 }, () => now);
  bar.update('one', 0, 1000);
  for (; now < 99; now += 1) bar.update('two', now, 1000);
  now = 200;
  bar.update('two', 500, 1000);
  expect(screen.text().split('\r')).toHaveLength(3);
  expect(screen.text()).toContain('25 %  500 B of 2 kB  2 hosts');
  bar.update('one', 1000, 1000);
  bar.update('two', 1000, 1000);
  expect(screen.text().endsWith('\r\u001b[2K')).toBe(true);
});
