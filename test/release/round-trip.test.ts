import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync, existsSync, appendFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { RemoteHost } from '../../src/host/remote-host.js';
import { scriptText } from '../../src/host/script.js';
import { readManifest } from '../../src/release/manifest.js';
import { selection, unmatched } from '../../src/release/select.js';
import { packFiles, packRelease } from '../../src/release/upload.js';
import { AT, inventory, localHost, OWNER, ship, startGround, type Ground, type Shipment } from '../support/host-fixture.js';

const everything = selection({ include: ['.'], exclude: [], shared: [] });
let source: string;
beforeEach(() => { source = mkdtempSync(join(tmpdir(), 'slipway-source-')); });
afterEach(() => { rmSync(source, { recursive: true, force: true }); });

function put(path: string, content: string | Buffer = path, mode = 0o644): void {
  mkdirSync(dirname(join(source, path)), { recursive: true });
  writeFileSync(join(source, path), content);
  chmodSync(join(source, path), mode);
}

/** Names and kinds that have broken other tools. */
function putNasty(): void {
  for (const name of [' lead and trail ', "it's", '"double"', 'new\nline', '-rf', '--help', 'back\\slash', 'cr\rhere', '\t', '$HOME', '`id`', '*', '?[a]', ';&|', '#', '~', '%s%n', '{a,b}', '!', '.hidden', 'é NFC', 'e\u0301 NFD', '😀🏴‍☠️', 'ünï/cödé/ß', 'a//b'.replace('//', '/'), '\u0001bell\u0007', '=', ' // ']) {
    put(`nasty/${name.replace(' // ', ' - ')}`);
  }
  put(`${'deep/'.repeat(60)}file`);
  put(`long/${'n'.repeat(250)}`);
  put(`long/${'é'.repeat(120)}/${'x'.repeat(200)}`);
  put('empty-file', '');
  put('big', Buffer.alloc(3_000_000, 'slipway'));
  for (const mode of [0o755, 0o644, 0o600, 0o444, 0o700, 0o640, 0o666, 0o777, 0o511, 0o400]) put(`modes/${mode.toString(8)}`, 'm', mode);
  for (const mode of [0o755, 0o700, 0o750, 0o777]) {
    mkdirSync(join(source, `empty/${mode.toString(8)}`), { recursive: true });
    chmodSync(join(source, `empty/${mode.toString(8)}`), mode);
  }
  symlinkSync('nasty/-rf', join(source, 'link'));
  symlinkSync('../modes', join(source, 'empty/755/folder-link'));
  symlinkSync('gone', join(source, 'dangling'));
  symlinkSync("it's a\nlink -> //", join(source, 'odd target'));
  symlinkSync(`${'deep/'.repeat(40)}file`, join(source, 'long-link'));
}

