import type { IncomingMessage } from 'node:http';
import { Transform, pipeline, type Readable } from 'node:stream';
import * as zlib from 'node:zlib';

/** Node has it since 22.15 and 23.8. */
const zstd: (() => Transform) | undefined = 'createZstdDecompress' in zlib ? zlib.createZstdDecompress : undefined;

/** What is asked for in Accept-Encoding. */
export const ENCODINGS = zstd === undefined ? 'gzip, deflate, br' : 'gzip, deflate, br, zstd';

/** `deflate` means the zlib form; some servers send the bare one. The first byte tells: its low four bits are 8 in zlib's. */
function inflateEither(): Transform {
  let inner: Transform | undefined;
  const outer: Transform = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (inner === undefined) {
        inner = ((chunk[0] ?? 0) & 0x0f) === 8 ? zlib.createInflate() : zlib.createInflateRaw();
        inner.on('data', (data: Buffer) => outer.push(data));
        inner.on('error', (error) => outer.destroy(error));
      }
      inner.write(chunk, done);
    },
    flush(done) {
      if (inner === undefined) done();
      else inner.once('end', done).end();
    },
  });
  return outer;
}

function decoderFor(encoding: string): Transform | undefined {
  switch (encoding) {
    case 'gzip': case 'x-gzip': return zlib.createGunzip();
    case 'deflate': return inflateEither();
    case 'br': return zlib.createBrotliDecompress();
    case 'zstd': return zstd?.();
    default: return undefined;
  }
}

/** The body of a response without its Content-Encoding. Encodings unknown here stay as they are. */
export function decoded(response: IncomingMessage, method: string): Readable {
  const { statusCode, headers } = response;
  // Nothing follows, and an empty stream is not valid gzip.
  if (method === 'HEAD' || statusCode === 204 || statusCode === 304 || headers['content-length'] === '0') return response;
  const encodings = (headers['content-encoding'] ?? '').toLowerCase().split(',').map((name) => name.trim()).reverse();
  return encodings.reduce<Readable>((stream, encoding) => {
    const decoder = decoderFor(encoding);
    // The reader of the last stream sees the error; nothing is left to do with it here.
    return decoder === undefined ? stream : pipeline(stream, decoder, () => undefined);
  }, response);
}
