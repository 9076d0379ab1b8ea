import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Host, startHost } from './harness.js';
import { runAction } from './run-action.js';
import { current, expectNothingLeft, releases } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

let host: Host;
let work: Workspace;
let artifact: string;

beforeAll(async () => {
  host = await startHost();
  artifact = await mkdtemp(join(tmpdir(), 'slipway-artifact-'));
}, 180_000);

afterAll(async () => {
  await host.stop();
  await rm(artifact, { recursive: true, force: true });
  await work.remove();
});

describe('a release of 9,000 files', () => {
  const FILES = 9_000;
  const path = (index: number): string => join(artifact, `d${index % 90}`, `f${index}`);

  test('of which 1 % changed sends only these, and links the rest', async () => {
    work = await workspace(host, { kind: 'tiny', app: 'many', changes: { services: undefined } });
    for (let folder = 0; folder < 90; folder += 1) await mkdir(join(artifact, `d${folder}`));
    for (let index = 0; index < FILES; index += 1) await writeFile(path(index), randomBytes(1_024).toString('base64').repeat(2));
    const inputs = { ...work.inputs, artifact };
    const first = await runAction('deploy', { workspace: work.folder, inputs });
    expect(first.code).toBe(0);
    expect(first.evidence.find(({ id }) => id === 'deploy.stage')!.data).toMatchObject({ filesSent: FILES, filesLinked: 0 });

    for (let index = 0; index < FILES; index += 100) await writeFile(path(index), randomBytes(1_024).toString('base64').repeat(2));
    const second = await runAction('deploy', { workspace: work.folder, inputs });
    expect(second.code).toBe(0);
    const { data } = second.evidence.find(({ id }) => id === 'deploy.stage')!;
    expect(data).toMatchObject({ filesSent: FILES / 100, filesLinked: FILES - FILES / 100 });
    // Most of it is the manifest.
    expect(data!['bytesSent']).toBeLessThan(2_000_000);
    expect(second.log).toMatch(/sent 90 files of 9,000/);
    expect(second.log).toMatch(/: [1-6] exec calls,.*one connection/);
    expect(second.milliseconds).toBeLessThan(60_000);

    const [older, newer] = [first.outputs['release']!, second.outputs['release']!];
    const inode = async (release: string, file: string): Promise<string> => (await host.run(`stat -c %i ${work.root}/releases/${release}/${file}`)).stdout;
    expect(await inode(newer, 'd1/f1')).toBe(await inode(older, 'd1/f1'));
    expect(await inode(newer, 'd0/f0')).not.toBe(await inode(older, 'd0/f0'));
    await expectNothingLeft(host, work);
    await work.remove();
  }, 240_000);
});

describe('an app of files only', () => {
  const NAMES = ['with space', "quo'te", 'dou"ble', 'back\\slash', 'new\nline', '$HOME', '`id`', '-rf', 'ünïcödé', '日本語', '*', 'semi;colon', '.hidden'];

  test('has files of every name, with modes, links and empty folders as they are', async () => {
    work = await workspace(host, { kind: 'tiny', app: 'odd', changes: { services: undefined, 'release.keep': 3 } });
    for (const name of NAMES) await work.commit({ [join('odd', name)]: `${name}\n` });
    await writeFile(join(work.folder, 'odd', 'run'), '#!/bin/sh\n');
    await chmod(join(work.folder, 'odd', 'run'), 0o755);
    await symlink('with space', join(work.folder, 'odd', 'link'));
    await mkdir(join(work.folder, 'empty folder'));
    const ran = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
    expect(ran).toMatchObject({ code: 0 });
    for (const name of NAMES) {
      const quoted = `'${name.replaceAll("'", "'\\''")}'`;
      expect((await host.run(`cat ${work.root}/current/odd/${quoted}`)).stdout).toBe(`${name}\n`);
    }
    expect((await host.run(`cd ${work.root}/current && stat -c '%a' odd/run && readlink odd/link && ls -A 'empty folder'`)).stdout).toBe('755\nwith space\n');
    expect(await current(host, work)).toBe(ran.outputs['release']);
    // Health of nothing proves nothing more: without smoke the release is good.
    expect((await releases(work))[0]).toMatchObject({ id: ran.outputs['release'], state: 'good', present: true });
  }, 120_000);

  test('keeps as many good releases as it is told, and never less than the live one', async () => {
    const made: string[] = [];
    for (let round = 0; round < 6; round += 1) {
      await work.commit({ text: String(round) });
      const ran = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
      expect(ran.code).toBe(0);
      made.push(ran.outputs['release']!);
    }
    expect((await host.run(`ls ${work.root}/releases`)).stdout.trim().split('\n').sort()).toEqual(made.slice(-3).sort());
    expect((await host.run(`ls ${work.root}/.slipway/manifests`)).stdout.trim().split('\n').sort()).toEqual(made.slice(-3).sort());
    const known = await releases(work);
    expect(known).toHaveLength(7);
    expect(known.filter(({ present }) => present).map(({ id }) => id)).toEqual([...made.slice(-3)].reverse());
    const back = await runAction('rollback', { workspace: work.folder, inputs: work.inputs });
    expect(back).toMatchObject({ code: 0, outputs: { release: made.at(-2) } });
    expect((await host.run(`cat ${work.root}/current/text`)).stdout).toBe('4');
    await expectNothingLeft(host, work);
  }, 180_000);

  test('refuses what leads out of the release, naming it', async () => {
    await symlink('/etc/passwd', join(work.folder, 'odd', 'outside'));
    const before = await current(host, work);
    const ran = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
    expect(ran.code).toBe(1);
    expect(ran.log).toContain('odd/outside: the link leads out of the release (to /etc/passwd)');
    expect(await current(host, work)).toBe(before);
    await rm(join(work.folder, 'odd', 'outside'));
  }, 60_000);

  test('finds a file that was rewritten in place on the host, sends it anew, and harms no older release', async () => {
    await work.commit({ data: 'as delivered' });
    const first = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
    const base = first.outputs['release']!;
    await host.run(`printf 'rewritten' > ${work.root}/releases/${base}/data`);
    await work.commit({ text: 'next' });
    const second = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
    expect(second.code).toBe(0);
    expect(second.log).toMatch(/::warning::.*data: rewritten in place.*release\.shared/);
    expect((await host.run(`cat ${work.root}/current/data ${work.root}/releases/${base}/data`)).stdout).toBe('as deliveredrewritten');
  }, 60_000);
});
