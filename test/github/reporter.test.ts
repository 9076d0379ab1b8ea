import { describe, expect, test } from '@jest/globals';
import { Ledger } from '../../src/evidence/ledger.js';
import type { Evidence, Status } from '../../src/evidence/record.js';
import { Redactor } from '../../src/evidence/redact.js';
import { githubReporter, type Core } from '../../src/github/reporter.js';

function fakeCore() {
  const log: string[] = [];
  const core: Core = {
    startGroup: (name) => void log.push(`[group ${name}]`),
    endGroup: () => void log.push('[end]'),
    info: (text) => void log.push(text),
    warning: (text, properties) => void log.push(`[warning ${properties?.title ?? ''}] ${String(text)}`),
    error: (text, properties) => void log.push(`[error ${properties?.title ?? ''}] ${String(text)}`),
    debug: (text) => void log.push(`[debug] ${text}`),
    setSecret: (secret) => void log.push(`[mask] ${secret}`),
  };
  return { core, log };
}

const record = (status: Status): Evidence => ({
  id: 'smoke.login', phase: 'smoke', title: 'login', subject: 'https://ss.example.com', status, expected: 'status 200', observed: 'status 500',
  remedy: 'See the log.', at: '2026-11-21T00:27:14.000Z', duration: 1,
});

describe('githubReporter', () => {
  test('folds a group, closes it with its time when it throws too, and shows an inner group as a heading', async () => {
    const { core, log } = fakeCore();
    const reporter = githubReporter(core);
    await expect(reporter.group('Deploy', async () => {
      await reporter.group('Stage', async () => {
        reporter.step('deploy@203.0.113.10', 'staged', 1500);
      });
      throw new Error('no');
    })).rejects.toThrow('no');
    expect(log.map((line) => line.replace(/\d+ ms/, 'N ms'))).toEqual([
      '[group Deploy]', '▸ Stage', 'deploy@203.0.113.10  staged  (1.5 s)', 'Stage: done in N ms', 'Deploy: failed after N ms', '[end]',
    ]);
  });

  test('annotates failed and doubtful evidence and keeps all of it in the ledger', () => {
    const { core, log } = fakeCore();
    const ledger = new Ledger();
    const reporter = githubReporter(core, { ledger });
    for (const status of ['pass', 'warn', 'fail', 'skip'] as const) reporter.evidence(record(status));
    expect(ledger.records).toHaveLength(4);
    const text = 'https://ss.example.com\nexpected: status 200\nobserved: status 500\nSee the log.';
    expect(log).toEqual([`[warning login] ${text}`, `[error login] ${text}`]);
  });

  test('annotates nine errors and ten warnings and writes the rest as lines, so that the failure of the step still shows', () => {
    const { core, log } = fakeCore();
    const reporter = githubReporter(core);
    for (let index = 0; index < 15; index += 1) {
      reporter.error(`e${index}`);
      reporter.warn(`w${index}`);
    }
    expect(log.filter((line) => line.startsWith('[error'))).toHaveLength(9);
    expect(log.filter((line) => line.startsWith('[warning'))).toHaveLength(10);
    expect(log).toContain('Error:  e14');
    expect(log).toContain('Warning:  w14');
  });

  test('masks with the runner what is masked here, and redacts everywhere', () => {
    const { core, log } = fakeCore();
    const redactor = new Redactor();
    redactor.add('hunter2hunter2');
    const reporter = githubReporter(core, { redactor });
    expect(log).toContain('[mask] hunter2hunter2');
    log.length = 0;
    reporter.step('hunter2hunter2', 'hunter2hunter2');
    reporter.debug('hunter2hunter2');
    reporter.warn('hunter2hunter2');
    expect(log).toEqual(['***  ***', '[debug] ***', '[warning ] ***']);
  });

  test('lets no output of a host pass for a command of the runner', () => {
    const { core, log } = fakeCore();
    githubReporter(core).line('', '::add-path::/evil\r::error::x\n##[set-env name=A]b');
    expect(log.join('\n')).not.toMatch(/^\s*::|##\[/m);
  });
});
