import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FakeReleases } from './fake-releases.js';
import { FakeSignOff } from './fake-sign-off.js';
import { answerFaults, bodyFaults, like, operationOf, requestFaults } from './openapi.js';

type Json = Record<string, unknown>;
interface Answer { status: number; body: unknown; headers?: Record<string, string>; paged?: string }

interface Commit { sha: string; title: string; author: string; parents: string[] }
interface Pull { number: number; author: string; merged: boolean; commits: string[]; reviews: { user: string; state: string; association?: string; type?: string }[] }

/** What an answer of a planned failure may be; it is given `times` times, to requests whose path contains `at`. */
export interface Failure { at: string; times: number; status: number; message: string; headers?: Record<string, string>; hang?: boolean }

export const TOKEN = 'ghs_fakeTokenOfTheTests0123456789';
/** One that may read the members of teams besides. */
export const MEMBERS_TOKEN = 'ghs_fakeTokenForTeams0123456789abc';
export const REPOSITORY = 'acme/shop';

/** What GitHub asks for each path, as its documentation has it. */
const PERMISSIONS: [RegExp, string][] = [
  [/\/(branches|compare|git|tags|rules)(\/|$)/, 'contents'], [/^\/releases/, 'contents'], [/^\/deployments/, 'deployments'], [/\/pulls/, 'pull-requests'], [/\/check-runs$/, 'checks'], [/\/status$/, 'statuses'],
  [/\/actions\/(runs|workflows)/, 'actions'], [/\/environments\/\{environment_name\}$/, 'actions'], [/^\/issues/, 'issues'], [/^\/orgs\//, 'members'], [/^\/collaborators\//, 'metadata'], [/\/secret-scanning\//, 'secret_scanning_alerts'], [/\/code-scanning\//, 'security-events'],
  [/\/dependabot\//, 'vulnerability-alerts'], [/\/actions\/secrets$/, 'secrets'], [/\/environments\//, 'environments'],
];

/**
 * GitHub's REST API for one repository, on a port of its own: commits, tags, pull requests, checks, alerts, secrets as plain
 * state that a test changes. Every request and every answer is held against GitHub's OpenAPI document; what does not fit
 * is kept in `faults`.
 */
export class FakeGitHub {
  readonly requests: string[] = [];
  readonly faults: string[] = [];
  readonly failures: Failure[] = [];
  readonly refused = new Set<string>();
  /** Entries per page, when less than what is asked for. */
  pageSize = 100;
  /** Where the next page is said to be, in place of here. */
  nextOrigin: string | undefined;

  commits: Commit[] = [];
  branches = new Map<string, string>();
  /** By tag: the commit; annotated unless it stands in `lightweight`. */
  tags = new Map<string, string>();
  lightweight = new Set<string>();
  classic = false;
  rules: string[] = ['pull_request', 'non_fast_forward'];
  pulls: Pull[] = [];
  checkRuns: { id: number; name: string; sha: string; status: string; conclusion: string | null; run?: number; app?: string }[] = [];
  statuses: { context: string; state: string; sha: string }[] = [];
  runs: { id: number; workflow: number; event: string; branch: string; sha: string; attempt?: number; actor?: string; trigger?: string }[] = [];
  secretAlerts: { type: string }[] | undefined = [];
  codeAlerts: { level?: string; severity?: string; rule: string }[] | undefined = [];
  dependencyAlerts: { severity: string; name: string }[] | undefined = [];
  secrets: { name: string; updated: string }[] = [];
  environments = new Map<string, { name: string; updated: string }[]>();

  /** Approvals, environments, teams, issues: see there. */
  readonly signOff = new FakeSignOff();

  /** Releases and deployments: see there. */
  readonly published = new FakeReleases();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<FakeGitHub> {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const fake = new FakeGitHub(server);
    server.on('request', (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part)).on('end', () => fake.handle(request, response, Buffer.concat(parts).toString()));
    });
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  /** Adds a commit on the branch; returns its hash. */
  commit(title: string, author: string, parents?: string[], branch = 'main'): string {
    const sha = (this.commits.length + 1).toString(16).padStart(40, 'c0ffee');
    const head = this.branches.get(branch);
    this.commits.push({ sha, title, author, parents: parents ?? (head === undefined ? [] : [head]) });
    this.branches.set(branch, sha);
    return sha;
  }

  /** A pull request with one commit, merged as it is by default. */
  pull(author: string, reviews: Pull['reviews'], rest: Partial<Pull> & { title?: string } = {}): Pull {
    const number = this.pulls.length + 1;
    const pull = { number, author, merged: true, commits: [], reviews, ...rest };
    if (rest.commits === undefined) pull.commits = [this.commit(rest.title ?? `Change ${number}`, author)];
    this.pulls.push(pull);
    return pull;
  }

  checkRun(sha: string, name: string, conclusion: string | null, rest: { run?: number; app?: string; status?: string } = {}): void {
    this.checkRuns.push({ id: this.checkRuns.length + 1, name, sha, status: conclusion === null ? 'in_progress' : 'completed', conclusion, ...rest });
  }

  private handle(request: IncomingMessage, response: ServerResponse, sent: string): void {
    const url = new URL(request.url ?? '/', this.url);
    this.requests.push(`${request.method === 'GET' ? '' : `${request.method ?? ''} `}${url.pathname}${url.search}`);
    const failure = this.failures.find(({ at, times }) => times > 0 && url.pathname.includes(at));
    if (failure?.hang === true) return;
    const answer = failure === undefined ? this.answer(request, url, sent) : this.fail(failure);
    response.writeHead(answer.status, { 'content-type': 'application/json; charset=utf-8', ...answer.headers });
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
  }

  private fail(failure: Failure): Answer {
    failure.times -= 1;
    const body = failure.message.startsWith('<') ? failure.message : { message: failure.message };
    return { status: failure.status, body, ...(failure.headers === undefined ? {} : { headers: failure.headers }) };
  }

  private answer(request: IncomingMessage, url: URL, sent: string): Answer {
    const { headers, method = 'GET' } = request;
    if (headers['user-agent'] !== 'slipway' || headers.accept !== 'application/vnd.github+json' || headers['x-github-api-version'] !== '2022-11-28') {
      this.faults.push(`headers: ${JSON.stringify(headers)}`);
    }
    const operation = operationOf(url.pathname, method);
    if (operation === undefined) {
      this.faults.push(`no such path: ${method} ${url.pathname}`);
      return error(404, 'Not Found');
    }
    const write = method === 'GET' ? undefined : `${method} ${operation.path}`;
    const body = sent === '' ? undefined : (JSON.parse(sent) as Json);
    this.faults.push(...(write === undefined ? requestFaults(operation.path, url.searchParams) : bodyFaults(write, body)));
    const answer = this.guarded(headers.authorization, operation, url, method, body ?? {});
    if (answer.paged !== undefined) this.page(answer, url);
    this.faults.push(...answerFaults(write ?? operation.path, answer.status, answer.body));
    return answer;
  }

  private guarded(authorization: string | undefined, { path, values }: { path: string; values: Record<string, string> }, url: URL, method: string, body: Json): Answer {
    if (authorization !== `Bearer ${TOKEN}` && authorization !== `Bearer ${MEMBERS_TOKEN}`) return error(401, 'Bad credentials');
    if (path.startsWith('/repos/') && `${values['owner'] ?? ''}/${values['repo'] ?? ''}` !== REPOSITORY) return error(404, 'Not Found');
    // A job's own token knows nothing of the organization.
    if (path.startsWith('/orgs/') && authorization !== `Bearer ${MEMBERS_TOKEN}`) return error(403, 'Resource not accessible by integration');
    const needed = PERMISSIONS.find(([pattern]) => pattern.test(path.replace('/repos/{owner}/{repo}', '')))?.[1] ?? '';
    if (this.refused.has(needed) || (method !== 'GET' && this.refused.has(`${needed}: write`))) return error(403, 'Resource not accessible by integration');
    const route = path.replace('/repos/{owner}/{repo}', '');
    if (method !== 'GET') return (this.signOff.writes[`${method} ${route}`] ?? this.published.writes[`${method} ${route}`])!(values, url.searchParams, body);
    return (this.routes[route] ?? this.signOff.routes[route] ?? this.published.routes[route])!(values, url.searchParams, body);
  }

  /** Cuts one page out of a list and links to the next. */
  private page(answer: Answer, url: URL): void {
    const key = answer.paged ?? '';
    const body = answer.body as Json;
    const items = (key === '' ? answer.body : body[key]) as unknown[];
    const size = Math.min(this.pageSize, Number(url.searchParams.get('per_page') ?? 30));
    // Dependabot's pages go by cursor.
    const cursor = url.pathname.includes('/dependabot/') ? 'after' : 'page';
    const page = Number(url.searchParams.get(cursor) ?? 1);
    const part = items.slice((page - 1) * size, page * size);
    answer.body = key === '' ? part : { ...body, [key]: part };
    if (page * size >= items.length) return;
    const next = new URL(url);
    next.searchParams.set(cursor, String(page + 1));
    const last = new URL(url);
    last.searchParams.set(cursor, String(Math.ceil(items.length / size)));
    const at = (to: URL): string => to.href.replace(this.url, this.nextOrigin ?? this.url);
    answer.headers = { link: `<${at(last)}>; rel="last", <${at(next)}>; rel="next"` };
  }

  private ancestors(sha: string): Set<string> {
    const found = new Set<string>();
    const queue = [sha];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (found.has(next)) continue;
      found.add(next);
      queue.push(...(this.commits.find((item) => item.sha === next)?.parents ?? []));
    }
    return found;
  }

  private resolve(name: string): string | undefined {
    return this.branches.get(name) ?? this.tags.get(name) ?? this.commits.find(({ sha }) => sha === name)?.sha;
  }

  private compare(basehead: string): Answer {
    const [base, head] = basehead.split('...').map((name) => this.resolve(name));
    if (base === undefined || head === undefined) return error(404, 'Not Found');
    const [before, after] = [this.ancestors(base), this.ancestors(head)];
    const ahead = this.commits.filter(({ sha }) => after.has(sha) && !before.has(sha));
    const behind = [...before].filter((sha) => !after.has(sha)).length;
    const status = ahead.length > 0 ? (behind > 0 ? 'diverged' : 'ahead') : behind > 0 ? 'behind' : 'identical';
    const commits = ahead.map(({ sha, title, author, parents }) => like('/compare/{basehead}', 'commits', {
      sha, commit: { message: `${title}\n\nWhy it was made.` }, author: author.startsWith('?') ? null : { login: author }, parents: parents.map((parent) => ({ sha: parent, url: 'https://api.github.com/x' })),
    }));
    const body = { ...like('/compare/{basehead}', undefined, { status, ahead_by: ahead.length, behind_by: behind, total_commits: ahead.length }), commits };
    return { status: 200, body, paged: 'commits' };
  }

  private listing(path: string, key: string | undefined, items: Json[]): Answer {
    if (key === undefined) return { status: 200, body: items, paged: '' };
    return { status: 200, body: { ...like(path, undefined, {}), total_count: items.length, [key]: items }, paged: key };
  }

  private readonly routes: Record<string, (values: Record<string, string>, query: URLSearchParams, body: Json) => Answer> = {
    '/git/ref/{ref}': ({ ref = '' }) => {
      const name = ref.replace(/^tags\//, '');
      const sha = this.tags.get(name);
      if (sha === undefined) return error(404, 'Not Found');
      const object = this.lightweight.has(name) ? { type: 'commit', sha } : { type: 'tag', sha: `f00d${sha.slice(4)}` };
      return { status: 200, body: like('/git/ref/{ref}', undefined, { ref: `refs/tags/${name}`, object }) };
    },
    '/git/tags/{tag_sha}': ({ tag_sha: sha = '' }) => {
      const target = this.commits.find((item) => item.sha.slice(4) === sha.slice(4))!.sha;
      return { status: 200, body: like('/git/tags/{tag_sha}', undefined, { sha, object: { type: 'commit', sha: target } }) };
    },
    '/tags': () => this.listing('/tags', undefined, [...this.tags].map(([name, sha]) => like('/tags', '', { name, commit: { sha } }))),
    '/branches/{branch}': ({ branch = '' }) => {
      const sha = this.branches.get(branch);
      if (sha === undefined) return error(404, 'Branch not found');
      return { status: 200, body: like('/branches/{branch}', undefined, { name: branch, commit: { sha }, protected: this.classic || this.rules.length > 0, protection: { enabled: this.classic } }) };
    },
    '/rules/branches/{branch}': () => this.listing('', undefined, this.rules.map((type) => ({
      type, ruleset_source_type: 'Repository', ruleset_source: REPOSITORY, ruleset_id: 42,
      ...(type === 'pull_request' ? { parameters: { dismiss_stale_reviews_on_push: true, require_code_owner_review: false, require_last_push_approval: false, required_approving_review_count: 1, required_review_thread_resolution: false } } : {}),
    }))),
    '/compare/{basehead}': ({ basehead = '' }) => this.compare(basehead),
    '/commits/{commit_sha}/pulls': ({ commit_sha: sha = '' }) => this.listing('', undefined, this.pulls.filter(({ commits }) => commits.includes(sha)).map(({ number, author, merged }) =>
      like('/commits/{commit_sha}/pulls', '', { number, state: merged ? 'closed' : 'open', merged_at: merged ? '2026-11-20T10:00:00Z' : null, user: { login: author }, requested_teams: [] }))),
    '/pulls/{pull_number}/reviews': ({ pull_number: number }) => this.listing('', undefined, this.pulls.find((pull) => String(pull.number) === number)!.reviews.map(({ user, state, association = 'MEMBER', type = 'User' }) =>
      like('/pulls/{pull_number}/reviews', '', { state, author_association: association, user: { login: user, type } }))),
    '/commits/{ref}/check-runs': ({ ref }) => this.listing('/commits/{ref}/check-runs', 'check_runs', this.checkRuns.filter(({ sha }) => sha === ref).map(({ id, name, sha, status, conclusion, run, app = 'github-actions' }) =>
      like('/commits/{ref}/check-runs', 'check_runs', { id, name, head_sha: sha, status, conclusion, app: { slug: app }, details_url: run === undefined ? 'https://ci.example.com/1' : `https://github.com/${REPOSITORY}/actions/runs/${run}/job/${id}` }))),
    '/commits/{ref}/status': ({ ref }) => this.listing('/commits/{ref}/status', 'statuses', this.statuses.filter(({ sha }) => sha === ref).map(({ context, state }) => like('/commits/{ref}/status', 'statuses', { context, state }))),
    '/actions/runs/{run_id}': ({ run_id: id }) => {
      const run = this.runs.find((item) => String(item.id) === id);
      return run === undefined ? error(404, 'Not Found') : { status: 200, body: like('/actions/runs/{run_id}', undefined, { id: run.id, workflow_id: run.workflow, event: run.event, head_branch: run.branch, head_sha: run.sha, run_attempt: run.attempt ?? 1, actor: { login: run.actor ?? 'dora' }, triggering_actor: { login: run.trigger ?? run.actor ?? 'dora' } }) };
    },
    '/actions/workflows/{workflow_id}/runs': ({ workflow_id: workflow }, query) => this.listing('/actions/workflows/{workflow_id}/runs', 'workflow_runs', this.runs
      .filter((run) => String(run.workflow) === workflow && run.event === query.get('event') && run.branch === query.get('branch') && run.sha === query.get('head_sha'))
      .map(({ id }) => like('/actions/workflows/{workflow_id}/runs', 'workflow_runs', { id }))),
    '/secret-scanning/alerts': (_, query) => {
      if (query.get('hide_secret') !== 'true') this.faults.push('the secrets themselves were asked for');
      return this.secretAlerts === undefined ? error(404, 'Secret scanning is disabled on this repository.') : this.listing('', undefined, this.secretAlerts.map(({ type }, index) =>
        like('/secret-scanning/alerts', '', { number: index + 1, secret_type: type.toLowerCase().replaceAll(' ', '_'), secret_type_display_name: type, secret: '' })));
    },
    '/code-scanning/alerts': (_, query) => (this.codeAlerts === undefined ? error(404, 'no analysis found')
      : this.listing('', undefined, query.get('ref') === 'refs/heads/main' ? this.codeAlerts.map(({ level, severity, rule }, index) =>
        like('/code-scanning/alerts', '', { number: index + 1, rule: { id: rule, severity: severity ?? 'error', security_severity_level: level ?? null } })) : [])),
    '/dependabot/alerts': () => (this.dependencyAlerts === undefined ? error(403, 'Dependabot alerts are disabled for this repository.')
      : this.listing('', undefined, this.dependencyAlerts.map(({ severity, name }, index) =>
        like('/dependabot/alerts', '', { number: index + 1, dependency: { package: { name } }, security_advisory: { severity, epss: { percentage: 0.1, percentile: 0.9 } } })))),
    '/actions/secrets': () => this.listing('/actions/secrets', 'secrets', this.secrets.map(secretBody)),
    '/environments/{environment_name}/secrets': ({ environment_name: name = '' }) => {
      const secrets = this.environments.get(name);
      return secrets === undefined ? error(404, 'Not Found') : this.listing('/environments/{environment_name}/secrets', 'secrets', secrets.map(secretBody));
    },
  };
}

function secretBody({ name, updated }: { name: string; updated: string }): Json {
  return { name, created_at: '2024-01-01T00:00:00Z', updated_at: updated };
}

function error(status: number, message: string): Answer {
  return { status, body: { message, documentation_url: 'https://docs.github.com/rest', status: String(status) } };
}
