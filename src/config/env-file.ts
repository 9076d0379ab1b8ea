import { UserError } from '../evidence/errors.js';
import { NAME } from './schema/names.js';

/**
 * The text of an environment file that POSIX sh (`. file`), systemd (`EnvironmentFile=`) and parseEnvFile read alike:
 * `NAME='value'`, or for a value with a single quote `NAME="value"` with a backslash before `"`, `\`, `$` and backtick.
 * Line breaks stand as they are; lines are sorted by name. Throws UserError on a name or value that cannot be carried.
 *
 * In quotes, systemd follows the shell: systemd.exec(5), EnvironmentFile=
 * (https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile=); compared with what
 * load_env_file of version 252 reads. The dotenv package reads it alike too, except that in the second form it leaves
 * the backslashes standing and that it takes a backslash at the end of a value for the protection of the quote.
 */
export function renderEnvFile(variables: Readonly<Record<string, string>>): string {
  return Object.keys(variables)
    .sort()
    .map((name) => renderVariable(name, variables[name] ?? ''))
    .join('');
}

function renderVariable(name: string, value: string): string {
  if (!NAME.test(name)) throw new UserError(`\`${name}\` cannot be the name of an environment variable`);
  const complaint = valueComplaint(value);
  if (complaint !== undefined) throw new UserError(`the value of ${name} ${complaint}`);
  const quoted = value.includes("'") ? `"${value.replace(/["\\$`]/g, '\\$&')}"` : `'${value}'`;
  return `${name}=${quoted}\n`;
}

/**
 * Why a value cannot be the value of an environment variable on a host, or undefined. NUL ends a C string; the rest
 * is what
 * systemd refuses in an EnvironmentFile (systemd.exec(5): unicode scalar values other than noncharacters, NUL and
 * U+FEFF).
 */
export function valueComplaint(value: string): string | undefined {
  if (value.includes('\0')) return 'must not contain NUL';
  if (/\p{Surrogate}/u.test(value)) return 'must be valid Unicode';
  if (/[\uFEFF\p{Noncharacter_Code_Point}]/u.test(value))
    return 'must not contain a byte order mark or a Unicode noncharacter';
  return undefined;
}

/**
 * Reads what renderEnvFile wrote, and nothing else. Throws UserError naming the first line (from 1) that is
 * something else.
 */
export function parseEnvFile(text: string): Record<string, string> {
  const assignment = /([A-Za-z_][A-Za-z0-9_]*)=(?:'([^']*)'|"((?:[^"\\$`]|\\["\\$`])*)")\n/y;
  const variables: [string, string][] = [];
  while (assignment.lastIndex < text.length) {
    const at = assignment.lastIndex;
    const match = assignment.exec(text);
    if (match === null)
      throw new UserError(
        `line ${text.slice(0, at).split('\n').length} of the environment file is not as Slipway writes it`,
      );
    variables.push([match[1] ?? '', match[2] ?? (match[3] ?? '').replace(/\\(["\\$`])/g, '$1')]);
  }
  return Object.fromEntries(variables);
}
