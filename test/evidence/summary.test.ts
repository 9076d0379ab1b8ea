import { describe, expect, test } from '@jest/globals';
import { formatBytes, formatCount, formatDuration } from '../../src/evidence/format.js';
import { renderJUnit } from '../../src/evidence/junit.js';
import { codeMarkdown, escapeMarkdown, fencedMarkdown } from '../../src/evidence/markdown.js';
import type { Evidence } from '../../src/evidence/record.js';
import { renderSummary } from '../../src/evidence/summary.js';
import { renderTable } from '../../src/evidence/table.js';
import { displayWidth, truncate, wrap } from '../../src/evidence/text.js';

const record = (fields: Partial<Evidence>): Evidence => ({
  id: 'preflight.host.disk-free', phase: 'preflight', title: 'Free disk', subject: 'deploy@203.0.113.10', status: 'pass',
  at: '2026-11-21T00:27:14.000Z', duration: 12, ...fields,
});

describe('formats', () => {
  test.each([
    [0, '0 ms'], [340.4, '340 ms'], [999.6, '1 s'], [2100, '2.1 s'], [59_949, '59.9 s'], [59_960, '1 min'], [185_000, '3 min 5 s'],
    [3_599_700, '1 h'], [7_800_000, '2 h 10 min'], [86_399_999, '1 d'], [100_800_000, '1 d 4 h'], [-5, '-5 ms'], [Infinity, 'unlimited'],
  ])('%d ms is %s', (ms, text) => expect(formatDuration(ms)).toBe(text));

  test.each([[0, '0 B'], [999, '999 B'], [1000, '1 kB'], [1_400_000, '1.4 MB'], [999_960, '1 MB'], [4e9, '4 GB'], [-1500, '-1.5 kB']])(
    '%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test('counts in English', () => {
    expect([formatCount(1, 'file'), formatCount(1212, 'file'), formatCount(2, 'entry', 'entries')]).toEqual(['1 file', '1,212 files', '2 entries']);
  });
});

describe('text for a terminal', () => {
  test.each([['abc', 3], ['日本', 4], ['e\u0301', 1], ['✅', 2], ['👨‍👩‍👧', 2], ['', 0], ['wörd', 4]])('%s takes %d columns', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });
  test('wraps at spaces, breaks long words, keeps line breaks', () => {
    expect(wrap('one two three\nabcdefghijklm', 8)).toEqual(['one two', 'three', 'abcdefgh', 'ijklm']);
    expect(wrap('日本語日本語', 5)).toEqual(['日本', '語日', '本語']);
  });
  test('cuts by columns', () => expect(truncate('日本語', 5)).toBe('日本…'));
});

describe('Markdown', () => {
  test('shows text as it stands: no markup, HTML, mention, issue link or formula', () => {
    expect(escapeMarkdown('a|b <img src=x> `code` **b** _c_ [l](u)')).toBe(
      'a&#124;b &#60;img src=x&#62; &#96;code&#96; &#42;&#42;b&#42;&#42; &#95;c&#95; &#91;l&#93;(u)');
    expect(escapeMarkdown('@octocat fixed #12 for $5')).toBe('@<wbr>octocat fixed #<wbr>12 for <span>$</span>5');
    expect(escapeMarkdown('JWT_SECRET & &#12;')).toBe('JWT_SECRET &#38; &#38;#<wbr>12;');
    expect(escapeMarkdown('one\r\ntwo\rthree\u001b[31mred\u0007')).toBe('one<br>two<br>threered');
    expect(escapeMarkdown('- item\n# title\n1. one')).toBe('&#45; item<br>&#35; title<br>&#49;&#46; one');
  });
  test('code cannot be left from inside', () => {
    expect(codeMarkdown('a</code>|`x`')).toBe('<code>a&#60;/code&#62;&#124;&#96;x&#96;</code>');
    expect(fencedMarkdown('```\nx')).toBe('````\n```\nx\n````');
  });
});

