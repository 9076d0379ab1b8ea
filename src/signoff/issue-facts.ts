import type { MemberOf, Unknown } from './facts.js';

/** What sign-off by issue knows of GitHub. */
export interface IssueFacts {
  readonly number: number;
  readonly url: string;
  readonly open: boolean;
  readonly pull: boolean;
  readonly login: string;
  readonly body: string;
}

export interface CommentFacts {
  readonly id: number;
  readonly login: string;
  readonly bot: boolean;
  /** The app through which it was written, when it was not on GitHub's own pages. */
  readonly app: string | undefined;
  readonly body: string;
  /** ISO 8601. They differ once the text was changed. */
  readonly created: string;
  readonly updated: string;
}

/** What somebody may do in the repository: `admin`, `write`, `read`, `none`. */
export type PermissionOf = (login: string) => string | Unknown;

/** The people behind the comments. */
export interface PeopleFacts {
  readonly permissionOf: PermissionOf;
  readonly memberOf: MemberOf;
  /** Who started the run that built the release. */
  readonly initiators: readonly string[];
}

/**
 * Under this name a job's own token writes; nobody else can, but for the workflows of the repository.
 * https://docs.github.com/en/actions/concepts/security/github_token
 */
export const WRITER = 'github-actions[bot]';

/** The label by which go-live issues are found. */
export const LABEL = 'go-live';
