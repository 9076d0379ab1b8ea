import type { Status } from '../evidence/record.js';

export type Stage = 'before' | 'after';

/** How a role's sign-off stands; also in the ledger, as `data.state`. */
export type State =
  | 'approved'
  /** Nobody has answered yet. */
  | 'missing'
  | 'rejected'
  /** The environment asks nobody, so that a passing job says nothing. */
  | 'void'
  /** There is no such environment. */
  | 'absent'
  /** By somebody who may not sign for this role. */
  | 'not-allowed'
  | 'initiator'
  | 'same-person'
  /** An administrator let the job pass without its reviewers. */
  | 'bypassed'
  /** May be the approval of an earlier attempt. */
  | 'stale'
  /** Of another artefact. */
  | 'forged'
  /** The approval was changed after it had been given. */
  | 'edited'
  | 'deleted'
  /** GitHub did not tell what is needed to decide. */
  | 'unknown'
  /** Nothing to object to yet, as nobody was asked: what `plan` finds. */
  | 'ready';

/** What is said of one role. */
export interface Verdict {
  readonly role: string;
  readonly stage: Stage;
  readonly state: State;
  readonly status: Status;
  /** Who has signed, or tried to; several with commas between. */
  readonly login?: string | undefined;
  readonly comment?: string | undefined;
  /** ISO 8601, where it is known when the approval was given. */
  readonly given?: string | undefined;
  /** One sentence. */
  readonly observed: string;
  readonly remedy?: string | undefined;
}
