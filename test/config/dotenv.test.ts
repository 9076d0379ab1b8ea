import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'dotenv';
import fc from 'fast-check';
import { parseDotenv, parseEnvFile, renderEnvFile } from '../../src/config/dotenv.js';

describe('app-env', () => {
  test('is read as the dotenv package reads it', () => {
    const text = `# a comment
A=1
export B = two # two
C="a\\nb"
D='x
y # no comment
z'
E=a#b

F=
PEM="-----BEGIN PRIVATE KEY-----
AAAA=
-----END PRIVATE KEY-----"
G=it's
H=\`back'tick"s\`
URL=postgres://user:p=ss@db/x?y=z
`;
    expect(parseDotenv(text)).toEqual({ ...parse(text) });
    expect(parseDotenv(text)['D']).toBe('x\ny # no comment\nz');
    expect(parseDotenv(text)['G']).toBe("it's");
  });

  test('may come with a byte order mark and Windows line ends', () => {
    expect(parseDotenv('\uFEFFA=1\r\nB="x\r\ny"\r\n')).toEqual({ A: '1', B: 'x\ny' });
  });

  test('may be empty, and may say the same thing twice', () => {
    expect(parseDotenv('')).toEqual({});
    expect(parseDotenv('A=1\nA="1"\n')).toEqual({ A: '1' });
  });

  test('with mistakes is refused with all of them, without a value', () => {
    const text = 'A=hunter2\nhunter3\nB-C=hunter4\n1D=hunter5\nA=hunter6\nE="x\ny"\nF=hunter\u00007\nG=hunter\uFFFE8\n';
    const error = ((): Error => {
      try {
        parseDotenv(text);
      } catch (thrown) {
        return thrown as Error;
      }
      throw new Error('nothing was thrown');
    })();
    expect(error.message.split('\n')).toEqual([
      'app-env cannot be used:',
      'line 2 is no NAME=value',
      'line 3: the name `B-C` must consist of letters, digits and _, with no digit in front',
      'line 4: the name `1D` must consist of letters, digits and _, with no digit in front',
      'line 5: A stands twice with different values',
      'line 8: F must not contain NUL',
      'line 9: G must not contain a byte order mark or a Unicode noncharacter',
    ]);
    expect(error.message).not.toContain('hunter');
  });
});

describe('the environment file', () => {
  test('is plain to read and sorted', () => {
    expect(renderEnvFile({ B: 'two words', A: '1', D: 'it\'s "$5"', C: '', E: 'a\nb' })).toBe(
      "A='1'\nB='two words'\nC=''\nD=\"it's \\\"\\$5\\\"\"\nE='a\nb'\n",
    );
  });

  test('carries no name or value that a reader could take otherwise', () => {
    expect(() => renderEnvFile({ 'A B': '1' })).toThrow('`A B` cannot be the name of an environment variable');
    expect(() => renderEnvFile({ A: 'x\0' })).toThrow('the value of A must not contain NUL');
    expect(() => renderEnvFile({ A: '\uD800' })).toThrow('the value of A must be valid Unicode');
    expect(() => renderEnvFile({ A: '\uFEFF' })).toThrow('the value of A must not contain a byte order mark');
  });

  test.each(['A=1\n', "A='1'", "A='1' \n", "# c\nA='1'\n", 'A="$B"\n', "A='1'B='2'\n"])(
    'is read strictly: %j',
    (text) => {
      expect(() => parseEnvFile(text)).toThrow('line 1 of the environment file is not as Slipway writes it');
    },
  );

  describe('read by shells', () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'slipway-env-'));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    /** The variables with the prefix X_ after `. file` in a shell. */
    function sourced(shell: string, args: string[], text: string): Record<string, string> {
      const file = join(folder, 'env');
      writeFileSync(file, text);
      const output = execFileSync(shell, [...args, 'set -a; . "$1"; exec env -0', 'sh', file], {
        env: { PATH: '/usr/bin:/bin' },
      });
      const entries = output
        .toString('utf8')
        .split('\0')
        .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const);
      return Object.fromEntries(entries.filter(([name]) => name.startsWith('X_')));
    }

    const characters = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.constantFrom(
          ...Array.from('\'"\\$`\n\r\t #=;&|<>(){}[]*?!~%^@:,.+-_aZ0'),
          '\\n',
          '$(',
          '${',
          '$HOME',
          "'\\''",
          '"$',
        ),
      },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 3 }) },
    );
    const value = fc
      .array(characters, { maxLength: 12 })
      .map((parts) => parts.join('').replace(/[\0\uFEFF\p{Noncharacter_Code_Point}\p{Surrogate}]/gu, ''));
    const name = fc.stringMatching(/^[A-Za-z0-9_]{0,8}$/).map((tail) => `X_${tail}`);
    const variables = fc.dictionary(name, value, { minKeys: 30, maxKeys: 60, noNullPrototype: true });

    // Each run starts one process, so that many values share a file.
    test.each([
      ['dash', 'dash', ['-c']],
      ['bash', 'bash', ['--norc', '-c']],
      ['busybox', 'busybox', ['sh', '-c']],
    ])('comes back unchanged from %s', (_, shell, args) => {
      fc.assert(
        fc.property(variables, (expected) => {
          expect(sourced(shell, args, renderEnvFile(expected))).toEqual(expected);
        }),
        { numRuns: 40 },
      );
    });

    test('comes back unchanged from our own parser', () => {
      fc.assert(fc.property(variables, (expected) => expect(parseEnvFile(renderEnvFile(expected))).toEqual(expected)));
    });

    test('comes back unchanged from dotenv where no value holds a single quote or ends in a backslash', () => {
      const plain = fc.dictionary(
        name,
        value.map((text) => text.replace(/['\r]/g, '').replace(/\\+$/, '')),
        { noNullPrototype: true },
      );
      fc.assert(fc.property(plain, (expected) => expect({ ...parse(renderEnvFile(expected)) }).toEqual(expected)));
    });
  });
});
