import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, type Header } from 'tar-stream';
import { UserError } from '../evidence/errors.js';
import { leadsOut } from './manifest.js';

/** A folder a release is read from; `remove` ends what was made for it. */
export interface Artifact {
  readonly folder: string;
  /** True when the folder holds the release and nothing else, so that `release.include` does not apply. */
  readonly whole: boolean;
  remove(): Promise<void>;
}

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
    throw new UserError(`the artifact ${path} is neither a folder nor a .tar, .tar.gz or .tgz`);
  }
  const folder = await mkdtemp(join(tmpdir(), 'slipway-artifact-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await unpack(path, folder);
  } catch (error) {
    await remove();
    if (error instanceof UserError) throw error;
    throw new UserError(`the artifact ${path} cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  return { folder, whole: true, remove };
}

async function unpack(file: string, folder: string): Promise<void> {
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
      const mode = (entry.header.mode ?? 0o644) & 0o777;
      switch (entry.header.type) {
        case 'directory':
          await mkdir(place, { recursive: true });
          await chmod(place, mode | 0o700);
          break;
        case 'file':
        case 'contiguous-file':
          await mkdir(dirname(place), { recursive: true });
          await pipeline(entry, createWriteStream(place));
          await chmod(place, mode | 0o400);
          break;
        case 'symlink':
          links.push({ path, target: entry.header.linkname ?? '' });
          break;
        default:
          throw new UserError(`the artifact holds ${entry.header.name}, a ${entry.header.type ?? 'thing of unknown type'}: only files, folders and links can be part of a release`);
      }
    }
    entry.resume();
  }
  await feeding;
  for (const link of links) {
    if (leadsOut(link.path, link.target)) throw new UserError(`the artifact holds the link ${link.path}, which leads out of the release (to ${link.target})`);
    await mkdir(dirname(join(folder, link.path)), { recursive: true });
    await symlink(link.target, join(folder, link.path));
  }
}

function safePath(header: Header): string {
  const path = posix.normalize(header.name).replace(/\/+$/, '');
  if (path === '.' || path === '') return '';
  if (posix.isAbsolute(path) || path === '..' || path.startsWith('../')) {
    throw new UserError(`the artifact holds ${header.name}, which leads out of the release`);
  }
  return path;
}
