import type { SignOffRole } from '../config/schema.js';
import { environmentOfRole, same, type EnvironmentFacts, type GateFacts, type JobFacts, type Review } from './facts.js';
import { isAmong, objection, rolesOf, twice, type Objection, type Policy } from './policy.js';
import type { Stage, Verdict } from './verdict.js';

/** What is asked: the roles of a stage, or one of them. */
export interface Question {
  readonly stage: Stage;
  readonly role?: string | undefined;
  /** The role's own job asks, which its environment has let pass. */
  readonly within?: boolean;
}

/** The verdicts of sign-off by environments, a role each, in the order of the configuration. Closed where something is not known. */
export function judge(facts: GateFacts, policy: Policy, question: Question): Verdict[] {
  return rolesOf(policy, question.stage)
    .filter(({ role }) => question.role === undefined || role.role === question.role)
    .map(({ role, stage }) => ({ role: role.role, stage, ...verdict(facts, policy, role, question.within === true) }));
}

/** What can be said before anybody was asked: whether the environments are there and ask somebody. */
export function judgeSetUp(environments: GateFacts['environments'], policy: Policy, stage: Stage): Verdict[] {
  return rolesOf(policy, stage).map(({ role }) => {
    const environment = environments.get(role.role);
    const wrong = unfit(role.role, environment);
    return {
      role: role.role, stage,
      ...(wrong === undefined
        ? { state: 'ready' as const, status: 'pass' as const, observed: `${environmentOfRole(role.role)} asks ${[...environment?.users ?? [], ...environment?.teams ?? []].join(', ')}` }
        : { ...wrong, status: 'fail' as const }),
    };
  });
}

type Part = Omit<Verdict, 'role' | 'stage'>;

function verdict(facts: GateFacts, policy: Policy, role: SignOffRole, ownJob: boolean): Part {
  const environment = facts.environments.get(role.role);
  const wrong = unfit(role.role, environment);
  if (wrong !== undefined || environment === undefined) return { status: 'fail', state: 'absent', observed: '', ...wrong };
  const reviews = reviewsOf(facts, role.role);
  const rejected = reviews.filter(({ state }) => state === 'rejected');
  if (rejected.length > 0) {
    return {
      status: 'fail', state: 'rejected', ...told(rejected), observed: `${names(rejected)} rejected it`,
      remedy: 'A re-run does not take that back: mend what was found, and start a new run.',
    };
  }
  const approvals = reviews.filter(({ state }) => state === 'approved');
  if (approvals.length === 0) return unapproved(facts, policy, role.role, ownJob);
  const asked = timesAsked(facts, role.role);
  if (approvals.length < asked) {
    return {
      status: 'fail', state: 'stale', ...told(approvals),
      observed: `asked ${asked} times in ${facts.run.attempt} attempts, approved ${approvals.length === 1 ? 'once' : `${approvals.length} times`} (${names(approvals)}): whether this attempt was approved is not known`,
      remedy: 'An approval of an earlier attempt does not count again. Start a new run, and let it be approved there.',
    };
  }
  // Which approval belongs to this attempt is not known, so each of them must hold.
  const others = rolesOf(policy).map((other) => ({ role: other.role.role, logins: loginsOf(facts, other.role.role) }));
  const against = approvals.map(({ login, bot }) =>
    objection({ role, login, bot }, { policy, initiators: facts.run.initiators, memberOf: facts.memberOf })
    ?? bypass(login, role.role, environment, facts, policy)
    ?? twice(login, role.role, others, policy)).find((one) => one !== undefined);
  if (against !== undefined) {
    return { status: against.state === 'bypassed' && policy.bypass ? 'warn' : 'fail', ...told(approvals), ...against };
  }
  return { status: 'pass', state: 'approved', ...told(approvals), observed: `approved by ${names(approvals)}` };
}

function unfit(role: string, environment: EnvironmentFacts | undefined): Objection | undefined {
  const name = environmentOfRole(role);
  const where = 'Settings → Environments of the repository';
  if (environment === undefined) {
    return { state: 'absent', observed: `there is no environment ${name}, so nobody was asked`, remedy: `Make it under ${where}, with required reviewers. GitHub makes one without any the first time a job names it.` };
  }
  if (environment.users.length === 0 && environment.teams.length === 0) {
    return {
      state: 'void', observed: `the environment ${name} has no required reviewers: whatever passed it was asked of nobody`,
      remedy: `Add required reviewers to ${name} under ${where}. Private repositories on GitHub Free, Pro and Team have none: sign off by issue there (docs/sign-off.md).`,
    };
  }
  return undefined;
}

