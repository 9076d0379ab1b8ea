/** Words people build secrets from; each is worth about as much as one draw from a short list. */
const COMMON = [
  'password', 'passwort', 'passwd', 'secret', 'supersecret', 'admin', 'administrator', 'welcome', 'letmein', 'qwerty', 'asdf', 'login', 'master',
  'production', 'prod', 'staging', 'development', 'test', 'testing', 'demo', 'sample', 'example', 'default', 'change', 'please', 'this', 'session',
  'encryption', 'refresh', 'access', 'token', 'auth', 'signing', 'backend', 'frontend', 'server', 'service', 'database', 'postgres', 'mysql', 'mongo',
  'redis', 'user', 'root', 'very', 'long', 'strong', 'random', 'string', 'characters', 'company', 'monday', 'summer', 'winter', 'spring', 'autumn',
  'dragon', 'monkey', 'football', 'iloveyou', 'sunshine', 'princess', 'jwt', 'key', 'your', 'super', 'hello', 'world', 'http', 'https',
].sort((a, b) => b.length - a.length);

const ROWS = ['abcdefghijklmnopqrstuvwxyz', '01234567890', 'qwertyuiop', 'asdfghjkl', 'zxcvbnm'];

const WORD_BITS = 8;
/** A word of a list of 7,776, as passphrases are made from (log2). */
const PHRASE_WORD_BITS = 12.9;
/** English text carries little more than two bits per letter once words are recognised. */
const PROSE_BITS_PER_LETTER = 2.3;

/**
 * Estimates how many bits of randomness a secret holds: an upper bound from its kinds of characters, less what repeats,
 * runs along the alphabet or the keyboard, or reads like words. A guess in favour of random strings: 32 hexadecimal
 * digits count as 128 bits; a sentence does not count as its length.
 */
export function estimateBits(secret: string): number {
  if (secret === '') return 0;
  const period = smallestPeriod(secret);
  if (period < secret.length) return estimateBits(secret.slice(0, period)) + Math.log2(secret.length / period);
  const phrase = phraseBits(secret);
  if (phrase !== undefined) return phrase;

  const pool = bitsPerCharacter(secret);
  const hex = /^[0-9a-f]+$/i.test(secret) || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(secret);
  let bits = 0;
  let rest = secret;
  if (hex) {
    // Dashes of a UUID carry nothing; letters a–f make words by chance.
    rest = secret.replaceAll('-', '');
  } else {
    const words = takeWords(rest);
    bits += words.bits;
    rest = words.rest;
    const prose = takeProse(rest);
    bits += prose.bits;
    rest = prose.rest;
  }
  bits += effectiveLength(rest) * pool;
  return Math.min(bits, diversityLimit(secret, pool));
}

/** log2 of the alphabet the characters seem to be drawn from. */
function bitsPerCharacter(secret: string): number {
  if (/^[0-9]+$/.test(secret)) return Math.log2(10);
  if (/^[0-9a-f-]+$/.test(secret) || /^[0-9A-F-]+$/.test(secret)) return 4;
  if (/^[A-Za-z0-9+/_=-]+$/.test(secret) && /[a-z]/.test(secret) && /[A-Z]/.test(secret) && /[0-9]/.test(secret)) return 6;
  let size = 0;
  if (/[a-z]/.test(secret)) size += 26;
  if (/[A-Z]/.test(secret)) size += 26;
  if (/[0-9]/.test(secret)) size += 10;
  if (/[^A-Za-z0-9]/.test(secret)) size += 32;
  return Math.log2(size);
}

/** `abcabcabc` has the period 3; a string that does not repeat has its own length. */
function smallestPeriod(text: string): number {
  const doubled = (text + text).indexOf(text, 1);
  return doubled > 0 && text.length % doubled === 0 ? doubled : text.length;
}

/** Characters that go on in the manner of the three before (the same again, the next of a row, up or down) count a quarter. */
function effectiveLength(text: string): number {
  let length = 0;
  let run = 0;
  let manner: string | undefined;
  for (let index = 0; index < text.length; index += 1) {
    const next = mannerOf(text.slice(index - 1, index + 1).toLowerCase());
    run = next !== undefined && next === manner ? run + 1 : next === undefined ? 0 : 1;
    manner = next;
    // Three in a row happen by chance, even in short random strings; the fourth makes a pattern.
    length += run >= 3 ? 0.25 : 1;
  }
  return length;
}

