import type { Answer, BranchFacts, GitHubFacts, Problem, SecretsFacts } from '../checks/github-facts.js';
import type { PreflightConfig } from '../config/schema.js';
import { UserError } from '../evidence/errors.js';
import { codeAlerts, dependencyAlerts, secretAlerts } from './alerts.js';
import type { GitHubApi } from './api.js';
import { GitHubError } from './api-error.js';
import { changesSince } from './changes.js';
import { reportsOf } from './reports.js';
import { routes } from './routes.js';

/** What the preflight wants to know of GitHub. */
export interface StateQuestions {
  readonly config: PreflightConfig;
  /** Name of the environment in slipway.yml, and of the one on GitHub that holds its secrets. */
  readonly environmentName: string;
  /** `refs/tags/v1.2.3` or `v1.2.3`; a branch or undefined: `commit` is released. */
  readonly ref?: string | undefined;
  /** What is checked out. */
  readonly commit?: string | undefined;
  /** The run of GitHub Actions that asks. */
  readonly runId?: string | undefined;
}

/**
 * Asks GitHub what the config wants to know, and nothing else, so that only the permissions for that are needed. A question
 * that GitHub does not answer becomes a problem of that question alone.
 */
export async function gatherRepositoryState(api: GitHubApi, repository: string, questions: StateQuestions): Promise<GitHubFacts> {
  const wanted = questions.config.github;
  if (wanted === undefined) return { repository };
  const { branch } = questions.config.repository;
  const tag = tagOf(questions.ref);
  const release = once(() => releaseCommit(api, tag, questions.commit));
  const ask = async (key: keyof GitHubFacts, asked: unknown, question: () => Promise<unknown>): Promise<Partial<GitHubFacts>> =>
    (asked === undefined || asked === false ? {} : { [key]: await answered(question) });
  const parts = await Promise.all([
    ask('branch', wanted.protected, async () => branchFacts(api, branch, await release())),
    ask('changes', wanted.reviewed, async () => changesSince(api, { commit: await release(), tag, since: wanted.reviewedSince })),
    ask('reports', wanted.checks, async () => reportsOf(api, await release(), questions.runId)),
    ask('secretAlerts', wanted.alerts.secrets, () => secretAlerts(api)),
    ask('codeAlerts', wanted.alerts.code, () => codeAlerts(api, branch)),
    ask('dependencyAlerts', wanted.alerts.dependencies, () => dependencyAlerts(api)),
    ask('secrets', wanted.secretAge, () => secretsFacts(api, questions.environmentName)),
  ]);
  return Object.assign({ repository }, ...parts) as GitHubFacts;
}

/** The facts when GitHub cannot be asked at all: every question has the same problem. */
export function unanswered(problem: Problem, repository?: string): GitHubFacts {
  const all = { branch: problem, changes: problem, reports: problem, secretAlerts: problem, codeAlerts: problem, dependencyAlerts: problem, secrets: problem };
  return repository === undefined ? all : { repository, ...all };
}

async function answered<T>(question: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await question() };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { problem: error.message, ...(error.remedy === undefined ? {} : { remedy: error.remedy }) };
  }
}

/** Several questions share one request. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => (result ??= work());
}

function tagOf(ref: string | undefined): string | undefined {
  if (ref === undefined || ref === '' || (ref.startsWith('refs/') && !ref.startsWith('refs/tags/'))) return undefined;
  return ref.replace(/^refs\/tags\//, '');
}

/** The commit a tag on GitHub means, through annotated tags; without a tag, what is checked out. */
async function releaseCommit(api: GitHubApi, tag: string | undefined, commit: string | undefined): Promise<string> {
  if (tag === undefined) {
    if (commit === undefined) throw new UserError('it is not known which commit is released', { remedy: 'Check the repository out, or name the tag.' });
    return commit;
  }
  let { object } = await api.get(routes.ref, { ref: `tags/${tag}` });
  // A tag may point at a tag, but not for ever.
  for (let depth = 0; object.type === 'tag' && depth < 5; depth += 1) ({ object } = await api.get(routes.tag, { tag_sha: object.sha }));
  if (object.type !== 'commit') throw new UserError(`the tag ${tag} names no commit but a ${object.type}`);
  if (commit !== undefined && commit !== object.sha) {
    throw new UserError(`the tag ${tag} is ${object.sha.slice(0, 7)} on GitHub, while ${commit.slice(0, 7)} is checked out`, {
      remedy: `What is released must be what was reviewed and tested: check the tag out (actions/checkout with ref: ${tag}).`,
    });
  }
  return object.sha;
}

async function branchFacts(api: GitHubApi, branch: string, commit: string): Promise<BranchFacts> {
  const [{ protected: is, protection }, rules, { status }] = await Promise.all([
    api.get(routes.branch, { branch }),
    api.list(routes.rules, { branch }),
    api.get(routes.compare, { basehead: `${branch}...${commit}` }, { per_page: 1 }),
  ]);
  return {
    name: branch,
    // `protected` is true for rulesets too; their rules speak for themselves.
    classic: protection?.enabled ?? (is && rules.length === 0),
    rules: rules.map(({ type }) => type),
    commit,
    contains: status === 'behind' || status === 'identical',
  };
}

async function secretsFacts(api: GitHubApi, environmentName: string): Promise<SecretsFacts> {
  const facts = (items: readonly { name: string; updated_at: string }[]) => items.map(({ name, updated_at: updated }) => ({ name, updated }));
  const [repository, environment] = await Promise.all([
    api.list(routes.repositorySecrets),
    api.list(routes.environmentSecrets, { environment_name: environmentName }).catch((error: unknown) => {
      if (error instanceof GitHubError && error.status === 404) return undefined;
      throw error;
    }),
  ]);
  return { repository: facts(repository), ...(environment === undefined ? {} : { environment: facts(environment) }) };
}
