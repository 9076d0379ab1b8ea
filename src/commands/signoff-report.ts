import { UserError } from '../evidence/errors.js';
import type { SummaryTable } from '../evidence/summary.js';
import type { Verdict } from '../signoff/verdict.js';
import type { RunContext } from './run-context.js';

/** Columns of the table that reports show: from these, not from the sentences. */
const HEAD = ['Role', 'State', 'Who', 'When seen', 'Comment', 'Artefact'];

/** One record for each role, the table, and how many have signed. @throws UserError when a role has not. */
export function reportVerdicts(
  context: Pick<RunContext, 'reporter' | 'outputs' | 'now' | 'environmentName'>,
  verdicts: readonly Verdict[],
  { digest, started }: { digest: string | undefined; started: number },
): void {
  const seen = context.now().toISOString();
  for (const { role, stage, state, status, login, comment, given, observed, remedy } of verdicts) {
    context.reporter.evidence({
      id: `signoff.${stage}.${role}`, phase: 'signoff', title: stage === 'before' ? 'Signed off before production' : 'Signed off after going live',
      subject: role, status, expected: 'signed by somebody who may sign for this role', observed, ...(remedy === undefined ? {} : { remedy }),
      at: seen, duration: Math.round(performance.now() - started),
      data: { role, login: login ?? '', seen: given ?? seen, comment: comment ?? '', digest: digest ?? '', state },
    });
    context.reporter.step(role, observed);
  }
  (context.outputs.tables ??= []).push(signOffTable(verdicts, { digest, seen, environment: context.environmentName }));
  const missing = verdicts.filter(({ status }) => status === 'fail');
  const count = `${verdicts.length - missing.length} of ${verdicts.length} ${verdicts.length === 1 ? 'role' : 'roles'}`;
  context.outputs.outcome = verdicts.every(({ state }) => state === 'ready') ? `${count} can be asked` : `${count} signed off`;
  if (missing.length === 0) return;
  throw new UserError(
    `not signed off:\n${missing.map(({ role, observed, remedy }) => `    ${role}: ${observed}${remedy === undefined ? '' : ` → ${remedy}`}`).join('\n')}`,
    { remedy: 'docs/sign-off.md says what each refusal means.' },
  );
}

function signOffTable(verdicts: readonly Verdict[], { digest, seen, environment }: { digest: string | undefined; seen: string; environment: string }): SummaryTable {
  return {
    title: `Sign-offs for ${environment}`,
    head: HEAD,
    rows: verdicts.map(({ role, state, login, given, comment }) =>
      [role, state, login ?? '—', login === undefined ? '—' : given ?? seen, comment ?? '', digest === undefined ? '—' : digest.slice(0, 12)]),
  };
}
