import * as http from 'node:http';
import * as https from 'node:https';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { rootCertificates } from 'node:tls';
import type { Body } from './body.js';
import { decoded, ENCODINGS } from './decode.js';
import { explain, outOfTime, ProbeError, type Stage } from './explain.js';

/** Bodies are read up to here; what a smoke test looks at is far smaller. */
export const BODY_LIMIT = 10_000_000;

export interface HttpOptions {
  /** Certificates in PEM trusted besides Node's own list. */
  readonly ca?: string | readonly string[];
  /**
   * Where to connect instead of asking the DNS: the name in the URL (`ss.example.com`, or with a port that is in the
   * URL) to `address` and, if it differs, `port`. Host header and TLS name stay those of the URL.
   */
  readonly connectTo?: Readonly<Record<string, { readonly address: string; readonly port?: number }>>;
  /** Bytes of a body read at most, after decompression; default 10 MB. */
  readonly bodyLimit?: number;
}

export interface Outgoing {
  readonly method: string;
  readonly url: URL;
  /** Names in any letter case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body | undefined;
}

/** One answer, whole unless `truncated`. */
export interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body is longer than the limit; `body` holds its beginning. */
  readonly truncated: boolean;
  /** Milliseconds from the start until the status line, and until the end of the body. */
  readonly firstByte: number;
  readonly total: number;
}

function requestOptions(outgoing: Outgoing, options: HttpOptions, signal: AbortSignal): https.RequestOptions {
  const { url, method, body } = outgoing;
  const defaults: Record<string, string> = { host: url.host, accept: '*/*', 'accept-encoding': ENCODINGS, 'user-agent': 'slipway-smoke' };
  if (url.username !== '' || url.password !== '') {
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    defaults['authorization'] = `Basic ${Buffer.from(credentials).toString('base64')}`;
  }
  if (body !== undefined) defaults['content-length'] = String(body.length);
  else if (!['GET', 'HEAD', 'OPTIONS'].includes(method)) defaults['content-length'] = '0';
  if (body?.contentType !== undefined) defaults['content-type'] = body.contentType;
  const given = Object.fromEntries(Object.entries(outgoing.headers).map(([name, value]) => [name.toLowerCase(), value]));
  const target = options.connectTo?.[url.host] ?? options.connectTo?.[url.hostname];
  const name = url.hostname.replace(/^\[|\]$/g, '');
  const isAddress = /^[\d.]+$/.test(name) || name.includes(':');
  return {
    method, signal,
    // A connection of its own for each request: one kept alive may be closed under the next request's feet.
    agent: false,
    host: target?.address ?? name,
    port: target?.port ?? (url.port === '' ? undefined : Number(url.port)),
    path: `${url.pathname}${url.search}`,
    headers: { ...defaults, ...given },
    ...(isAddress ? {} : { servername: name }),
    ...(options.ca === undefined ? {} : { ca: [...rootCertificates, ...[options.ca].flat()] }),
  };
}

async function readBody(response: http.IncomingMessage, method: string, limit: number): Promise<{ body: Buffer; truncated: boolean }> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of decoded(response, method) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > limit) return { body: Buffer.concat(chunks).subarray(0, limit), truncated: true };
  }
  return { body: Buffer.concat(chunks), truncated: false };
}

interface Watcher {
  enter(stage: Stage): void;
  /** Errors after the answer has begun; its body only ends early. */
  late(error: Error): void;
}

function send(outgoing: Outgoing, options: HttpOptions, signal: AbortSignal, watcher: Watcher): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const module = outgoing.url.protocol === 'https:' ? https : http;
    const request = module.request(requestOptions(outgoing, options, signal));
    request.on('socket', (socket: Socket) => {
      socket.once(outgoing.url.protocol === 'https:' ? 'secureConnect' : 'connect', () => watcher.enter('waiting'));
    });
    request.on('response', (response) => {
      watcher.enter('reading');
      request.on('error', (error) => watcher.late(error));
      resolve(response);
    });
    request.on('error', reject);
    if (outgoing.body === undefined) request.end();
    else pipeline(outgoing.body.open(), request, () => undefined);
  });
}

/**
 * One request and its answer; redirects are not followed. `limit` in milliseconds counts from the call to the last byte.
 * Throws ProbeError, which says in words what went wrong, or the reason of `signal` when that was aborted.
 */
export async function exchange(outgoing: Outgoing, options: HttpOptions, limit: number, signal?: AbortSignal): Promise<Exchange> {
  const start = performance.now();
  const { method, url } = outgoing;
  let stage: Stage = 'connecting';
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), limit);
  const both = signal === undefined ? timeout.signal : AbortSignal.any([timeout.signal, signal]);
  let response: http.IncomingMessage | undefined;
  let late: Error | undefined;
  try {
    signal?.throwIfAborted();
    response = await send(outgoing, options, both, {
      enter: (next) => {
        stage = next;
      },
      late: (error) => {
        late ??= error;
      },
    });
    const firstByte = performance.now() - start;
    const read = await readBody(response, method, options.bodyLimit ?? BODY_LIMIT);
    return { method, url, status: response.statusCode ?? 0, headers: response.headers, ...read, firstByte, total: performance.now() - start };
  } catch (error) {
    if (signal?.aborted === true) throw new ProbeError('cancelled', 'Start the run again.', signal.reason);
    if (timeout.signal.aborted) throw outOfTime(limit, url, stage);
    // A body that is not valid HTTP ends like one that was cut off; only the request knows why. Errors of sending, as
    // when a server refuses an upload half-way, come this way too and say less.
    throw explain((late as { code?: string } | undefined)?.code?.startsWith('HPE_') === true ? late : error, url, stage);
  } finally {
    clearTimeout(timer);
    response?.destroy();
  }
}
