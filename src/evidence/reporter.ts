import type { Evidence } from './record.js';

/**
 * What a command says while it runs. Passed in, so that the same command writes log groups on GitHub,
 * plain lines in a pipe, a progress bar on a terminal, and nothing at all in a unit test.
 * Implementations redact secrets; callers need not.
 */
export interface Reporter {
  /** Runs `body` inside a named group; the group closes whether it succeeds or throws. */
  group<T>(title: string, body: () => Promise<T>): Promise<T>;
  /** One finished step: host (or `runner`), what was done, milliseconds it took. */
  step(subject: string, text: string, duration?: number): void;
  /** A line of a user command's output, or a further detail. */
  line(subject: string, text: string): void;
  /** A table or another text of several lines, shown as it stands. */
  block(text: string): void;
  warn(text: string): void;
  error(text: string): void;
  /** For support: shown with debug logging only. */
  debug(text: string): void;
  /** Progress of a long transfer in bytes; drawn on a terminal, silent elsewhere. */
  progress(subject: string, done: number, total: number): void;
  /** Appends one record to the run's ledger. */
  evidence(record: Evidence): void;
}
