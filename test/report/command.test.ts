import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { report, type ReportOptions } from '../../src/commands/report.js';
import type { RunContext } from '../../src/commands/run-context.js';
import { environmentOf } from '../../src/config/environment.js';
import { loadConfig } from '../../src/config/load.js';
import type { Evidence } from '../../src/evidence/record.js';
import { Redactor } from '../../src/evidence/redact.js';
import { plainReporter } from '../../src/evidence/reporters.js';
import type { DeploymentStatus } from '../../src/report/publisher.js';
import { record, WENT_BACK } from './support.js';

let workspace: string;
beforeEach(() => {
  workspace = mkdtempSync(join(tmpdir(), 'slipway-report-'));
});
afterEach(() => rmSync(workspace, { recursive: true }));

/** A report of ledgers by the names of their artifacts; what was told to GitHub, and what was said. */
async function run(ledgers: Readonly<Record<string, readonly Evidence[] | string>>, options: ReportOptions = {}) {
  for (const [name, records] of Object.entries(ledgers)) {
    mkdirSync(join(workspace, 'evidence', name), { recursive: true });
    writeFileSync(join(workspace, 'evidence', name, 'evidence.jsonl'), typeof records === 'string' ? records : records.map((one) => `${JSON.stringify(one)}\n`).join(''));
  }
  const config = loadConfig('app: shop\nenvironments: { production: { url: https://shop.example.com, hosts: [deploy@203.0.113.10] } }\n', 'slipway.yml');
  const told: DeploymentStatus[] = [];
  const said: string[] = [];
  const context: RunContext = {
    config, environmentName: 'production', environment: environmentOf(config, 'production'), excluded: [], credentials: {}, appEnv: undefined,
    phase: 'deploy', runnerEnv: {}, lookup: () => undefined, workspace, redactor: new Redactor(), signal: new AbortController().signal,
    reporter: plainReporter((text) => void said.push(text)), author: { actor: 'ann', run: 'https://github.com/acme/shop/actions/runs/42' },
    plan: false, leaseToken: 'token', keepLease: false, outputs: { hosts: new Map() }, now: () => new Date('2026-11-21T12:02:00Z'),
    publisher: () => Promise.resolve({ appendNotes: () => Promise.resolve(''), deploymentStatus: (status) => (told.push(status), Promise.resolve('told')) }),
  };
  await report(context, { ledgers: 'evidence', html: join(workspace, 'report.html'), junit: join(workspace, 'junit.xml'), ...options });
  return { told, said: said.join('\n'), outputs: context.outputs, page: readFileSync(join(workspace, 'report.html'), 'utf8'), junit: readFileSync(join(workspace, 'junit.xml'), 'utf8') };
}

describe('the deployment on GitHub', () => {
  test('is told how it stands once something was switched', async () => {
    expect((await run({ 'evidence-7-production-1': WENT_BACK }, { deployment: 'abc' })).told).toEqual([expect.objectContaining({ environment: 'production', ref: 'abc', state: 'failure', url: 'https://shop.example.com' })]);
  });

  test('of an earlier run is not made red by one that was refused before it switched anything', async () => {
    const { told, said } = await run({ 'evidence-1-plan-1': [record('deploy.window', 0, { subject: 'production', status: 'fail', observed: 'closed' })] }, { deployment: 'abc', jobs: '{"plan":{"result":"failure"}}' });
    expect(told).toEqual([]);
    expect(said).toContain('nothing was switched in production');
  });
});

describe('ledgers as jobs leave them', () => {
  test('that are empty, or end within a line, make a report all the same', async () => {
    const whole = `${JSON.stringify(record('deploy.switch', 0, { expected: 'r2', observed: 'r2 is live' }))}\n`;
    const { outputs, page } = await run({ 'evidence-2-build-1': '', 'evidence-7-production-1': `${whole}{"id":"deploy.confirm","pha` });
    expect(outputs.verdict).toBe('pass');
    expect(page).toContain('r2 is live');
  });

  test.each([
    ['a time that no calendar has', { at: '+275760-09-12T23:59:59Z', duration: 99_999_999_999 }], ['a time long ago', { at: '-271821-04-20T00:00:00Z' }], ['no time', { at: 'yesterday' }],
    ['no end', { duration: '1e999' }], ['a clock that was set back', { duration: -5000 }], ['data of other kinds', { data: { responseTime: '1e999', role: {}, override: [], digest: 7 } }],
  ])('with records of %s make a report all the same', async (_, rest) => {
    const line = JSON.stringify({ ...record('deploy.switch', 3, { expected: 'r3' }), ...rest }).replace('"1e999"', '1e999');
    const { page } = await run({ 'evidence-2-build-1': [record('deploy.switch', 0, { expected: 'r2' }), record('signoff.before.qa', 1, { data: { role: 'qa' } })], 'evidence-7-production-1': `${line}\n` });
    expect(page).toContain('<h2>Checks</h2>');
  });

  test('with characters that no XML can hold, marks and lone surrogates make a JUnit file that reads', async () => {
    const text = 'a\u0000\u0008\u001b[31m]]>\ud800 <b attr="x">\uffff & \'q\'';
    const { junit } = await run({ 'evidence-7-production-1': [record('smoke.x', 0, { status: 'fail', title: text, subject: text, observed: text, remedy: text })] });
    expect(junit).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\uffff]/);
    expect(junit).not.toContain('\ufffd');
    expect(junit).not.toContain('<b');
    expect(junit).not.toContain(']]>');
  });
});
