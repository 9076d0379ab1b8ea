import { describe, expect, test } from '@jest/globals';
import { ageText, backupTable, sizeText } from '../../src/commands/backup-report.js';
import type { BackupRow } from '../../src/commands/backup-row.js';
import { readTimer } from '../../src/commands/backup-timer.js';
import { renderColumns } from '../../src/evidence/columns.js';

const NOW = new Date('2026-11-21T12:00:00Z');
const row = (fields: Partial<BackupRow>): BackupRow => ({
  database: 'main', host: 'deploy@203.0.113.10', id: '20261121-020000', engine: 'postgres', began: '2026-11-21T02:00:00Z', duration: 1200, size: 12_000_000, stored: 3_100_000,
  encrypted: 'age', why: 'schedule', state: 'good', copies: [], rows: {}, ...fields,
});

describe('the table of backups', () => {
  test('has the newest first, by database, with what people ask for', () => {
    const { head, rows } = backupTable([
      row({}),
      row({ id: '20261121-100000', began: '2026-11-21T10:00:00Z', state: 'bad', reason: 'it has shrunk by 80 %', encrypted: 'none', copies: ['s3://acme/shop', 'backup@203.0.113.20:/srv'] }),
      row({ database: 'files', why: 'manual' }),
    ], NOW);
    expect(renderColumns(head, rows).split('\n')).toEqual([
      'Database  Backup           Age   Data   Stored       State                       Why       Copies',
      '────────  ───────────────  ────  ─────  ───────────  ──────────────────────────  ────────  ────────────────────────────────────────',
      'files     20261121-020000  10 h  12 MB  3.1 MB, age  good                        manual    none',
      'main      20261121-100000  2 h   12 MB  3.1 MB       bad: it has shrunk by 80 %  schedule  s3://acme/shop, backup@203.0.113.20:/srv',
      'main      20261121-020000  10 h  12 MB  3.1 MB, age  good                        schedule  none',
    ]);
  });

  test('compares a size with the backup before, where there is one with data', () => {
    expect(sizeText({ size: 12_000_000, stored: 3_000_000 }, { id: '20261120-020000', size: 11_000_000 })).toBe('12 MB of data in 3 MB, 1.09 × 20261120-020000');
    expect(sizeText({ size: 500, stored: 600 }, undefined)).toBe('500 B of data in 600 B');
    expect(sizeText({ size: 500, stored: 600 }, { id: '20261120-020000', size: 0 })).toBe('500 B of data in 600 B');
  });

  test('has no age below zero where two clocks differ, and none for a time that is none', () => {
    expect([ageText('2026-11-21T12:00:05Z', NOW), ageText('', NOW)]).toEqual(['0 ms', 'unknown']);
  });
});

describe('what a host says of its timer', () => {
  test('is none, when it has none', () => expect(readTimer('timer\tnone\n')).toEqual({ manager: 'none', state: '', active: false, next: '' }));

  test('is when it fires, and how it last ran', () => {
    const said = 'schedule\tunchanged\ntimer\tuser\tactive\tSun 2026-11-22 02:00:41 UTC\nran\tat\t2026-11-21T02:00:12Z\nran\ttook\t14\nran\tresult\tok\n';
    expect(readTimer(said)).toEqual({ manager: 'user', state: 'active', active: true, next: 'Sun 2026-11-22 02:00:41 UTC', ran: { at: '2026-11-21T02:00:12Z', ok: true, text: 'in 14 s' } });
  });

  test('is what failed, when it failed, and that it no longer fires', () => {
    const said = 'timer\tcron\tmissing\t\nran\tat\t2026-11-21T02:00:12Z\nran\tresult\tfailed\nran\tstep\tcreate\nran\tcode\t30\nran\ttext\tthe dump is empty\n';
    expect(readTimer(said)).toMatchObject({ manager: 'cron', active: false, ran: { ok: false, text: 'create: the dump is empty' } });
  });
});
