import { like } from './openapi.js';

type Json = Record<string, unknown>;
interface Answer { status: number; body: unknown; paged?: string }
type Handler = (values: Record<string, string>, query: URLSearchParams, body: Json) => Answer;

export interface FakeComment { id: number; issue: number; login: string; type: string; body: string; created: string; updated: string; app?: string }
export interface FakeIssue { number: number; login: string; type: string; title: string; body: string; state: string; labels: string[]; pull?: boolean; repository?: string; locked?: boolean }

/** Whom the job's own token is on GitHub. */
export const BOT = 'github-actions[bot]';

/**
 * What sign-offs are about, as plain state with the ways people change it: runs, approvals, environments, teams, the
 * go-live issue and its comments, dispatched workflows.
 */
export class FakeSignOff {
  gates = new Map<string, { users?: string[]; teams?: string[]; bypass?: boolean }>();
  reviews: { run: number; environments: string[]; login: string; state: string; comment: string; type?: string }[] = [];
  jobs: { run: number; name: string; attempt: number; status: string; conclusion: string | null; started: string }[] = [];
  waiting: string[] = [];
  teams = new Map<string, string[]>();
  people = new Map<string, string>();
  issues: FakeIssue[] = [];
  comments: FakeComment[] = [];
  dispatches: { workflow: string; ref: string; inputs: Json }[] = [];
  /** Inputs that the dispatched workflow has. */
  inputs = ['issue', 'digest', 'release', 'run'];
  /** The labels of the repository, where a new one is dropped without a word; undefined: a new one is made. */
  known: Set<string> | undefined;
  private minutes = 0;
  private ids = 1000;

  /** A reviewer answers; the environment no longer waits. */
  review(run: number, environment: string, login: string, state = 'approved', comment = '', type?: string): void {
    this.reviews.push({ run, environments: [environment], login, state, comment, ...(type === undefined ? {} : { type }) });
    this.waiting = this.waiting.filter((name) => name !== environment);
  }

  job(run: number, name: string, rest: { attempt?: number; status?: string; conclusion?: string | null; started?: string } = {}): void {
    this.jobs.push({ run, name, attempt: 1, status: 'completed', conclusion: 'success', started: this.tick(), ...rest });
  }

  /** Somebody writes below an issue. */
  say(issue: number, login: string, body: string, rest: Partial<FakeComment> = {}): FakeComment {
    const at = this.tick();
    const comment = { id: this.ids += 1, issue, login, type: login.endsWith('[bot]') ? 'Bot' : 'User', body, created: at, updated: at, ...rest };
    this.comments.push(comment);
    return comment;
  }

  edit(comment: FakeComment, body: string): void {
    Object.assign(comment, { body, updated: this.tick() });
  }

  delete(comment: FakeComment): void {
    this.comments = this.comments.filter(({ id }) => id !== comment.id);
  }

  private tick(): string {
    this.minutes += 1;
    return new Date(Date.UTC(2026, 10, 21, 9, this.minutes)).toISOString().replace('.000', '');
  }

  readonly routes: Record<string, Handler> = {
    '/actions/runs/{run_id}/approvals': ({ run_id: id }) => whole(this.reviews.filter(({ run }) => String(run) === id).map(({ environments, login, state, comment, type = 'User' }) =>
      like('/actions/runs/{run_id}/approvals', '', { state, comment, user: { login, type }, environments: environments.map((name) => ({ name })) }))),
    '/actions/runs/{run_id}/pending_deployments': () => whole(this.waiting.map((name) => like('/actions/runs/{run_id}/pending_deployments', '', { environment: { name }, reviewers: [] }))),
    '/actions/runs/{run_id}/jobs': ({ run_id: id }, query) => {
      const jobs = this.jobs.filter(({ run }) => String(run) === id);
      const latest = Math.max(...jobs.map(({ attempt }) => attempt));
      const items = jobs.filter(({ attempt }) => query.get('filter') === 'all' || attempt === latest).map(({ name, attempt, status, conclusion, started }, index) =>
        like('/actions/runs/{run_id}/jobs', 'jobs', { id: index + 1, name, run_attempt: attempt, status, conclusion, created_at: started, started_at: started }));
      return { status: 200, body: { total_count: items.length, jobs: items }, paged: 'jobs' };
    },
    '/environments/{environment_name}': ({ environment_name: name = '' }) => {
      const gate = [...this.gates].find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
      if (gate === undefined) return error(404, 'Not Found');
      const { users = [], teams = [], bypass = false } = gate;
      const example = (like('/environments/{environment_name}', undefined, {})['protection_rules'] as Json[]).find(({ type }) => type === 'required_reviewers') as { reviewers: { type: string; reviewer: Json }[] };
      const made = (type: string, names: string[], key: string): Json[] => names.map((one) => ({ type, reviewer: { ...example.reviewers.find((item) => item.type === type)!.reviewer, [key]: one } }));
      const reviewers = [...made('User', users, 'login'), ...made('Team', teams, 'slug')];
      const rules = reviewers.length === 0 ? [] : [{ ...example, reviewers }];
      return { status: 200, body: like('/environments/{environment_name}', undefined, { name, can_admins_bypass: bypass, protection_rules: rules }) };
    },
    '/orgs/{org}/teams/{team_slug}': ({ org, team_slug: slug }) => (this.teams.has(`${org ?? ''}/${slug ?? ''}`) ? { status: 200, body: like('/orgs/{org}/teams/{team_slug}', undefined, { slug, type: 'organization', organization: { archived_at: null } }) } : error(404, 'Not Found')),
    '/orgs/{org}/teams/{team_slug}/memberships/{username}': ({ org, team_slug: slug, username = '' }) => {
      const entry = this.teams.get(`${org ?? ''}/${slug ?? ''}`)?.find((one) => one.replace(/ .*/, '').toLowerCase() === username.toLowerCase());
      return entry === undefined ? error(404, 'Not Found') : { status: 200, body: { url: 'https://api.github.com/x', role: 'member', state: entry.endsWith(' pending') ? 'pending' : 'active' } };
    },
    '/collaborators/{username}/permission': ({ username = '' }) => {
      const permission = this.people.get(username);
      return permission === undefined ? error(404, `${username} is not a user`) : { status: 200, body: like('/collaborators/{username}/permission', undefined, { permission, role_name: permission, user: { login: username, role_name: permission } }) };
    },
    '/issues': (_, query) => list(this.issues.filter(({ state, labels, login }) =>
      (query.get('state') === 'all' || state === (query.get('state') ?? 'open')) && (query.get('labels') ?? '').split(',').filter(Boolean).every((label) => labels.includes(label))
      && (query.get('creator') === null || query.get('creator') === login)).map(issueBody)),
    '/issues/{issue_number}': ({ issue_number: number }) => this.found(number, (issue) => ({ status: 200, body: issueBody(issue) })),
    '/issues/{issue_number}/comments': ({ issue_number: number }) => this.found(number, (issue) => list(this.comments.filter((comment) => comment.issue === issue.number).map(commentBody))),
  };

