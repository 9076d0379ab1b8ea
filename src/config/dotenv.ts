import { parse } from 'dotenv';
import { UserError } from '../evidence/errors.js';
import { valueComplaint } from './env-file.js';
import { NAME } from './schema/names.js';

export { parseEnvFile, renderEnvFile } from './env-file.js';

/**
 * The variables in `text`, dotenv notation: the `app-env` input. Values are read by the dotenv package, so they
 * mean what they
 * mean to the app; on top of it nothing is passed over: lines that are no assignment, names no shell takes and a
 * name with two
 * values are errors. Throws UserError with all of them; names and line numbers are shown, values never.
 */
export function parseDotenv(text: string): Record<string, string> {
  const problems: string[] = [];
  const variables = new Map<string, string>();
  for (const { line, statement } of statements(text.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n'))) {
    const [entry, ...more] = Object.entries(parse(statement));
    if (entry === undefined || more.length > 0) {
      problems.push(`line ${line} is no NAME=value`);
      continue;
    }
    const [name, value] = entry;
    const complaint = valueComplaint(value);
    if (!NAME.test(name))
      problems.push(`line ${line}: the name \`${name}\` must consist of letters, digits and _, with no digit in front`);
    else if (complaint !== undefined) problems.push(`line ${line}: ${name} ${complaint}`);
    else if (variables.has(name) && variables.get(name) !== value)
      problems.push(`line ${line}: ${name} stands twice with different values`);
    variables.set(name, value);
  }
  if (problems.length > 0) {
    throw new UserError(`app-env cannot be used:\n${problems.join('\n')}`, {
      remedy: 'Write one NAME=value per line; values with spaces, # or line breaks go into quotes.',
    });
  }
  return Object.fromEntries(variables);
}

/** Cuts a text into assignments with the line each begins on (from 1); blank lines and comments are left out. */
function* statements(text: string): Generator<{ line: number; statement: string }> {
  const lines = text.split('\n');
  for (let index = 0; index < lines.length; index += 1) {
    const first = lines[index] ?? '';
    if (/^\s*(#.*)?$/.test(first)) continue;
    const line = index + 1;
    index += linesOfValue(lines, index) - 1;
    yield { line, statement: lines.slice(line - 1, index + 1).join('\n') };
  }
}

/** How many lines the assignment on line `index` spans: more than one when it opens a quote that a later line closes. */
function linesOfValue(lines: readonly string[], index: number): number {
  const opened = /^\s*(?:export\s+)?[^\s=]+\s*=\s*(["'`])(.*)$/.exec(lines[index] ?? '');
  const quote = opened?.[1];
  if (quote === undefined) return 1;
  // As dotenv does it, a quote closes a value where only spaces or a comment follow, and a backslash protects it.
  const closes = new RegExp(`(?<!\\\\)${quote}\\s*(#.*)?$`);
  if (closes.test(opened?.[2] ?? '')) return 1;
  const more = lines.slice(index + 1).findIndex((line) => closes.test(line));
  return more < 0 ? 1 : more + 2;
}
