import { UserError } from '../evidence/errors.js';
import type { Reporter } from '../evidence/reporter.js';
import { signOffSource } from '../github/sign-off.js';
import type { SignOffSource } from '../signoff/source.js';
import { clientOf, originOf, type GitHubAccess } from './github.js';

/** What sign-offs put to GitHub, ready to be asked. @throws UserError when there is no token, or no repository. */
export function signOffDoor(
  access: GitHubAccess | undefined,
  world: { workspace: string; env: Readonly<Record<string, string>>; reporter: Reporter; signal: AbortSignal },
): () => Promise<SignOffSource> {
  return async () => {
    if (access?.token === undefined) {
      throw new UserError('there is no token to ask GitHub with', { remedy: 'In a workflow: `github-token: ${{ github.token }}`; in a terminal: GITHUB_TOKEN=$(gh auth token).' });
    }
    const repository = access.repository ?? await originOf(access, world);
    if (repository === undefined) {
      throw new UserError('it is not known which repository on GitHub this is', { remedy: 'Set GITHUB_REPOSITORY=owner/name; the remote origin does not lead to GitHub.' });
    }
    return signOffSource({
      api: clientOf(access, repository, access.token, world), repository,
      ...(access.membersToken === undefined ? {} : { members: clientOf(access, repository, access.membersToken, world) }),
      ...(access.runId === undefined ? {} : { runId: Number(access.runId) }),
    });
  };
}
