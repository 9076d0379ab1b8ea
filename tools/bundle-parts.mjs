/** What the bundle leaves out of its packages, and what it reads from another bundle when it is first needed: two plugins of esbuild (https://esbuild.github.io/plugins/). */

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
 * Packages whose names come out of another bundle, which is read when one of them is first used, not when it is imported.
 * @param {string} file the other bundle, as it is required
 * @param {readonly string[]} packages
 */
export async function readLater(file, packages) {
  const contents = {};
  for (const name of packages) {
    const names = Object.keys(await import(name)).filter((one) => /^[A-Za-z_$][\w$]*$/.test(one) && one !== 'default').sort();
    contents[name] = `module.exports = {\n${names.map((one) => `get ${one}() { return require('${file}').${one}; },\n`).join('')}};`;
  }
  return {
    name: 'read-later',
    setup(build) {
      build.onResolve({ filter: new RegExp(`^(${packages.join('|')})$`) }, ({ path }) => ({ path, namespace: 'read-later' }));
      build.onLoad({ filter: /.*/, namespace: 'read-later' }, ({ path }) => ({ contents: contents[path], resolveDir: import.meta.dirname }));
    },
  };
}

/** `/…/node_modules/@actions/core/lib/core.js` → `@actions/core`; undefined for what is not of a package. */
export function packageOf(path) {
  const below = path.replaceAll('\\', '/').split('node_modules/').at(-1);
  return below === path ? undefined : /^(@[^/]+\/)?[^/]+/.exec(below)?.[0];
}
