import type { GitHubApi, Write } from './api.js';
import { GitHubError } from './api-error.js';
import { signOffWrites as writes } from './sign-off-routes.js';

interface Issue {
  readonly number: number;
  readonly html_url: string;
  readonly labels: readonly string[];
}

/**
 * Opens an issue that is found again by its label. GitHub may drop a label that the repository does not have yet and say nothing
 * (https://github.com/crs-k/stale-branches/issues/1645): then the label is made, and put on the issue.
 * @throws GitHubError, also when the issue stays without its label: nobody would find it again, and the next run would open another.
 */
export async function openLabelled<T extends Issue>(api: GitHubApi, { open, change }: { open: Write<T>; change: Write<T> }, text: { title: string; body: string }, label: string): Promise<T> {
  const issue = await api.send(open, {}, { ...text, labels: [label] });
  if (issue.labels.includes(label)) return issue;
  await api.send(writes.label, {}, { name: label, color: 'ededed' }).catch((error: unknown) => {
    // It is there already.
    if (!(error instanceof GitHubError) || error.status !== 422) throw error;
  });
  const again = await api.send(change, { issue_number: issue.number }, { labels: [label] });
  if (again.labels.includes(label)) return again;
  throw new GitHubError(`GitHub did not put the label ${label} on ${issue.html_url}, by which it is found again`, { remedy: `Make the label ${label} in the repository (Issues → Labels), and put it on the issue.` });
}
