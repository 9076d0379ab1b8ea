import type { AlarmChange, AlarmIssue } from './alarms.js';

/** The issues about alarms, in a repository. */
export interface AlarmBoard {
  /** Those that are open. */
  open(): Promise<AlarmIssue[]>;
  /** @returns the address of the issue. */
  apply(change: AlarmChange): Promise<string>;
}
