import { UserError } from '../evidence/errors.js';
import type { Unknown } from '../signoff/facts.js';
import { LABEL, type IssueFacts } from '../signoff/issue-facts.js';
import { claimOf } from '../signoff/issue-records.js';
import type { IssueSource } from '../signoff/source.js';
import type { GitHubApi } from './api.js';
import { GitHubError } from './api-error.js';
import { openLabelled } from './labelled-issue.js';
import { evenLocked } from './locked-issues.js';
import { isOlder } from './release-tags.js';
import { signOffRoutes as routes, signOffWrites as writes } from './sign-off-routes.js';

type Issue = Awaited<ReturnType<typeof anIssue>>;

/** Go-live issues, of GitHub's API. */
export function issueSource(api: GitHubApi, repository: string): IssueSource {
  return {
    open: async () => (await api.list(routes.issues, {}, { state: 'open', labels: LABEL })).map(issueFacts),
    newer: async (issue, release) => (await api.list(routes.issues, {}, { state: 'all', labels: LABEL })).map(issueFacts)
      .filter(({ number, body }) => number > issue && isOlder(release, claimOf(body)?.release ?? '')),
    get: async (issue) => issueFacts(stillHere(await anIssue(api, issue), repository)),
    comments: async (issue) => (await api.list(routes.comments, { issue_number: issue })).map(({ id, user, performed_via_github_app: app, body = '', created_at: created, updated_at: updated }) => ({
      // A deleted account is nobody.
      id, login: user?.login ?? 'ghost', bot: user === null || user.type !== 'User', app: app?.name, body, created, updated,
    })),
    permissions: async (logins) => {
      const answers = new Map<string, string | Unknown>();
      // One after the other: GitHub asks not to be asked everything at once, and who signs are few.
      for (const login of logins) answers.set(login, await permissionOf(api, login));
      return (login) => answers.get(login) ?? { problem: `nobody has asked what ${login} may do` };
    },
    create: async (title, body) => issueFacts(await openLabelled(api, writes, { title, body }, LABEL)),
    rewrite: async (issue, body) => {
      await evenLocked(api, issue, () => api.send(writes.change, { issue_number: issue }, { body }));
    },
    close: async (issue) => {
      await evenLocked(api, issue, () => api.send(writes.change, { issue_number: issue }, { state: 'closed', state_reason: 'not_planned' }));
    },
    comment: async (issue, body) => {
      await evenLocked(api, issue, () => api.send(writes.comment, { issue_number: issue }, { body }));
    },
    dispatch: async (workflow, ref, inputs) => (await api.send(writes.dispatch, { workflow_id: workflow }, { ref, inputs, return_run_details: true }))?.html_url,
  };
}

function anIssue(api: GitHubApi, issue: number) {
  return api.get(routes.issue, { issue_number: issue });
}

/** GitHub leads on to where an issue was transferred: others decide there who writes, changes and deletes. */
function stillHere(issue: Issue, repository: string): Issue {
  if (issue.repository_url.toLowerCase().endsWith(`/repos/${repository.toLowerCase()}`)) return issue;
  throw new UserError(`the issue was moved to another repository, ${issue.html_url}: what is signed there does not count`, { remedy: 'Close it there, and let the release open a new one.' });
}

function issueFacts({ number, html_url: url, state, user, body, pull_request: pull }: Issue): IssueFacts {
  return { number, url, open: state === 'open', login: user?.login ?? 'ghost', body: body ?? '', pull: pull !== undefined && pull !== null };
}

async function permissionOf(api: GitHubApi, username: string): Promise<string | Unknown> {
  try {
    return (await api.get(routes.permission, { username })).permission;
  } catch (error) {
    if (error instanceof GitHubError && error.status === 404) return 'none';
    if (!(error instanceof UserError)) throw error;
    return { problem: error.message, remedy: error.remedy };
  }
}
