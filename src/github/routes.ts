import * as z from 'zod';
import type { Route } from './api.js';

/**
 * Every request Slipway makes to GitHub, with the permission it takes (as `permissions:` of a job writes it; those that a
 * job cannot grant, in the words of the settings of a GitHub App) and what is read of the answer. The tests hold paths,
 * parameters and answers against GitHub's OpenAPI document: test/support/github-openapi.json.
 */
const user = z.object({ login: z.string(), type: z.string().optional() });
const REPOSITORY = '/repos/{owner}/{repo}';

function route<T>(path: string, permission: string, what: string, answer: z.ZodType<T>, list?: string): Route<T> {
  return { path: `${REPOSITORY}${path}`, permission, what, answer, ...(list === undefined ? {} : { list }) };
}

const comparison = z.object({
  status: z.enum(['ahead', 'behind', 'diverged', 'identical']),
  total_commits: z.number(),
});

const secret = z.object({ name: z.string(), updated_at: z.string() });

export const routes = {
  ref: route('/git/ref/{ref}', 'contents: read', 'the tag', z.object({ object: z.object({ type: z.string(), sha: z.string() }) })),
  tag: route('/git/tags/{tag_sha}', 'contents: read', 'the tag', z.object({ object: z.object({ type: z.string(), sha: z.string() }) })),
  tags: route('/tags', 'contents: read', 'the tags', z.object({ name: z.string(), commit: z.object({ sha: z.string() }) })),
  branch: route('/branches/{branch}', 'contents: read', 'the protection of the branch', z.object({
    protected: z.boolean(),
    protection: z.object({ enabled: z.boolean().optional() }).optional(),
  })),
  rules: route('/rules/branches/{branch}', 'contents: read', 'the rules of the branch', z.object({ type: z.string() })),
  compare: route('/compare/{basehead}', 'contents: read', 'how the commits lie to each other', comparison),
  commits: route('/compare/{basehead}', 'contents: read', 'the commits since the last release', z.object({
    sha: z.string(),
    commit: z.object({ message: z.string(), author: z.object({ name: z.string().optional() }).nullable() }),
    // An author that GitHub does not know is null, or an empty object.
    author: user.partial().nullable(),
    parents: z.array(z.object({ sha: z.string() })),
  }), 'commits'),
  pulls: route('/commits/{commit_sha}/pulls', 'pull-requests: read', 'the pull requests of a commit', z.object({
    number: z.number(), user: user.nullable(), merged_at: z.string().nullable(),
  })),
  reviews: route('/pulls/{pull_number}/reviews', 'pull-requests: read', 'the reviews of a pull request', z.object({
    user: user.nullable(), state: z.string(), author_association: z.string(),
  })),
  checkRuns: route('/commits/{ref}/check-runs', 'checks: read', 'the check runs of the commit', z.object({
    id: z.number(), name: z.string(), status: z.string(), conclusion: z.string().nullable(), details_url: z.string().nullable(),
    app: z.object({ slug: z.string().optional() }).nullable(),
  }), 'check_runs'),
  statuses: route('/commits/{ref}/status', 'statuses: read', 'the statuses of the commit', z.object({ context: z.string(), state: z.string() }), 'statuses'),
  run: route('/actions/runs/{run_id}', 'actions: read', 'the run that asks', z.object({
    id: z.number(), workflow_id: z.number(), event: z.string(), head_branch: z.string().nullable(),
  })),
  runs: route('/actions/workflows/{workflow_id}/runs', 'actions: read', 'the runs of the workflow that asks', z.object({ id: z.number() }), 'workflow_runs'),
  secretAlerts: route('/secret-scanning/alerts', 'Secret scanning alerts: read', 'the alerts of secret scanning', z.object({
    number: z.number(), secret_type: z.string().optional(), secret_type_display_name: z.string().optional(),
  })),
  codeAlerts: route('/code-scanning/alerts', 'security-events: read', 'the alerts of code scanning', z.object({
    number: z.number(),
    rule: z.object({
      id: z.string().nullish(), description: z.string().optional(),
      severity: z.string().nullish(), security_severity_level: z.string().nullish(),
    }),
    tool: z.object({ name: z.string().optional() }),
  })),
  dependencyAlerts: route('/dependabot/alerts', 'vulnerability-alerts: read', 'the alerts of Dependabot', z.object({
    number: z.number(),
    dependency: z.object({ package: z.object({ name: z.string() }).optional() }),
    security_advisory: z.object({ severity: z.string() }),
  })),
  repositorySecrets: route('/actions/secrets', 'Secrets: read', 'the ages of the secrets of the repository', secret, 'secrets'),
  environmentSecrets: route('/environments/{environment_name}/secrets', 'Environments: read', 'the ages of the secrets of the environment', secret, 'secrets'),
} as const;
