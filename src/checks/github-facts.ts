/** What GitHub's API said: plain data, gathered by src/github/repository-state.ts, judged by src/checks/github.ts. */

/** An answer, or why there is none: a permission the token lacks, a feature that is off, GitHub out of reach. */
export type Answer<T> = { readonly value: T } | Problem;

export interface Problem {
  readonly problem: string;
  readonly remedy?: string;
}

/** Each part is there when the config asks for it. */
export interface GitHubFacts {
  /** `owner/name`; absent when it is not known. */
  readonly repository?: string;
  readonly branch?: Answer<BranchFacts>;
  readonly changes?: Answer<ChangeFacts>;
  readonly reports?: Answer<ReportFacts>;
  readonly secretAlerts?: Answer<readonly AlertFacts[]>;
  readonly codeAlerts?: Answer<readonly AlertFacts[]>;
  readonly dependencyAlerts?: Answer<readonly AlertFacts[]>;
  readonly secrets?: Answer<SecretsFacts>;
}

export interface BranchFacts {
  readonly name: string;
  /** Branch protection of the older kind is in force. */
  readonly classic: boolean;
  /** Types of the rules in force, such as `pull_request`; rulesets that only evaluate are not among them. */
  readonly rules: readonly string[];
  /** The commit that is released. */
  readonly commit: string;
  /** Whether the branch contains the commit. */
  readonly contains: boolean;
}

export interface ReviewFacts {
  readonly user: string;
  /** A GitHub App, whose approval is nobody's reading. */
  readonly bot: boolean;
  /** `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `DISMISSED`, `PENDING`. */
  readonly state: string;
  /** What the reviewer is to the repository: `OWNER`, `MEMBER`, `COLLABORATOR`, `CONTRIBUTOR`, `NONE` … */
  readonly association: string;
}

export interface PullFacts {
  readonly number: number;
  readonly author: string;
  readonly merged: boolean;
  /** Oldest first. */
  readonly reviews: readonly ReviewFacts[];
}

export interface CommitFacts {
  readonly sha: string;
  /** First line of the message. */
  readonly title: string;
  /** GitHub's name of the author, or the name in the commit when GitHub knows none. */
  readonly author: string;
  readonly merge: boolean;
  readonly pulls: readonly PullFacts[];
}

export interface ChangeFacts {
  /** The tag or commit counted from. */
  readonly since: string;
  readonly commits: readonly CommitFacts[];
}

/** One check run or commit status: the newest of its name. */
export interface ReportFact {
  readonly name: string;
  /** `success`, `failure`, `neutral`, `skipped` …, or `queued`, `in_progress`, `pending` while it has not ended. */
  readonly state: string;
}

export interface ReportFacts {
  readonly commit: string;
  /** Without those of the run that asks. */
  readonly reports: readonly ReportFact[];
}

export type AlertSeverity = 'critical' | 'high' | 'medium' | 'low' | 'unknown';

export interface AlertFacts {
  readonly number: number;
  readonly severity: AlertSeverity;
  /** What it is about: a rule, a package, a kind of secret. Never the secret. */
  readonly what: string;
}

export interface SecretFact {
  readonly name: string;
  /** ISO 8601: when its value was last set. */
  readonly updated: string;
}

export interface SecretsFacts {
  /** Secrets of the GitHub environment of the same name; absent when GitHub has no such environment. */
  readonly environment?: readonly SecretFact[];
  readonly repository: readonly SecretFact[];
}
