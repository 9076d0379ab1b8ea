import { createServer, type Server } from 'node:net';

/**
 * Below the ports that systems hand out by themselves: Linux from 32768 on (ip_local_port_range), as the near end of every outgoing
 * connection, and to whoever listens on port 0. A port from there may be anybody's before it is used.
 */
const [FIRST, COUNT] = [20_000, 10_000];

/** What keeps other test processes of this machine from handing out the same port; kept for as long as this process lives. */
const claims: Server[] = [];

/** A port of loopback that nothing listens on, and that no other test gets as long as this process lives. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 1000; tries += 1) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await claimed(port) && await canListen({ port, host: '127.0.0.1' })) return port;
  }
  throw new Error('No port of loopback is free.');
}

/** Claims by a socket of Linux's abstract names: it is gone with its process, whatever ends that. Elsewhere chance must do. */
async function claimed(port: number): Promise<boolean> {
  return process.platform !== 'linux' || canListen({ path: `\0slipway-test-port-${port}` }, claims);
}

async function canListen(at: { path: string } | { port: number; host: string }, keep?: Server[]): Promise<boolean> {
  const server = createServer((socket) => socket.destroy()).unref();
  const open = await new Promise<boolean>((resolve) => server.once('error', () => resolve(false)).listen(at, () => resolve(true)));
  if (open && keep !== undefined) keep.push(server);
  else if (open) await new Promise((resolve) => server.close(resolve));
  return open;
}
