import { UserError } from '../evidence/errors.js';
import { recorded, type RunContext } from './run-context.js';
import { rollback, type RollbackOptions } from './rollback.js';

export interface TellOptions {
  /** Whether an issue is opened about it, or the open one is added to. */
  readonly tellIssue?: boolean | undefined;
}

/** Rolls back, and tells it in an issue, also when it failed. An issue that cannot be written is a warning: what was asked for is the rollback. */
export async function rollbackAndTell(context: RunContext, options: RollbackOptions & TellOptions): Promise<void> {
  let failure: unknown;
  try {
    await rollback(context, options);
  } catch (error) {
    failure = error;
  }
  if (options.tellIssue === true && !context.plan) await tell(context, options, failure);
  if (failure !== undefined) throw failure as Error;
}

async function tell(context: RunContext, { reason = '' }: RollbackOptions, failure: unknown): Promise<void> {
  const { environmentName: environment, outputs, author, reporter, redactor } = context;
  const outcome = outputs.outcome ?? (failure instanceof Error ? failure.message.split('\n')[0] ?? '' : 'nothing was changed');
  try {
    const board = await context.alarmBoard?.();
    if (board === undefined) throw new UserError('there is no token to write it with (github-token)');
    await recorded(
      context,
      { id: 'rollback.issue', phase: 'rollback', title: 'The rollback is told in an issue', subject: 'GitHub' },
      () => board.tell({
        environment, by: author.actor, run: author.run, reason: redactor.redact(reason), from: outputs.previousRelease ?? '', to: outputs.release ?? '',
        outcome: redactor.redact(outcome), failed: failure !== undefined,
      }),
      (address) => ({ observed: address }),
    );
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    reporter.warn(`the rollback is not told in an issue: ${error.message}`);
  }
}
