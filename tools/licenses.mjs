/** The licenses of what is in the bundles, as they ask to be passed on. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageOf } from './bundle-parts.mjs';

/**
 * The name, the license and its text of every package that a bundle was made from, in the order of the alphabet.
 * @param {string} root
 * @param {Iterable<string>} inputs the files that went in, from esbuild's metafile
 * @throws when a package brings no text of its license
 */
export function licensesOf(root, inputs) {
  const folders = new Map();
  for (const input of inputs) {
    const name = packageOf(input);
    if (name !== undefined) folders.set(name, join(root, input.slice(0, input.lastIndexOf(`node_modules/${name}/`)), 'node_modules', name));
  }
  return [...folders].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, folder]) => {
    // The second is how packages said it before npm had a word for it (ssh2).
    const { license: word, licenses } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const license = word ?? licenses?.map(({ type }) => type).join(', ');
    if (license === undefined) throw new Error(`${name} does not say its license`);
    const texts = legalFiles(folder).map((file) => readFileSync(file, 'utf8').trim());
    if (texts.length === 0) throw new Error(`${name} (${license}) brings no text of its license`);
    return [name, license, ...texts].join('\n\n');
  }).join('\n\n\n') + '\n';
}

/** LICENSE, NOTICE and the like, and those in a folder of such a name (ECharts: of what it took over). */
function legalFiles(folder) {
  const found = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => /^(licen[cs]es?|copying|notice)\b/i.test(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
  return found.flatMap((entry) => (entry.isDirectory() ? readdirSync(join(folder, entry.name)).sort().map((name) => join(folder, entry.name, name)) : [join(folder, entry.name)]));
}
