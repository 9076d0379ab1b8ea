import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIP } from 'node:net';

/**
 * One question over UDP with the owner of each record in the answer, which Node's resolver leaves out (RFC 1035 §4).
 * Without the owner an alias cannot be told from what it points to.
 */
export const TYPES = { A: 1, NS: 2, CNAME: 5, SOA: 6, MX: 15, TXT: 16, AAAA: 28 } as const;
export type QueryType = keyof typeof TYPES;

export interface RawAnswer {
  readonly records: readonly { readonly owner: string; readonly type: string; readonly target?: string }[];
}

/** `server`: an address, with a port where that is not 53. Undefined: no answer, or none that can be read. */
export function askRaw(server: string, name: string, type: QueryType, limit: number): Promise<RawAnswer | undefined> {
  const [, bracketed, port] = /^\[(.*)\](?::(\d+))?$/.exec(server) ?? [];
  const [plain = '', plainPort] = isIP(server) === 6 ? [server] : server.split(':');
  const address = bracketed ?? plain;
  const id = randomInt(0x10000);
  return new Promise((resolve) => {
    const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
    let open = true;
    const finish = (answer: RawAnswer | undefined): void => {
      if (!open) return;
      open = false;
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(undefined), limit);
    socket.on('message', (message) => {
      if (message.length < 12 || message.readUInt16BE(0) !== id) return;
      finish(readRecords(message));
    });
    socket.on('error', () => finish(undefined));
    // Connected, so that no one else's packet is taken for the answer.
    socket.connect(Number(port ?? plainPort ?? 53), address, (error?: Error) => {
      if (error !== undefined) finish(undefined);
      else if (open) socket.send(question(id, name, TYPES[type]));
    });
  });
}

function question(id: number, name: string, type: number): Buffer {
  const head = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]));
  return Buffer.concat([head, ...labels, Buffer.from([0, type >> 8, type & 255, 0, 1])]);
}

/** The answer section; undefined for what is no DNS message. */
export function readRecords(message: Buffer): RawAnswer | undefined {
  const names = Object.fromEntries(Object.entries(TYPES).map(([name, type]) => [type, name]));
  try {
    let at = 12;
    for (let left = message.readUInt16BE(4); left > 0; left -= 1) at = readName(message, at).end + 4;
    const records: RawAnswer['records'][number][] = [];
    for (let left = message.readUInt16BE(6); left > 0; left -= 1) {
      const { name: owner, end } = readName(message, at);
      const type = message.readUInt16BE(end);
      const data = end + 10;
      records.push({ owner, type: names[type] ?? `TYPE${type}`, ...(type === TYPES.CNAME ? { target: readName(message, data).name } : {}) });
      at = data + message.readUInt16BE(end + 8);
    }
    return { records };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readName(message: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let end: number | undefined;
  let at = start;
  // A name has at most 127 labels; more jumps than that are a loop.
  for (let steps = 0; steps < 128; steps += 1) {
    const length = message.readUInt8(at);
    if (length === 0) return { name: labels.join('.').toLowerCase(), end: end ?? at + 1 };
    if (length >= 0xc0) {
      end ??= at + 2;
      at = message.readUInt16BE(at) & 0x3fff;
    } else {
      labels.push(message.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
  }
  throw new RangeError('a name without an end');
}
