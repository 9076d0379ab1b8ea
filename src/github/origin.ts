/**
 * `owner/name` of a remote's URL on the GitHub that `apiUrl` belongs to; undefined for any other place, which must neither
 * be asked nor be given the token. Knows `https://…`, `ssh://…` and `git@host:owner/name.git`.
 */
export function repositoryOf(remote: string, apiUrl: string): string | undefined {
  const match = /^(?:(?:https?|ssh|git):\/\/(?:[^/@]+@)?([^/:]+)(?::\d+)?\/|(?:[^/@:]+@)?([^/:]+):)([\w.-]+\/[\w.-]+?)(?:\.git)?\/?$/.exec(remote.trim());
  if (match === null) return undefined;
  const [, urlHost, scpHost, repository] = match;
  const api = new URL(apiUrl).hostname;
  const host = api.replace(/^api\./, '');
  return (urlHost ?? scpHost) === host ? repository : undefined;
}
