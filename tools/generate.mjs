/**
 * Embeds every remote script as text: `src/host/scripts/*.sh` → `src/host/scripts.generated.ts`.
 * Scripts stay files (law 2 of the design: shellcheck reads what the host runs), and the bundle stays one file.
 * The result is git-ignored; it is written only when it changed, so that watchers and caches stay quiet.
 * Lines such as `at renamed` mark steps of a script; they are left out. Only the bundle of the tests on real hosts is built
 * with a hook: there they stay, and the hook's file, which defines `at`, is part of the library before every script.
 *
 *   node tools/generate.mjs [--hook <file>]
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'src/host/scripts');
const target = join(root, 'src/host/scripts.generated.ts');
const { hook } = parseArgs({ options: { hook: { type: 'string' } } }).values;

const entries = readdirSync(folder)
  .filter((file) => file.endsWith('.sh'))
  .sort()
  .map((file) => {
    const name = file.slice(0, -'.sh'.length);
    const source = readFileSync(join(folder, file), 'utf8');
    const text = hook === undefined ? source.replace(/^ *at [a-z-]+\n/gm, '') : source + (name === 'lib' ? readFileSync(hook, 'utf8') : '');
    return `  ${JSON.stringify(name)}: ${JSON.stringify(text)},\n`;
  });

const text = `// Written by tools/generate.mjs from src/host/scripts/*.sh. Change the scripts, not this file.
export const scripts = {
${entries.join('')}} as const;

export type ScriptName = keyof typeof scripts;
`;

if (!existsSync(target) || readFileSync(target, 'utf8') !== text) writeFileSync(target, text);
