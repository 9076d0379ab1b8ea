import { decode, encode, streamDecode, streamEncode, type Answer, type Packet } from 'dns-packet';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { freePort } from './free-port.js';

/** What the server knows: `name TYPE` to its records; anything else does not exist. A text is an error code, or silence. */
export type Zone = Readonly<Record<string, readonly Answer[] | 'SERVFAIL' | 'REFUSED' | 'silent' | { readonly after: number; readonly records: readonly Answer[] }>>;

export interface DnsServer {
  /** `127.0.0.1:port`. */
  readonly address: string;
  close(): Promise<void>;
}

const CODES = { NXDOMAIN: 3, SERVFAIL: 2, REFUSED: 5 };

/** A DNS server on loopback, over UDP and TCP, that tells the truth or lies as the zone says. */
export async function startDns(zone: Zone): Promise<DnsServer> {
  const answer = (query: Packet): { packet: Packet; after: number } | undefined => {
    const { name = '', type = 'A' } = query.questions?.[0] ?? {};
    const lower = name.toLowerCase();
    const found = zone[`${lower} ${type}`] ?? zone[`${lower} *`];
    if (found === 'silent') return undefined;
    const exists = Object.keys(zone).some((key) => key.startsWith(`${lower} `) || key.includes(`.${lower} `));
    const code = typeof found === 'string' ? CODES[found] : found === undefined && !exists ? CODES.NXDOMAIN : 0;
    const records = found === undefined || typeof found === 'string' ? [] : 'after' in found ? found.records : found;
    // The code has no field of its own in dns-packet's types: it is the low four bits of the flags.
    const packet: Packet = { type: 'response', flags: 0x0180 | code, questions: query.questions ?? [], answers: [...records], ...(query.id === undefined ? {} : { id: query.id }) };
    return { packet, after: typeof found === 'object' && 'after' in found ? found.after : 0 };
  };
  const udp = createSocket('udp4');
  const timers = new Set<NodeJS.Timeout>();
  udp.on('message', (message, from) => {
    const reply = answer(decode(message));
    if (reply === undefined) return;
    timers.add(setTimeout(() => udp.send(encode(reply.packet), from.port, from.address), reply.after));
  });
  // One number for both: what is free over TCP for us alone is so over UDP.
  const port = await freePort();
  await new Promise<void>((resolve, reject) => udp.once('error', reject).bind(port, '127.0.0.1', resolve));
  const tcp = createServer((socket) => socket.once('data', (data) => {
    const reply = answer(streamDecode(data));
    if (reply !== undefined) socket.end(streamEncode(reply.packet));
  }));
  await new Promise<void>((resolve, reject) => tcp.once('error', reject).listen(port, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${port}`,
    close: async () => {
      for (const timer of timers) clearTimeout(timer);
      await new Promise<void>((resolve) => udp.close(resolve));
      await new Promise((resolve) => tcp.close(resolve));
    },
  };
}
