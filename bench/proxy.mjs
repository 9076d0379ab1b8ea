import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { atEnd } from './process.mjs';

/** No more than this waits in one direction of a connection: the sender is slowed down instead. */
const MOST_IN_FLIGHT = 8 * 1024 * 1024;

/**
 * A TCP link with a round trip of its own, and exact counters.
 * @typedef {object} Link
 * @property {number} port on 127.0.0.1 (or the address asked for)
 * @property {number} rtt in milliseconds
 * @property {{ sent: number, received: number, connections: number }} counters bytes as the client sees them
 * @property {() => void} reset sets the counters to 0
 */

/**
 * Opens a link to a TCP port. Each direction takes half of `rtt` longer, and so does a new connection what TCP's
 * handshake takes: the client's first byte reaches the other end one and a half round trips after its connect. Bandwidth
 * is not limited, and TCP's slow start is not imitated.
 * @param {{ host: string, port: number }} target
 * @param {{ rtt?: number, listen?: string }} [options] `rtt` in milliseconds
 * @returns {Promise<Link>}
 */
export async function openLink(target, { rtt = 0, listen = '127.0.0.1' } = {}) {
  const counters = { sent: 0, received: 0, connections: 0 };
  const open = new Set();
  const later = rtt === 0 ? (_ms, action) => action() : (ms, action) => { setTimeout(action, ms); };

  const server = createServer({ allowHalfOpen: true, pauseOnConnect: rtt > 0 }, (client) => {
    counters.connections += 1;
    client.setNoDelay(true);
    open.add(client);
    const upstream = connect({ ...target, allowHalfOpen: true, noDelay: true });
    open.add(upstream);
    const forward = (from, to, count, hold) => {
      let inFlight = 0;
      let full = false;
      from.on('data', (chunk) => {
        count(chunk.length);
        inFlight += chunk.length;
        if (inFlight > MOST_IN_FLIGHT) from.pause();
        // Timers of one length fire in the order they were set: the bytes keep their order.
        later(hold, () => {
          inFlight -= chunk.length;
          if (to.destroyed) return;
          if (to.write(chunk) || full) {
            if (!full && inFlight <= MOST_IN_FLIGHT) from.resume();
            return;
          }
          full = true;
          from.pause();
          to.once('drain', () => {
            full = false;
            from.resume();
          });
        });
      });
      from.on('end', () => later(hold, () => to.end()));
      from.on('error', () => to.destroy());
      from.on('close', () => { open.delete(from); later(hold, () => to.destroySoon()); });
    };
    if (rtt > 0) {
      // SYN and SYN-ACK: one round trip until the client could send. The server accepts half a round trip after that.
      setTimeout(() => client.resume(), rtt);
      upstream.pause();
      setTimeout(() => upstream.resume(), 1.5 * rtt);
    }
    forward(client, upstream, (size) => { counters.sent += size; }, rtt / 2);
    forward(upstream, client, (size) => { counters.received += size; }, rtt / 2);
  });
  server.listen(0, listen);
  await once(server, 'listening');
  atEnd(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { port: server.address().port, rtt, counters, reset: () => Object.assign(counters, { sent: 0, received: 0, connections: 0 }) };
}
