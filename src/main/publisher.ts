import { UserError } from '../evidence/errors.js';
import type { Reporter } from '../evidence/reporter.js';
import { deploymentStatus } from '../github/deployments.js';
import { appendNotes } from '../github/releases.js';
import type { Publisher } from '../report/publisher.js';
import { ownClient } from './github.js';
import type { GitHubAccess } from './github-access.js';

/** What a report puts onto GitHub, ready to be done. @throws UserError when there is no token, or no repository. */
export function publisherDoor(access: GitHubAccess | undefined, world: { reporter: Reporter; signal: AbortSignal }): () => Promise<Publisher> {
  return async () => {
    const api = ownClient(access, world);
    if (api === undefined) {
      throw new UserError('there is no token, or no repository, to tell GitHub with', { remedy: 'In a workflow: `github-token: ${{ github.token }}`; in a terminal: GITHUB_TOKEN and GITHUB_REPOSITORY.' });
    }
    return { appendNotes: (tag, name, section) => appendNotes(api, tag, name, section), deploymentStatus: (status) => deploymentStatus(api, status) };
  };
}
