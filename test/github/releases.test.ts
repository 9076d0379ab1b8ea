import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { deploymentStatus } from '../../src/github/deployments.js';
import { appendNotes, withSection } from '../../src/github/releases.js';
import { FakeGitHub } from '../support/fake-github.js';
import { clientOf } from './support.js';

let fake: FakeGitHub;
beforeEach(async () => {
  fake = await FakeGitHub.start();
});
afterEach(async () => {
  await fake.stop();
  expect(fake.faults).toEqual([]);
});

describe('notes of a release', () => {
  test('keep what people wrote; a second report of the environment replaces the first, another one follows it', async () => {
    fake.published.releases.push({ id: 7, tag: 'v1', body: 'What is new.\n' });
    const { api } = clientOf(fake);
    for (const [name, section] of [['staging', 'one'], ['production', 'two'], ['staging', 'three']] as const) await appendNotes(api, 'v1', name, section);
    expect(fake.published.releases[0]!.body).toBe('What is new.\n\n<!-- slipway: staging -->\nthree\n<!-- slipway end: staging -->\n\n<!-- slipway: production -->\ntwo\n<!-- slipway end: production -->');
  });

  test('without a release say what to do', async () => {
    await expect(appendNotes(clientOf(fake).api, 'v2', 'production', 'x')).rejects.toMatchObject({ message: expect.stringContaining('no release of v2'), remedy: expect.stringContaining('gh release create v2') });
  });

  test('name the permission when the token may not change them', async () => {
    fake.published.releases.push({ id: 7, tag: 'v1', body: null });
    fake.refused.add('contents: write');
    await expect(appendNotes(clientOf(fake).api, 'v1', 'production', 'x')).rejects.toMatchObject({ remedy: expect.stringContaining('`contents: write`') });
  });

  test('that are too long are refused before GitHub is asked to take them', async () => {
    fake.published.releases.push({ id: 7, tag: 'v1', body: 'x'.repeat(124_990) });
    await expect(appendNotes(clientOf(fake).api, 'v1', 'production', 'section')).rejects.toThrow('125,000');
  });

  test('with half a section of before get a new one', () => {
    expect(withSection('a <!-- slipway: p --> b', 'p', 'new')).toMatch(/^a <!-- slipway: p --> b\n\n<!-- slipway: p -->\nnew/);
  });
});

describe('the status of a deployment', () => {
  const status = { environment: 'production', ref: 'c'.repeat(40), state: 'success', url: 'https://shop.example.com', log: 'https://github.com/acme/shop/actions/runs/1', description: 'x'.repeat(200) } as const;

  test('goes to the newest deployment of the commit, with the address of the environment', async () => {
    fake.published.deployments.push(...[4, 9, 5].map((id) => ({ id, environment: 'production', ref: status.ref, statuses: [] })));
    expect(await deploymentStatus(clientOf(fake).api, status)).toBe('deployment 9 to production: success');
    const [told] = fake.published.deployments.find(({ id }) => id === 9)!.statuses;
    expect(told).toMatchObject({ state: 'success', environment_url: status.url, log_url: status.log });
    expect(String(told!['description'])).toHaveLength(140);
  });

  test('makes a deployment where there is none, which merges nothing and waits for no checks', async () => {
    await deploymentStatus(clientOf(fake).api, { ...status, ref: 'v1.2.0', url: undefined });
    expect(fake.published.deployments[0]).toMatchObject({ ref: 'v1.2.0', made: { auto_merge: false, required_contexts: [] } });
  });
});
