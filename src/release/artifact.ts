import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, open, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, type Header } from 'tar-stream';
import { messageOf, UserError } from '../evidence/errors.js';
import { leadsOut, parents } from './paths.js';

/** A folder a release is read from; `remove` ends what was made for it. */
export interface Artifact {
  readonly folder: string;
  /** True when the folder holds the release and nothing else, so that `release.include` does not apply. */
  readonly whole: boolean;
  remove(): Promise<void>;
}

const PACK_AGAIN = 'Pack the folder of the release anew, from plain files: tar -czf release.tar.gz -C <folder> .';

/**
 * Opens the artifact: a folder, a `.tar`, a `.tar.gz` or `.tgz`; without one, the workspace itself.
 * @throws UserError when it is missing, of another kind, or holds entries that may not be part of a release.
 */
export async function openArtifact(path: string | undefined, workspace: string): Promise<Artifact> {
  if (path === undefined) return { folder: workspace, whole: false, remove: () => Promise.resolve() };
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new UserError(`the artifact ${path} does not exist`, { remedy: 'Was it downloaded in this job? `actions/download-artifact` unpacks into the folder named by its `path`.' });
  if (found.isDirectory()) return { folder: path, whole: true, remove: () => Promise.resolve() };
  if (!/\.(tar|tar\.gz|tgz)$/.test(path)) {
    throw new UserError(`the artifact ${path} is neither a folder nor a .tar, .tar.gz or .tgz`, { remedy: PACK_AGAIN });
  }
  const folder = await mkdtemp(join(tmpdir(), 'slipway-artifact-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await unpack(path, folder);
  } catch (error) {
    await remove();
    if (error instanceof UserError) throw error;
    throw new UserError(`the artifact ${path} cannot be unpacked: ${messageOf(error)}`, { cause: error, remedy: 'Was all of it downloaded, and is there room for it in the temporary folder? Else build the artifact again.' });
  }
  return { folder, whole: true, remove };
}

async function unpack(file: string, folder: string): Promise<void> {
  if (file.endsWith('.tar')) await refuseWithoutEnd(file);
  const reader = extract();
  // Links are made last, so that no entry can be written through one.
  const links: { path: string; target: string }[] = [];
  const stages = file.endsWith('.tar') ? [createReadStream(file)] : [createReadStream(file), createGunzip()];
  const feeding = pipeline([...stages, reader]);
  feeding.catch(() => undefined);
  for await (const entry of reader) {
    const path = safePath(entry.header);
    if (path !== '') {
      const place = join(folder, path);
      const mode = entry.header.mode & 0o777;
      switch (entry.header.type) {
        case 'directory':
          await mkdir(place, { recursive: true });
          await chmod(place, mode | 0o700);
          break;
        case 'file':
        case 'contiguous-file':
          await mkdir(dirname(place), { recursive: true });
          // `tar -r` appends a file again when it has changed: the last one counts.
          await rm(place, { force: true });
          await pipeline(entry, createWriteStream(place));
          await chmod(place, mode | 0o400);
          break;
        case 'symlink':
          links.push({ path, target: entry.header.linkname });
          break;
        default:
          throw new UserError(`the artifact holds ${entry.header.name}, a ${entry.header.type}: only files, folders and links can be part of a release`, { remedy: PACK_AGAIN });
      }
    }
    entry.resume();
  }
  await feeding;
  const linked = new Set(links.map((link) => link.path));
  for (const link of links) {
    if (parents(link.path).some((parent) => linked.has(parent))) throw new UserError(`the artifact holds ${link.path}, which stands below a link`, { remedy: PACK_AGAIN });
    if (leadsOut(link.path, link.target)) throw new UserError(`the artifact holds the link ${link.path}, which leads out of the release (to ${link.target})`, { remedy: 'Have the link lead to something within the release, or pack what it leads to.' });
    await mkdir(dirname(join(folder, link.path)), { recursive: true });
    await symlink(link.target, join(folder, link.path));
  }
}

/** A compressed archive has a checksum; a plain one has only the zeros at its end (POSIX: two blocks of 512 bytes). */
async function refuseWithoutEnd(file: string): Promise<void> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const end = Buffer.alloc(1024, 1);
    if (size >= end.length) await handle.read(end, 0, end.length, size - end.length);
    if (end.some((byte) => byte !== 0)) throw new UserError(`the artifact ${file} has no end: it was cut off, or is no tar archive`, { remedy: 'Was all of it downloaded? Else build the artifact again.' });
  } finally {
    await handle.close();
  }
}

function safePath(header: Header): string {
  if (header.name.includes('\uFFFD')) throw new UserError(`the artifact holds ${header.name}: the name is not valid UTF-8`, { remedy: 'Rename the file, or leave it out of the archive.' });
  const path = posix.normalize(header.name).replace(/\/+$/, '');
  if (path === '.' || path === '') return '';
  if (posix.isAbsolute(path) || path === '..' || path.startsWith('../')) {
    throw new UserError(`the artifact holds ${header.name}, which leads out of the release`, { remedy: PACK_AGAIN });
  }
  return path;
}
