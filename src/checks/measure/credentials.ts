import { estimateBits } from './entropy.js';
import { isSamplePassword, placeholderKind } from './placeholders.js';

/** Put at the end of a line that only looks like a credential. */
export const ALLOW_MARK = 'slipway:allow';

/** Tokens with a shape of their own: the issuers made them recognisable for this purpose. */
const TOKENS: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ['AWS access key', /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/],
  ['GitHub token', /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})\b/],
  ['GitLab token', /\bglpat-[A-Za-z0-9_-]{20,}/],
  ['npm token', /\bnpm_[A-Za-z0-9]{36}\b/],
  ['Slack token', /\bxox[abprs]-[A-Za-z0-9-]{20,}/],
  ['Stripe live key', /\b[rs]k_live_[A-Za-z0-9]{20,}/],
  ['Google API key', /\bAIza[0-9A-Za-z_-]{35}\b/],
  ['SendGrid key', /\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b/],
];

const PRIVATE_KEY = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----/;
const NAMED = /(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)s?["']?\s*(?:=>|:=|=|:)\s*(["'`])((?:(?!\1)[^\s\\]){8,})\1/gi;
const IN_URL = /\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/'"`<>]+:([^\s@/'"`<>]{4,})@/gi;
/** A login in a document: `Password: Abc123!x`, perhaps in bold or in code marks. */
const IN_PROSE = /\b(?:password|passwort|passwd)\b[*_`"']*\s*[:=|][\s*_`"']*([^\s`*"'|<>]{8,})/gi;

/**
 * Finds what looks like a credential in one text file, with lines from 1. Tells the kind, never the value.
 * `document`: the file is prose, in which logins stand without quotes.
 */
export function findCredentials(text: string, document = false): { line: number; kind: string }[] {
  const found: { line: number; kind: string }[] = [];
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    // A line of minified code or data is not written by hand, and long ones make patterns slow.
    if (line.length > 4000 || line.includes(ALLOW_MARK)) continue;
    const kind = credentialKind(line, lines.slice(index + 1, index + 8).join('\n'), document);
    if (kind !== undefined) found.push({ line: index + 1, kind });
  }
  return found;
}

function credentialKind(line: string, following: string, document: boolean): string | undefined {
  // A header alone is documentation or code that looks for keys; a key has a body.
  if (PRIVATE_KEY.test(line) && /[A-Za-z0-9+/]{40}/.test((line.split(PRIVATE_KEY)[1] ?? '') + following)) return 'private key';
  for (const [kind, pattern] of TOKENS) {
    const token = pattern.exec(line)?.[0];
    if (token !== undefined && !/example/i.test(token) && estimateBits(token) > 40) return kind;
  }
  for (const match of line.matchAll(IN_URL)) if (isRealPassword(match[1] ?? '')) return 'password in a URL';
  for (const match of line.matchAll(NAMED)) if (isRealPassword(match[2] ?? '')) return 'hard-coded secret';
  if (document) for (const match of line.matchAll(IN_PROSE)) if (isRealPassword(match[1] ?? '')) return 'login in a document';
  return undefined;
}

/** Not a variable, a placeholder or a sample, and mixed enough that somebody meant it to be secret. */
function isRealPassword(value: string): boolean {
  if (/[${}]|^%|process\.env|^\*+$|\.\.\./.test(value) || placeholderKind(value) !== undefined || isSamplePassword(value)) return false;
  if (/(?:example|sample|placeholder|changeme|redacted|fake|dummy|abc123|12345)/i.test(value)) return false;
  // A path, or a call in code.
  if (/^[~.]?\/|\w\(.*\)/.test(value)) return false;
  const classes = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^A-Za-z0-9]/].filter((kind) => kind.test(value)).length;
  const bits = estimateBits(value);
  return (classes >= 3 && bits >= 24) || (classes >= 2 && /[0-9]/.test(value) && bits >= 56);
}
