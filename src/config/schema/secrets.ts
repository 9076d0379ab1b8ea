/** GitHub, GitLab, Slack, Stripe, AWS, npm: prefixes their makers chose so that scanners find the tokens. */
const TOKENS = new RegExp(
  String.raw`\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22}|glpat-[\w-]{20}|xox[abp]-[\w-]{10}|` +
    String.raw`[sr]k_live_\w{16}|AKIA[A-Z0-9]{16}|npm_[A-Za-z0-9]{36})`,
);

/**
 * Whether a plain value looks like a secret that should not stand in a file under version control: a private key, a
 * token of a known form, or 32 and more characters of hexadecimal or base64 that look random. Names of buckets, UUIDs
 * and paths do not. Meant to catch slips, not to prove anything.
 */
export function looksSecret(value: string): boolean {
  if (value.includes('PRIVATE KEY-----') || TOKENS.test(value)) return true;
  if (/^([0-9a-f]{32,}|[0-9A-F]{32,})$/.test(value)) return bitsPerCharacter(value) > 3;
  const base64 = /^[A-Za-z0-9+/_-]{32,}={0,2}$/.test(value) && !value.startsWith('/');
  return base64 && /[a-z]/.test(value) && /[A-Z]/.test(value) && /\d/.test(value) && bitsPerCharacter(value) > 4.2;
}

/** Shannon entropy of the characters: random hexadecimal comes near 4, random base64 near 5, words stay below. */
function bitsPerCharacter(value: string): number {
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum - (count / value.length) * Math.log2(count / value.length), 0);
}
