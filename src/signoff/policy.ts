import type { SignOffConfig, SignOffRole } from '../config/schema.js';
import { same, type MemberOf, type Unknown } from './facts.js';
import type { Stage, State } from './verdict.js';

export type Policy = SignOffConfig;

/** An objection to a person's signature, as a part of the verdict. */
export interface Objection {
  readonly state: State;
  readonly observed: string;
  readonly remedy?: string | undefined;
}

/** The roles of a stage, or of both. */
export function rolesOf(policy: Policy, stage?: Stage): { role: SignOffRole; stage: Stage }[] {
  const of = (which: Stage) => policy[which].map((role) => ({ role, stage: which }));
  return stage === undefined ? [...of('before'), ...of('after')] : of(stage);
}

/** Whether somebody is among these users or teams. What cannot be known is not a no: another team may say yes. */
export function isAmong(login: string, { users, teams }: { users: readonly string[]; teams: readonly string[] }, memberOf: MemberOf): boolean | Unknown {
  if (users.some((user) => same(user, login))) return true;
  const answers = teams.map((team) => memberOf(login, team));
  if (answers.includes(true)) return true;
  return answers.find((answer) => typeof answer === 'object') ?? false;
}

/** What speaks against this person's signing for this role, by the configuration alone; undefined: nothing. */
export function objection(
  { role, login, bot }: { role: SignOffRole; login: string; bot: boolean },
  { policy, initiators, memberOf }: { policy: Policy; initiators: readonly string[]; memberOf: MemberOf },
): Objection | undefined {
  if (bot) return { state: 'not-allowed', observed: `${login} is no person but a program`, remedy: 'A person signs.' };
  if (role.users.length > 0 || role.teams.length > 0) {
    const allowed = isAmong(login, role, memberOf);
    if (typeof allowed === 'object') {
      return { state: 'unknown', observed: `whether ${login} may sign for ${role.role} is not known: ${allowed.problem}`, remedy: allowed.remedy };
    }
    if (!allowed) {
      return {
        state: 'not-allowed', observed: `${login} may not sign for ${role.role}`,
        remedy: `Let one of ${[...role.users, ...role.teams].join(', ')} sign, or add ${login} in slipway.yml.`,
      };
    }
  }
  if (!policy.initiator && initiators.some((initiator) => same(initiator, login))) {
    return {
      state: 'initiator', observed: `${login} has started this release and signs it for ${role.role}`,
      remedy: 'Let somebody else sign, or say `initiator: true` in sign-off.',
    };
  }
  return undefined;
}

/** What speaks against a person who has signed for other roles too. */
export function twice(login: string, role: string, others: readonly { role: string; logins: readonly string[] }[], policy: Policy): Objection | undefined {
  if (!policy.distinct) return undefined;
  const elsewhere = others.filter((other) => other.role !== role && other.logins.some((one) => same(one, login))).map((other) => other.role);
  if (elsewhere.length === 0) return undefined;
  return {
    state: 'same-person', observed: `${login} has signed for ${[role, ...elsewhere].join(' and ')}`,
    remedy: 'Let another person sign for each role, or say `distinct: false` in sign-off.',
  };
}
