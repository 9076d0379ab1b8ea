import { UserError } from '../evidence/errors.js';
import type { Ledger } from '../evidence/ledger.js';
import type { Phase } from '../evidence/record.js';
import type { Reporter } from '../evidence/reporter.js';

/**
 * Puts a failure that no record tells of into the ledger: a signal, a link that was lost between two steps, a setting that is wrong.
 * Without it a report would find nothing but steps that went well.
 */
export function recordFailure(failure: Error, command: { readonly title: string; readonly phase: Phase }, subject: string, { ledger, reporter }: { ledger: Ledger; reporter: Pick<Reporter, 'evidence'> }): void {
  if (ledger.records.some(({ status }) => status === 'fail')) return;
  reporter.evidence({
    id: `${command.phase}.failed`, phase: command.phase, title: `${command.title} did not come to its end`, subject, status: 'fail', expected: 'an end', observed: failure.message,
    ...(failure instanceof UserError && failure.remedy !== undefined ? { remedy: failure.remedy } : {}), at: new Date().toISOString(), duration: 0,
  });
}