/** No approval: it still waits, or the job went on all the same. */
function unapproved(facts: GateFacts, policy: Policy, role: string, ownJob: boolean): Part {
  const name = environmentOfRole(role);
  const waiting = facts.waiting.some((one) => same(one, name));
  const passed = ownJob || jobsOf(facts, role).some(({ status, conclusion }) => status === 'in_progress' || (status === 'completed' && conclusion === 'success'));
  if (!waiting && passed) {
    return {
      status: policy.bypass ? 'warn' : 'fail', state: 'bypassed', observed: `nobody approved ${name}, and its job ran: an administrator bypassed the rules, or they were made afterwards`,
      remedy: `Let a reviewer approve in a new run. \`bypass: true\` in sign-off lets this pass as a warning; "Allow administrators to bypass" in the environment makes it impossible when switched off.`,
    };
  }
  return { status: 'fail', state: 'missing', observed: waiting ? `${name} waits for its reviewers` : `nobody has approved ${name} on this run`, remedy: 'On the page of the run: Review deployments.' };
}

/** An approval of somebody whom the environment does not ask can only be an administrator's. */
function bypass(login: string, role: string, environment: EnvironmentFacts, { memberOf }: GateFacts, policy: Policy): Objection | undefined {
  // Where administrators may not bypass, GitHub itself takes approvals of reviewers alone.
  if (!environment.adminsBypass) return undefined;
  const name = environmentOfRole(role);
  const asked = isAmong(login, environment, memberOf);
  if (asked === true) return undefined;
  if (asked === false) {
    return {
      state: 'bypassed', observed: `${login} let ${name} pass without being one of its reviewers: an administrator's bypass`,
      remedy: policy.bypass ? 'Say afterwards why it had to be.' : 'Let a reviewer approve in a new run. `bypass: true` in sign-off lets this pass as a warning.',
    };
  }
  return {
    state: 'unknown', observed: `whether ${login} is one of the reviewers of ${name}, or an administrator who bypassed them, is not known: ${asked.problem}`,
    remedy: `Switch off "Allow administrators to bypass configured protection rules" in ${name}. Or: ${asked.remedy ?? ''}`,
  };
}

/**
 * In how many attempts the role was asked: its jobs carry the name of its environment, or of the role. A job that a re-run took over counts
 * once. Without such a job every attempt may have asked.
 */
function timesAsked(facts: GateFacts, role: string): number {
  const first = new Map<string, number>();
  for (const { started, attempt, conclusion } of jobsOf(facts, role)) {
    if (conclusion !== 'skipped') first.set(started, Math.min(attempt, first.get(started) ?? attempt));
  }
  return first.size === 0 ? facts.run.attempt : new Set(first.values()).size;
}

function jobsOf(facts: GateFacts, role: string): JobFacts[] {
  // `signoff-qa` anywhere in it, or `Sign-off by qa`.
  const word = new RegExp(`(?<![a-z0-9-])${environmentOfRole(role)}(?![a-z0-9-])|sign-?off\\b[^/]* ${role}$`, 'i');
  return facts.jobs.filter(({ name }) => word.test(name));
}

function reviewsOf({ reviews }: GateFacts, role: string): Review[] {
  return reviews.filter(({ environments }) => environments.some((name) => same(name, environmentOfRole(role))));
}

function loginsOf(facts: GateFacts, role: string): string[] {
  return reviewsOf(facts, role).filter(({ state }) => state === 'approved').map(({ login }) => login);
}

function names(reviews: readonly Review[]): string {
  return [...new Set(reviews.map(({ login }) => login))].join(', ');
}

function told(reviews: readonly Review[]): Pick<Verdict, 'login' | 'comment'> {
  const comments = reviews.map(({ comment }) => comment.trim()).filter((text) => text !== '');
  return { login: names(reviews), ...(comments.length === 0 ? {} : { comment: comments.join(' / ') }) };
}
