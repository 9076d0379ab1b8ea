/** What matters here in a Content-Security-Policy (W3C, "Content Security Policy Level 3"). */
export interface CspFacts {
  /** Sources scripts may come from that keep nothing out. */
  readonly loose: readonly string[];
  readonly ancestors?: readonly string[];
  /** `upgrade-insecure-requests`: the browser itself turns http into https. */
  readonly upgrades: boolean;
}

const LOOSE = new Set(["'unsafe-inline'", "'unsafe-eval'", '*', 'http:', 'https:', 'data:', 'blob:', 'ws:', 'ftp:']);

/** Several policies in one header, divided by commas, all hold; the first one that speaks of a thing is taken for it. */
export function readCsp(header: string): CspFacts {
  const directives = new Map<string, string[]>();
  for (const part of header.split(/[;,]/)) {
    const [name = '', ...values] = part.trim().split(/\s+/);
    if (name !== '' && !directives.has(name.toLowerCase())) directives.set(name.toLowerCase(), values.map((value) => value.toLowerCase()));
  }
  const scripts = directives.get('script-src') ?? directives.get('default-src');
  const ancestors = directives.get('frame-ancestors');
  return { loose: scripts === undefined ? ['everywhere'] : looseOf(scripts), ...(ancestors === undefined ? {} : { ancestors }), upgrades: directives.has('upgrade-insecure-requests') };
}

function looseOf(sources: readonly string[]): string[] {
  const keyed = sources.some((source) => /^'(nonce-|sha(256|384|512)-)/.test(source));
  // With nonces or hashes browsers pass over unsafe-inline, with strict-dynamic over schemes and hosts as well: they
  // stand there for old ones.
  const strict = keyed && sources.includes("'strict-dynamic'");
  return sources.filter((source) => (LOOSE.has(source) || source.startsWith('http://')) && !(keyed && source === "'unsafe-inline'") && !(strict && source !== "'unsafe-eval'"));
}
