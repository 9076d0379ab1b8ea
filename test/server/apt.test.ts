import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { scriptText } from '../../src/host/script.js';

/** `apt_get` of the server's steps, with an apt-get of the test's in the path. */
function ran(apt: string): { status: number | null; said: string } {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-apt-'));
  try {
    writeFileSync(join(folder, 'apt-get'), `#!/bin/sh\ncd ${folder}\n${apt}\n`);
    chmodSync(join(folder, 'apt-get'), 0o755);
    const body = /^apt_get\(\) \{\n[^]*?^\}$/m.exec(scriptText('server'))?.[0] ?? '';
    const { status, stdout, stderr } = spawnSync('sh', ['-euc', `work=$1 PATH=$1:$PATH\n${body}\napt_get install x`, 'sh', folder], { encoding: 'utf8' });
    return { status, said: stdout + stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a lock that another apt holds is waited for, and said once', () => {
  const { status, said } = ran("if [ -e again ]; then echo installed; exit 0; fi\n>again\necho 'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 714 (apt-get)' >&2; exit 100");
  expect(said).toBe('waiting, ten minutes at most: Could not get lock /var/lib/apt/lists/lock. It is held by process 714 (apt-get)\ninstalled\n');
  expect(status).toBe(0);
});

test('another failure is told at once, in apt\'s words', () => {
  expect(ran("echo 'E: Unable to locate package x' >&2; exit 100")).toEqual({ status: 1, said: 'E: Unable to locate package x\n' });
});

test('a package that would put others out is not installed, and the reader learns why', () => {
  const { status, said } = ran("echo 'E: Packages need to be removed but remove is disabled.'; exit 100");
  expect(said).toMatch(/remove is disabled[^]*would have others removed, and that is yours to decide/);
  expect(status).toBe(1);
});
