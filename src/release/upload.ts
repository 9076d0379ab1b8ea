import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack, type Header, type Pack } from 'tar-stream';
import { UserError } from '../evidence/errors.js';
import type { Definition } from '../services/definition.js';
import type { Delta, Entry, Manifest } from './manifest.js';

/** What travels beside the files: how the host verifies, links, shares and runs the release. */
export interface Luggage {
  readonly manifest: Manifest;
  /** The script by which a host goes back by itself. */
  readonly revert: string;
  /** Paths below the release that survive releases. */
  readonly shared: readonly string[];
  /** The environment file's text, or undefined when the release has none. */
  readonly env: string | undefined;
  /** Names of secrets that the host makes and keeps. */
  readonly generate?: readonly string[] | undefined;
  /** By `NN-<name>`, in the order in which they start. */
  readonly services: Readonly<Record<string, Definition>>;
  /** The site's files by name, where the host has one. */
  readonly site?: Readonly<Record<string, string>> | undefined;
}

/**
 * The compressed tar stream that host/scripts/stage.sh takes: `meta/` first, then folders, links, and the files that the
 * host does not have. Streams: memory stays flat whatever the size.
 * @param onBytes called with the number of content bytes as they pass.
 */
export function packRelease(folder: string, luggage: Luggage, delta: Delta, onBytes: (count: number) => void): Readable {
  return compressed(delta.send, async (tar) => {
    const meta: Record<string, string | Buffer> = {
      tree: luggage.manifest.tree,
      sums: luggage.manifest.sums,
      links: delta.link.map((path) => `${path}\0`).join(''),
      shared: luggage.shared.map((path) => `${path}\n`).join(''),
      'revert.sh': luggage.revert,
      ...(luggage.generate === undefined || luggage.generate.length === 0 ? {} : { generate: luggage.generate.map((name) => `${name}\n`).join('') }),
    };
    for (const [name, content] of Object.entries(meta)) await addText(tar, `meta/${name}`, content, 0o644);
    if (luggage.env !== undefined) await addText(tar, 'meta/env', luggage.env, 0o600);
    for (const [service, definition] of Object.entries(luggage.services)) {
      for (const [name, file] of Object.entries(definition)) await addText(tar, `meta/services/${service}/${name}`, file.content, file.mode);
    }
    for (const [name, content] of Object.entries(luggage.site ?? {})) await addText(tar, `meta/site/${name}`, content, 0o644);
    // Folders first and in order, so that each exists with its own mode before anything is linked into it.
    for (const entry of luggage.manifest.entries) {
      if (entry.type === 'folder') await addHeader(tar, { name: `tree/${entry.path}/`, type: 'directory', mode: entry.mode });
    }
    for (const entry of luggage.manifest.entries) {
      if (entry.type === 'link') await addHeader(tar, { name: `tree/${entry.path}`, type: 'symlink', linkname: entry.target, mode: 0o777 });
    }
    for (const file of delta.send) await addFile(tar, folder, file, onBytes);
    await addEnd(tar);
  });
}

/**
 * A release as one file: what `deploy` takes as its artifact. The same files give the same bytes.
 * @param onBytes called with the number of content bytes as they pass.
 */
export function packArtifact(folder: string, manifest: Manifest, onBytes: (count: number) => void): Readable {
  const files = manifest.entries.filter((entry) => entry.type === 'file');
  const mtime = new Date(0);
  return compressed(files, async (tar) => {
    for (const entry of manifest.entries) {
      if (entry.type === 'folder') await addHeader(tar, { name: `${entry.path}/`, type: 'directory', mode: entry.mode, mtime });
      if (entry.type === 'link') await addHeader(tar, { name: entry.path, type: 'symlink', linkname: entry.target, mode: 0o777, mtime });
    }
    for (const file of files) await addFile(tar, folder, file, onBytes, { name: file.path, mtime });
  });
}