const RECORDS: Evidence[] = [
  record({}),
  record({ id: 'preflight.host.clock', title: 'Clock', observed: 'within 0.2 s' }),
  record({ id: 'preflight.host.memory', title: 'Memory', status: 'warn', expected: 'at least 4 GB', observed: '3.9 GB', remedy: 'Add memory.' }),
  record({ id: 'smoke.login.post', phase: 'smoke', title: 'login', subject: 'https://ss.example.com', status: 'fail', expected: 'status 200', observed: 'status 500 | oops', remedy: 'See the log.' }),
  record({ id: 'smoke.login.me', phase: 'smoke', title: 'me', subject: 'https://ss.example.com', status: 'skip' }),
];

describe('renderSummary', () => {
  const input = {
    action: 'Deploy', app: 'salessync', environment: 'production', records: RECORDS, duration: 62_000, outcome: 'went back',
    releases: [
      { host: 'deploy@203.0.113.10', before: '20261120T102714Z-1111111', after: '20261121T002714Z-3f9c2ab' },
      { host: 'deploy@203.0.113.11', before: undefined, after: undefined },
    ],
    rollback: { command: 'slipway rollback production', dispatch: 'Actions → rollback → Run workflow' },
  };

  test('tells verdict, releases, the way back, and the evidence with failures open and passes folded', () => {
    expect(renderSummary(input)).toBe([
      '## ❌ Deploy of salessync to production: failed', '',
      '**went back** · 1 failed, 1 warning, 2 passed, 1 skipped in 1 min 2 s', '',
      '### Releases', '', '| Host | Before | After | |', '|---|---|---|---|',
      '| <code>deploy&#64;203.0.113.10</code> | <code>20261120T102714Z-1111111</code> | <code>20261121T002714Z-3f9c2ab</code> | **changed** |',
      '| <code>deploy&#64;203.0.113.11</code> | — | — | unchanged |', '',
      '### How to roll back', '', '```sh', 'slipway rollback production', '```', '', 'On GitHub: Actions → rollback → Run workflow', '',
      '### Preflight: 1 warning, 2 passed', '',
      '| | Check | Subject | Expected | Observed | How to mend |', '|---|---|---|---|---|---|',
      '| ⚠️ | Memory<br><code>preflight.host.memory</code> | deploy@<wbr>203.0.113.10 | at least 4 GB | 3.9 GB | Add memory. |', '',
      '<details><summary>2 passed</summary>', '', '| | Check | Subject | Observed | Time |', '|---|---|---|---|---|',
      '| ✅ | Free disk | deploy@<wbr>203.0.113.10 |  | 12 ms |', '| ✅ | Clock | deploy@<wbr>203.0.113.10 | within 0.2 s | 12 ms |', '', '</details>', '',
      '### Smoke: 1 failed, 1 skipped', '',
      '| | Check | Subject | Expected | Observed | How to mend |', '|---|---|---|---|---|---|',
      '| ❌ | login<br><code>smoke.login.post</code> | https&#58;//ss.example.com | status 200 | status 500 &#124; oops | See the log. |'.replace('&#58;', ':'), '',
      '<details><summary>1 skipped</summary>', '', '| | Check | Subject | Observed | Time |', '|---|---|---|---|---|',
      '| ⚪ | me | https://ss.example.com |  | 12 ms |', '', '</details>', '',
    ].join('\n'));
  });

  test('stays below the limit, keeps failures of every phase before passes, and says what was cut', () => {
    const many = [
      ...Array.from({ length: 20_000 }, (_, index) => record({ title: `passed ${index}`, observed: 'ü'.repeat(100) })),
      record({ phase: 'smoke', status: 'fail', title: 'the failure', observed: 'x' }),
    ];
    const text = renderSummary({ ...input, records: many, ledger: 'evidence.jsonl' });
    expect(Buffer.byteLength(text)).toBeLessThan(1024 * 1024);
    expect(text).toContain('the failure');
    expect(text).toMatch(/> [\d,]+ rows left out to stay below GitHub's limit of 1 MiB\. All of them are in <code>evidence\.jsonl<\/code>/);
    expect(text.match(/<details>/g)?.length).toBe(text.match(/<\/details>/g)?.length);
  });

  test('can fail without a failed record', () => {
    expect(renderSummary({ ...input, records: [], releases: [], verdict: 'fail' })).toContain('## ❌ Deploy of salessync to production: failed');
  });

  test('shortens one enormous cell', () => {
    expect(renderSummary({ ...input, records: [record({ status: 'fail', observed: 'x'.repeat(5_000_000) })] }).length).toBeLessThan(5000);
  });
});

describe('renderTable', () => {
  test('puts failures first, aligns columns and adds how to mend', () => {
    expect(renderTable(RECORDS, 100)).toBe([
      '   Check      Subject                 Expected       Observed',
      '─  ─────────  ──────────────────────  ─────────────  ─────────────────',
      '✗  login      https://ss.example.com  status 200     status 500 | oops',
      '   → See the log.',
      '!  Memory     deploy@203.0.113.10     at least 4 GB  3.9 GB',
      '   → Add memory.',
      '–  me         https://ss.example.com',
      '✓  Free disk  deploy@203.0.113.10',
      '✓  Clock      deploy@203.0.113.10                    within 0.2 s',
      '', '1 failed, 1 warning, 2 passed, 1 skipped',
    ].join('\n'));
  });

  test('wraps columns so that no line is wider than the terminal, wide characters included', () => {
    const text = renderTable([record({ status: 'fail', title: '日本語の検査'.repeat(6), observed: 'one two three '.repeat(20), remedy: 'do this '.repeat(30) })], 72);
    expect(Math.max(...text.split('\n').map(displayWidth))).toBeLessThanOrEqual(72);
    expect(text).toContain('three');
  });

  test('says when there is nothing', () => expect(renderTable([])).toBe('nothing checked'));
});

describe('renderJUnit', () => {
  test('writes one suite with its counts', () => {
    expect(renderJUnit('smoke', RECORDS.slice(2))).toBe([
      '<?xml version="1.0" encoding="UTF-8"?>',
      '<testsuites name="smoke" tests="3" failures="1" errors="0" skipped="1" time="0.036">',
      '  <testsuite name="smoke" tests="3" failures="1" errors="0" skipped="1" time="0.036" timestamp="2026-11-21T00:27:14">',
      '    <testcase classname="preflight.host.memory" name="Memory (deploy@203.0.113.10)" time="0.012">',
      '      <system-out>warning\nexpected: at least 4 GB\nobserved: 3.9 GB\nremedy: Add memory.</system-out>',
      '    </testcase>',
      '    <testcase classname="smoke.login.post" name="login (https://ss.example.com)" time="0.012">',
      '      <failure message="status 500 | oops" type="smoke.login.post">expected: status 200\nobserved: status 500 | oops\nremedy: See the log.</failure>',
      '    </testcase>',
      '    <testcase classname="smoke.login.me" name="me (https://ss.example.com)" time="0.012">',
      '      <skipped message=""/>',
      '    </testcase>',
      '  </testsuite>', '</testsuites>', '',
    ].join('\n'));
  });

  test('escapes what XML reserves and removes what it cannot hold', () => {
    const xml = renderJUnit('a "b" & <c>', [record({ status: 'fail', observed: 'x\u0000\u001b[31m\ud800y]]>\nz 😀' })]);
    expect(xml).toContain('name="a &quot;b&quot; &amp; &lt;c&gt;"');
    expect(xml).toContain('message="x[31my]]&gt;&#10;z 😀"');
     
    expect(xml).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/);
  });
});

describe('a table of the command’s own', () => {
  const input = { action: 'Backup', app: 'shop', environment: 'production', records: [record({})] };
  test('stands before the evidence, with its cells as they are', () => {
    const text = renderSummary({ ...input, tables: [{ title: 'Backups', head: ['Backup', 'State'], rows: [['20261121-020000', 'bad: a | b']] }] });
    expect(text).toContain('### Backups\n\n| Backup | State |\n|---|---|\n| 20261121-020000 | bad: a &#124; b |\n');
    expect(text.indexOf('### Backups')).toBeLessThan(text.indexOf('### Preflight'));
  });
  test('is left out when it has no rows', () => {
    expect(renderSummary({ ...input, tables: [{ title: 'Backups', head: ['Backup'], rows: [] }] })).not.toContain('Backups');
  });
});
