import { UserError } from '../evidence/errors.js';
import type { RunContext } from './run-context.js';

/** The secrets that the host has to make: those of `release.generate` that app-env does not give. */
export function generatedNames({ config, appEnv }: Pick<RunContext, 'config' | 'appEnv'>): string[] {
  return config.release.generate.filter((name) => appEnv?.[name] === undefined);
}

/**
 * Each host makes secrets of its own: what one has signed, another would not take.
 * @throws UserError when several hosts would.
 */
export function refuseScatteredSecrets(context: Pick<RunContext, 'config' | 'appEnv' | 'environment' | 'environmentName'>): void {
  const names = generatedNames(context);
  if (names.length === 0 || context.environment.hosts.length < 2) return;
  throw new UserError(`${context.environmentName} has ${context.environment.hosts.length} hosts, and each would make a ${names.join(', ')} of its own`, {
    remedy: `Give ${names.length === 1 ? 'it' : 'them'} in app-env, the same for all: \`openssl rand -hex 64\`. Nothing was changed.`,
  });
}
