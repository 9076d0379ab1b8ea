import { describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { renderPage } from '../../src/report/page.js';
import * as plots from '../../src/report/plots.js';
import { CHROMIUM, openInChromium } from '../support/chromium.js';
import { answer, HOST, HOSTILE, record, report, WENT_BACK } from './support.js';

/** A report in which every text that comes from elsewhere is hostile. */
function hostile(): string {
  const records = WENT_BACK.map((one, index) => ({ ...one, title: `${HOSTILE} ${index}`, expected: HOSTILE, observed: HOSTILE, remedy: HOSTILE }));
  const named = [record('deploy.switch', 20, { subject: HOSTILE, expected: HOSTILE }), record('signoff.before.qa', 21, { data: { role: HOSTILE, login: HOSTILE, seen: HOSTILE, comment: HOSTILE, digest: HOSTILE, state: HOSTILE } })];
  return renderPage(report([...records, ...named], {
    app: HOSTILE, title: HOSTILE, actor: HOSTILE, run: 'javascript:alert(3)', tag: HOSTILE, url: `https://x.example.com/"onmouseover="alert(4)`, jobs: new Map([[HOSTILE, HOSTILE]]), unreadable: [HOSTILE],
  }), plots);
}

/** A report whose texts have no place to break a line at. */
function unbroken(): string {
  const word = 'x'.repeat(300);
  const host = `deploy@${word}:2222`;
  return renderPage(report([
    record(`preflight.${word}`, 0, { status: 'fail', title: word, subject: host, expected: word, observed: `${word}\n`.repeat(40), remedy: `\`${word}\` ${word}` }),
    record('deploy.lease', 1, { subject: host, observed: 'lease taken; 20261120T101112Z-aaaaaaa is live' }),
    record('deploy.switch', 2, { subject: host, expected: '20261121T101112Z-bbbbbbb', observed: '20261121T101112Z-bbbbbbb is live' }),
    record('signoff.before.qa', 3, { data: { role: 'r'.repeat(63), login: 'l'.repeat(39), seen: '2026-11-21T12:00:00.000Z', comment: word, digest: 'f'.repeat(64), state: 'same-person' } }),
    record('backup.create', 4, { subject: word, title: word, observed: word }), answer(word, 5, 100),
  ], { hosts: new Map([[host, 'production']]), actor: word, tag: word, title: word, url: `https://example.com/${word}`, jobs: new Map([[word, word]]), unreadable: [word] }), plots);
}

describe('the page', () => {
  const page = renderPage(report(), plots);

  test('asks for nothing and runs nothing', () => {
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/<script|<link|<iframe|<img|@import|url\(|\son\w+=/i);
    expect([...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, to]) => to)).toEqual(['https://shop.example.com', 'https://github.com/acme/shop/actions/runs/42']);
  });

  test('shows failures before everything else that was checked, and folds what passed', () => {
    const at = (text: string): number => page.indexOf(text);
    expect(at('What failed')).toBeLessThan(at('<h2>Checks'));
    expect(at('<h2>Releases')).toBeGreaterThan(at('What failed'));
    expect(page.slice(at('What failed'), at('<h2>Releases'))).toContain('smoke.version');
    expect(page.slice(at('<h2>Checks')).split('<details>')[0]).not.toContain('deploy.artifact');
  });

  test('shows commands in what is to be done as code, and nothing else of it as markup', () => {
    const told = renderPage(report([record('deploy.switch', 1, { status: 'fail', remedy: 'Run `slipway unlock "x" <host>`;\nthen <b>again</b>.' })]), plots);
    expect(told).toContain('<strong>To mend:</strong> Run <code>slipway unlock &quot;x&quot; &lt;host&gt;</code>;\nthen &lt;b&gt;again&lt;/b&gt;.</td>');
  });

  test('draws the time line and the response times for wide and for narrow screens', () => {
    expect(page.match(/<svg /g)).toHaveLength(6);
    expect(page).toContain('r2 (before)');
  });

  test('without plots the tables are open in their place', () => {
    const plain = renderPage(report(), undefined);
    expect(plain).not.toContain('<svg');
    expect(plain.match(/<details open>/g)).toHaveLength(2);
  });

  test('shows hostile text as text, in plots too', () => {
    const text = hostile();
    expect(text).not.toMatch(/<script|<img|<!-- -->|\u202e|\u001b/);
    expect(text).not.toMatch(/href="javascript|<[^>]*\sonmouseover=/i);
  });

  test('speaks of waits only where the time line has some', () => {
    expect(renderPage(report(), plots)).not.toContain('Shaded');
    expect(renderPage(report([...WENT_BACK, record('signoff.before.qa', 7200)]), plots)).toContain('Shaded');
  });

  test('says so when there is nothing to show', () => {
    expect(renderPage(report([]), plots)).toContain('The ledgers hold no records');
  });
});

// The browser is Debian's; without one this says so instead of passing.
const inBrowser = CHROMIUM === undefined ? test.skip : test;
inBrowser(`opens from disk in Chromium at two widths without a request, an error or a script run${CHROMIUM === undefined ? ' (skipped: there is no Chromium)' : ''}`, async () => {
  const { chromium } = await import('playwright-core');
  const folder = mkdtempSync(join(tmpdir(), 'slipway-report-'));
  const browser = await chromium.launch({ executablePath: CHROMIUM!, args: ['--no-sandbox'] });
  try {
    for (const [name, text] of [['good', renderPage(report(), plots)], ['hostile', hostile()]] as const) {
      const file = join(folder, `${name}.html`);
      writeFileSync(file, text);
      expect(await openInChromium(file)).toEqual([]);
    }
    const tab = await browser.newPage({ colorScheme: 'dark' });
    await tab.goto(`file://${join(folder, 'good.html')}`);
    const dark = await tab.evaluate('[getComputedStyle(document.body).backgroundColor, [...new Set([...document.querySelectorAll("svg text")].map((one) => getComputedStyle(one).fill))].join()]');
    // Whatever is written there, nobody has to scroll sideways.
    writeFileSync(join(folder, 'long.html'), unbroken());
    const wide = [];
    for (const width of [1280, 900, 700, 390]) {
      await tab.setViewportSize({ width, height: 900 });
      await tab.goto(`file://${join(folder, 'long.html')}`);
      wide.push(await tab.evaluate('document.querySelectorAll("details").forEach((one) => { one.open = true; }), document.documentElement.scrollWidth'));
    }
    expect(wide).toEqual([1280, 900, 700, 390]);
    expect(dark).toEqual(['rgb(13, 17, 23)', expect.not.stringContaining('rgb(31, 35, 40)')]);
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true });
  }
});

test('names hosts in the time line', () => {
  expect(plots.timeline(report().steps, 900)).toContain(HOST);
});
