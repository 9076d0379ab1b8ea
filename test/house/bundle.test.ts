import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
let scratch: string;
let dist: string;

// From the sources as they are, into a folder from which no package can be found.
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'slipway-bundle-'));
  const copy = join(scratch, 'copy');
  for (const name of ['src', 'tools', 'tsconfig.json', 'package.json']) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  dist = join(scratch, 'dist');
  execFileSync(process.execPath, [join(copy, 'tools/build.mjs'), '--out', dist], { stdio: ['ignore', 'ignore', 'inherit'] });
}, 120_000);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function started(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, args, { cwd: scratch, encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: scratch } });
}

/** The bundles that a process has read when it ends. */
function readBy(entry: string, ...args: string[]): string[] {
  const tell = "process.on('exit', () => require('node:fs').writeFileSync('read.json', JSON.stringify(Object.keys(require.cache).map((file) => require('node:path').basename(file)))))";
  started('--eval', `process.argv.splice(1, 0, 'slipway'); ${tell}; require(${JSON.stringify(join(dist, entry))})`, '--', ...args);
  return (JSON.parse(readFileSync(join(scratch, 'read.json'), 'utf8')) as string[]).filter((file) => !['start.cjs', entry].includes(file)).sort();
}

describe('the bundle', () => {
  test('makes nobody read what an action does not use', () => {
    expect(readBy('deploy.cjs')).toEqual(['index.cjs']);
    expect(readBy('slipway.cjs', '--version')).toEqual(['cli.cjs']);
  });

  test('has every part that it asks for', () => {
    for (const part of ['cli', 'scenario', 'holidays', 'plots']) expect(started('--eval', `if (Object.keys(require('${dist}/${part}.cjs')).length === 0) process.exit(1)`)).toMatchObject({ status: 0, stderr: '' });
  });

  test('says its version', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(started(join(dist, 'slipway.cjs'), '--version')).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('fails an action that lacks an input, and a word that is none, but no post step without a lease', () => {
    const codes = [['deploy.cjs'], ['slipway.cjs', 'deplyo'], ['slipway.cjs', 'deploy'], ['deploy-post.cjs']].map(([file, ...args]) => started(join(dist, file!), ...args).status);
    expect(codes).toEqual([1, 1, 1, 0]);
  });

  test('brings all of a long output through a pipe before it ends', () => {
    const piped = spawnSync('sh', ['-c', '"$0" "$1" schema | cat', process.execPath, join(dist, 'slipway.cjs')], { encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: scratch } });
    expect(JSON.parse(piped.stdout)).toHaveProperty('properties.environments');
  });

  test('names the license of every package in it', () => {
    const licenses = readFileSync(join(dist, 'licenses.txt'), 'utf8');
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
    const named = [...Object.keys(dependencies), 'streamx', 'tldts', 'bcrypt-pbkdf', 'zrender'];
    expect(named.filter((name) => !new RegExp(`^${name}\n\n\\S`, 'm').test(licenses))).toEqual([]);
  });
});
