import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync, chmodSync, statSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack, type Header } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openArtifact } from '../../src/release/artifact.js';
import { inventory } from '../support/host-fixture.js';

type HeaderLike = Partial<Header> & { name: string };

let work: string;
let folder: string;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'slipway-artifact-test-'));
  folder = join(work, 'build');
  mkdirSync(join(folder, 'empty'), { recursive: true });
  for (const [name, mode] of [['run.sh', 0o755], ['ro', 0o444], ["it's\nodd é😀", 0o600], [`long/${'x'.repeat(200)}`, 0o644], [`${'deep/'.repeat(60)}file`, 0o644]] as const) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), name);
    chmodSync(join(folder, name), mode);
  }
  symlinkSync('run.sh', join(folder, 'link'));
  symlinkSync('../deep', join(folder, 'empty/up'));
});
afterEach(() => { rmSync(work, { recursive: true, force: true }); });

const tar = (name: string, ...options: string[]): string => {
  execFileSync('tar', [...options, '-cf', join(work, name), '-C', folder, '.']);
  return join(work, name);
};
const made = async (name: string, entries: readonly (HeaderLike & { content?: string })[]): Promise<string> => {
  const stream = pack();
  for (const { content = '', ...header } of entries) stream.entry(header, content);
  stream.finalize();
  writeFileSync(join(work, name), await buffer(stream));
  return join(work, name);
};

describe('an artifact', () => {
  test('may be a folder, which stays', async () => {
    const artifact = await openArtifact(folder, '/nowhere');
    expect(artifact).toMatchObject({ folder, whole: true });
    await artifact.remove();
    expect(existsSync(folder)).toBe(true);
  });

  test('may be left out: the workspace is taken', async () => {
    expect(await openArtifact(undefined, folder)).toMatchObject({ folder, whole: false });
  });

  test.each([['a.tar', []], ['a.tar.gz', ['-z']], ['a.tgz', ['-z', '--format=pax']], ['b.tar', ['--format=pax']]] as const)('may be %s as GNU tar makes it (%j), equal in names, modes, links and content, and gone in the end', async (name, options) => {
    const artifact = await openArtifact(tar(name, ...options), '/nowhere');
    expect(inventory(artifact.folder)).toBe(inventory(folder));
    await artifact.remove();
    expect(existsSync(artifact.folder)).toBe(false);
  });

  test('that was appended to has the last of each file', async () => {
    const file = tar('a.tar');
    chmodSync(join(folder, 'ro'), 0o644);
    writeFileSync(join(folder, 'ro'), 'newer');
    execFileSync('tar', ['-rf', file, '-C', folder, './ro']);
    const artifact = await openArtifact(file, '/nowhere');
    expect(readFileSync(join(artifact.folder, 'ro'), 'utf8')).toBe('newer');
    expect(statSync(join(artifact.folder, 'ro')).mode & 0o777).toBe(0o644);
    await artifact.remove();
  });

  test.each<[string, readonly (HeaderLike & { content?: string })[], RegExp]>([
    ['an absolute path', [{ name: '/etc/slipway-test', content: 'x' }], /etc\/slipway-test, which leads out/],
    ['a path above', [{ name: '../../outside', content: 'x' }], /outside, which leads out/],
    ['a path above in the middle', [{ name: 'a/../../outside', content: 'x' }], /outside, which leads out/],
    ['a hard link', [{ name: 'a', content: 'x' }, { name: 'b', type: 'link', linkname: 'a' }], /holds b, a link: only files/],
    ['a device', [{ name: 'null', type: 'character-device' }], /holds null, a character-device/],
    ['a pipe', [{ name: 'pipe', type: 'fifo' }], /holds pipe, a fifo/],
    ['an absolute link', [{ name: 'a', type: 'symlink', linkname: '/etc/passwd' }], /link a, which leads out/],
    ['a link above', [{ name: 'a/b', type: 'symlink', linkname: '../../x' }], /link a\/b, which leads out/],
    ['an entry below a link', [{ name: 'a', type: 'symlink', linkname: 'b' }, { name: 'a/c', type: 'symlink', linkname: 'x' }], /a\/c, which stands below a link/],
  ])('with %s is refused', async (_name, entries, reason) => {
    await expect(openArtifact(await made('a.tar', entries), '/nowhere')).rejects.toThrow(reason);
    expect(existsSync('/etc/slipway-test')).toBe(false);
  });

  test('with a name that is not UTF-8 is refused', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x66, 0xff])]), 'x');
    await expect(openArtifact(tar('a.tar'), '/nowhere')).rejects.toThrow(/not valid UTF-8/);
  });

  test.each([['a.tar', []], ['a.tar.gz', ['-z']]] as const)('%s that was cut off is refused, wherever', async (name, options) => {
    const file = tar(name, ...options);
    const { size } = statSync(file);
    for (const rest of [0, 100, Math.floor(size / 1024) * 512, size - 20 * 512, size - 9]) {
      if (rest < 0) continue;
      tar(name, ...options);
      truncateSync(file, rest);
      await expect(openArtifact(file, '/nowhere').then((artifact) => inventory(artifact.folder) === inventory(folder) ? 'whole' : 'part')).rejects.toThrow(/cut off|cannot be unpacked/);
    }
  });

  test('of another kind, or none, is refused', async () => {
    writeFileSync(join(work, 'a.zip'), '');
    await expect(openArtifact(join(work, 'a.zip'), '/nowhere')).rejects.toThrow(/neither a folder nor/);
    await expect(openArtifact(join(work, 'gone.tar'), '/nowhere')).rejects.toThrow(/does not exist/);
  });
});
