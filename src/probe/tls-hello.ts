import { randomBytes } from 'node:crypto';
import { connect, isIP, type Socket } from 'node:net';

/**
 * The first message of a TLS handshake, written by hand (RFC 5246 §7.4.1.2). The TLS library of the machine that asks need
 * not know what is offered: today's OpenSSL speaks no SSL 3.0, RC4, 3DES or export suites, servers of its time still do.
 */
export const VERSIONS = { 'SSL 3.0': 0x0300, 'TLS 1.0': 0x0301, 'TLS 1.1': 0x0302, 'TLS 1.2': 0x0303 } as const;
export type OldVersion = keyof typeof VERSIONS;

export interface Place {
  readonly address: string;
  readonly port: number;
  /** The name asked for in SNI. */
  readonly name: string;
}

/** What a server made of an offer. `silent`: nothing within the limit, which is no answer to the question. */
export type HelloAnswer =
  | { readonly kind: 'accepted'; readonly version: number; readonly suite: number }
  | { readonly kind: 'refused'; readonly alert?: number }
  | { readonly kind: 'silent' }
  | { readonly kind: 'unreachable'; readonly code: string };

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
const sized = (body: Buffer): Buffer => Buffer.concat([u16(body.length), body]);
const extension = (type: number, body: Buffer): Buffer => Buffer.concat([u16(type), sized(body)]);

/** The record that offers one version and these suites. */
function clientHello(version: number, suites: readonly number[], name: string): Buffer {
  const extensions = version === VERSIONS['SSL 3.0'] ? [] : [
    ...(isIP(name) === 0 ? [extension(0, sized(Buffer.concat([Buffer.from([0]), sized(Buffer.from(name, 'latin1'))])))] : []),
    // Groups: x25519, secp256r1, secp384r1, secp521r1.
    extension(10, sized(Buffer.concat([29, 23, 24, 25].map(u16)))),
    extension(11, Buffer.from([1, 0])),
    // Signatures, the old ones too: whether the certificate is a good one is another question.
    extension(13, sized(Buffer.concat([0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0403, 0x0503, 0x0603, 0x0201, 0x0203, 0x0202].map(u16)))),
    extension(0xff01, Buffer.from([0])),
  ];
  const body = Buffer.concat([
    u16(version), randomBytes(32), Buffer.from([0]),
    sized(Buffer.concat(suites.map(u16))),
    Buffer.from([1, 0]),
    ...(extensions.length === 0 ? [] : [sized(Buffer.concat(extensions))]),
  ]);
  const message = Buffer.concat([Buffer.from([1, 0]), u16(body.length), body]);
  return Buffer.concat([Buffer.from([22]), u16(Math.min(version, 0x0301)), sized(message)]);
}

/** Reads the server's first record; undefined while it is not whole. */
function readAnswer(data: Buffer): HelloAnswer | undefined {
  if (data.length < 5) return undefined;
  const type = data[0];
  if (type === 21) return data.length < 7 ? undefined : { kind: 'refused', alert: data[6] ?? 0 };
  // Not TLS at all, or not a ServerHello.
  if (type !== 22) return { kind: 'refused' };
  if (data.length < 44) return undefined;
  if (data[5] !== 2) return { kind: 'refused' };
  const afterSession = 44 + (data[43] ?? 0);
  if (data.length < afterSession + 2) return undefined;
  return { kind: 'accepted', version: data.readUInt16BE(9), suite: data.readUInt16BE(afterSession) };
}

/** Offers one version with these suites to a server, and tells what it chose. Never throws but for the signal. */
export function offer(place: Place, version: number, suites: readonly number[], limit: number, signal?: AbortSignal): Promise<HelloAnswer> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const socket: Socket = connect({ host: place.address, port: place.port });
    let read = Buffer.alloc(0);
    let connected = false;
    const finish = (answer: HelloAnswer): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      socket.destroy();
      resolve(answer);
    };
    const abort = (): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => finish({ kind: 'silent' }), limit);
    signal?.addEventListener('abort', abort, { once: true });
    socket.once('connect', () => {
      connected = true;
      socket.write(clientHello(version, suites, place.name));
    });
    socket.on('data', (chunk: Buffer) => {
      read = Buffer.concat([read, chunk]);
      const answer = readAnswer(read);
      if (answer === undefined) return;
      // A server may answer with a newer version than the one it was offered only in error; an older one is a no.
      finish(answer.kind === 'accepted' && (answer.version !== version || !suites.includes(answer.suite)) ? { kind: 'refused' } : answer);
    });
    // A server that hangs up on an offer does not take it.
    socket.once('close', () => finish({ kind: 'refused' }));
    socket.once('error', (error: NodeJS.ErrnoException) => finish(connected ? { kind: 'refused' } : { kind: 'unreachable', code: error.code ?? 'failed' }));
  });
}