/** What a host adds to a release: everything else must be equal. */
const stripped = (root: string, release: string): string => {
  const copy = mkdtempSync(join(tmpdir(), 'slipway-copy-'));
  try {
    execFileSync('cp', ['-a', `${root}/releases/${release}/.`, copy]);
    rmSync(join(copy, '.slipway-blue'), { force: true });
    return inventory(copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
};

describe.each([
  ['dash, over SSH', undefined, 0o022],
  ['dash', ['dash'], 0o077],
  ['bash', ['bash', '--posix'], 0o002],
] as const)('a release on a host whose shell is %s', (_name, shell, mask) => {
  let ground: Ground;
  let umask: number;
  const connectHere = async (): Promise<RemoteHost> => (shell === undefined ? ground.host() : localHost(shell, ground.root));
  beforeAll(async () => {
    umask = process.umask(mask);
    ground = await startGround();
  });
  afterAll(async () => {
    process.umask(umask);
    await ground.end();
  });

  test('is equal to its source, whatever names, modes and links it has, and so is the next one', async () => {
    putNasty();
    const host = await connectHere();
    const first = await ship(host, await host.take('t', OWNER, true), 'one', source);
    expect(first.linked).toEqual([]);
    expect(stripped(ground.root, 'one')).toBe(inventory(source));

    // Little changes: content, mode, file to folder, folder to file, a new name, a file gone.
    put('nasty/-rf', 'changed');
    chmodSync(join(source, 'modes/644'), 0o755);
    rmSync(join(source, 'empty-file'));
    put('empty-file/now-a-folder');
    rmSync(join(source, 'long'), { recursive: true });
    put('long', 'now a file');
    renameSync(join(source, "nasty/it's"), join(source, "nasty/it isn't"));
    rmSync(join(source, 'nasty/*'));
    const before = inventory(`${ground.root}/releases/one`);
    await host.lease?.free();
    const again = await connectHere();
    const second = await ship(again, await again.take('t2', OWNER, true), 'two', source);
    expect(second.sent.sort()).toEqual(['empty-file/now-a-folder', 'long', 'modes/644', 'nasty/-rf', "nasty/it isn't"].sort());
    expect(second.again).toEqual([]);
    expect(stripped(ground.root, 'two')).toBe(inventory(source));
    const inode = (release: string, path: string): number => statSync(`${ground.root}/releases/${release}/${path}`).ino;
    for (const path of second.linked) expect([path, inode('two', path)]).toEqual([path, inode('one', path)]);
    expect(inode('two', 'modes/644')).not.toBe(inode('one', 'modes/644'));
    expect(inventory(`${ground.root}/releases/one`)).toBe(before);
    await again.lease?.free();
  });
});

/** What the journal is told of an upload that does not come to its end. */
const LINES = { begin: { event: 'begin', release: 'two', at: AT }, staged: { event: 'staged', release: 'two', at: AT, digest: '', files: 1, bytes: 1 } } as const;

describe('a host', () => {
  let ground: Ground;
  beforeEach(async () => { ground = await startGround(); });
  afterEach(async () => { await ground.end(); });
  const deliver = async (release: string, shipment: Shipment = {}) => {
    const host = await ground.host();
    try {
      return await ship(host, await host.take(release, OWNER, true), release, source, shipment);
    } finally {
      await host.lease?.free();
    }
  };
  const at = (release: string, path = ''): string => join(ground.root, 'releases', release, path);

  test('keeps the modes of a release also below a folder with the setgid bit', async () => {
    mkdirSync(ground.root);
    chmodSync(ground.root, 0o2775);
    put('a/b/c');
    await deliver('one');
    expect(stripped(ground.root, 'one')).toBe(inventory(source));
    put('a/b/c', 'changed');
    put('a/d/e');
    await deliver('two');
    expect(stripped(ground.root, 'two')).toBe(inventory(source));
  });

  test('is asked by a file rewritten in place for that file, links it never again, and leaves the older release alone', async () => {
    put('data.db', 'as deployed');
    put('code.js');
    await deliver('one');
    writeFileSync(at('one', 'data.db'), 'rewritten by the app');
    const second = await deliver('two');
    expect(second).toMatchObject({ sent: [], linked: ['code.js', 'data.db'], again: ['data.db'] });
    expect(readFileSync(at('two', 'data.db'), 'utf8')).toBe('as deployed');
    expect(readFileSync(at('one', 'data.db'), 'utf8')).toBe('rewritten by the app');
    expect(statSync(at('two', 'data.db')).nlink).toBe(1);
    expect(statSync(at('two', 'code.js')).ino).toBe(statSync(at('one', 'code.js')).ino);
    const third = await deliver('three');
    expect(third).toMatchObject({ sent: ['data.db'], linked: ['code.js'], again: [] });
    expect(statSync(at('three', 'data.db')).nlink).toBe(1);
  });

  test('asks again for what is missing in its last release, or has another mode; only the latter was rewritten', async () => {
    for (const name of ['gone', "mode'd", 'new\nline', 'rest']) put(name);
    await deliver('one');
    rmSync(at('one', 'gone'));
    chmodSync(at('one', "mode'd"), 0o600);
    appendFileSync(at('one', 'new\nline'), '!');
    expect((await deliver('two')).again.sort()).toEqual(['gone', "mode'd", 'new\nline']);
    expect(stripped(ground.root, 'two')).toBe(inventory(source));
    const host = await ground.host();
    expect([...(await host.look(true)).rewritten].sort()).toEqual(["mode'd", 'new\nline']);
  });

  test('takes a release of which nothing has changed, and one that has only links and folders', async () => {
    put('a');
    await deliver('one');
    expect(await deliver('two')).toMatchObject({ sent: [], linked: ['a'] });
    rmSync(join(source, 'a'));
    mkdirSync(join(source, 'folder'));
    symlinkSync('folder', join(source, 'link'));
    await deliver('three');
    put('back');
    expect(await deliver('four')).toMatchObject({ sent: ['back'], linked: [] });
    expect(stripped(ground.root, 'four')).toBe(inventory(source));
  });

  test('links shared folders in, makes them once for the group, and keeps what is in them', async () => {
    put('index.js');
    await deliver('one', { shared: ['uploads', 'var/data base'] });
    expect(statSync(join(ground.root, 'shared/uploads')).mode & 0o7777).toBe(0o2775);
    expect(statSync(join(ground.root, 'shared/var/data base')).mode & 0o7777).toBe(0o2775);
    writeFileSync(at('one', 'var/data base/app.db'), 'precious');
    chmodSync(join(ground.root, 'shared/uploads'), 0o700);
    mkdirSync(join(source, 'uploads'));
    put('uploads/from-the-workspace');
    await deliver('two', { shared: ['uploads', 'var/data base'] });
    expect(readFileSync(at('two', 'var/data base/app.db'), 'utf8')).toBe('precious');
    expect(readdirSync(at('two', 'uploads'))).toEqual([]);
    expect(statSync(join(ground.root, 'shared/uploads')).mode & 0o7777).toBe(0o700);
  });

  test('keeps the environment file for its owner alone, with its release, and says that there is one', async () => {
    put('index.js');
    await deliver('one', { env: "SECRET='one'\n" });
    await deliver('two', { env: "SECRET='two'\n" });
    await deliver('three');
    expect([1, 2].map((_, index) => readFileSync(at(['one', 'two'][index] ?? '', '.env'), 'utf8'))).toEqual(["SECRET='one'\n", "SECRET='two'\n"]);
    expect(statSync(at('one', '.env')).mode & 0o777).toBe(0o600);
    expect(existsSync(at('three', '.env'))).toBe(false);
    expect(execFileSync('grep', ['-rlE', "SECRET='(one|two)'", ground.root], { encoding: 'utf8' }).trim().split('\n').sort()).toEqual([at('one', '.env'), at('two', '.env')]);
    symlinkSync('releases/one', join(ground.root, 'current'));
    expect((await (await ground.host()).look(false)).hasEnv).toBe(true);
  });

  test('stores the definitions of services with their modes, and the script by which a host goes back', async () => {
    put('index.js');
    await deliver('one', { services: { '01-web': { service: { content: "name='web'\n", mode: 0o644 }, env: { content: "A='1'\n", mode: 0o600 }, launch: { content: '#!/bin/sh\n', mode: 0o755 } } } });
    const folder = join(ground.root, '.slipway/manifests/one/services/01-web');
    expect(readdirSync(folder).map((name) => `${name} ${(statSync(join(folder, name)).mode & 0o777).toString(8)}`).sort()).toEqual(['env 600', 'launch 755', 'service 644']);
    expect(readFileSync(join(folder, '../../revert.sh'), 'utf8')).toBe(scriptText('revert'));
  });

  test('refuses a release that is there already', async () => {
    put('a');
    await deliver('one');
    await expect(deliver('one')).rejects.toThrow(/release one is on this host already/);
  });

  describe('that is sent only a part', () => {
    const takes = async (): Promise<void> => {
      expect(existsSync(at('two'))).toBe(false);
      const host = await ground.host();
      const findings = await host.take('next', OWNER, true);
      expect(findings.base?.release).toBe('one');
      expect(existsSync(join(ground.root, '.slipway/staging'))).toBe(false);
      await ship(host, findings, 'three', source);
      await host.lease?.free();
    };
    beforeEach(async () => {
      put('a');
      await deliver('one');
    });

    test('because the link broke, has nothing that counts, and takes the next one', async () => {
      for (let index = 0; index < 20; index += 1) put(`part${index}`, Buffer.from(Array.from({ length: 200_000 }, () => Math.floor(Math.random() * 256))));
      const host = await ground.host();
      const findings = await host.take('two', OWNER, true);
      ground.server.faults.dropAfter = 1_000_000;
      await expect(ship(host, findings, 'two', source)).rejects.toThrow();
      delete ground.server.faults.dropAfter;
      await takes();
      expect(stripped(ground.root, 'three')).toBe(inventory(source));
    });

    const changes: [string, (path: string) => void][] = [['grew', (path) => appendFileSync(path, 'more')], ['shrank', (path) => writeFileSync(path, '')], ['went', (path) => rmSync(path)]];
    test.each(changes.flatMap(([name, change]) => [100, 1_000_000].map((size) => [size, name, change] as const)))('because a file of %d bytes %s meanwhile, says which', async (size, _name, change) => {
      const host = await ground.host();
      await host.take('two', OWNER, true);
      put('z', Buffer.alloc(size, 'z'));
      const manifest = await readManifest(source, everything);
      change(join(source, 'z'));
      const files = manifest.entries.filter((entry) => entry.type === 'file');
      const tar = packRelease(source, { manifest, revert: '', shared: [], env: undefined, services: {} }, { send: files, link: [] }, () => undefined);
      await expect(host.stage({ release: 'two', base: undefined, part: 'first', ...LINES }, tar)).rejects.toThrow(/z changed while the release was being sent/);
      await host.lease?.free();
      await takes();
    });

    test('because a file has other content each time it is read, says that it is not what was sent', async () => {
      const host = await ground.host();
      const findings = await host.take('two', OWNER, true);
      put('z', 'content');
      const manifest = await readManifest(source, everything);
      writeFileSync(join(source, 'z'), 'CONTENT');
      const files = manifest.entries.filter((entry) => entry.type === 'file');
      const again = await host.stage({ release: 'two', base: findings.base?.release, part: 'first', ...LINES }, packRelease(source, { manifest, revert: '', shared: [], env: undefined, services: {} }, { send: files, link: [] }, () => undefined));
      expect(again).toEqual(['z']);
      await expect(host.stage({ release: 'two', base: undefined, part: 'more', ...LINES }, packFiles(source, files.filter(({ path }) => path === 'z'), () => undefined))).rejects.toThrow(/not what was sent/);
      expect((await host.look(false)).rewritten.size).toBe(0);
      await host.lease?.free();
      await takes();
    });

    test('because the stream ended between two files, does not mistake it for the whole', async () => {
      const host = await ground.host();
      const findings = await host.take('two', OWNER, true);
      const tar = pack();
      tar.entry({ name: 'meta/tree' }, '');
      tar.entry({ name: 'meta/sums' }, '');
      tar.finalize();
      const whole = gzipSync(await buffer(tar));
      await expect(host.stage({ release: 'two', base: findings.base?.release, part: 'first', ...LINES }, Readable.from([whole]))).rejects.toThrow(/upload ended before all of it/);
      await host.lease?.free();
      await takes();
    });
  });
});

describe('a folder that cannot be a release', () => {
  test('is refused, with every reason', async () => {
    put('fine');
    writeFileSync(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0x66, 0xff, 0xfe])]), 'x');
    symlinkSync('/etc/passwd', join(source, 'absolute'));
    symlinkSync('../outside', join(source, 'escaping'));
    symlinkSync('..', join(source, 'parent'));
    mkdirSync(join(source, 'a/b'), { recursive: true });
    symlinkSync('../..', join(source, 'a/b/top'));
    symlinkSync('a/b/top/..', join(source, 'through'));
    execFileSync('mkfifo', [join(source, 'pipe')]);
    const server = createServer();
    await new Promise<void>((resolve) => { server.listen(join(source, 'socket'), resolve); });
    let text = '';
    await readManifest(source, everything).catch((error: unknown) => { text = String(error); });
    server.close();
    for (const reason of [/f��.*not valid UTF-8/, /absolute: .*leads out/, /escaping: .*leads out/, /parent: .*leads out/, /through: .*leads out/, /pipe: only files/, /socket: only files/]) expect(text).toMatch(reason);
    expect(text).not.toMatch(/ a\/b\/top:/);
    expect(text).not.toMatch(/fine/);
  });

  test('devices are refused too', async () => {
    const selects = (path: string) => (path === 'null' ? 'take' as const : 'leave' as const);
    await expect(readManifest('/dev', selects)).rejects.toThrow(/null: only files/);
  });

  test('links in a circle are no harm', async () => {
    symlinkSync('b', join(source, 'a'));
    symlinkSync('a', join(source, 'b'));
    symlinkSync('self/x', join(source, 'self'));
    expect((await readManifest(source, everything)).entries).toHaveLength(3);
  });
});