function mannerOf(pair: string): string | undefined {
  if (pair.length < 2) return undefined;
  if (pair[0] === pair[1]) return 'same';
  if (ROWS.some((row) => row.includes(pair))) return 'up';
  return ROWS.some((row) => row.includes(reverse(pair))) ? 'down' : undefined;
}

/** Words joined by dashes, dots or spaces count by the word, not by the letter; undefined when it is something else. */
function phraseBits(secret: string): number | undefined {
  const parts = secret.split(/[-_. ]+/).filter(Boolean);
  const words = parts.filter((part) => /^(?:[A-Z]?[a-z]{0,11}|[A-Z]{1,12})$/.test(part));
  if (parts.length < 3 || words.length < parts.length * 0.7) return undefined;
  return parts.reduce((bits, part) => {
    if (!words.includes(part)) return bits + effectiveLength(part) * bitsPerCharacter(part);
    return bits + (COMMON.includes(part.toLowerCase()) ? WORD_BITS : Math.min(PHRASE_WORD_BITS, part.length * 3));
  }, 0);
}

/** Few different characters in a long string: Shannon's entropy of what is there is the better estimate. */
function diversityLimit(secret: string, pool: number): number {
  const counts = new Map<string, number>();
  for (const character of secret) counts.set(character, (counts.get(character) ?? 0) + 1);
  let shannon = 0;
  for (const count of counts.values()) shannon -= (count / secret.length) * Math.log2(count / secret.length);
  const reachable = Math.min(pool, Math.log2(secret.length));
  // Short samples of a random source fall a little below its entropy, never this far.
  return reachable > 0 && shannon / reachable < 0.65 ? shannon * secret.length : Number.POSITIVE_INFINITY;
}

function takeWords(text: string): { bits: number; rest: string } {
  const plain: Record<string, string> = { 0: 'o', 1: 'l', 3: 'e', 4: 'a', 5: 's', '@': 'a', $: 's' };
  let rest = text;
  let bits = 0;
  for (const word of COMMON) {
    for (;;) {
      const normal = rest.toLowerCase().replace(/[01345@$]/g, (character) => plain[character] ?? character);
      const at = normal.indexOf(word);
      // Short words turn up in random strings by chance: they count only between separators.
      if (at < 0 || (word.length < 5 && !standsAlone(normal, at, word.length))) break;
      // A NUL keeps the neighbours apart; it counts as nothing below.
      rest = `${rest.slice(0, at)}\0${rest.slice(at + word.length)}`;
      bits += WORD_BITS;
    }
  }
  return { bits, rest: rest.replaceAll('\0', '') };
}

function standsAlone(text: string, at: number, length: number): boolean {
  return !/[a-z0-9]/.test(text[at - 1] ?? ' ') && !/[a-z0-9]/.test(text[at + length] ?? ' ');
}

/** The commonest pairs of letters in English. */
const PAIRS = new Set(('th he in er an re nd on en at ou ed ha to or it is hi es ng se ea ve te ar al st nt ll le ti co ro io ri ne me de as ra '
  + 'el om ce ho si la no li us ma ec so di et ta ur be ac ad wo wh fo').split(' '));

/** Runs of letters, where they make up most of the secret and its pairs are those of words: random letters have a tenth of them. */
function takeProse(text: string): { bits: number; rest: string } {
  const runs = text.match(/[A-Z]?[a-z]{4,}|[A-Z]{5,}/g) ?? [];
  const letters = runs.join('').length;
  const pairs = runs.flatMap((run) => [...run.slice(1)].map((letter, index) => `${run[index] ?? ''}${letter}`.toLowerCase()));
  const common = pairs.filter((pair) => PAIRS.has(pair)).length;
  if (letters < text.length * 0.8 || common < pairs.length * 0.35 || pairs.length === 0) return { bits: 0, rest: text };
  return { bits: letters * PROSE_BITS_PER_LETTER, rest: text.replace(/[A-Z]?[a-z]{4,}|[A-Z]{5,}/g, '') };
}

function reverse(text: string): string {
  return [...text].reverse().join('');
}
