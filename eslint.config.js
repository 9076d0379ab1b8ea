import { defineConfig } from 'eslint/config';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/**
 * Imports point one way: main → commands → middle → host → ssh. What a folder of `src` may import besides itself;
 * `config` and `evidence` may be read by all. A new folder must be added here, or it may import nothing.
 */
const shared = ['config', 'evidence'];
const below = ['host', 'ssh', ...shared];
const middle = {
  release: ['services', ...below],
  services: below,
  databases: below,
  site: ['services', ...below],
  checks: ['probe', ...below],
  probe: below,
  watch: below,
  signoff: below,
  // Preparing a host.
  server: ['services', ...below],
  window: shared,
  report: shared,
};
const mayImport = {
  evidence: [],
  config: ['evidence'],
  ssh: shared,
  host: ['ssh', ...shared],
  ...middle,
  commands: [...Object.keys(middle), ...below],
  // What the checks want to know is theirs to say; GitHub answers in their words.
  github: ['checks', 'signoff', 'watch', 'report', ...shared],
};

const zones = Object.entries(mayImport).map(([folder, allowed]) => ({
  target: `./src/${folder}`,
  from: './src',
  except: [folder, ...allowed].map((name) => `./${name}`),
  message: `src/${folder} may import ${allowed.join(', ') || 'no other folder'} (docs/development.md, "Which folder may import which").`,
}));
zones.push({
  target: `./src/!(${['main', ...Object.keys(mayImport)].join('|')})/**`,
  from: './src',
  message: 'A new folder of src: say in eslint.config.js what it may import.',
});

const toolkit = 'Only src/main and src/github speak to GitHub; pass what is needed in as an argument.';
const environment = 'Only src/main and src/github read the process environment; pass what is needed in as an argument.';

const nodeGlobals = ['console', 'process', 'Buffer', 'URL', 'fetch', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval',
  'AbortController', 'AbortSignal', 'performance', 'require', 'module', '__dirname'];

/** The rules of the house for a folder laid out like this repository; `root` is its absolute path. */
export function house(root) {
  return defineConfig(
    { ignores: ['build/', 'dist/', 'coverage/', 'examples/', '**/*.generated.ts', 'node_modules/', '.slipway/'] },
    { rules: { eqeqeq: 'error', 'no-fallthrough': 'error', 'no-self-compare': 'error', 'no-unreachable': 'error' } },
    {
      files: ['**/*.{js,mjs,cjs}'],
      extends: [tseslint.configs.recommended],
      languageOptions: { globals: Object.fromEntries(nodeGlobals.map((name) => [name, 'readonly'])) },
      rules: { 'no-undef': 'error' },
    },
    { files: ['**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
    {
      files: ['src/**/*.ts', 'test/**/*.ts'],
      extends: [tseslint.configs.strictTypeChecked],
      languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: root } },
      plugins: { 'import-x': importX },
      settings: {
        'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
        'import-x/resolver-next': [createTypeScriptImportResolver({ project: `${root}/tsconfig.json` })],
      },
      rules: {
        '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
        '@typescript-eslint/no-confusing-void-expression': 'off',
        '@typescript-eslint/no-unnecessary-type-arguments': 'off',
        '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: 'only-allowed-literals' }],
        // Spreading a string into code points is meant wherever it stands.
        '@typescript-eslint/no-misused-spread': ['error', { allow: ['string'] }],
        // An implementation of an asynchronous interface may have nothing to wait for.
        '@typescript-eslint/require-await': 'off',
        '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
        '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
        '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
        // The tsconfig's noPropertyAccessFromIndexSignature asks for the brackets that dot-notation would remove.
        '@typescript-eslint/dot-notation': 'off',
        'no-restricted-syntax': ['error', { selector: "ImportDeclaration[importKind='value'][source.value='zod'] ImportSpecifier", message: "Write import * as z from 'zod': with { z } all of zod is in the bundle." }],
        'import-x/no-cycle': 'error',
        'import-x/no-default-export': 'error',
        'import-x/no-restricted-paths': ['error', { basePath: root, zones }],
      },
    },
    {
      files: ['src/**/*.ts'],
      ignores: ['src/main/**', 'src/github/**'],
      rules: {
        'no-restricted-imports': ['error', {
          paths: ['process', 'node:process'].map((name) => ({ name, importNames: ['env', 'default'], message: environment })),
          patterns: [{ group: ['@actions/*'], message: toolkit }],
        }],
        'no-restricted-properties': ['error', { object: 'process', property: 'env', message: environment }],
      },
    },
    {
      files: ['test/**/*.ts'],
      rules: {
        // A test reads what it has just made; a wrong assumption fails the test.
        '@typescript-eslint/no-non-null-assertion': 'off',
        '@typescript-eslint/unbound-method': 'off',
      },
    },
  );
}

export default house(import.meta.dirname);
