import { UserError } from '../evidence/errors.js';

/** `$$`, `${NAME}`, `$NAME`; and `${` that is none of them. Any other dollar stands for itself. */
const VARIABLE = /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)|\$\{[^}]*\}?/g;

/** The value of a variable, or undefined when there is none. */
export type Lookup = (name: string) => string | undefined;

/** A variable without a value, or a `${…}` that is none. */
export class VariableError extends UserError {
  constructor(place: string, problems: readonly string[]) {
    super(problems.map((problem) => `${place}: ${problem}`).join('\n'), {
      remedy:
        'Variables come from app-env and the process, in smoke scenarios also from captures of earlier steps. ' +
        'Write $$ for a dollar sign.',
    });
    this.name = 'VariableError';
  }
}

/**
 * `value` with `$NAME` and `${NAME}` replaced and `$$` made a dollar, in every text at any depth; keys stay.
 * `place` (`smoke[1].headers`) is named in errors. Throws VariableError naming every variable without a value.
 * Replaced text is not looked at again: a value may hold any character.
 */
export function resolveVariables<T>(value: T, lookup: Lookup, place: string): T {
  const problems = variableProblems(value, lookup);
  if (problems.length > 0) throw new VariableError(place, problems);
  return mapTexts(value, (text) =>
    text.replace(VARIABLE, (match: string, braced?: string, bare?: string) => {
      const name = braced ?? bare;
      return name === undefined ? '$' : (lookup(name) ?? match);
    }),
  ) as T;
}

/** The names of the variables in `value`, in order, each once. */
export function variablesIn(value: unknown): string[] {
  const names = new Set<string>();
  mapTexts(value, (text) => {
    for (const match of text.matchAll(VARIABLE)) {
      const name = match[1] ?? match[2];
      if (name !== undefined) names.add(name);
    }
    return text;
  });
  return [...names];
}

/**
 * What keeps `value` from being resolved: one sentence per missing variable or malformed `${…}`. Values are never
 * quoted.
 */
export function variableProblems(value: unknown, lookup: Lookup): string[] {
  const problems = new Set<string>();
  mapTexts(value, (text) => {
    for (const [match, braced, bare] of text.matchAll(VARIABLE)) {
      const name = braced ?? bare;
      if (name !== undefined) {
        if (lookup(name) === undefined) problems.add(`the variable \`${name}\` has no value`);
      } else if (match !== '$$')
        problems.add(`\`${match}\` must be a name in braces, such as \${NAME}; write $$ for a dollar sign`);
    }
    return text;
  });
  return [...problems];
}

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTexts(item, change)]));
}
