import type { EnvironmentFacts, GateFacts, MemberOf, Membership, RunFacts } from './facts.js';

/** What the rules ask of GitHub and do there, without requests and tokens: src/github/sign-off.ts. All may throw a UserError. */
export interface SignOffSource {
  /** The run that asks, when it is known. */
  readonly runId: number | undefined;
  run(id: number): Promise<RunFacts>;
  /** By role; undefined: there is no such environment. */
  environments(roles: readonly string[]): Promise<ReadonlyMap<string, EnvironmentFacts | undefined>>;
  /** All of one run but for its environments and the teams. */
  gate(id: number): Promise<Pick<GateFacts, 'run' | 'reviews' | 'jobs' | 'waiting'>>;
  /** Whether these people are in these teams. What cannot be told is an answer too. */
  members(logins: readonly string[], teams: readonly string[]): Promise<MemberOf>;
}

/** Answers by login and team, looked up once for the rules, which wait for nothing. */
export function memberLookup(answers: ReadonlyMap<string, Membership>): MemberOf {
  return (login, team) => answers.get(memberKey(login, team)) ?? { problem: `nobody has asked whether ${login} is in ${team}` };
}

export function memberKey(login: string, team: string): string {
  return `${login} ${team}`.toLowerCase();
}
