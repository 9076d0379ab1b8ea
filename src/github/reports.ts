import type { ReportFact, ReportFacts } from '../checks/github-facts.js';
import type { GitHubApi } from './api.js';
import { routes } from './routes.js';

const ACTIONS = 'github-actions';

/**
 * Check runs and statuses of a commit, the newest of each name. The run that asks is left out, or it would wait for itself;
 * so are earlier runs of the same workflow for the same event and ref, which this one repeats: the second try of a release
 * must not fail for the first. The order of the jobs of the run that asks is kept by their `needs`.
 */
export async function reportsOf(api: GitHubApi, commit: string, runId: string | undefined): Promise<ReportFacts> {
  const [runs, statuses, own] = await Promise.all([
    api.list(routes.checkRuns, { ref: commit }, { filter: 'latest' }),
    api.list(routes.statuses, { ref: commit }),
    runId === undefined ? Promise.resolve<string[]>([]) : ownRuns(api, runId, commit),
  ]);
  const newest = new Map<string, (typeof runs)[number]>();
  for (const run of [...runs].sort((a, b) => a.id - b.id)) newest.set(`${run.app?.slug ?? ''} ${run.name}`, run);
  const foreign = [...newest.values()].filter(({ app, details_url: url }) => {
    const id = /\/actions\/runs\/(\d+)(?:\/|$)/.exec(url ?? '')?.[1];
    return app?.slug !== ACTIONS || id === undefined || !own.includes(id);
  });
  const reports: ReportFact[] = [
    ...foreign.map(({ name, status, conclusion }) => ({ name, state: status === 'completed' ? (conclusion ?? 'unknown') : status })),
    ...statuses.map(({ context, state }) => ({ name: context, state })),
  ];
  return { commit, reports };
}

/** Ids of the run that asks and of its earlier siblings. */
async function ownRuns(api: GitHubApi, runId: string, commit: string): Promise<string[]> {
  const run = await api.get(routes.run, { run_id: runId });
  const siblings = await api.list(routes.runs, { workflow_id: run.workflow_id }, {
    event: run.event, head_sha: commit, ...(run.head_branch === null ? {} : { branch: run.head_branch }),
  });
  return [runId, ...siblings.map(({ id }) => String(id))];
}