  readonly writes: Record<string, Handler> = {
    'POST /issues': (_, __, body) => {
      const issue = { number: this.issues.length + 1, login: BOT, type: 'Bot', title: String(body['title']), body: String(body['body']), state: 'open', labels: this.taken(body['labels']) };
      this.issues.push(issue);
      return { status: 201, body: issueBody(issue) };
    },
    'PATCH /issues/{issue_number}': ({ issue_number: number }, _, body) => this.found(number, (issue) => {
      Object.assign(issue, body, 'labels' in body ? { labels: this.taken(body['labels']) } : {});
      return { status: 200, body: issueBody(issue) };
    }),
    'POST /issues/{issue_number}/comments': ({ issue_number: number }, _, body) => this.found(number, (issue) =>
      (issue.locked === true ? error(403, 'Unable to create comment because issue is locked.') : { status: 201, body: commentBody(this.say(issue.number, BOT, String(body['body']))) })),
    'POST /labels': (_, __, body) => {
      if (this.known?.has(String(body['name'])) !== false) return error(422, 'Validation Failed');
      this.known.add(String(body['name']));
      return { status: 201, body: { id: 1, node_id: 'x', url: 'https://api.github.com/x', name: body['name'], description: null, color: body['color'], default: false } };
    },
    'PUT /issues/{issue_number}/lock': ({ issue_number: number }) => this.found(number, (issue) => {
      issue.locked = true;
      return { status: 204, body: undefined };
    }),
    'DELETE /issues/{issue_number}/lock': ({ issue_number: number }) => this.found(number, (issue) => {
      issue.locked = false;
      return { status: 204, body: undefined };
    }),
    'POST /actions/workflows/{workflow_id}/dispatches': ({ workflow_id: workflow = '' }, _, body) => {
      const inputs = (body['inputs'] ?? {}) as Json;
      const unknown = Object.keys(inputs).filter((name) => !this.inputs.includes(name));
      if (unknown.length > 0) return error(422, `Unexpected inputs provided: ${JSON.stringify(unknown)}`);
      this.dispatches.push({ workflow, ref: String(body['ref']), inputs });
      if (body['return_run_details'] !== true) return { status: 204, body: undefined };
      return { status: 200, body: { workflow_run_id: 77, run_url: 'https://api.github.com/repos/acme/shop/actions/runs/77', html_url: 'https://github.com/acme/shop/actions/runs/77' } };
    },
  };

  private taken(labels: unknown): string[] {
    return (labels as string[]).filter((label) => this.known?.has(label) !== false);
  }

  private found(number: string | undefined, work: (issue: FakeIssue) => Answer): Answer {
    const issue = this.issues.find((one) => String(one.number) === number);
    return issue === undefined ? error(404, 'Not Found') : work(issue);
  }
}

/** A list that GitHub does not cut into pages. */
function whole(items: Json[]): Answer {
  return { status: 200, body: items };
}

function list(items: Json[]): Answer {
  return { status: 200, body: items, paged: '' };
}

function issueBody({ number, login, type, title, body, state, labels, pull = false, repository = 'acme/shop' }: FakeIssue): Json {
  const link = { url: 'https://api.github.com/x', html_url: 'https://github.com/x', diff_url: 'https://github.com/x.diff', patch_url: 'https://github.com/x.patch' };
  const { pull_request: _, ...rest } = like('/issues', '', { number, title, body, state, user: { login, type }, labels: labels.map((name) => ({ name })), html_url: `https://github.com/${repository}/issues/${number}`, repository_url: `https://api.github.com/repos/${repository}` });
  return pull ? { ...rest, pull_request: link } : rest;
}

function commentBody({ id, issue, login, type, body, created, updated, app }: FakeComment): Json {
  return like('/issues/{issue_number}/comments', '', {
    id, body, created_at: created, updated_at: updated, user: { login, type }, html_url: `https://github.com/acme/shop/issues/${issue}#issuecomment-${id}`,
    ...(app === undefined ? {} : { performed_via_github_app: { id: 1, node_id: 'x', name: app, slug: app, owner: like('/actions/runs/{run_id}/approvals', '', {})['user'], description: null, external_url: 'https://example.com', html_url: 'https://example.com', created_at: created, updated_at: created, permissions: {}, events: [] } }),
  });
}

function error(status: number, message: string): Answer {
  return { status, body: { message, documentation_url: 'https://docs.github.com/rest', status: String(status) } };
}
