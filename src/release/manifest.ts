import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { UserError } from '../evidence/errors.js';
import { leadsOut, leadsOutThrough } from './paths.js';

/** One entry of a release, by its path below the release's root, with `/` between names. */
export type Entry =
  | { readonly type: 'file'; readonly path: string; readonly mode: number; readonly size: number; readonly sha256: string }
  | { readonly type: 'folder'; readonly path: string; readonly mode: number }
  | { readonly type: 'link'; readonly path: string; readonly target: string };

/** Everything a release consists of, before shared folders, environment and installs are added on the host. */
export interface Manifest {
  readonly entries: readonly Entry[];
  /** SHA-256 over `tree` and `sums`: the artefact's digest, which sign-offs refer to. */
  readonly digest: string;
  /** NUL-ended records `type mode path//target`, sorted by bytes: what host/scripts/lib.sh lists as tree. */
  readonly tree: Buffer;
  /** NUL-ended records `sha256  path`, sorted by bytes: what sha256sum -z prints. */
  readonly sums: Buffer;
  /** Sum of the sizes of all files, in bytes. */
  readonly bytes: number;
  readonly files: number;
}

/** Decides which paths belong to the release. */
export type Selects = (path: string, isFolder: boolean) => 'take' | 'look-inside' | 'leave';

/**
 * Reads a folder into a manifest: every file is hashed. Links are taken as links; one that is absolute or leads out of
 * the release is refused, as are devices, sockets and pipes, and names that are not Unicode.
 * @throws UserError naming every refused entry.
 */
export async function readManifest(folder: string, selects: Selects): Promise<Manifest> {
  const refused: string[] = [];
  const entries: Entry[] = [];
  const links = new Map<string, string>();
  const files: { path: string; mode: number; size: number }[] = [];

  const breathe = breather();

  const walk = async (below: string): Promise<void> => {
    const names = readdirSync(join(folder, below), { encoding: 'buffer' });
    await breathe();
    for (const raw of names.sort((a, b) => Buffer.compare(a, b))) {
      const name = raw.toString('utf8');
      const path = below === '' ? name : `${below}/${name}`;
      if (!Buffer.from(name, 'utf8').equals(raw)) {
        refused.push(`${JSON.stringify(path)}: the name is not valid UTF-8`);
        continue;
      }
      const stat = lstatSync(join(folder, path));
      const wanted = selects(path, stat.isDirectory());
      if (wanted === 'leave') continue;
      if (stat.isDirectory()) {
        const before = entries.length + files.length;
        await walk(path);
        // A folder that is only on the way to selected files comes along with them, not for itself.
        if (wanted === 'take' || entries.length + files.length > before) entries.push({ type: 'folder', path, mode: (stat.mode & 0o777) | 0o700 });
      } else if (wanted !== 'take') {
        continue;
      } else if (stat.isSymbolicLink()) {
        const target = readlinkSync(join(folder, path));
        if (target.includes('\uFFFD')) refused.push(`${JSON.stringify(path)}: the target of the link is not valid UTF-8`);
        links.set(path, target);
        entries.push({ type: 'link', path, target });
      } else if (stat.isFile()) {
        // Slipway must be able to read what it later compares.
        files.push({ path, mode: (stat.mode & 0o777) | 0o400, size: stat.size });
      } else {
        refused.push(`${path}: only files, folders and links can be part of a release`);
      }
    }
  };
  await walk('');
  for (const [path, target] of links) {
    if (leadsOut(path, target) || leadsOutThrough(path, links)) refused.push(`${path}: the link leads out of the release (to ${target})`);
  }
  if (refused.length > 0) {
    throw new UserError(`the release cannot be taken from ${folder}:\n${refused.map((line) => `    ${line}`).join('\n')}`, {
      remedy: 'Remove these entries, or leave them out with `release.exclude`.',
    });
  }
  const block = Buffer.allocUnsafe(BLOCK);
  for (const file of files) {
    entries.push({ type: 'file', ...file, sha256: await hashFile(join(folder, file.path), block, breathe) });
  }
  return manifestOf(entries);
}

/** The manifest of given entries. */
function manifestOf(entries: readonly Entry[]): Manifest {
  const tree = joinRecords(entries.map(treeRecord));
  const sums = joinRecords(entries.flatMap((entry) => (entry.type === 'file' ? [sumRecord(entry)] : [])));
  const digest = createHash('sha256').update(tree).update('\0').update(sums).digest('hex');
  const files = entries.filter((entry) => entry.type === 'file');
  const sorted = [...entries].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  return { entries: sorted, digest, tree, sums, bytes: files.reduce((sum, file) => sum + file.size, 0), files: files.length };
}

/** What has to be sent, given the manifest of the newest whole release on the host. */
export interface Delta {
  readonly send: readonly Extract<Entry, { type: 'file' }>[];
  /** Paths the host already has, byte for byte and with the same mode. */
  readonly link: readonly string[];
}

/**
 * @param base tree and sums as the host keeps them, or undefined when it has no release yet.
 * @param never paths that must not be linked, because an app was seen to rewrite them in place.
 */
export function compareManifests(manifest: Manifest, base: { tree: Buffer; sums: Buffer } | undefined, never: ReadonlySet<string>): Delta {
  const known = base === undefined ? new Set<string>() : new Set([...records(base.tree), ...records(base.sums)]);
  const send: Extract<Entry, { type: 'file' }>[] = [];
  const link: string[] = [];
  for (const entry of manifest.entries) {
    if (entry.type !== 'file') continue;
    if (!never.has(entry.path) && known.has(sumRecord(entry)) && known.has(treeRecord(entry))) link.push(entry.path);
    else send.push(entry);
  }
  return { send, link };
}

function treeRecord(entry: Entry): string {
  switch (entry.type) {
    case 'file':
      return `f ${entry.mode.toString(8)} ${entry.path}//`;
    case 'folder':
      return `d ${entry.mode.toString(8)} ${entry.path}//`;
    case 'link':
      return `l 777 ${entry.path}//${entry.target}`;
  }
}

function sumRecord(entry: Extract<Entry, { type: 'file' }>): string {
  return `${entry.sha256}  ${entry.path}`;
}

function joinRecords(texts: readonly string[]): Buffer {
  const sorted = texts.map((text) => Buffer.from(`${text}\0`, 'utf8')).sort((a, b) => Buffer.compare(a, b));
  return Buffer.concat(sorted);
}

function records(bytes: Buffer): string[] {
  return bytes.toString('utf8').split('\0').slice(0, -1);
}

/** How much of a file is read at once, in bytes. */
const BLOCK = 1024 * 1024;

async function hashFile(file: string, block: Buffer, breathe: () => Promise<void>): Promise<string> {
  const hash = createHash('sha256');
  const handle = openSync(file, 'r');
  try {
    for (;;) {
      const read = readSync(handle, block, 0, block.length, null);
      hash.update(block.subarray(0, read));
      // Before the next file: a release of ten thousand small ones must not hold up the connection to a host either.
      await breathe();
      if (read < block.length) break;
    }
  } finally {
    closeSync(handle);
  }
  return hash.digest('hex');
}

/** How long the event loop is kept waiting at most, in milliseconds: a connection is being made meanwhile. */
const BREATH = 8;

/**
 * Reading thousands of small files without a promise for each is six times faster (1.7 s → 0.3 s for 9,400 files); so that
 * everything else goes on too, the event loop gets its turn now and then.
 */
function breather(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < BREATH) return;
    await turn();
    since = performance.now();
  };
}