/** Some files again, because the host's copies differ from the manifest. */
export function packFiles(folder: string, files: readonly Extract<Entry, { type: 'file' }>[], onBytes: (count: number) => void): Readable {
  return compressed(files, async (tar) => {
    for (const file of files) await addFile(tar, folder, file, onBytes);
    await addEnd(tar);
  });
}

const heard = (): void => undefined;

/** From this much content on, in bytes, a faster compression saves more time than the tenth it sends more costs. */
const MUCH = 8 * 1024 * 1024;

function compressed(files: readonly { readonly size: number }[], fill: (tar: Pack) => Promise<void>): Readable {
  const tar = pack();
  const much = files.reduce((sum, { size }) => sum + size, 0) > MUCH;
  const gzip = createGzip({ level: much ? 1 : 6, chunkSize: 128 * 1024 });
  const out = new PassThrough();
  // Who reads `out` hears of errors through it. The others emit theirs a second time after the pipeline has let go of
  // them, when the reader went away first: unheard, that would end the process.
  tar.on('error', heard);
  gzip.on('error', heard);
  out.on('error', heard);
  pipeline(tar, gzip, out).catch((error: unknown) => out.destroy(error as Error));
  fill(tar).then(
    () => tar.finalize(),
    (error: unknown) => tar.destroy(error as Error),
  );
  return out;
}

async function addText(tar: Pack, name: string, content: string | Buffer, mode: number): Promise<void> {
  const bytes = Buffer.from(content);
  await new Promise<void>((resolve, reject) => {
    tar.entry({ name, mode, mtime: new Date() }, bytes, (error) => (error ? reject(error) : resolve())).on('error', heard);
  });
}

async function addHeader(tar: Pack, header: Pick<Header, 'name' | 'type' | 'mode'> & { linkname?: string; mtime?: Date }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    tar.entry({ mtime: new Date(), ...header, size: 0 }, (error) => (error ? reject(error) : resolve())).on('error', heard);
  });
}

/** The host takes nothing that has no end. */
async function addEnd(tar: Pack): Promise<void> {
  await addText(tar, 'meta/complete', '', 0o644);
}

/** Below this size, in bytes, reading a file whole is several times faster than streaming it. */
const SMALL_FILE = 256 * 1024;

/** At once: for thousands of small files, promises would cost more than the reading. */
function readSmall(path: string, changed: (cause: unknown) => UserError): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw changed(error);
  }
}

async function addFile(tar: Pack, folder: string, file: Extract<Entry, { type: 'file' }>, onBytes: (count: number) => void, as: { name?: string; mtime?: Date } = {}): Promise<void> {
  const changed = (cause: unknown): UserError =>
    new UserError(`${file.path} changed while the release was being sent`, { cause, remedy: 'Does a build or a watcher still run? Nothing was switched; run again.' });
  const header = { name: `tree/${file.path}`, mtime: new Date(), ...as, mode: file.mode, size: file.size };
  // The size stands in front of the content: neither more nor less may follow.
  if (file.size <= SMALL_FILE) {
    const content = readSmall(join(folder, file.path), changed);
    if (content.length !== file.size) throw changed(undefined);
    onBytes(content.length);
    await new Promise<void>((resolve, reject) => {
      tar.entry(header, content, (error) => (error ? reject(error) : resolve())).on('error', heard);
    });
    return;
  }
  const checked = async function* (): AsyncGenerator<Buffer> {
    let read = 0;
    try {
      for await (const chunk of createReadStream(join(folder, file.path)) as AsyncIterable<Buffer>) {
        read += chunk.length;
        if (read > file.size) break;
        onBytes(chunk.length);
        yield chunk;
      }
    } catch (error) {
      throw changed(error);
    }
    if (read !== file.size) throw changed(undefined);
  };
  const sink = tar.entry(header);
  sink.on('error', heard);
  await pipeline(checked, sink);
}
