import { UserError } from '../evidence/errors.js';
import { pathText, type Path, type Position } from './positions.js';

/** One mistake in slipway.yml. */
export interface Problem extends Position {
  readonly file: string;
  /** Keys as they stand in the file. Empty for the file as a whole and for mistakes of syntax. */
  readonly path: Path;
  readonly message: string;
}

/** slipway.yml cannot be used. The message has one line per mistake, in the order of the file. */
export class ConfigError extends UserError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const sorted = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
    const lines = [...new Set(sorted.map(problemLine))];
    super(lines.join('\n'), {
      remedy: '`slipway schema` prints the JSON Schema: editors complete and check slipway.yml with it.',
    });
    this.name = 'ConfigError';
    this.problems = sorted;
  }
}

/** `slipway.yml:12:5: services.backend.port: must be 1–65535, is 70000` */
export function problemLine({ file, line, column, path, message }: Problem): string {
  return `${file}:${line}:${column}: ${path.length === 0 ? '' : `${pathText(path)}: `}${message}`;
}
