import type { CommentFacts, IssueFacts, PermissionOf } from './issue-facts.js';
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
  readonly issues: IssueSource;
}

/** Go-live issues. */
export interface IssueSource {
  /** Open ones with their label, whoever has opened them. */
  open(): Promise<readonly IssueFacts[]>;
  /** Those opened after this one, open or closed, about a higher version than this. */
  newer(issue: number, release: string): Promise<readonly IssueFacts[]>;
  get(issue: number): Promise<IssueFacts>;
  comments(issue: number): Promise<readonly CommentFacts[]>;
  permissions(logins: readonly string[]): Promise<PermissionOf>;
  create(title: string, body: string): Promise<IssueFacts>;
  rewrite(issue: number, body: string): Promise<void>;
  close(issue: number): Promise<void>;
  comment(issue: number, body: string): Promise<void>;
  /** Starts a workflow; returns the address of its run, where GitHub tells it. */
  dispatch(workflow: string, ref: string, inputs: Readonly<Record<string, string>>): Promise<string | undefined>;
}

/** Answers by login and team, looked up once for the rules, which wait for nothing. */
export function memberLookup(answers: ReadonlyMap<string, Membership>): MemberOf {
  return (login, team) => answers.get(memberKey(login, team)) ?? { problem: `nobody has asked whether ${login} is in ${team}` };
}

export function memberKey(login: string, team: string): string {
  return `${login} ${team}`.toLowerCase();
}
