import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const house = join(import.meta.dirname, '../..');

describe('the generated READMEs', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'slipway-docs-'));
    for (const name of ['action.yml', 'actions', 'README.md', 'package.json', 'tools/docs.mjs']) {
      cpSync(join(house, name), join(root, name), { recursive: true });
    }
    symlinkSync(join(house, 'node_modules'), join(root, 'node_modules'));
  });

  afterEach(() => rmSync(root, { recursive: true }));

  const docs = (...args: string[]) => spawnSync(process.execPath, ['tools/docs.mjs', ...args], { cwd: root, encoding: 'utf8' });
  const edit = (file: string, change: (text: string) => string): void => {
    const text = readFileSync(join(root, file), 'utf8');
    expect(change(text)).not.toBe(text);
    writeFileSync(join(root, file), change(text));
  };

  it('say what the action.yml files say', () => {
    expect(docs('--check')).toMatchObject({ status: 0, stderr: '' });
  });

  it('are refused when an action.yml has changed since, and are written anew on request', () => {
    edit('actions/deploy/action.yml', (text) => text.replace("default: 'slipway.yml'", "default: 'other.yml'"));
    const refused = docs('--check');
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('actions/deploy/README.md');
    expect(docs().status).toBe(0);
    expect(readFileSync(join(root, 'actions/deploy/README.md'), 'utf8')).toContain('`other.yml`');
    expect(docs('--check').status).toBe(0);
  });

  it('are refused when an input has no description', () => {
    edit('actions/smoke/action.yml', (text) => text.replace(/ {2}plan:\n {4}description: >-\n.*\n/, '  plan:\n'));
    const refused = docs();
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toContain('actions/smoke/action.yml: inputs.plan has no description');
  });
});