describe('the selection', () => {
  const taken = async (include: string[], exclude: string[] = [], shared: string[] = []) =>
    (await readManifest(source, selection({ include, exclude, shared }))).entries.map(({ path }) => path);

  test('takes folders whole, files by pattern, and the folders on their way; never history or what is shared', async () => {
    for (const path of ['.git/config', '.slipway/x', '.next/build', '.env.example', 'dist/a.js', 'dist/deep/b.js', 'dist/a.js.map', 'src/c.ts', 'package.json', 'package-lock.json', 'data/app.db', 'line\nbreak.txt', 'x/y.txt']) put(path);
    mkdirSync(join(source, 'dist/empty'));
    expect(await taken(['dist', 'package*.json'])).toEqual(['dist', 'dist/a.js', 'dist/a.js.map', 'dist/deep', 'dist/deep/b.js', 'dist/empty', 'package-lock.json', 'package.json']);
    expect(await taken(['./dist/'], ['**/*.map', 'dist/deep'])).toEqual(['dist', 'dist/a.js', 'dist/empty']);
    expect(await taken(['**/*.txt'])).toEqual(['line\nbreak.txt', 'x', 'x/y.txt']);
    const all = await taken(['.'], [], ['data']);
    expect(all).toContain('.env.example');
    expect(all.filter((path) => /^(\.git|\.slipway|data)(\/|$)/.test(path))).toEqual([]);
    expect(unmatched(['dist', 'build', 'x/*.txt'], all)).toEqual(['build']);
  });

  test('hard links on the runner are ordinary files', async () => {
    put('a');
    linkSync(join(source, 'a'), join(source, 'b'));
    expect(await taken(['.'])).toEqual(['a', 'b']);
  });
});
