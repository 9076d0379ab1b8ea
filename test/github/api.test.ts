import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Route } from '../../src/github/api.js';
import { GitHubError } from '../../src/github/api-error.js';
import { repositoryOf } from '../../src/github/origin.js';
import { previousTag } from '../../src/github/release-tags.js';
import { deploymentRoutes, deploymentWrites } from '../../src/github/deployments.js';
import { releaseRoutes, releaseWrites } from '../../src/github/releases.js';
import { routes } from '../../src/github/routes.js';
import { signOffRoutes, signOffWrites } from '../../src/github/sign-off-routes.js';
import { FakeGitHub, TOKEN } from '../support/fake-github.js';
import { document } from '../support/openapi.js';
import { clientOf } from './support.js';

let fake: FakeGitHub;
beforeEach(async () => {
  fake = await FakeGitHub.start();
  for (let index = 0; index < 3; index += 1) fake.tags.set(`v1.${index}.0`, fake.commit('c', 'ann'));
});
afterEach(async () => {
  await fake.stop();
  expect(fake.faults).toEqual([]);
});

const names = async (client: ReturnType<typeof clientOf>): Promise<string[]> => (await client.api.list(routes.tags)).map(({ name }) => name);
const ALL = ['v1.0.0', 'v1.1.0', 'v1.2.0'];
const failed = async (client: ReturnType<typeof clientOf>): Promise<GitHubError> => {
  const error: unknown = await names(client).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(GitHubError);
  return error as GitHubError;
};

describe('the client of GitHub’s API', () => {
  test('follows pages to the end', async () => {
    fake.pageSize = 1;
    expect(await names(clientOf(fake))).toEqual(ALL);
    expect(fake.requests).toHaveLength(3);
  });

  test('takes its token nowhere else', async () => {
    fake.pageSize = 1;
    fake.nextOrigin = 'http://collector.example.com';
    expect((await failed(clientOf(fake))).message).toContain('its next page is at http://collector.example.com');
    expect(fake.requests).toHaveLength(1);
  });

  test.each([500, 502, 503, 504])('tries again after a %d', async (status) => {
    fake.failures.push({ at: '/tags', times: 2, status, message: '<html>Unicorn!</html>' });
    const client = clientOf(fake);
    expect(await names(client)).toEqual(ALL);
    expect(client.waits).toEqual([1000, 2000]);
  });

  test('gives up after four tries', async () => {
    fake.failures.push({ at: '/tags', times: 9, status: 502, message: 'Server Error' });
    expect(await failed(clientOf(fake))).toMatchObject({ status: 502, message: 'GitHub does not tell the tags: 502 Server Error' });
    expect(fake.requests).toHaveLength(4);
  });

  test('waits as long as a secondary limit says', async () => {
    fake.failures.push({ at: '/tags', times: 1, status: 403, message: 'You have exceeded a secondary rate limit.', headers: { 'retry-after': '7' } });
    const client = clientOf(fake);
    expect(await names(client)).toEqual(ALL);
    expect(client.waits).toEqual([7000]);
  });

  test('waits a minute for a secondary limit that names no time', async () => {
    fake.failures.push({ at: '/tags', times: 1, status: 429, message: 'You have exceeded a secondary rate limit.' });
    const client = clientOf(fake);
    expect(await names(client)).toEqual(ALL);
    expect(client.waits).toEqual([60_000]);
  });

  test('waits for a rate limit that ends soon', async () => {
    const reset = Math.floor(Date.now() / 1000) + 20;
    fake.failures.push({ at: '/tags', times: 1, status: 403, message: 'API rate limit exceeded for installation.', headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(reset) } });
    const client = clientOf(fake);
    expect(await names(client)).toEqual(ALL);
    expect(client.waits[0]).toBeGreaterThan(5_000);
    expect(client.waits[0]).toBeLessThan(22_000);
  });

  test('does not wait for one that ends in an hour, nor longer than its patience in all', async () => {
    const reset = Math.floor(Date.now() / 1000) + 3600;
    fake.failures.push({ at: '/tags', times: 1, status: 429, message: 'API rate limit exceeded.', headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(reset) } });
    expect((await failed(clientOf(fake))).remedy).toContain('start again later');
    fake.failures.push({ at: '/tags', times: 3, status: 429, message: 'Slow down.', headers: { 'retry-after': '40' } });
    const client = clientOf(fake);
    expect((await failed(client)).status).toBe(429);
    expect(client.waits).toEqual([40_000, 40_000]);
  });

  test('asks once only where asking again is no use', async () => {
    fake.refused.add('contents');
    expect((await failed(clientOf(fake))).remedy).toContain('`contents: read`');
    expect(fake.requests).toHaveLength(1);
  });

  test('limits each request in time', async () => {
    fake.failures.push({ at: '/tags', times: 9, status: 200, message: '', hang: true });
    const error = await failed(clientOf(fake, { timeLimit: 50 }));
    expect(error.message).toBe('GitHub does not tell the tags: no answer within 0.05 s');
  });

  test('says where it could not go, and stops when told to', async () => {
    const nowhere = clientOf(fake, { baseUrl: 'http://127.0.0.1:9' });
    expect((await failed(nowhere)).remedy).toContain('Can this machine reach http://127.0.0.1:9?');
    const stopped = clientOf(fake, { signal: AbortSignal.abort(new Error('stopped')) });
    await expect(names(stopped)).rejects.toThrow('stopped');
  });

  test('changes things with a body, and says what did not happen', async () => {
    const { api } = clientOf(fake);
    expect((await api.send(signOffWrites.open, {}, { title: 'Go-live', body: '`$(id)`\n"', labels: [] })).number).toBe(1);
    expect(fake.signOff.issues[0]).toMatchObject({ title: 'Go-live', body: '`$(id)`\n"' });
    fake.refused.add('issues: write');
    await expect(api.send(signOffWrites.comment, { issue_number: 1 }, { body: 'x' })).rejects.toMatchObject({
      message: 'GitHub does not take the comment: 403 Resource not accessible by integration', remedy: expect.stringContaining('`issues: write`'),
    });
    await expect(api.send(signOffWrites.comment, { issue_number: 2 }, { body: 'x' })).rejects.toBeInstanceOf(GitHubError);
  });

  test('sends again what may be done twice, and nothing else', async () => {
    const { api, waits } = clientOf(fake);
    await api.send(signOffWrites.open, {}, { title: 'Go-live', labels: [] });
    fake.failures.push({ at: '/issues/1', times: 1, status: 502, message: 'Server Error' });
    await api.send(signOffWrites.change, { issue_number: 1 }, { state: 'closed' });
    expect([waits, fake.signOff.issues[0]?.state]).toEqual([[1000], 'closed']);
    fake.failures.push({ at: '/issues/1/comments', times: 1, status: 502, message: 'Server Error' });
    await expect(api.send(signOffWrites.comment, { issue_number: 1 }, { body: 'x' })).rejects.toMatchObject({ status: 502 });
    expect(fake.signOff.comments).toEqual([]);
  });

  test.each([['<html>Sign in</html>', 'no JSON'], ['', 'not a list']])('does not take %j for an answer', async (message, why) => {
    fake.failures.push({ at: '/tags', times: 1, status: 200, message });
    expect((await failed(clientOf(fake))).message).toContain(why);
  });

  test('says nothing of its token, in debug lines neither', async () => {
    const lines: string[] = [];
    await names(clientOf(fake, { debug: (text) => lines.push(text) }));
    expect(lines).toEqual([expect.stringMatching(/^GitHub: GET \/repos\/acme\/shop\/tags\?per_page=100: 200 \(\d+ ms\)$/)]);
    expect(lines.join()).not.toContain(TOKEN);
  });
});

