import type { z } from 'zod';
import type { Path } from './positions.js';

type Issue = z.core.$ZodIssue;

/** One mistake found by the schema, at a path of the file's keys. */
export interface Finding {
  readonly path: Path;
  readonly message: string;
}

/** The mistakes that zod's issues mean: one per unknown key, and of a union the alternative that was meant. */
export function findings(issues: readonly Issue[], base: Path = []): Finding[] {
  return issues.flatMap((issue) => {
    const path = [...base, ...(issue.path as (string | number)[])];
    switch (issue.code) {
      case 'unrecognized_keys': {
        // section() words each key on a line of its own.
        const messages = issue.message.split('\n');
        return issue.keys.map((key, index) => ({ path: [...path, key], message: messages[index] ?? issue.message }));
      }
      case 'invalid_union': {
        const meant = issue.errors.find((branch) => !branch.some(isOtherKind));
        return meant === undefined || meant.length === 0 ? [{ path, message: issue.message }] : findings(meant, path);
      }
      default:
        return [{ path, message: issue.message }];
    }
  });
}

/** Whether the value is of another kind than the alternative takes, so that this alternative was not meant. */
function isOtherKind(issue: Issue): boolean {
  const kinds = ['invalid_type', 'invalid_value', 'invalid_union'];
  return issue.path.length === 0 && kinds.includes(issue.code);
}
