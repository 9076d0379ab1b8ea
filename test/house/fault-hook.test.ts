import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cellsOf, MANAGERS, type Operation, OPERATIONS, standsForAll, STEPS } from '../hosts/fault-matrix.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const SCRIPTS = join(ROOT, 'src/host/scripts');
/** A marker as it stands in a script, and as it would stand inside a string of JavaScript. */
const MARKER = /(^|\n|\\n) *at [a-z-]+(\n|\\n)/;

const marked = new Set(
  readdirSync(SCRIPTS).flatMap((file) => [...readFileSync(join(SCRIPTS, file), 'utf8').matchAll(/^ *at ([a-z-]+)$/gm)].map(([, step]) => step)),
);

/** The scripts as generate.mjs embeds them, in a copy of what it reads. */
function generated(...options: string[]): string {
  const copy = mkdtempSync(join(tmpdir(), 'slipway-generate-'));
  try {
    cpSync(SCRIPTS, join(copy, 'src/host/scripts'), { recursive: true });
    cpSync(join(ROOT, 'tools'), join(copy, 'tools'), { recursive: true });
    execFileSync(process.execPath, [join(copy, 'tools/generate.mjs'), ...options]);
    return readFileSync(join(copy, 'src/host/scripts.generated.ts'), 'utf8');
  } finally {
    rmSync(copy, { recursive: true });
  }
}

describe('the hook of the fault tests', () => {
  test('is in no bundle that is shipped, and in no script as it is embedded', () => {
    for (const text of [readFileSync(join(ROOT, 'dist/index.cjs'), 'utf8'), generated()]) {
      expect(text).toContain('flock');
      expect(text).not.toContain('slipway-fault');
      expect(text).not.toMatch(MARKER);
    }
  });

  test('is in the bundle of the tests, with every marker', () => {
    const text = generated('--hook', join(ROOT, 'test/hosts/fault-hook.sh'));
    expect(text).toContain('/run/slipway-fault');
    for (const step of marked) expect(text).toMatch(new RegExp(`\\\\n *at ${step}\\\\n`));
  });

  test('marks the steps that the matrix tries, each of them in some operation', () => {
    expect([...marked].sort()).toEqual(Object.keys(STEPS).sort());
    expect([...new Set(Object.values(OPERATIONS).flat())].sort()).toEqual(Object.keys(STEPS).sort());
  });

  test('lets every step of a deploy that concerns services meet every quick fault with one of the managers, and every other step some, also in a short run', () => {
    const met = new Map<string, Set<string>>();
    for (const { operation, step, fault } of MANAGERS.flatMap((manager) => cellsOf(manager, false))) {
      met.set(`${operation} ${step}`, (met.get(`${operation} ${step}`) ?? new Set()).add(fault));
    }
    for (const [operation, steps] of Object.entries(OPERATIONS)) {
      for (const step of steps) {
        const faults = [...(met.get(`${operation} ${step}`) ?? [])].filter((fault) => fault !== 'reboot');
        expect(faults).toHaveLength(standsForAll(operation as Operation, step) ? 1 : 3);
      }
    }
    expect(MANAGERS.flatMap((manager) => cellsOf(manager, false)).filter(({ fault }) => fault === 'reboot')).toHaveLength(5);
  });
});
