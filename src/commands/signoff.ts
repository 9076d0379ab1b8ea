import { UserError } from '../evidence/errors.js';
import { didYouMean } from '../config/wording.js';
import { judge, judgeSetUp } from '../signoff/gate.js';
import { rolesOf, type Policy } from '../signoff/policy.js';
import type { SignOffSource } from '../signoff/source.js';
import type { Stage, Verdict } from '../signoff/verdict.js';
import type { RunContext } from './run-context.js';
import { signoffByIssue } from './signoff-issue.js';
import { digestOf, orUnknown, reportVerdicts, sourceOf, stageOf } from './signoff-report.js';

export interface SignOffOptions {
  /** `before` production or `after` it has gone live. */
  readonly stage?: string | undefined;
  /** One role, in the job that runs in its environment; without it all of the stage. */
  readonly role?: string | undefined;
  /** SHA-256 of the artefact, 64 hexadecimal digits. */
  readonly digest?: string | undefined;
  /** The run whose approvals count; without it the run that asks. */
  readonly run?: string | undefined;
  /** Sign-off by issue: `open`, `comment` or `verify`. */
  readonly issue?: string | undefined;
  readonly issueNumber?: string | undefined;
  /** What is released: the tag. */
  readonly release?: string | undefined;
  /** File name of the workflow that starts when all have signed. */
  readonly workflow?: string | undefined;
}

/**
 * Sign-off: whether the roles of a stage have approved this run, by what GitHub tells of it. Changes nothing. With `plan`
 * only the environments are looked at: whether each role's is there and asks somebody.
 * @throws UserError when a role has not signed, or it is not known.
 */
export async function signoff(context: RunContext, options: SignOffOptions): Promise<void> {
  if (options.issue !== undefined) return signoffByIssue(context, options);
  const started = performance.now();
  const stage = stageOf(options.stage);
  const policy = context.config.signOff;
  if (policy === undefined || policy[stage].length === 0) {
    context.outputs.outcome = `slipway.yml names nobody who signs ${stage === 'before' ? 'before production' : 'after going live'}`;
    context.reporter.step(context.environmentName, context.outputs.outcome);
    return;
  }
  const roles = rolesOf(policy, stage).map(({ role }) => role.role);
  const { role } = options;
  if (role !== undefined && !roles.includes(role)) {
    throw new UserError(`sign-off.${stage} has no role \`${role}\`${didYouMean(role, roles)}`, { remedy: `It has: ${roles.join(', ')}.` });
  }
  const digest = digestOf(options.digest, context.plan);
  const source = await sourceOf(context);
  const asked = role === undefined ? roles : [role];
  const verdicts = await context.reporter.group(`Sign-off ${stage} ${context.environmentName}`, () =>
    orUnknown(asked, stage, () => (context.plan ? setUp(source, policy, stage, asked) : gate(source, policy, { stage, role, run: options.run }))));
  reportVerdicts(context, verdicts, { digest, started });
}

async function setUp(source: SignOffSource, policy: Policy, stage: Stage, roles: readonly string[]): Promise<Verdict[]> {
  return judgeSetUp(await source.environments(roles), policy, stage).filter(({ role }) => roles.includes(role));
}

async function gate(source: SignOffSource, policy: Policy, { stage, role, run }: { stage: Stage; role: string | undefined; run: string | undefined }): Promise<Verdict[]> {
  const id = run === undefined ? source.runId : Number(run);
  if (id === undefined || !Number.isSafeInteger(id) || id <= 0) {
    throw new UserError(run === undefined ? 'it is not known which run of GitHub Actions is signed off' : `the run must be a number, is ${run}`, { remedy: 'Outside GitHub Actions: --run <id>, the number in the address of the run.' });
  }
  const asked = rolesOf(policy, stage).map((one) => one.role).filter((one) => role === undefined || one.role === role);
  const [facts, environments] = await Promise.all([source.gate(id), source.environments(asked.map((one) => one.role))]);
  const logins = [...new Set(facts.reviews.map(({ login }) => login))];
  const teams = new Set(asked.flatMap((one) => {
    const { teams: reviewers = [], adminsBypass = false } = environments.get(one.role) ?? {};
    return [...one.teams, ...(adminsBypass ? reviewers : [])];
  }));
  const memberOf = await source.members(logins, logins.length === 0 ? [] : [...teams]);
  return judge({ ...facts, environments, memberOf }, policy, { stage, role, within: role !== undefined && id === source.runId });
}
