import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AT, OWNER, ship, startGround, type Ground, type Shipment } from '../support/host-fixture.js';

let ground: Ground;
let source: string;
let tools: string;
beforeEach(async () => {
  ground = await startGround();
  source = mkdtempSync(join(tmpdir(), 'slipway-source-'));
  tools = mkdtempSync(join(tmpdir(), 'slipway-tools-'));
  mkdirSync(join(source, 'lib'));
  for (const name of ['index.js', 'lib/data.db', 'lib/odd name\t', 'lib/line\nbreak']) writeFileSync(join(source, name), `content of ${name}`);
  // Notes which files are read.
  instead('sha256sum', 'for name; do printf "%s\\0" "$name" >>"$log"; done; exec "$real" "$@"');
});
afterEach(async () => {
  await ground.end();
  for (const folder of [source, tools]) rmSync(folder, { recursive: true, force: true });
});

/** Puts a script in front of one of the host's tools: `$real` is the tool, `$log` a file. */
function instead(tool: string, script: string): void {
  writeFileSync(join(tools, tool), `#!/bin/sh\nlog='${tools}/${tool}.log' real=/usr/bin/${tool}\n${script}\n`);
  chmodSync(join(tools, tool), 0o755);
}

/** The files that were read since it was last asked. */
function filesRead(): string[] {
  const log = join(tools, 'sha256sum.log');
  const names = existsSync(log) ? readFileSync(log, 'utf8').split('\0').filter((name) => !['', '-z', '--'].includes(name)) : [];
  rmSync(log, { force: true });
  return names.sort();
}

const at = (release: string, path: string): string => join(ground.root, 'releases', release, path);

async function deliver(release: string, shipment: Shipment = {}): ReturnType<typeof ship> {
  const host = await ground.host({ path: [tools] });
  try {
    return await ship(host, await host.take(release, OWNER, true), release, source, shipment);
  } finally {
    await host.lease?.free();
  }
}

async function prove(release: string): Promise<string | undefined> {
  return (await (await ground.host({ path: [tools] })).prove([release])).whole;
}

/** Writes into a file without changing its size or the time of its last change: only its ctime tells. */
function forge(path: string): void {
  const { atime, mtime, size } = statSync(path);
  writeFileSync(path, 'X'.repeat(size));
  utimesSync(path, atime, mtime);
  expect([statSync(path).size, statSync(path).mtimeMs]).toEqual([size, mtime.getTime()]);
}

describe('a host that has verified a release', () => {
  beforeEach(async () => {
    await deliver('one');
    expect(filesRead()).toEqual(['index.js', 'lib/data.db', 'lib/line\nbreak', 'lib/odd name\t']);
  });

  test('reads again what is new and what its notes cannot hold, release after release', async () => {
    for (const release of ['two', 'three', 'four']) {
      writeFileSync(join(source, 'index.js'), release);
      expect(await deliver(release)).toMatchObject({ sent: ['index.js'], again: [] });
      expect(filesRead()).toEqual(['index.js', 'lib/line\nbreak']);
    }
    for (const release of ['one', 'two', 'four']) expect(await prove(release)).toBe(release);
    expect(new Set(filesRead())).toEqual(new Set(['lib/line\nbreak']));
  });

  test.each<[string, (path: string) => void]>([
    ['as apps do', (path) => writeFileSync(path, 'X'.repeat(statSync(path).size))],
    ['with its time set back', forge],
  ])('notices a file of the same size rewritten in place, %s', async (_how, rewrite) => {
    rewrite(at('one', 'lib/data.db'));
    expect(await prove('one')).toBeUndefined();
    expect(await deliver('two')).toMatchObject({ sent: [], again: ['lib/data.db'] });
    expect(readFileSync(at('two', 'lib/data.db'), 'utf8')).toBe('content of lib/data.db');
    expect(statSync(at('two', 'lib/data.db')).nlink).toBe(1);
    expect(await prove('two')).toBe('two');
  });

  test('reads a file whose notes do not fit, and goes on linking it when it is as it was', async () => {
    utimesSync(at('one', 'lib/data.db'), new Date(), new Date());
    expect(await deliver('two')).toMatchObject({ again: [] });
    expect(filesRead()).toEqual(['lib/data.db', 'lib/line\nbreak']);
    expect(statSync(at('two', 'lib/data.db')).ino).toBe(statSync(at('one', 'lib/data.db')).ino);
    await deliver('three');
    expect(filesRead()).toEqual(['lib/line\nbreak']);
  });

  test('notices a file rewritten between its being linked and its being verified', async () => {
    instead('cp', `"$real" "$@"; printf '%s' 'CONTENT OF lib/data.db' >'${at('one', 'lib/data.db')}'`);
    expect(await deliver('two')).toMatchObject({ sent: [], again: ['lib/data.db'] });
    expect(readFileSync(at('two', 'lib/data.db'), 'utf8')).toBe('content of lib/data.db');
  });

  test('knows that it moved the times itself when a release was deleted, and does not mistake a forged one for that', async () => {
    await deliver('two');
    const remove = async (release: string): Promise<void> => {
      const host = await ground.host({ path: [tools] });
      await host.take('finish', OWNER, false);
      await host.finish([{ event: 'removed', release, at: AT }], [release]);
      await host.lease?.free();
      expect(existsSync(at(release, ''))).toBe(false);
    };
    await remove('one');
    filesRead();
    await deliver('three');
    expect(filesRead()).toEqual(['lib/line\nbreak']);
    forge(at('three', 'lib/data.db'));
    await remove('two');
    expect(await prove('three')).toBeUndefined();
    expect(await deliver('four')).toMatchObject({ again: ['lib/data.db'] });
  });

  test('reads everything where its notes are gone', async () => {
    rmSync(join(ground.root, '.slipway/linked'));
    expect(await prove('one')).toBe('one');
    expect(filesRead()).toHaveLength(4);
    expect(await deliver('two')).toMatchObject({ again: [] });
    expect(filesRead()).toHaveLength(4);
    rmSync(join(ground.root, '.slipway/manifests/two/index'));
    expect(await prove('two')).toBe('two');
    expect(filesRead()).toHaveLength(4);
  });
});
