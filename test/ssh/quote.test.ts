import { spawnSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { quote } from '../../src/ssh/quote.js';

const SHELLS: readonly (readonly string[])[] = [['dash'], ['bash'], ['busybox', 'sh']];
const COUNT = 10_000;

/** What a shell makes of quoted words: `printf '%s\0' …`, read back. */
function throughShell([command = '', ...options]: readonly string[], words: readonly string[]): string[] {
  // On standard input, as a single argument may be 128 KiB at most.
  const script = `printf '%s\\0' ${words.map(quote).join(' ')}\n`;
  const run = spawnSync(command, [...options, '-s'], { input: script, maxBuffer: 1 << 28, env: { ...process.env, LC_ALL: 'C.UTF-8' } });
  if (run.error) throw new Error(`This test needs ${[command, ...options].join(' ')} (Debian: apt-get install dash bash busybox): ${run.error.message}`);
  if (run.status !== 0) throw new Error(`${command} ended with ${run.status}: ${run.stderr.toString()}`);
  return run.stdout.toString('utf8').split('\0').slice(0, -1);
}

/** Lone surrogates have no UTF-8 form: no process can be given one. */
const character = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...`'"\\\`$!*?~#&;|<>(){}[]^%=-+,.:@/ \n\r\t`.split('')) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 0x1f }).map((code) => String.fromCharCode(code)) },
  { weight: 3, arbitrary: fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }).filter((one) => one !== '\0') },
  { weight: 2, arbitrary: fc.string({ minLength: 1, maxLength: 1, unit: 'grapheme' }) },
);
const word = fc.oneof(
  { weight: 20, arbitrary: fc.array(character, { maxLength: 40 }).map((all) => all.join('')) },
  { weight: 2, arbitrary: fc.array(character, { maxLength: 10 }).map((all) => `-${all.join('')}`) },
  { weight: 1, arbitrary: fc.constantFrom('', '-n', '--', '-e', "'", "''", "'\\''", '\\', '\\\\', '\n', '$(id)', '`id`', '%s', '\\0', '!!', '~') },
).filter((text) => !/\p{Surrogate}/u.test(text) && !text.includes('\0'));

describe('quote', () => {
  test.each(SHELLS.map((shell) => [shell.join(' '), shell] as const))(`${COUNT} generated strings come out of %s as they went in`, (_name, shell) => {
    fc.assert(fc.property(fc.array(word, { minLength: 500, maxLength: 500 }), (words) => {
      expect(throughShell(shell, words)).toEqual(words);
    }), { numRuns: COUNT / 500 });
  });

  test('every character below 256, alone and doubled, comes out of every shell as it went in', () => {
    const all = Array.from({ length: 255 }, (_, index) => String.fromCharCode(index + 1)).flatMap((one) => [one, one + one]);
    for (const shell of SHELLS) expect(throughShell(shell, all)).toEqual(all);
  });

  test('a NUL is refused, since no argument can carry it', () => {
    expect(() => quote('a\0b')).toThrow(/NUL/);
  });

  test('the empty string is a word', () => {
    expect(quote('')).toBe("''");
  });
});
