import * as z from 'zod';
import type { DeploymentStatus } from '../report/publisher.js';
import type { GitHubApi, Route, Write } from './api.js';

const deployment = z.object({ id: z.number() });
const PATH = '/repos/{owner}/{repo}/deployments';

/** Requests about deployments: https://docs.github.com/en/rest/deployments. */
export const deploymentRoutes = {
  list: { path: PATH, permission: 'deployments: read', what: 'the deployments of the environment', answer: deployment } satisfies Route<z.infer<typeof deployment>>,
} as const;

export const deploymentWrites = {
  // Made twice it would stand there twice.
  create: { method: 'POST', path: PATH, permission: 'deployments: write', what: 'the deployment', does: 'make a deployment', answer: deployment, repeatable: false } satisfies Write<z.infer<typeof deployment>>,
  status: {
    method: 'POST', path: `${PATH}/{deployment_id}/statuses`, permission: 'deployments: write', what: 'the status of the deployment',
    does: 'take the status of the deployment', answer: z.object({ state: z.string() }), repeatable: true,
  } satisfies Write<{ state: string }>,
} as const;

/**
 * Tells the newest deployment of a ref to an environment how it stands, and where the environment is reached. A job with
 * `environment:` has made one; without it one is made, which asks for no checks and merges nothing.
 * @returns what was told, in words.
 * @throws GitHubError, which says what to do.
 */
export async function deploymentStatus(api: GitHubApi, { environment, ref, state, url, log, description }: DeploymentStatus): Promise<string> {
  const byRef = await api.list(deploymentRoutes.list, {}, { environment, ...(/^[0-9a-f]{40}$/.test(ref) ? { sha: ref } : { ref }) });
  const newest = byRef.reduce<number | undefined>((most, { id }) => (most === undefined || id > most ? id : most), undefined);
  const id = newest ?? (await api.send(deploymentWrites.create, {}, { ref, environment, auto_merge: false, required_contexts: [], description: short(description) })).id;
  const told = await api.send(deploymentWrites.status, { deployment_id: id }, {
    state, description: short(description), ...(url === undefined ? {} : { environment_url: url }), ...(log === undefined ? {} : { log_url: log }),
  });
  return `deployment ${id} to ${environment}: ${told.state}`;
}

/** GitHub takes 140 characters. */
function short(text: string): string {
  return text.length <= 140 ? text : `${text.slice(0, 139)}…`;
}
