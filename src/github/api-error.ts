import { UserError } from '../evidence/errors.js';

/** Permissions that `permissions:` of a job can grant; others only a GitHub App or a fine-grained token can have. */
const GRANTABLE = new Set(['actions', 'checks', 'contents', 'deployments', 'issues', 'pull-requests', 'security-events', 'statuses', 'vulnerability-alerts']);

/** A request to GitHub that came to nothing. `status` is absent when there was no answer. */
export class GitHubError extends UserError {
  readonly status: number | undefined;

  constructor(message: string, options: { status?: number; remedy?: string; cause?: unknown } = {}) {
    super(message, options);
    this.name = 'GitHubError';
    this.status = options.status;
  }
}

/**
 * What an answer other than 200 means. `permission` is what the route needs, as `permissions:` writes it; `what` names the
 * route in words; `message` is GitHub's own.
 */
export function explain(status: number, message: string, route: Asked): GitHubError {
  const { permission } = route;
  const said = message === '' ? `${status}` : `${status} ${message}`;
  const text = `${intent(route)}: ${said}`;
  if (status === 401) {
    return new GitHubError(text, { status, remedy: 'The token is not, or no longer, valid: pass `github-token: ${{ github.token }}`, or make a new one.' });
  }
  if (status === 403 && /not accessible by|must have|need(s)? (?:admin|the)|permission/i.test(message)) {
    return new GitHubError(text, { status, remedy: missing(permission) });
  }
  if (status === 403) return new GitHubError(text, { status, remedy: `GitHub gives the reason; if the repository has what is asked for switched on, then: ${missing(permission)}` });
  if (status === 404) {
    return new GitHubError(text, { status, remedy: `It does not exist, is switched off for the repository, or the token may not see it. If it is there: ${missing(permission)}` });
  }
  if (status === 422) return new GitHubError(text, { status, remedy: 'GitHub takes the request for wrong; its reason stands above.' });
  if (status === 410) return new GitHubError(text, { status, remedy: 'It is switched off for the repository (Settings → General → Features).' });
  if (status === 429) return new GitHubError(text, { status, remedy: 'The token has used up its requests: start again later.' });
  return new GitHubError(text, { status, remedy: status >= 500 ? 'Start again; see https://www.githubstatus.com when it stays.' : 'Please report this as a defect of Slipway.' });
}

/** A request in words: what it asks, or does. */
export interface Asked {
  readonly permission: string;
  readonly what: string;
  readonly does?: string;
}

/** What comes to nothing when a request does. */
export function intent({ what, does }: Pick<Asked, 'what' | 'does'>): string {
  return does === undefined ? `GitHub does not tell ${what}` : `GitHub does not ${does}`;
}

function missing(permission: string): string {
  const scope = permission.split(':')[0] ?? '';
  if (GRANTABLE.has(scope)) return `Add \`${permission}\` to the job's \`permissions:\` (those that are not named there are taken away).`;
  if (permission.startsWith('Members')) {
    return `Pass as \`members-token\` the token of a GitHub App, or a fine-grained token, of the organization with its permission \`${permission}\`: a workflow's own token cannot have it.`;
  }
  return `Pass as \`github-token\` the token of a GitHub App, or a fine-grained token, with the repository permission \`${permission}\`: a workflow's own token cannot have it.`;
}
