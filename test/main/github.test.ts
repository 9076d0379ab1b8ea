import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plainReporter } from '../../src/evidence/reporters.js';
import { repositoryState } from '../../src/main/github.js';
import { githubAccess } from '../../src/main/github-access.js';
import { configWith } from '../checks/support.js';
import { FakeGitHub, REPOSITORY, TOKEN } from '../support/fake-github.js';

const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1' };
let folder: string;
let fake: FakeGitHub;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-github-'));
  execFileSync('git', ['init', '--quiet', folder], { env });
  execFileSync('git', ['-C', folder, 'remote', 'add', 'origin', `https://127.0.0.1/${REPOSITORY}.git`], { env });
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  fake = await FakeGitHub.start();
});
afterEach(async () => {
  await fake.stop();
  expect(fake.faults).toEqual([]);
});

const ask = (variables: Record<string, string>, token: string | undefined) => repositoryState(githubAccess(variables, token), {
  config: configWith('preflight: { github: { alerts: { secrets: true } } }'), environmentName: 'production', workspace: folder, env,
  reporter: plainReporter(() => undefined), signal: new AbortController().signal,
})(undefined);

describe('the question to GitHub', () => {
  test('goes to the repository and the API that the runner names', async () => {
    expect(await ask({ GITHUB_API_URL: `${fake.url}/`, GITHUB_REPOSITORY: REPOSITORY }, TOKEN)).toEqual({ repository: REPOSITORY, secretAlerts: { value: [] } });
  });

  test('finds the repository by the remote origin, when that lies on the same GitHub', async () => {
    expect(await ask({ GITHUB_API_URL: fake.url, GITHUB_REPOSITORY: '' }, TOKEN)).toMatchObject({ repository: REPOSITORY, secretAlerts: { value: [] } });
    expect(await ask({}, TOKEN)).toMatchObject({ secretAlerts: { problem: 'it is not known which repository on GitHub this is' } });
  });

  test('has no answer without a token, for any check', async () => {
    const facts = await ask({ GITHUB_API_URL: fake.url, GITHUB_REPOSITORY: REPOSITORY }, undefined);
    expect(facts.reports).toMatchObject({ problem: 'there is no token to ask GitHub with', remedy: expect.stringContaining('github.token') });
    expect(fake.requests).toEqual([]);
  });
});
