import type { GitHubFacts } from '../checks/github-facts.js';
import { runProcess } from '../checks/gather/process.js';
import type { Config } from '../config/schema.js';
import type { Reporter } from '../evidence/reporter.js';
import { GitHubApi } from '../github/api.js';
import { repositoryOf } from '../github/origin.js';
import { gatherRepositoryState, unanswered } from '../github/repository-state.js';
import type { GitHubAccess } from './github-access.js';

/** Why GitHub cannot be asked, and what to do about it. */
export const NO_TOKEN = { problem: 'there is no token to ask GitHub with', remedy: 'In a workflow: `github-token: ${{ github.token }}`; in a terminal: GITHUB_TOKEN=$(gh auth token).' };
/** The same, with a token. */
export const NO_REPOSITORY = { problem: 'it is not known which repository on GitHub this is', remedy: 'Set GITHUB_REPOSITORY=owner/name; the remote origin does not lead to GitHub.' };

/** What every client of GitHub's API here needs of its surroundings. */
interface World {
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/** A client for one repository. */
export function clientOf({ apiUrl: baseUrl }: GitHubAccess, repository: string, token: string, { reporter, signal }: World): GitHubApi {
  return new GitHubApi({ baseUrl, repository, token, signal, debug: (text) => reporter.debug(text) });
}

/** A client for the job's own repository; undefined without a token or outside a workflow, where no repository is named. */
export function ownClient(access: GitHubAccess | undefined, world: World): GitHubApi | undefined {
  return access?.token === undefined || access.repository === undefined ? undefined : clientOf(access, access.repository, access.token, world);
}

/** The repository that the remote `origin` leads to, where it is one of this GitHub's. */
export async function originOf({ apiUrl }: GitHubAccess, { workspace, env }: { readonly workspace: string; readonly env: Readonly<Record<string, string>> }): Promise<string | undefined> {
  return repositoryOf((await git({ workspace, env }, 'remote', 'get-url', 'origin')) ?? '', apiUrl);
}

/**
 * The job's token for git, as variables, since arguments can be seen by everybody: a check-out with `persist-credentials: false` leaves git
 * none, and a private repository then tells nothing. It goes to this GitHub alone. The empty value takes away what a check-out may have
 * left, or GitHub would get two and refuse both: https://git-scm.com/docs/git-config (http.extraHeader, GIT_CONFIG_COUNT).
 */
export function originEnv(access: GitHubAccess | undefined): Record<string, string> {
  if (access?.token === undefined) return {};
  const key = `http.${access.apiUrl.replace(/^(https?:\/\/)api\./, '$1').replace(/\/api\/v3$/, '')}/.extraheader`;
  const header = `AUTHORIZATION: basic ${Buffer.from(`x-access-token:${access.token}`).toString('base64')}`;
  return { GIT_CONFIG_COUNT: '2', GIT_CONFIG_KEY_0: key, GIT_CONFIG_VALUE_0: '', GIT_CONFIG_KEY_1: key, GIT_CONFIG_VALUE_1: header };
}

async function git({ workspace, env }: { readonly workspace: string; readonly env: Readonly<Record<string, string>> }, ...args: string[]): Promise<string | undefined> {
  const result = await runProcess('git', args, { cwd: workspace, env, limit: 10_000 }).catch(() => undefined);
  return result?.code === 0 ? result.stdout.trim() : undefined;
}

/** The question commands put to GitHub, ready to be asked: they know nothing of tokens and requests. */
export function repositoryState(
  access: GitHubAccess | undefined,
  world: { config: Config; environmentName: string; workspace: string; env: Readonly<Record<string, string>>; reporter: Reporter; signal: AbortSignal },
): (ref: string | undefined) => Promise<GitHubFacts> {
  return async (ref) => {
    if (access?.token === undefined) return unanswered(NO_TOKEN, access?.repository);
    const repository = access.repository ?? await originOf(access, world);
    if (repository === undefined) return unanswered(NO_REPOSITORY);
    return gatherRepositoryState(clientOf(access, repository, access.token, world), repository, {
      config: world.config.preflight, environmentName: world.environmentName, ref, runId: access.runId, commit: await git(world, 'rev-parse', 'HEAD'),
    });
  };
}
