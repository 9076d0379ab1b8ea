import type { RunContext } from './run-context.js';

/**
 * What opens archives encrypted by age when nobody is there to give a key: a variable of the step. It is no part of app-env,
 * which lies on the hosts beside what the key protects.
 */
export const KEY_VARIABLE = 'SLIPWAY_BACKUP_KEY';

/** The key that the step was given, if it was; nothing shows it from here on. */
export function keyOfStep(context: Pick<RunContext, 'lookup' | 'redactor'>): string | undefined {
  const key = context.lookup(KEY_VARIABLE);
  maskKey(context, key);
  return key;
}

/** Masks a passphrase, or of an identity's file each line that is a secret: its comments hold the public key. */
export function maskKey({ redactor }: Pick<RunContext, 'redactor'>, key: string | undefined): void {
  for (const line of (key ?? '').split('\n')) if (line.trim() !== '' && !line.startsWith('#')) redactor.add(line.trim());
}
