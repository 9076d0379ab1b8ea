import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { evidence, Ledger, readLedger, startTimer } from '../../src/evidence/ledger.js';
import { Redactor } from '../../src/evidence/redact.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-ledger-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const finding = (observed: string) => evidence({ id: 'deploy.upload', phase: 'deploy', title: 'Upload', subject: 'deploy@203.0.113.10', status: 'pass', observed });

describe('evidence', () => {
  test('adds when the work began and how long it took, and leaves absent fields out', async () => {
    const timer = startTimer();
    await new Promise((resolve) => setTimeout(resolve, 30));
    const record = evidence({ id: 'a', phase: 'deploy', title: 't', subject: 's', status: 'pass', remedy: undefined }, timer);
    expect(record.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(record.duration).toBeGreaterThanOrEqual(25);
    expect(Object.keys(record)).not.toContain('remedy');
  });
});

describe('Ledger', () => {
  test('writes each record at once, as one redacted line, into a file only its owner can read', () => {
    const file = join(folder, 'deep', 'er', 'evidence.jsonl');
    const redactor = new Redactor();
    redactor.add('hunter2hunter2');
    const ledger = new Ledger(file, redactor);
    ledger.append(finding('password hunter2hunter2\nsecond line'));
    const text = readFileSync(file, 'utf8');
    expect(text.split('\n')).toHaveLength(2);
    expect(text).not.toContain('hunter2');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readLedger(file)).toEqual(ledger.records);
    ledger.close();
  });

  test('continues the file of an earlier step and tightens its mode', () => {
    const file = join(folder, 'evidence.jsonl');
    writeFileSync(file, '', { mode: 0o644 });
    const first = new Ledger(file);
    first.append(finding('one'));
    first.close();
    const second = new Ledger(file);
    second.append(finding('two'));
    expect(readLedger(file).map(({ observed }) => observed)).toEqual(['one', 'two']);
    expect(second.records).toHaveLength(1);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('passes over half a line that a killed run left, and cuts it off before it goes on', () => {
    const file = join(folder, 'evidence.jsonl');
    new Ledger(file).append(finding('one'));
    appendFileSync(file, '{"id":"deploy.up');
    expect(readLedger(file)).toHaveLength(1);
    new Ledger(file).append(finding('two'));
    expect(readLedger(file).map(({ observed }) => observed)).toEqual(['one', 'two']);
  });

  test('names the line that is not a record', () => {
    const file = join(folder, 'evidence.jsonl');
    writeFileSync(file, `${JSON.stringify(finding('one'))}\n{"id":1}\n`);
    expect(() => readLedger(file)).toThrow(`${file}:2: is not a record of evidence.`);
  });

  test('says at the start that the file cannot be written', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => new Ledger(join(folder, 'file', 'evidence.jsonl'))).toThrow('cannot be written');
  });

  test('keeps the records when writing fails, and remembers the failure', () => {
    const ledger = new Ledger('/dev/full');
    ledger.append(finding('one'));
    expect(ledger.records).toHaveLength(1);
    expect(ledger.failure?.message).toContain('ENOSPC');
  });

  test('works without a file', () => {
    const ledger = new Ledger();
    ledger.append(finding('one'));
    expect(ledger.records).toHaveLength(1);
  });
});
