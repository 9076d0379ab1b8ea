/** What the bundle leaves out of its packages, and what it reads from another bundle when it is first needed: two plugins of esbuild (https://esbuild.github.io/plugins/). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What our dependencies import and we never reach, by the package that asks. @actions/core speaks HTTP for OIDC tokens only, and
 * starts programs only to describe the machine (undici alone is a megabyte); of ssh2 we use the client, and no SFTP.
 */
const UNUSED = {
  '@actions/core': /^@actions\/(http-client(\/lib\/auth)?|exec)$/,
  ssh2: /^\.\/(server|keygen|http-agents|protocol\/SFTP)\.js$/,
};

/** In the place of each of them stands an empty module: what asks for one of its names finds nothing. */
export function leftOut() {
  return {
    name: 'left-out',
    setup(build) {
      for (const [name, requests] of Object.entries(UNUSED)) {
        build.onResolve({ filter: requests }, ({ path, importer }) => (packageOf(importer) === name ? { path: `${name}: ${path}`, namespace: 'left-out' } : undefined));
      }
      build.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'module.exports = {};' }));
    },
  };
}

/**
 * The bundles beside index.cjs, and what of the sources and packages stands in each: nothing else pays for it. Each has an entry in
 * tools/parts/. The plots are loaded by what draws them (entry.mjs), the command line is where `slipway` starts (start.cjs).
 */
export const LATER = {
  // The command line, which has its names out of index.cjs in turn.
  cli: [],
  // A smoke scenario that runs.
  scenario: [/^tough-cookie$/, /^jsonpath-rfc9535$/],
  // A window with holidays.
  holidays: [/\/holiday-dates\.generated\.js$/],
  // A report's page.
  plots: [],
};

/** Lets their names come out of those bundles, which are read when a name is first used, not when it is imported. */
export function readLater() {
  return {
    name: 'read-later',
    setup(build) {
      for (const [part, requests] of Object.entries(LATER)) {
        const names = namesOf(part);
        for (const filter of requests) {
          build.onResolve({ filter }, ({ path, importer }) => {
            const unknown = importedBy(importer, path).filter((name) => !names.includes(name));
            return unknown.length === 0 ? { path: part, namespace: 'read-later' } : { errors: [{ text: `tools/parts/${part}.mjs does not export ${unknown.join(', ')}` }] };
          });
        }
      }
      build.onLoad({ filter: /.*/, namespace: 'read-later' }, ({ path: part }) => (
        { contents: `module.exports = {\n${namesOf(part).map((name) => `get ${name}() { return require('./${part}.cjs').${name}; },\n`).join('')}};`, resolveDir: import.meta.dirname }
      ));
    },
  };
}

/** Lets the command line have what its words ask for out of index.cjs, when they ask for it. */
export function fromIndex() {
  return {
    name: 'from-index',
    setup(build) {
      build.onResolve({ filter: /^\.\/cli-commands\.js$/ }, ({ path }) => ({ path, namespace: 'from-index' }));
      build.onLoad({ filter: /.*/, namespace: 'from-index' }, () => ({ contents: "module.exports = require('./index.cjs').commandLine();", resolveDir: import.meta.dirname }));
    },
  };
}

/** What a part's entry exports. */
function namesOf(part) {
  const text = readFileSync(join(import.meta.dirname, `parts/${part}.mjs`), 'utf8');
  return [...text.matchAll(/^export \{ (.*) \}/gm)].flatMap(([, names]) => names.split(', '));
}

/** The values that a source imports from a module, by name. */
function importedBy(source, path) {
  const [, names] = readFileSync(source, 'utf8').split('\n').map((line) => /^import \{ (.*) \} from '(.*)';$/.exec(line)).find((found) => found?.[2] === path) ?? [undefined, `any name: ${source} imports it in another way`];
  return names.split(', ').filter((name) => !name.startsWith('type '));
}

/** `/…/node_modules/@actions/core/lib/core.js` → `@actions/core`; undefined for what is not of a package. */
export function packageOf(path) {
  const below = path.replaceAll('\\', '/').split('node_modules/').at(-1);
  return below === path ? undefined : /^(@[^/]+\/)?[^/]+/.exec(below)?.[0];
}
