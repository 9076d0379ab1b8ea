import { GitHubApi, type ApiOptions } from '../../src/github/api.js';
import { type FakeGitHub, REPOSITORY, TOKEN } from '../support/fake-github.js';

/** A client of the fake that waits for nothing; `waits` gets what it would have waited for. */
export function clientOf(fake: FakeGitHub, rest: Partial<ApiOptions> = {}): { api: GitHubApi; waits: number[] } {
  const waits: number[] = [];
  const api = new GitHubApi({
    baseUrl: fake.url, repository: REPOSITORY, token: TOKEN, wait: (ms) => (waits.push(ms), Promise.resolve()), ...rest,
  });
  return { api, waits };
}
