import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GitHubFacts } from '../../src/checks/github-facts.js';
import { preflight, type PreflightOptions } from '../../src/commands/preflight.js';
import type { RunContext } from '../../src/commands/run-context.js';
import { environmentOf } from '../../src/config/environment.js';
import { loadConfig } from '../../src/config/load.js';
import type { Evidence } from '../../src/evidence/record.js';
import { Redactor } from '../../src/evidence/redact.js';
import { plainReporter } from '../../src/evidence/reporters.js';
import { repositoryState } from '../../src/main/github.js';
import { githubAccess } from '../../src/main/github-access.js';
import { FakeGitHub, REPOSITORY, TOKEN } from '../support/fake-github.js';

let workspace: string;
let fake: FakeGitHub;
beforeAll(() => {
  workspace = mkdtempSync(join(tmpdir(), 'slipway-preflight-'));
});
afterAll(() => rmSync(workspace, { recursive: true }));
beforeEach(async () => {
  fake = await FakeGitHub.start();
});
afterEach(async () => {
  await fake.stop();
  expect(fake.faults).toEqual([]);
});

/** The records of a preflight against a host that is not there, by id, and what was thrown. */
async function run(github: string, ask: (context: RunContext) => RunContext['repositoryState'], options: PreflightOptions = { tag: 'refs/tags/v1.0.0' }): Promise<{ records: Map<string, Evidence>; error: unknown }> {
  const config = loadConfig(`app: shop\nenvironments: { production: { hosts: [deploy@127.0.0.1:1] } }\npreflight: { github: { ${github} } }\n`, 'slipway.yml');
  const records = new Map<string, Evidence>();
  const redactor = new Redactor();
  const plain = plainReporter(() => undefined);
  const context: RunContext = {
    config, environmentName: 'production', environment: environmentOf(config, 'production'), excluded: [], credentials: { knownHosts: '', privateKey: 'none' }, appEnv: undefined,
    phase: 'preflight', runnerEnv: { PATH: process.env['PATH'] ?? '' }, lookup: () => undefined, workspace, redactor, signal: new AbortController().signal,
    reporter: { ...plain, evidence: (record) => void records.set(record.id, record) }, author: { actor: 'ann', run: 'a test' },
    plan: false, leaseToken: 'token', keepLease: false, outputs: { hosts: new Map() }, now: () => new Date(),
  };
  const repositoryState = ask(context);
  const error: unknown = await preflight({ ...context, ...(repositoryState === undefined ? {} : { repositoryState }) }, options).catch((reason: unknown) => reason);
  return { records, error };
}

const asking = (context: RunContext): ((ref: string | undefined) => Promise<GitHubFacts>) => repositoryState(
  githubAccess({ GITHUB_API_URL: fake.url, GITHUB_REPOSITORY: REPOSITORY }, TOKEN), { ...context, env: context.runnerEnv },
);

describe('the preflight', () => {
  test.each([undefined, 'refs/heads/main'])('of a release that is of no tag (%s) stops before it asks anything, unless branches are released', async (tag) => {
    const { records, error } = await run('protected: true', asking, { tag, requireTag: true, part: 'repository' });
    expect(String(error)).toContain('of no tag');
    expect(records.size).toBe(0);
    expect(String((await run('', asking, { tag: 'v1.0.0', requireTag: true, part: 'repository' })).error)).not.toContain('of no tag');
    expect(String((await run('', asking, { tag, part: 'repository' })).error)).not.toContain('of no tag');
  });

  test('puts what GitHub says beside what hosts and runner say', async () => {
    const commit = fake.commit('Begin', 'ann');
    fake.tags.set('v1.0.0', commit);
    fake.checkRun(commit, 'test', 'failure');
    const { records, error } = await run('protected: true, checks: true', asking);
    expect(records.get('preflight.github.branch-protected')).toMatchObject({ status: 'pass', subject: REPOSITORY });
    expect(records.get('preflight.github.checks')).toMatchObject({ status: 'fail', observed: expect.stringContaining('test: failure') });
    expect(records.get('preflight.network.ssh')?.status).toBe('fail');
    expect(String(error)).toContain('All checks of the released commit are green');
  });

  test('asks GitHub nothing when nothing is configured', async () => {
    await run('', asking);
    expect(fake.requests).toEqual([]);
  });

  test('fails what was asked of GitHub when nobody can ask it', async () => {
    const { records } = await run('reviewed: true', () => undefined);
    expect(records.get('preflight.github.reviewed')).toMatchObject({ status: 'fail', observed: 'GitHub was not asked' });
  });
});
