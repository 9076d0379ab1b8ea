import type { Readable } from 'node:stream';
import { Spool } from './spool.js';

/** How an upload is made, and who wants to know how far it has come. */
export interface Upload {
  /** Packs it anew; `onBytes` learns of each piece of content as it is packed. */
  pack(onBytes: (count: number) => void): Readable;
  /** Called with the bytes of content taken so far. */
  onBytes(done: number): void;
}

interface Shared {
  readonly spool: Promise<Spool>;
  /** Bytes of content packed so far. */
  readonly packed: { bytes: number };
}

/** Uploads by what is in them: one that several hosts need is packed once, one for a single host streams as it is packed. */
export class SharedUploads {
  readonly #wanted = new Map<string, number>();
  readonly #shared = new Map<string, Shared>();

  /** @param keys of all uploads to come; equal keys stand for equal bytes. */
  constructor(keys: readonly string[]) {
    for (const key of keys) this.#wanted.set(key, (this.#wanted.get(key) ?? 0) + 1);
  }

  /** A stream of the whole upload. */
  async take(key: string, upload: Upload): Promise<Readable> {
    if ((this.#wanted.get(key) ?? 0) < 2) {
      let done = 0;
      return upload.pack((count) => upload.onBytes((done += count)));
    }
    const shared = this.#shared.get(key) ?? this.#begin(key, upload);
    const spool = await shared.spool;
    // The content behind a position of the compressed bytes is not known exactly; for a bar its share is near enough.
    return spool.reader((position) => upload.onBytes(Math.floor((shared.packed.bytes * position) / spool.written)));
  }

  /** Frees what is on the disk. Every stream must have ended. */
  async close(): Promise<void> {
    const spools = await Promise.allSettled([...this.#shared.values()].map(({ spool }) => spool));
    await Promise.all(spools.flatMap((result) => (result.status === 'fulfilled' ? [result.value.close()] : [])));
  }

  #begin(key: string, upload: Upload): Shared {
    const packed = { bytes: 0 };
    const shared: Shared = { packed, spool: Spool.of(upload.pack((count) => (packed.bytes += count))) };
    this.#shared.set(key, shared);
    return shared;
  }
}
