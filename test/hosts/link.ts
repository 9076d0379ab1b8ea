import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';

/** How a link is cut: by a reset, by an orderly close, or by saying nothing any more, as a firewall does. */
export type Cut = 'reset' | 'close' | 'silent';

export interface LinkOptions {
  /** Cuts the link once this many bytes went from the client to the host. */
  readonly cutAfterBytes?: number;
  /** How `cutAfterBytes` cuts; default `reset`. */
  readonly cut?: Cut;
  /** Milliseconds that each direction takes longer: a round trip takes twice as much. */
  readonly delay?: number;
}

/** A TCP link to a host, over a port of its own on loopback. */
export interface Link {
  readonly port: number;
  /** `deploy@127.0.0.1:<port>`, as a config names the host. */
  readonly address: string;
  /** Bytes forwarded so far. */
  readonly bytes: { readonly sent: number; readonly received: number };
  /** How many connections were made over the link. */
  readonly connections: number;
  /** Cuts what is open; new connections find the same until `restore()`. */
  cut(how: Cut): void;
  /** New connections get through again, and `cutAfterBytes` no longer holds. Those cut stay cut. */
  restore(): void;
  /** Ends the link and everything over it. */
  close(): Promise<void>;
}

/** No more than this waits inside the link for its delay to pass: the sender is slowed down instead. */
const MOST_IN_FLIGHT = 4 * 1024 * 1024;

/** Opens a link on loopback to a TCP port of loopback (a `Host` will do): one that can be slow, and can break. */
export async function linkTo(target: { readonly port: number }, options: LinkOptions = {}): Promise<Link> {
  const bytes = { sent: 0, received: 0 };
  const open = new Set<Socket>();
  const dead = new WeakSet<Socket>();
  let connections = 0;
  let cutAfterBytes = options.cutAfterBytes ?? Infinity;
  let broken: Cut | undefined;

  const breakSocket = (socket: Socket, how: Cut): void => {
    // What was cut stays cut after restore(): TCP does not mend a connection that lost bytes.
    dead.add(socket);
    if (how === 'reset') {
      socket.resetAndDestroy();
    } else if (how === 'close') {
      socket.destroySoon();
    } else {
      socket.pause();
    }
  };

  const cut = (how: Cut): void => {
    broken = how;
    for (const socket of open) {
      breakSocket(socket, how);
    }
  };

  const later = (action: () => void): void => {
    if (options.delay === undefined) {
      action();
    } else {
      // Timers of one length fire in the order they were set: the bytes keep their order.
      setTimeout(action, options.delay);
    }
  };

  const forward = (from: Socket, to: Socket, count: (size: number) => void): void => {
    let inFlight = 0;
    const alive = (): boolean => !dead.has(from) && !to.destroyed;
    from.on('data', (chunk: Buffer) => {
      count(chunk.length);
      if (bytes.sent >= cutAfterBytes && broken === undefined) {
        cut(options.cut ?? 'reset');
      }
      if (!alive()) {
        return;
      }
      inFlight += chunk.length;
      if (inFlight > MOST_IN_FLIGHT) {
        from.pause();
      }
      later(() => {
        inFlight -= chunk.length;
        if (!alive()) {
          return;
        }
        if (!to.write(chunk)) {
          from.pause();
          to.once('drain', () => alive() && from.resume());
        } else if (inFlight <= MOST_IN_FLIGHT) {
          from.resume();
        }
      });
    });
    from.on('end', () => later(() => alive() && to.end()));
    from.on('error', () => alive() && to.destroy());
    from.on('close', () => {
      open.delete(from);
      later(() => alive() && to.destroySoon());
    });
  };

  const server = createServer({ allowHalfOpen: true }, (client) => {
    connections += 1;
    open.add(client);
    client.setNoDelay(true);
    if (broken !== undefined) {
      client.on('error', () => undefined);
      client.on('close', () => open.delete(client));
      breakSocket(client, broken);
      return;
    }
    const upstream = connect({ port: target.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    open.add(upstream);
    forward(client, upstream, (size) => (bytes.sent += size));
    forward(upstream, client, (size) => (bytes.received += size));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    port,
    address: `deploy@127.0.0.1:${port}`,
    bytes,
    get connections() {
      return connections;
    },
    cut,
    restore: () => {
      broken = undefined;
      cutAfterBytes = Infinity;
    },
    close: async () => {
      for (const socket of open) {
        socket.destroy();
      }
      server.close();
      await once(server, 'close');
    },
  };
}
