import { UserError } from '../evidence/errors.js';
import { formatCount } from '../evidence/format.js';
import type { SignOffSource } from '../signoff/source.js';
import type { Stage, Verdict } from '../signoff/verdict.js';
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
  addTable(context, verdicts, digest);
  const missing = verdicts.filter(({ status }) => status === 'fail');
  const count = `${verdicts.length - missing.length} of ${formatCount(verdicts.length, 'role')}`;
  context.outputs.outcome = verdicts.every(({ state }) => state === 'ready') ? `${count} can be asked` : `${count} signed off`;
  if (missing.length === 0) return;
  throw new UserError(
    `not signed off:\n${missing.map(({ role, observed, remedy }) => `    ${role}: ${observed}${remedy === undefined ? '' : ` → ${remedy}`}`).join('\n')}`,
    { remedy: 'docs/sign-off.md says what each refusal means.' },
  );
}

/** The table of the summary. */
export function addTable(context: Pick<RunContext, 'outputs' | 'now' | 'environmentName'>, verdicts: readonly Verdict[], digest: string | undefined): void {
  const seen = context.now().toISOString();
  (context.outputs.tables ??= []).push({
    title: `Sign-offs for ${context.environmentName}`,
    head: HEAD,
    rows: verdicts.map(({ role, state, login, given, comment }) =>
      [role, state, login ?? '—', login === undefined ? '—' : given ?? seen, comment ?? '', digest === undefined ? '—' : digest.slice(0, 12)]),
  });
}

export function stageOf(text: string | undefined): Stage {
  if (text === 'before' || text === 'after') return text;
  throw new UserError(text === undefined ? '`stage` is required' : `\`stage\` must be before or after, is ${text}`, { remedy: 'before: ahead of production; after: once it is live.' });
}

/** The digest in 64 digits; what comes with `sha256:` in front is the same. */
export function digestOf(text: string | undefined, plan: boolean): string | undefined {
  if (text === undefined && plan) return undefined;
  const digest = text?.trim().replace(/^sha256:/i, '').toLowerCase();
  if (digest !== undefined && /^[0-9a-f]{64}$/.test(digest)) return digest;
  throw new UserError(text === undefined ? '`digest` is required: a sign-off is of one artefact' : '`digest` must be 64 hexadecimal digits', {
    remedy: 'Pass the digest that the build has put out: `digest: ${{ needs.build.outputs.digest }}`.',
  });
}

export async function sourceOf({ signOff }: RunContext): Promise<SignOffSource> {
  if (signOff === undefined) throw new UserError('GitHub cannot be asked here', { remedy: 'Run the action, or the command line with GITHUB_TOKEN.' });
  return signOff();
}

/** Where GitHub does not answer, nobody has signed: each role says so, and why. */
export async function orUnknown(roles: readonly string[], stage: Stage, work: () => Promise<readonly Verdict[]>): Promise<readonly Verdict[]> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return roles.map((role) => ({ role, stage, state: 'unknown', status: 'fail', observed: `whether ${role} has signed is not known: ${error.message}`, remedy: error.remedy }));
  }
}
