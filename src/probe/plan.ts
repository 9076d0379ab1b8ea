import type { Scenario } from '../config/schema.js';
import { hideCredentials } from './scrub.js';
import { joinUrl, stepTitle } from './step.js';

/** What a smoke run would do, one line per step, variables as they stand in the file. Nothing is sent. */
export function planSmoke(scenarios: readonly Scenario[], baseUrl: string | undefined): string[] {
  return scenarios.flatMap((scenario) => scenario.steps.map((step) => {
    const name = hideCredentials(scenario.name);
    const named = step.name === undefined ? '' : `${stepTitle(step)}: `;
    if ('run' in step) return `${name}: ${named}run ${step.run.trim().replace(/\s*\n\s*/g, '; ')}`;
    return `${name}: ${named}${step.method} ${hideCredentials(joinUrl(step.url, baseUrl ?? ''))}`;
  }));
}
