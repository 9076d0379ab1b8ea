import { UserError } from '../evidence/errors.js';
import type { Reporter } from '../evidence/reporter.js';
import { signOffSource } from '../github/sign-off.js';
import type { SignOffSource } from '../signoff/source.js';
import { clientOf, NO_REPOSITORY, NO_TOKEN, originOf } from './github.js';
import type { GitHubAccess } from './github-access.js';

/** What sign-offs put to GitHub, ready to be asked. @throws UserError when there is no token, or no repository. */
export function signOffDoor(
  access: GitHubAccess | undefined,
  world: { workspace: string; env: Readonly<Record<string, string>>; reporter: Reporter; signal: AbortSignal },
): () => Promise<SignOffSource> {
  return async () => {
    if (access?.token === undefined) throw new UserError(NO_TOKEN.problem, { remedy: NO_TOKEN.remedy });
    const repository = access.repository ?? await originOf(access, world);
    if (repository === undefined) throw new UserError(NO_REPOSITORY.problem, { remedy: NO_REPOSITORY.remedy });
    return signOffSource({
      api: clientOf(access, repository, access.token, world), repository,
      ...(access.membersToken === undefined ? {} : { members: clientOf(access, repository, access.membersToken, world) }),
      ...(access.runId === undefined ? {} : { runId: Number(access.runId) }),
    });
  };
}
