import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A small repository of its own, laid out like ours, with one sin per file and the innocent beside them. */
const innocent: Record<string, string> = {
  'src/main/index.ts': "import { story } from '../commands/story.js';\nimport * as core from '@actions/core';\n\ncore.info(story + (process.env['HOME'] ?? ''));\n",
  'src/commands/story.ts': "import { stage } from '../release/stage.js';\n\nexport const story = stage;\n",
  'src/release/stage.ts': "import { start } from '../services/start.js';\n\nexport const stage = start;\n",
  'src/services/start.ts': "import { hold } from '../host/hold.js';\n\nexport const start = hold;\n",
  'src/host/hold.ts': "import { dial } from '../ssh/dial.js';\n\nexport const hold = dial;\n",
  'src/ssh/dial.ts': "import { user } from '../config/user.js';\nimport { mark } from '../evidence/mark.js';\n\nexport const dial = user + mark;\n",
  'src/config/user.ts': "import { mark } from '../evidence/mark.js';\n\nexport const user = mark;\n",
  'src/evidence/mark.ts': "export const mark = 'm';\n",
  'src/services/ask.ts': "export const ask = 'a';\n",
  'src/github/log.ts': "import * as core from '@actions/core';\n\nexport const log = core.info;\n",
};

const paths = 'import-x/no-restricted-paths';
const sinners: Record<string, { text: string; rule: string }> = {
  'src/ssh/upward.ts': { text: "export { hold } from '../host/hold.js';\n", rule: paths },
  'src/host/upward.ts': { text: "export { stage } from '../release/stage.js';\n", rule: paths },
  'src/release/upward.ts': { text: "export { story } from '../commands/story.js';\n", rule: paths },
  'src/commands/upward.ts': { text: "export { log } from '../github/log.js';\n", rule: paths },
  'src/checks/sibling.ts': { text: "export { ask } from '../services/ask.js';\n", rule: paths },
  'src/services/sibling.ts': { text: "export { stage } from '../release/stage.js';\n", rule: paths },
  'src/config/outward.ts': { text: "export { dial } from '../ssh/dial.js';\n", rule: paths },
  'src/evidence/outward.ts': { text: "export { hold } from '../host/hold.js';\n", rule: paths },
  'src/evidence/type-only.ts': { text: "import type { hold } from '../host/hold.js';\n\nexport type Hold = typeof hold;\n", rule: paths },
  'src/novelty/unlisted.ts': { text: "export { mark } from '../evidence/mark.js';\n", rule: paths },
  'src/host/one.ts': { text: "import { two } from './two.js';\n\nexport const one = (): string => two();\n", rule: 'import-x/no-cycle' },
  'src/host/two.ts': { text: "import { one } from './one.js';\n\nexport const two = (): string => one();\n", rule: 'import-x/no-cycle' },
  'src/checks/toolkit.ts': { text: "import * as core from '@actions/core';\n\nexport const log = core.info;\n", rule: 'no-restricted-imports' },
  'src/checks/environment.ts': { text: "export const home = process.env['HOME'];\n", rule: 'no-restricted-properties' },
  'src/checks/imported.ts': { text: "import { env } from 'node:process';\n\nexport const home = env['HOME'];\n", rule: 'no-restricted-imports' },
  'src/checks/taken-apart.ts': { text: 'const { env } = process;\n\nexport const home = env;\n', rule: 'no-restricted-properties' },
  'src/checks/default.ts': { text: 'export default 1;\n', rule: 'import-x/no-default-export' },
  'src/checks/any.ts': { text: 'export const value: any = 1;\n', rule: '@typescript-eslint/no-explicit-any' },
  'src/checks/floating.ts': { text: 'async function later(): Promise<void> {}\n\nexport function now(): void {\n  later();\n}\n', rule: '@typescript-eslint/no-floating-promises' },
};

interface Finding {
  filePath: string;
  messages: { ruleId: string | null; message: string }[];
}

describe('the rules of the house', () => {
  const house = join(import.meta.dirname, '../..');
  const root = mkdtempSync(join(tmpdir(), 'slipway-lint-'));
  const rulesOf = new Map<string, (string | null)[]>();

  beforeAll(() => {
    const texts = { ...innocent, ...Object.fromEntries(Object.entries(sinners).map(([file, { text }]) => [file, text])) };
    const config = pathToFileURL(join(house, 'eslint.config.js')).href;
    const files: Record<string, string> = {
      ...texts,
      'package.json': '{ "type": "module" }',
      'tsconfig.json': JSON.stringify({
        compilerOptions: { target: 'ES2023', module: 'NodeNext', strict: true, types: ['node'] },
        include: ['src'],
      }),
      'eslint.config.js': `import { house } from ${JSON.stringify(config)};\n\nexport default house(import.meta.dirname);\n`,
    };
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
    symlinkSync(join(house, 'node_modules'), join(root, 'node_modules'));
    for (const { filePath, messages } of lint(root, join(house, 'node_modules/eslint/bin/eslint.js'))) {
      rulesOf.set(relative(root, filePath), messages.map(({ ruleId }) => ruleId));
    }
  }, 120_000);

  afterAll(() => rmSync(root, { recursive: true }));

  it.each(Object.keys(innocent))('let %s pass', (file) => {
    expect(rulesOf.get(file)).toEqual([]);
  });

  it.each(Object.entries(sinners).map(([file, { rule }]) => [file, rule]))('refuse %s by %s alone', (file, rule) => {
    expect(new Set(rulesOf.get(file))).toEqual(new Set([rule]));
  });
});

/** ESLint as a process, as a person runs it; its exit code 1 means findings, which are what is wanted here. */
function lint(root: string, eslint: string): Finding[] {
  try {
    return JSON.parse(execFileSync(process.execPath, [eslint, '--format', 'json', 'src'], { cwd: root, encoding: 'utf8' })) as Finding[];
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    if (stderr !== '') throw new Error(stderr, { cause: error });
    return JSON.parse(stdout) as Finding[];
  }
}
