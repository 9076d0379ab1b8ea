/** Free ports of this machine, for the demo and the bench; the same way, and the same claims, as test/support/free-port.ts. */
import { createServer } from 'node:net';

/**
 * Below the ports that systems hand out by themselves: Linux from 32768 on (ip_local_port_range), to whoever connects or listens
 * on port 0. A port from there may be anybody's before it is used.
 */
const [FIRST, COUNT] = [20_000, 10_000];

/** What keeps other processes of Slipway's tests from handing out the same port, for as long as this one lives. */
const claims = [];

/** A port that nothing listens on at `address`, and that no other test, demo or bench gets as long as this process lives. */
export async function freePort(address = '127.0.0.1') {
  for (let tries = 0; tries < 1000; tries += 1) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await claimed(port) && await canListen({ port, host: address })) return port;
  }
  throw new Error(`No port of ${address} is free.`);
}

/** Claims by a socket of Linux's abstract names: it is gone with its process, whatever ends that. Elsewhere chance must do. */
async function claimed(port) {
  return process.platform !== 'linux' || canListen({ path: `\0slipway-test-port-${port}` }, claims);
}

async function canListen(at, keep) {
  const server = createServer((socket) => socket.destroy()).unref();
  const open = await new Promise((resolve) => server.once('error', () => resolve(false)).listen(at, () => resolve(true)));
  if (open && keep !== undefined) keep.push(server);
  else if (open) await new Promise((resolve) => server.close(resolve));
  return open;
}
