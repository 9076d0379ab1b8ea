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
 * The commands of a comment: lines that begin with `/approve` or `/reject`. Quoted lines, code blocks and what does not show
 * on the page are no commands.
 */
export function commandsOf(body: string): Command[] {
  return visibleLines(body).flatMap((line): Command[] => {
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

function visibleLines(body: string): string[] {
  const lines: string[] = [];
  let fence: string | undefined;
  for (const line of body.replace(/<!--[\s\S]*?(?:-->|$)/g, '').split(/\r\n|\r|\n/)) {
    const [, mark] = /^ {0,3}(`{3,}|~{3,})/.exec(line) ?? [];
    if (fence === undefined && mark !== undefined) fence = mark;
    else if (fence !== undefined && mark?.startsWith(fence) === true && line.trim() === mark) fence = undefined;
    else if (fence === undefined) lines.push(line);
  }
  return lines;
}
