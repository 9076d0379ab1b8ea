import type { GitHubApi } from './api.js';
import { GitHubError } from './api-error.js';
import { signOffWrites as writes } from './sign-off-routes.js';

/**
 * Writes to an issue also where its conversation is locked. There a job's own token may write no more than a stranger ("Unable to
 * create comment because issue is locked", https://github.com/actions/stale/issues/51), but it may unlock
 * (https://github.com/upptime/uptime-monitor/pull/189): the issue is open for as long as this writes.
 * @throws GitHubError, as `work` does, and when the conversation cannot be locked again.
 */
export async function evenLocked<T>(api: GitHubApi, issue: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof GitHubError) || error.status !== 403 || !/\blocked\b/i.test(error.message)) throw error;
  }
  await api.send(writes.unlock, { issue_number: issue }, {});
  try {
    return await work();
  } finally {
    await api.send(writes.lock, { issue_number: issue }, {});
  }
}
