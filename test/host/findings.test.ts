import { describe, expect, test } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { readFindings } from '../../src/host/findings.js';
import type { ExecResult, Session } from '../../src/ssh/types.js';

/** A host that says these lines and then ends, or hangs. */
const host = (lines: readonly string[], end: ExecResult | 'hangs'): Session => {
  const left = [...lines];
  const late = new Error('no answer within 150 s');
  return {
    nextLine: () => {
      const line = left.shift();
      return line === undefined ? Promise.reject(late) : Promise.resolve(line);
    },
    write: () => undefined,
    end: () => (end === 'hangs' ? Promise.reject(new Error('did not end')) : Promise.resolve(end)),
    ended: end === 'hangs' ? new Promise(() => undefined) : Promise.resolve(end),
  };
};
const ended = (code: number, stderr = ''): ExecResult => ({ code, stdout: '', stderr });

describe('What a host tells first', () => {
  test('is read whole, with the manifest in its midst', async () => {
    const sums = 'abc  a\0';
    const tree = 'f 644 a//\0';
    const manifest = gzipSync(Buffer.from(`${sums}\0${tree}`)).toString('base64');
    const findings = await readFindings(host([
      'held 12 77 octocat a run', 'looked', 'current one', 'free 1000 -', 'has-env', 'armed one zero -5', 'paused 2026-01-01T00:00:00Z no-page the data moves', 'site abc',
      `rewritten ${Buffer.from('x y\0z\0').toString('base64')}`, 'j {"event":"begin","release":"one","at":"2026-01-01T00:00:00Z"}', '', 'base one', manifest.slice(0, 8), manifest.slice(8), '.', 'ready',
    ], 'hangs'), 'host');
    expect(findings).toMatchObject({
      exists: true, current: 'one', hasEnv: true, free: { bytes: 1000, inodes: undefined }, site: 'abc',
      held: { secondsLeft: 12, beat: '77', owner: 'octocat a run' }, armed: { release: 'one', target: 'zero', secondsLeft: -5 },
      paused: { since: '2026-01-01T00:00:00Z', page: false, why: 'the data moves' }, base: { release: 'one', sums: Buffer.from(sums), tree: Buffer.from(tree) },
    });
    expect([...findings.rewritten]).toEqual(['x y', 'z']);
    expect(findings.history.releases.map(({ id }) => id)).toEqual(['one']);
  });

  test('ends with the lease of somebody else when the host says so and stops', async () => {
    expect((await readFindings(host(['held 30 1 octocat'], ended(0)), 'host')).held?.owner).toBe('octocat');
  });

  test('is an error with the host\'s own words when it stops for another reason', async () => {
    await expect(readFindings(host([], ended(5, "slipway: the host lacks 'flock'\n")), 'web')).rejects.toThrow(/web: .*the host lacks 'flock'/);
    await expect(readFindings(host(['current one'], ended(0)), 'web')).rejects.toThrow(/no answer/);
  });

  test('ends the run when the host falls silent half-way, instead of waiting for it for ever', async () => {
    await expect(readFindings(host(['current one'], 'hangs'), 'web')).rejects.toThrow(/no answer within 150 s/);
  }, 5_000);
});
