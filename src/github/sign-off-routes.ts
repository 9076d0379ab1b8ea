import * as z from 'zod';
import type { Route, Write } from './api.js';

/** What sign-offs ask of GitHub and do there; see routes.ts. */
const REPOSITORY = '/repos/{owner}/{repo}';
const TEAM = '/orgs/{org}/teams/{team_slug}';

function route<T>(path: string, permission: string, what: string, answer: z.ZodType<T>, list?: string): Route<T> {
  return { path: path.startsWith('/orgs/') ? path : `${REPOSITORY}${path}`, permission, what, answer, ...(list === undefined ? {} : { list }) };
}

function whole<T>(one: Route<T>): Route<T> {
  return { ...one, whole: true };
}

function write<T>(method: Write<T>['method'], path: string, permission: string, does: string, answer: z.ZodType<T>, repeatable: boolean): Write<T> {
  return { method, path: `${REPOSITORY}${path}`, permission, what: `what came of it (${does})`, does, answer, repeatable };
}

const user = z.object({ login: z.string(), type: z.string().optional() });
/** The labels of an issue, as names. */
export const labels = z.array(z.union([z.string(), z.object({ name: z.string().optional() })])).transform((list) => list.map((one) => (typeof one === 'string' ? one : one.name ?? '')));
const issue = z.object({
  labels, number: z.number(), html_url: z.string(), repository_url: z.string(), state: z.string(), title: z.string(), body: z.string().nullish(), user: user.nullable(),
  pull_request: z.object({}).nullish(),
});
const comment = z.object({
  id: z.number(), html_url: z.string(), body: z.string().optional(), user: user.nullable(), created_at: z.string(), updated_at: z.string(),
  performed_via_github_app: z.object({ name: z.string() }).nullish(),
});
const reviewers = z.array(z.object({
  // A team is told without its organization, which is that of the repository.
  type: z.string().optional(), reviewer: z.object({ login: z.string().optional(), slug: z.string().optional() }).optional(),
}));

export const signOffRoutes = {
  run: route('/actions/runs/{run_id}', 'actions: read', 'the run that is signed off', z.object({
    id: z.number(), run_attempt: z.number().optional(), head_sha: z.string(), actor: user.nullish(), triggering_actor: user.nullish(),
  })),
  approvals: whole(route('/actions/runs/{run_id}/approvals', 'actions: read', 'the approvals of the run', z.object({
    state: z.string(), comment: z.string(), user, environments: z.array(z.object({ name: z.string().optional() })),
  }))),
  pending: whole(route('/actions/runs/{run_id}/pending_deployments', 'actions: read', 'the environments that wait for approval', z.object({
    environment: z.object({ name: z.string().optional() }),
  }))),
  jobs: route('/actions/runs/{run_id}/jobs', 'actions: read', 'the jobs of the run', z.object({
    id: z.number(), name: z.string(), status: z.string(), conclusion: z.string().nullable(), run_attempt: z.number().optional(), started_at: z.string().nullish(),
  }), 'jobs'),
  environment: route('/environments/{environment_name}', 'actions: read', 'the rules of the environment', z.object({
    // Told by github.com and GitHub Enterprise Server, though not in GitHub's OpenAPI document.
    can_admins_bypass: z.boolean().optional(),
    protection_rules: z.array(z.object({ type: z.string(), reviewers: reviewers.optional() })).optional(),
  })),
  team: route(TEAM, 'Members: read', 'the team', z.object({ slug: z.string() })),
  membership: route(`${TEAM}/memberships/{username}`, 'Members: read', 'who belongs to the team', z.object({ state: z.string() })),
  permission: route('/collaborators/{username}/permission', 'contents: read', 'what a person may do in the repository', z.object({ permission: z.string() })),
  issue: route('/issues/{issue_number}', 'issues: read', 'the issue', issue),
  issues: route('/issues', 'issues: read', 'the go-live issues', issue),
  comments: route('/issues/{issue_number}/comments', 'issues: read', 'the comments of the issue', comment),
} as const;

export const signOffWrites = {
  open: write('POST', '/issues', 'issues: write', 'open the issue', issue, false),
  change: write('PATCH', '/issues/{issue_number}', 'issues: write', 'change the issue', issue, true),
  comment: write('POST', '/issues/{issue_number}/comments', 'issues: write', 'take the comment', comment, false),
  label: write('POST', '/labels', 'issues: write', 'make the label', z.object({ name: z.string() }), true),
  lock: write('PUT', '/issues/{issue_number}/lock', 'issues: write', 'lock the conversation again', z.undefined(), true),
  unlock: write('DELETE', '/issues/{issue_number}/lock', 'issues: write', 'unlock the conversation', z.undefined(), true),
  dispatch: write('POST', '/actions/workflows/{workflow_id}/dispatches', 'actions: write', 'start the workflow',
    z.object({ html_url: z.string().optional() }).optional(), false),
} as const;
