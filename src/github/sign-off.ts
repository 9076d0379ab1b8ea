import { UserError } from '../evidence/errors.js';
import { environmentOfRole, type EnvironmentFacts, type MemberOf, type Membership, type RunFacts } from '../signoff/facts.js';
import { memberKey, memberLookup, type SignOffSource } from '../signoff/source.js';
import type { GitHubApi } from './api.js';
import { GitHubError } from './api-error.js';
import { issueSource } from './sign-off-issues.js';
import { signOffRoutes as routes } from './sign-off-routes.js';

export interface SignOffAccess {
  readonly api: GitHubApi;
  /** The same with a token that may read the members of teams; without it `api` is asked. */
  readonly members?: GitHubApi | undefined;
  /** `owner/name`. */
  readonly repository: string;
  readonly runId?: number | undefined;
}

/** What the rules of sign-off ask, of GitHub's API. */
export function signOffSource(access: SignOffAccess): SignOffSource {
  const { api, repository, runId } = access;
  return {
    runId,
    run: (id) => runOf(api, id),
    environments: async (roles) => new Map(await Promise.all(roles.map(async (role) => [role, await environmentOf(api, repository, environmentOfRole(role))] as const))),
    gate: async (id) => {
      const [run, reviews, pending, jobs] = await Promise.all([
        runOf(api, id),
        api.list(routes.approvals, { run_id: id }),
        api.list(routes.pending, { run_id: id }),
        api.list(routes.jobs, { run_id: id }, { filter: 'all' }),
      ]);
      return {
        run,
        reviews: reviews.map(({ state, comment, user, environments }) => ({
          state, comment, login: user.login, bot: user.type === 'Bot', environments: environments.map(({ name }) => name ?? ''),
        })),
        waiting: pending.map(({ environment }) => environment.name ?? ''),
        jobs: jobs.map(({ id: job, name, status, conclusion, run_attempt: attempt = 1, started_at: started }) => ({
          name, status, attempt, conclusion: conclusion ?? undefined, started: started ?? `job ${job}`,
        })),
      };
    },
    members: (logins, teams) => membersOf(access.members ?? api, logins, teams),
    issues: issueSource(api, repository),
  };
}

async function runOf(api: GitHubApi, id: number): Promise<RunFacts> {
  const { run_attempt: attempt, head_sha: commit, actor, triggering_actor: trigger } = await api.get(routes.run, { run_id: id });
  // Without its number a re-run would pass for a first attempt.
  if (attempt === undefined) throw new UserError(`GitHub does not tell which attempt of run ${id} this is`, { remedy: 'Start a new run.' });
  const initiators = [actor?.login, trigger?.login].filter((login) => login !== undefined);
  // Without one it could not be said that nobody signs what they started.
  if (initiators.length === 0) throw new UserError(`GitHub does not tell who started run ${id}`, { remedy: 'Start a new run.' });
  return { id, attempt, commit, initiators: [...new Set(initiators)] };
}

async function environmentOf(api: GitHubApi, repository: string, name: string): Promise<EnvironmentFacts | undefined> {
  const [owner = ''] = repository.split('/');
  let found;
  try {
    found = await api.get(routes.environment, { environment_name: name });
  } catch (error) {
    if (error instanceof GitHubError && error.status === 404) return undefined;
    throw error;
  }
  const reviewers = (found.protection_rules ?? []).filter(({ type }) => type === 'required_reviewers').flatMap(({ reviewers: list = [] }) => list);
  return {
    users: reviewers.flatMap(({ reviewer }) => (reviewer?.login === undefined ? [] : [reviewer.login])),
    // Only teams of the organization that owns the repository can be reviewers.
    teams: reviewers.flatMap(({ reviewer }) => (reviewer?.slug === undefined ? [] : [`${owner}/${reviewer.slug}`])),
    // What is not told may be.
    adminsBypass: found.can_admins_bypass ?? true,
  };
}

async function membersOf(api: GitHubApi, logins: readonly string[], teams: readonly string[]): Promise<MemberOf> {
  const answers = new Map<string, Membership>();
  await Promise.all(teams.map(async (team) => {
    const [org = '', team_slug = ''] = team.split('/');
    // A team that the token may not see, and somebody who is not in it, are the same 404: so the team is asked for first.
    const unseen = await answered(async () => (await api.get(routes.team, { org, team_slug }), true));
    for (const login of logins) {
      answers.set(memberKey(login, team), unseen !== true ? unseen : await answered(async () => {
        try {
          return (await api.get(routes.membership, { org, team_slug, username: login })).state === 'active';
        } catch (error) {
          if (error instanceof GitHubError && error.status === 404) return false;
          throw error;
        }
      }));
    }
  }));
  return memberLookup(answers);
}

async function answered(question: () => Promise<boolean>): Promise<Membership> {
  try {
    return await question();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { problem: error.message, remedy: error.remedy };
  }
}
