import { asError } from '../evidence/errors.js';
import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';

/** How much is read for one host at a time, in bytes. */
const CHUNK = 128 * 1024;

/**
 * One upload for many hosts: packed and compressed once, into a file that has no name any more when the first byte is
 * written, so that nothing of it can be left behind. Every reader gets the whole from its beginning, and follows while it
 * is still being packed: memory stays flat, and nobody waits for the end of the packing.
 */
export class Spool {
  readonly #handle: FileHandle;
  readonly #source: Readable;
  #written = 0;
  #ended = false;
  #failure: Error | undefined;
  #waiting: (() => void)[] = [];
  #filling: Promise<void> = Promise.resolve();

  private constructor(handle: FileHandle, source: Readable) {
    this.#handle = handle;
    this.#source = source;
  }

  /** Begins to take `source` in; close() when no reader is left. */
  static async of(source: Readable): Promise<Spool> {
    const folder = await mkdtemp(join(tmpdir(), 'slipway-upload-'));
    try {
      const spool = new Spool(await open(join(folder, 'upload'), 'wx+', 0o600), source);
      await rm(folder, { recursive: true });
      spool.#filling = spool.#fill();
      return spool;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Bytes packed so far. */
  get written(): number {
    return this.#written;
  }

  /**
   * The whole upload from its beginning. Fails as the packing does.
   * @param onRead called with the number of bytes taken so far.
   */
  reader(onRead: (position: number) => void = () => undefined): Readable {
    return Readable.from(this.#read(onRead), { objectMode: false, highWaterMark: CHUNK });
  }

  /** Ends the packing where it still goes on, and frees the file; readers must have ended. */
  async close(): Promise<void> {
    this.#source.destroy();
    await this.#filling;
    await this.#handle.close();
  }

  async #fill(): Promise<void> {
    try {
      for await (const chunk of this.#source as AsyncIterable<Buffer>) {
        let from = 0;
        while (from < chunk.length) {
          const { bytesWritten } = await this.#handle.write(chunk, from, chunk.length - from, this.#written);
          from += bytesWritten;
          this.#written += bytesWritten;
        }
        this.#wake();
      }
    } catch (error) {
      this.#failure = asError(error);
    }
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  async *#read(onRead: (position: number) => void): AsyncGenerator<Buffer> {
    let position = 0;
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (position < this.#written) {
        const { buffer, bytesRead } = await this.#handle.read(Buffer.allocUnsafe(Math.min(CHUNK, this.#written - position)), 0, null, position);
        position += bytesRead;
        onRead(position);
        yield buffer.subarray(0, bytesRead);
      } else if (this.#ended) return;
      else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}
