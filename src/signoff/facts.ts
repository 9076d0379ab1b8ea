/** What the rules of sign-off want to know. GitHub answers in these words (src/github/sign-off.ts); tests state them. */

/** The run of GitHub Actions that asks for the sign-offs. */
export interface RunFacts {
  readonly id: number;
  /** 1, and one more with each re-run. */
  readonly attempt: number;
  /** Who started the first attempt, and who this one. */
  readonly initiators: readonly string[];
  readonly commit: string;
}

/** One answer of a reviewer. GitHub tells neither when nor in which attempt it was given. */
export interface Review {
  readonly state: string;
  readonly login: string;
  readonly bot: boolean;
  readonly comment: string;
  readonly environments: readonly string[];
}

export interface EnvironmentFacts {
  /** Who is asked: logins, and teams as organization/team. */
  readonly users: readonly string[];
  readonly teams: readonly string[];
  /** Whether an administrator may let a job pass without them. */
  readonly adminsBypass: boolean;
}

/** A job of any attempt. One that a re-run took over keeps its start. */
export interface JobFacts {
  readonly name: string;
  readonly attempt: number;
  readonly status: string;
  readonly conclusion: string | undefined;
  readonly started: string;
}

/** Something that GitHub did not tell, and what to do about it. */
export interface Unknown {
  readonly problem: string;
  readonly remedy?: string | undefined;
}

/** Whether somebody belongs to a team. */
export type Membership = boolean | Unknown;
export type MemberOf = (login: string, team: string) => Membership;

/** All that is known of the sign-offs of one run. */
export interface GateFacts {
  readonly run: RunFacts;
  readonly reviews: readonly Review[];
  readonly jobs: readonly JobFacts[];
  /** Environments whose reviewers have yet to answer. */
  readonly waiting: readonly string[];
  /** By role; undefined: GitHub has no such environment. */
  readonly environments: ReadonlyMap<string, EnvironmentFacts | undefined>;
  readonly memberOf: MemberOf;
}

/** The environment on GitHub in which a role signs. */
export function environmentOfRole(role: string): string {
  return `signoff-${role}`;
}

/** Logins, names of environments and teams are the same in upper and lower case. */
export function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
