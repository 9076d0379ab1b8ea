import { runProcess } from '../checks/gather/process.js';
import { UserError } from '../evidence/errors.js';
import type { Reporter } from '../evidence/reporter.js';
import { GitHubApi } from '../github/api.js';
import { repositoryOf } from '../github/origin.js';
import { signOffSource } from '../github/sign-off.js';
import type { SignOffSource } from '../signoff/source.js';
import type { GitHubAccess } from './github.js';

/** What sign-offs put to GitHub, ready to be asked. @throws UserError when there is no token, or no repository. */
export function signOffDoor(
  access: GitHubAccess | undefined,
  world: { workspace: string; env: Readonly<Record<string, string>>; reporter: Reporter; signal: AbortSignal },
): () => Promise<SignOffSource> {
  return async () => {
    if (access?.token === undefined) {
      throw new UserError('there is no token to ask GitHub with', { remedy: 'In a workflow: `github-token: ${{ github.token }}`; in a terminal: GITHUB_TOKEN=$(gh auth token).' });
    }
    const repository = access.repository ?? await origin(access.apiUrl, world);
    const client = (token: string): GitHubApi =>
      new GitHubApi({ baseUrl: access.apiUrl, repository, token, signal: world.signal, debug: (text) => world.reporter.debug(text) });
    return signOffSource({
      api: client(access.token), repository,
      ...(access.membersToken === undefined ? {} : { members: client(access.membersToken) }),
      ...(access.runId === undefined ? {} : { runId: Number(access.runId) }),
    });
  };
}

async function origin(apiUrl: string, { workspace, env }: { workspace: string; env: Readonly<Record<string, string>> }): Promise<string> {
  const result = await runProcess('git', ['remote', 'get-url', 'origin'], { cwd: workspace, env, limit: 10_000 }).catch(() => undefined);
  const repository = repositoryOf(result?.code === 0 ? result.stdout.trim() : '', apiUrl);
  if (repository !== undefined) return repository;
  throw new UserError('it is not known which repository on GitHub this is', { remedy: 'Set GITHUB_REPOSITORY=owner/name; the remote origin does not lead to GitHub.' });
}
