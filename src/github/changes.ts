import type { ChangeFacts, CommitFacts, PullFacts } from '../checks/github-facts.js';
import { UserError } from '../evidence/errors.js';
import type { GitHubApi } from './api.js';
import { previousTag } from './release-tags.js';
import { routes } from './routes.js';

/** Each commit takes a request, and a job's token has 1000 an hour. */
const MOST_COMMITS = 400;
const AT_ONCE = 4;

interface Range {
  /** What is released. */
  readonly commit: string;
  readonly tag: string | undefined;
  /** A tag or commit in place of the last release tag. */
  readonly since: string | undefined;
}

/**
 * The commits that a release brings, each with its pull requests and their reviews.
 * @throws UserError when there is nothing to count from, or more than 400 commits; GitHubError.
 */
export async function changesSince(api: GitHubApi, range: Range): Promise<ChangeFacts> {
  const { since, base } = range.since === undefined ? await lastRelease(api, range) : { since: range.since, base: range.since };
  const basehead = `${base}...${range.commit}`;
  const { total_commits: total } = await api.get(routes.compare, { basehead }, { per_page: 1 });
  if (total > MOST_COMMITS) {
    throw new UserError(`there are ${total} commits since ${since}; up to ${MOST_COMMITS} are looked at`, {
      remedy: 'Release more often, or name a later commit in preflight.github.reviewed-since for this once.',
    });
  }
  const commits = await api.list(routes.commits, { basehead });
  if (commits.length !== total) throw new UserError(`GitHub tells ${commits.length} of ${total} commits since ${since}`, { remedy: 'Start again.' });
  const pulls = new PullRequests(api);
  return {
    since,
    commits: await inTurns(commits, async ({ sha, commit, author, parents }): Promise<CommitFacts> => ({
      sha,
      title: commit.message.split('\n')[0] ?? '',
      author: author?.login ?? commit.author?.name ?? 'unknown',
      merge: parents.length > 1,
      pulls: await pulls.of(sha),
    })),
  };
}

async function lastRelease(api: GitHubApi, { commit, tag }: Range): Promise<{ since: string; base: string }> {
  const tags = new Map((await api.list(routes.tags)).map(({ name, commit: { sha } }) => [name, sha]));
  const earlier = [...tags].filter(([, sha]) => sha !== commit).map(([name]) => name);
  const since = previousTag(earlier, tag);
  const base = since === undefined ? undefined : tags.get(since);
  if (since === undefined || base === undefined) {
    throw new UserError(`there is no earlier release tag${tag === undefined ? '' : `, written like ${tag},`} to count from`, {
      remedy: 'Name the tag or commit after which reviews began in preflight.github.reviewed-since.',
    });
  }
  return { since, base };
}

/** Pull requests by commit; each one's reviews are asked for once. */
class PullRequests {
  private readonly known = new Map<number, Promise<PullFacts>>();

  constructor(private readonly api: GitHubApi) {}

  async of(sha: string): Promise<PullFacts[]> {
    const pulls = await this.api.list(routes.pulls, { commit_sha: sha });
    return Promise.all(pulls.map(({ number, user, merged_at: merged }) => {
      const known = this.known.get(number) ?? this.facts(number, user?.login ?? 'ghost', merged !== null);
      this.known.set(number, known);
      return known;
    }));
  }

  private async facts(number: number, author: string, merged: boolean): Promise<PullFacts> {
    const reviews = merged ? await this.api.list(routes.reviews, { pull_number: number }) : [];
    return {
      number, author, merged,
      reviews: reviews.map(({ user, state, author_association: association }) => ({ user: user?.login ?? 'ghost', bot: user?.type === 'Bot', state, association })),
    };
  }
}

/** Like `map`, a few at a time: GitHub asks not to be asked everything at once. */
async function inTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const [index, item] of queue) results[index] = await work(item);
  }));
  return results;
}
