import type { GitHubFacts } from '../checks/github-facts.js';
import { runProcess } from '../checks/gather/process.js';
import type { Config } from '../config/schema.js';
import type { Reporter } from '../evidence/reporter.js';
import { GitHubApi } from '../github/api.js';
import { repositoryOf } from '../github/origin.js';
import { gatherRepositoryState, unanswered } from '../github/repository-state.js';

/** What is known of GitHub, from inputs and surroundings. */
export interface GitHubAccess {
  readonly token?: string | undefined;
  /** Reads the members of teams, which a workflow's own token cannot. */
  readonly membersToken?: string | undefined;
  /** `owner/name`; without it the remote `origin` tells. */
  readonly repository?: string | undefined;
  readonly apiUrl: string;
  /** The run of GitHub Actions this process is part of. */
  readonly runId?: string | undefined;
}

/** From the variables that GitHub's runner sets. */
export function githubAccess(env: NodeJS.ProcessEnv, token: string | undefined): GitHubAccess {
  const known = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  return { token, repository: known('GITHUB_REPOSITORY'), apiUrl: (known('GITHUB_API_URL') ?? 'https://api.github.com').replace(/\/+$/, ''), runId: known('GITHUB_RUN_ID') };
}

/** The question commands put to GitHub, ready to be asked: they know nothing of tokens and requests. */
export function repositoryState(
  access: GitHubAccess | undefined,
  world: { config: Config; environmentName: string; workspace: string; env: Readonly<Record<string, string>>; reporter: Reporter; signal: AbortSignal },
): (ref: string | undefined) => Promise<GitHubFacts> {
  return async (ref) => {
    const git = async (...args: string[]): Promise<string | undefined> => {
      const result = await runProcess('git', args, { cwd: world.workspace, env: world.env, limit: 10_000 }).catch(() => undefined);
      return result?.code === 0 ? result.stdout.trim() : undefined;
    };
    if (access?.token === undefined) {
      return unanswered({ problem: 'there is no token to ask GitHub with', remedy: 'In a workflow: `github-token: ${{ github.token }}`; in a terminal: GITHUB_TOKEN=$(gh auth token).' }, access?.repository);
    }
    const repository = access.repository ?? repositoryOf((await git('remote', 'get-url', 'origin')) ?? '', access.apiUrl);
    if (repository === undefined) {
      return unanswered({ problem: 'it is not known which repository on GitHub this is', remedy: 'Set GITHUB_REPOSITORY=owner/name; the remote origin does not lead to GitHub.' });
    }
    const api = new GitHubApi({ baseUrl: access.apiUrl, repository, token: access.token, signal: world.signal, debug: (text) => world.reporter.debug(text) });
    return gatherRepositoryState(api, repository, {
      config: world.config.preflight, environmentName: world.environmentName, ref, runId: access.runId, commit: await git('rev-parse', 'HEAD'),
    });
  };
}
