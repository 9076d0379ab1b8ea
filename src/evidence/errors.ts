/**
 * An error the user can mend: the configuration, an input, a host's state. Shown without a stack.
 * Every other error is a defect of ours or of the world and keeps its stack for debug logging.
 * (After github/codeql-action's ConfigurationError.)
 */
export class UserError extends Error {
  /** What to do next, in one or a few lines. */
  readonly remedy: string | undefined;

  constructor(message: string, options: { remedy?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'UserError';
    this.remedy = options.remedy;
  }
}

/** What was thrown, as an error: a library may throw anything. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** What was thrown, in its own words. */
export function messageOf(thrown: unknown): string {
  return asError(thrown).message;
}
