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
