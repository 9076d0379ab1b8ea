import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { SharedUploads, type Upload } from '../../src/release/shared-uploads.js';
import { Spool } from '../../src/release/spool.js';

const CONTENT = Buffer.from(Array.from({ length: 900_000 }, (_, index) => (index * 7919) % 251));
let spools: Spool[] = [];
afterEach(async () => {
  await Promise.all(spools.map((spool) => spool.close()));
  spools = [];
});

async function spoolOf(source: Readable): Promise<Spool> {
  const spool = await Spool.of(source);
  spools.push(spool);
  return spool;
}

/** The content in pieces, with some time between them. */
async function* slowly(pieces: number): AsyncGenerator<Buffer> {
  const size = Math.ceil(CONTENT.length / pieces);
  for (let from = 0; from < CONTENT.length; from += size) {
    await sleep(5);
    yield CONTENT.subarray(from, from + size);
  }
}

const openFiles = (): string[] => readdirSync('/proc/self/fd').flatMap((fd) => {
  try {
    return [readlinkSync(`/proc/self/fd/${fd}`)];
  } catch {
    return [];
  }
}).filter((path) => path.includes('slipway-upload-'));

describe('an upload for many hosts', () => {
  test('reaches every reader whole, also one that begins while it is packed, or after', async () => {
    const spool = await spoolOf(Readable.from(slowly(20)));
    const early = buffer(spool.reader());
    await sleep(30);
    const between = buffer(spool.reader());
    expect((await early).equals(CONTENT)).toBe(true);
    expect((await between).equals(CONTENT)).toBe(true);
    expect((await buffer(spool.reader())).equals(CONTENT)).toBe(true);
    expect(spool.written).toBe(CONTENT.length);
  });

  test('lies in a file without a name, of which nothing is left', async () => {
    const spool = await spoolOf(Readable.from(slowly(4)));
    const [file = '', ...others] = openFiles();
    expect(file).toMatch(/ \(deleted\)$/);
    expect(others).toEqual([]);
    // Other tests' uploads lie beside ours.
    expect(existsSync(dirname(file))).toBe(false);
    await buffer(spool.reader());
    await spool.close();
    expect(openFiles()).toEqual([]);
    spools = [];
  });

  test('fails for every reader when it cannot be packed', async () => {
    const failing = async function* (): AsyncGenerator<Buffer> {
      yield* slowly(3);
      throw new Error('a file has changed');
    };
    const spool = await spoolOf(Readable.from(failing()));
    const readers = [buffer(spool.reader()), buffer(spool.reader())];
    for (const reader of await Promise.allSettled(readers)) expect(reader).toMatchObject({ status: 'rejected', reason: { message: 'a file has changed' } });
  });

  test('goes on when one reader goes away', async () => {
    const spool = await spoolOf(Readable.from(slowly(10)));
    const gone = spool.reader();
    const whole = buffer(spool.reader());
    gone.once('data', () => gone.destroy());
    expect((await whole).equals(CONTENT)).toBe(true);
  });

  test('is not packed to its end when it is closed before', async () => {
    let pieces = 0;
    const counting = async function* (): AsyncGenerator<Buffer> {
      for await (const piece of slowly(200)) {
        pieces += 1;
        yield piece;
      }
    };
    const spool = await Spool.of(Readable.from(counting()));
    await sleep(40);
    await spool.close();
    expect(pieces).toBeLessThan(100);
  });
});

describe('uploads for a fleet', () => {
  test('are packed once for all hosts that need the same, and stream to one that is alone', async () => {
    let packed = 0;
    const far: Record<string, number> = {};
    const upload = (host: string, content: string): Upload => ({
      pack: (onBytes) => {
        packed += 1;
        onBytes(content.length);
        return Readable.from([Buffer.from(content)]);
      },
      onBytes: (done) => void (far[host] = done),
    });
    const uploads = new SharedUploads(['same', 'other', 'same', 'same']);
    const text = async (host: string, key: string): Promise<string> => (await buffer(await uploads.take(key, upload(host, `content of ${key}`)))).toString();
    expect(await Promise.all([text('a', 'same'), text('b', 'other'), text('c', 'same')])).toEqual(['content of same', 'content of other', 'content of same']);
    expect(await text('d', 'same')).toBe('content of same');
    expect(packed).toBe(2);
    expect(far).toEqual({ a: 15, b: 16, c: 15, d: 15 });
    await uploads.close();
    expect(openFiles()).toEqual([]);
  });
});
