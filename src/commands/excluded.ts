import { noted, type RunContext } from './run-context.js';

/** Says and records which hosts were left out by name: a fleet that has come to differ must be seen to do so. */
export function sayExcluded(context: Pick<RunContext, 'excluded' | 'environmentName' | 'phase' | 'reporter' | 'now'>): void {
  for (const name of context.excluded) {
    const observed = 'left out by name (`exclude-hosts`): nothing was asked of it or changed there';
    context.reporter.warn(`${name}: ${observed}`);
    noted(context, {
      id: `${context.phase}.excluded`, phase: context.phase, title: 'Every host takes part', subject: name, status: 'warn',
      expected: 'no host is left out', observed, remedy: `Once it is well again, bring it to the release of the others: deploy to ${context.environmentName} with all hosts.`,
    });
  }
}
