import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { parseUrl } from '../measure/urls.js';
import type { BundleFacts, Finding } from '../model.js';

const compress = promisify(gzip);

const CODE = /\.(?:m?js|cjs|css)$/;
/** Names browsers look for by themselves, or that are meant to change without a new build. */
const FIXED_NAME = /(?:^|\/)(?:sw|service-worker|registerSW|workbox-sw|firebase-messaging-sw|env|config|runtime-config|_buildManifest|_ssgManifest|_middlewareManifest)\.js$/i;
/** Small files are not worth minifying, and too short to tell. */
const MINIFY_FROM = 20_000;
/** Minified scripts have few and long lines; written ones about forty characters each. */
const MINIFIED_LINE = 80;
const CONSOLE = /\bconsole\s*\.\s*(?:log|debug|info|trace|dir|table)\s*\(/;
const URLS = /\bhttps?:\/\/(?:\[[0-9a-f:]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::\d{1,5})?/gi;

/** Reads the built frontend in `workspace`/`directory`. */
export async function gatherBundle(workspace: string, directory: string): Promise<BundleFacts> {
  const folder = join(workspace, directory);
  const paths = await filesBelow(folder);
  const sourceMaps: string[] = [];
  const consoleCalls: Finding[] = [];
  const unminified: string[] = [];
  const unfingerprinted: string[] = [];
  const origins: Record<string, string> = {};
  let size = 0;
  for (const path of paths ?? []) {
    const file = relative(folder, path).split(sep).join('/');
    if (file.endsWith('.map')) sourceMaps.push(file);
    if (!CODE.test(file) && !file.endsWith('.html')) continue;
    const content = await readFile(path);
    const text = content.toString('utf8');
    // Pages hold what scripts are told when they are rendered ahead of time.
    for (const url of text.match(URLS) ?? []) {
      const origin = parseUrl(url)?.origin;
      if (origin !== undefined) origins[origin] ??= file;
    }
    if (!CODE.test(file)) continue;
    size += (await compress(content)).length;
    if (/[#@]\s*sourceMappingURL=\S/.test(text.slice(-100_000)) && paths?.includes(`${path}.map`) !== true) sourceMaps.push(`${file} (sourceMappingURL)`);
    if (!hasFingerprint(file) && !FIXED_NAME.test(file)) unfingerprinted.push(file);
    if (text.length >= MINIFY_FROM && text.length / text.split('\n').length < MINIFIED_LINE) unminified.push(file);
    const line = file.endsWith('.css') ? -1 : text.split('\n').findIndex((candidate) => CONSOLE.test(candidate));
    if (line >= 0) consoleCalls.push({ file, line: line + 1, kind: `console.${CONSOLE.exec(text)?.[0].match(/\.\s*(\w+)/)?.[1] ?? ''}` });
  }
  return { directory, exists: paths !== undefined, files: paths?.length ?? 0, gzip: size, sourceMaps, consoleCalls, unminified, unfingerprinted, origins };
}

/** A content hash in the name, as bundlers write it (`app-BxK3_9aQ.js`, `main.3f9c2ab1.chunk.js`), or a build's id as a folder. */
export function hasFingerprint(file: string): boolean {
  return file.replace(/\.[a-z]+$/, '').split('/').some((part) => {
    if (/(?:^|[-.~_])(?=[a-f]*\d)[0-9a-f]{8,}(?:$|[-.])/.test(part)) return true;
    // Vite and esbuild: eight characters, which may be dashes; a build id of Next.js: twenty-one.
    const hash = /[-.~]([A-Za-z0-9_-]{8})(?:\.chunk|\.min)?$/.exec(part)?.[1] ?? /^[A-Za-z0-9_-]{16,}$/.exec(part)?.[0];
    return hash !== undefined && (/[A-Z].*[A-Z]/.test(hash) || /[A-Za-z].*\d.*[A-Za-z]/.test(hash));
  });
}

/** All files, sorted; undefined when the folder is not there. */
async function filesBelow(folder: string): Promise<string[] | undefined> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
