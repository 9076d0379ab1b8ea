import { beginsQuotedMail, visibleLines } from './visible-lines.js';

/** What a comment asks for. */
export type Command =
  | { readonly kind: 'approve'; readonly role: string; readonly digest: string }
  | { readonly kind: 'reject'; readonly role: string; readonly reason: string }
  /** Meant as one of these, and not understood. */
  | { readonly kind: 'wrong'; readonly role: string; readonly why: string };

/** So many digits of the digest an approval must name. */
export const LEAST_DIGITS = 7;

const LONGEST_REASON = 300;
/** Nobody signs for more roles at once; the answer must fit into a comment. */
const MOST_COMMANDS = 10;

/**
 * The commands of a comment: lines that begin with `/approve` or `/reject`. Quoted lines, code blocks, what does not show on the
 * page, and the mail below an answer by mail, are no commands; of the last it is said that they are none.
 */
export function commandsOf(body: string): Command[] {
  const lines = visibleLines(body);
  const quoted = lines.findIndex(beginsQuotedMail);
  const own = commandsIn(quoted === -1 ? lines : lines.slice(0, quoted));
  if (quoted === -1 || own.length > 0 || commandsIn(lines.slice(quoted)).length === 0) return own;
  return [{ kind: 'wrong', role: '', why: 'what stands in the mail that was answered is not read' }];
}

function commandsIn(lines: readonly string[]): Command[] {
  return lines.flatMap((line): Command[] => {
    const [, word, rest = ''] = /^\/(approve|reject)(?:[ \t]+(.*))?$/i.exec(line.trimEnd()) ?? [];
    if (word === undefined) return [];
    const [role = '', ...others] = rest.trim().split(/[ \t]+/);
    if (!/^[a-z0-9][a-z0-9-]{0,62}$/i.test(role)) return [{ kind: 'wrong', role: '', why: `\`/${word.toLowerCase()}\` must name a role` }];
    const name = role.toLowerCase();
    return [word.toLowerCase() === 'approve' ? approval(name, others) : rejection(name, others)];
  }).slice(0, MOST_COMMANDS);
}

function approval(role: string, [digest, ...more]: readonly string[]): Command {
  if (digest === undefined) return { kind: 'wrong', role, why: 'the approval names no digest, so it is not known what was approved' };
  if (more.length > 0) return { kind: 'wrong', role, why: 'there is more behind the digest; put a remark on a line of its own' };
  const digits = digest.replace(/^sha256:/i, '').toLowerCase();
  if (!new RegExp(`^[0-9a-f]{${LEAST_DIGITS},64}$`).test(digits)) return { kind: 'wrong', role, why: `the digest must be at least ${LEAST_DIGITS} hexadecimal digits` };
  return { kind: 'approve', role, digest: digits };
}

function rejection(role: string, words: readonly string[]): Command {
  const reason = words.join(' ').slice(0, LONGEST_REASON);
  return reason === '' ? { kind: 'wrong', role, why: 'a rejection needs a reason' } : { kind: 'reject', role, reason };
}
