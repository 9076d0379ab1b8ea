/**
 * Whether a plain value looks like a secret that should not stand in a file under version control: a private key, a token
 * of a known form, or 32 and more characters of base64 or hexadecimal that look random. Meant to catch slips, not to prove anything.
 */
export function looksSecret(value: string): boolean {
  if (value.includes('PRIVATE KEY-----')) return true;
  // GitHub, GitLab, Slack, Stripe, AWS, npm: prefixes their makers chose so that scanners find them.
  if (/\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22}|glpat-[\w-]{20}|xox[abp]-[\w-]{10}|[sr]k_live_\w{16}|AKIA[A-Z0-9]{16}|npm_[A-Za-z0-9]{36})/.test(value)) return true;
  if (value.includes('$')) return false;
  return /^[A-Za-z0-9+_-]{32,}={0,2}$/.test(value) && /\d/.test(value) && /[A-Za-z]/.test(value) && bitsPerCharacter(value) > 3.2;
}

/** Shannon entropy of the characters: hexadecimal noise comes near 4, words and lists of zeros stay well below 3.2. */
function bitsPerCharacter(value: string): number {
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum - (count / value.length) * Math.log2(count / value.length), 0);
}