describe('the routes', () => {
  test('are those of GitHub’s document, all of them', () => {
    expect(new Set([routes, signOffRoutes, releaseRoutes, deploymentRoutes].flatMap((one): { path: string }[] => Object.values(one as Record<string, { path: string }>)).map(({ path }) => path))).toEqual(new Set(Object.keys(document.paths)));
    expect([signOffWrites, releaseWrites, deploymentWrites].flatMap((one): { method: string; path: string }[] => Object.values(one as Record<string, { method: string; path: string }>)).map(({ method, path }) => `${method} ${path}`).sort()).toEqual(Object.keys(document.writes).sort());
  });

  test.each([...Object.entries(routes), ...Object.entries(signOffRoutes), ...Object.entries(releaseRoutes), ...Object.entries(deploymentRoutes)])('read GitHub’s own example: %s', (_, route) => {
    const { example } = document.paths[route.path]!.responses[200]!;
    const { list } = route as Route<unknown>;
    const whole = list === undefined ? example : (example as Record<string, unknown>)[list];
    for (const item of Array.isArray(whole) ? whole : [whole]) expect(route.answer.safeParse(item).error?.issues).toBeUndefined();
  });

  test('ask for permissions that the README of the action explains', () => {
    const readme = readFileSync(join(import.meta.dirname, '../../actions/preflight/README.md'), 'utf8').split('## Permissions')[1]!;
    for (const { permission } of Object.values(routes)) expect(readme).toContain(`| \`${permission}\` |`);
  });
});

describe('the release before', () => {
  const tags = ['v1.0.0', 'v1.2.0', 'v1.10.0', 'v1.10.1-rc.1', 'v2.0.0', 'v1', 'v2', 'nightly', 'api-v1.3.0', '2026-11-01', '2026-11-20'];
  test.each([
    ['v1.10.1', 'v1.10.0'], ['v2.0.0', 'v1.10.0'], ['v1.10.1-rc.2', 'v1.10.0'], ['v1.0.0', undefined], ['v3', 'v2'], ['api-v1.4.0', 'api-v1.3.0'],
    ['2026-11-21', '2026-11-20'], ['latest', undefined], [undefined, 'v2.0.0'],
  ])('%s is %s', (tag, wanted) => {
    expect(previousTag(tags, tag)).toBe(wanted);
  });
});

describe('the repository of a remote', () => {
  test.each([
    ['https://github.com/acme/shop.git', 'acme/shop'], ['https://x-access-token:abc@github.com/acme/shop', 'acme/shop'], ['git@github.com:acme/shop.git', 'acme/shop'],
    ['ssh://git@github.com:22/acme/shop.js.git', 'acme/shop.js'], ['https://gitlab.example.com/acme/shop.git', undefined], ['/srv/git/shop.git', undefined],
    ['https://github.com.example.com/acme/shop', undefined], ['', undefined],
  ])('%s is %s', (remote, wanted) => {
    expect(repositoryOf(remote, 'https://api.github.com')).toBe(wanted);
  });

  test('is one of the GitHub that is asked', () => {
    expect(repositoryOf('git@git.example.com:acme/shop.git', 'https://git.example.com/api/v3')).toBe('acme/shop');
    expect(repositoryOf('git@github.com:acme/shop.git', 'https://git.example.com/api/v3')).toBeUndefined();
  });
});
