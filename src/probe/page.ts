import type { IncomingHttpHeaders } from 'node:http';
import { ProbeError } from './explain.js';
import { redirectTarget, showUrl } from './follow.js';
import { exchange, type Exchange, type HttpOptions } from './http.js';

/** What a name answers on its two ports: the way from http to https, and the start page. */
export interface PageFacts {
  readonly name: string;
  /** The answer of plain http; `closed` when nothing takes the connection, which needs no redirect. */
  readonly http: { readonly status: number; readonly to?: string } | { readonly closed: string } | { readonly error: string };
  /** The first answer over https, whose HSTS header counts for this name. */
  readonly first?: { readonly status: number; readonly hsts?: string };
  /** The page at the end of the way, where that is still on this name: what the graders look at. */
  readonly page?: {
    readonly url: string;
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly html: boolean;
    /** What the page would load over plain http, by tag and URL. */
    readonly mixed: readonly string[];
  };
  /** Why there is no `first` or no `page`. */
  readonly error?: string;
}

export interface PageOptions extends HttpOptions {
  /** The port of https; default 443. */
  readonly port?: number;
  /** The port of plain http; default 80. */
  readonly httpPort?: number;
  /** Milliseconds for each request. */
  readonly limit: number;
  readonly signal?: AbortSignal;
}

const HEADERS = ['content-security-policy', 'x-frame-options', 'x-content-type-options', 'referrer-policy', 'strict-transport-security'];
/** As many as browsers take for a page before they call it a loop is 20; no start page needs a quarter of that. */
const HOPS = 5;
const CLOSED = new Set(['ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ECONNRESET']);

/** Asks `http://name/` and `https://name/`. Never throws but for the signal. */
export async function probePage(name: string, options: PageOptions): Promise<PageFacts> {
  const get = (url: URL): Promise<Exchange> =>
    exchange({ method: 'GET', url, headers: { accept: 'text/html,*/*;q=0.8' }, body: undefined }, { bodyLimit: 2_000_000, ...options }, options.limit, options.signal);
  const [http, https] = await Promise.all([askPlain(name, options, get), askSecure(name, options, get)]);
  return { name, http, ...https };
}

async function askPlain(name: string, { httpPort = 80, signal }: PageOptions, get: (url: URL) => Promise<Exchange>): Promise<PageFacts['http']> {
  try {
    const answer = await get(new URL(`http://${host(name)}${httpPort === 80 ? '' : `:${httpPort}`}/`));
    const to = redirectTarget(answer);
    return { status: answer.status, ...(to === undefined ? {} : { to: to.href }) };
  } catch (error) {
    if (signal?.aborted === true || !(error instanceof ProbeError)) throw error;
    const code = (error.cause as { code?: unknown } | undefined)?.code;
    return typeof code === 'string' && CLOSED.has(code) && code !== 'ECONNRESET' ? { closed: error.message } : { error: error.message };
  }
}

async function askSecure(name: string, { port = 443, signal }: PageOptions, get: (url: URL) => Promise<Exchange>): Promise<Pick<PageFacts, 'first' | 'page' | 'error'>> {
  let first: PageFacts['first'];
  let url = new URL(`https://${host(name)}${port === 443 ? '' : `:${port}`}/`);
  const { origin } = url;
  try {
    for (let hop = 0; hop <= HOPS; hop += 1) {
      const answer = await get(url);
      const hsts = one(answer.headers, 'strict-transport-security');
      first ??= { status: answer.status, ...(hsts === undefined ? {} : { hsts }) };
      const to = redirectTarget(answer);
      if (to === undefined) return { first, page: pageOf(answer) };
      // Another name has its own rows.
      if (to.origin !== origin) return { first, error: `leads to ${showUrl(to)}` };
      url = to;
    }
    return { ...(first === undefined ? {} : { first }), error: `more than ${HOPS} redirects` };
  } catch (error) {
    if (signal?.aborted === true || !(error instanceof ProbeError)) throw error;
    return { ...(first === undefined ? {} : { first }), error: error.message };
  }
}

function pageOf(answer: Exchange): NonNullable<PageFacts['page']> {
  const html = /\bhtml\b/.test(one(answer.headers, 'content-type') ?? '');
  const headers = Object.fromEntries(HEADERS.flatMap((name) => {
    const value = one(answer.headers, name);
    return value === undefined ? [] : [[name, value]];
  }));
  return { url: showUrl(answer.url), status: answer.status, headers, html, mixed: html ? mixedContent(answer.body.toString('utf8')) : [] };
}

function one(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function host(name: string): string {
  return name.includes(':') ? `[${name}]` : name;
}

/** Which attribute of which tag makes a browser load something, or send a form (W3C, "Mixed Content"). */
const LOADS: Readonly<Record<string, readonly string[]>> = {
  script: ['src'], link: ['href'], img: ['src', 'srcset'], iframe: ['src'], frame: ['src'], embed: ['src'], object: ['data'], audio: ['src'], video: ['src', 'poster'],
  source: ['src', 'srcset'], track: ['src'], input: ['src'], form: ['action'],
};
/** Links of a page that load nothing. */
const IDLE_LINK = /\brel\s*=\s*["']?\s*(canonical|alternate|author|license|next|prev|shortlink|profile|pingback|me|help|search|dns-prefetch|preconnect)\b/i;

/** What the page would load over plain http; what scripts load later is not seen. */
export function mixedContent(html: string): string[] {
  const found = new Set<string>();
  const visible = html.replace(/<!--[\s\S]*?-->/g, '').replace(/(<script\b[^>]*>)[\s\S]*?<\/script>/gi, '$1');
  for (const [tag, name = ''] of visible.matchAll(/<([a-z]+)\b(?:[^>"']|"[^"]*"|'[^']*')*>/gi)) {
    const kind = name.toLowerCase();
    if (kind === 'link' && IDLE_LINK.test(tag)) continue;
    for (const attribute of LOADS[kind] ?? []) {
      const value = new RegExp(`\\s${attribute}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s>"']+))`, 'i').exec(tag);
      const text = value?.[1] ?? value?.[2] ?? value?.[3] ?? '';
      for (const [url] of text.matchAll(/(?:^|(?<=[\s,]))http:\/\/[^\s,]+/gi)) found.add(`${kind} ${url}`);
    }
  }
  for (const [, url = ''] of visible.matchAll(/url\(\s*["']?(http:\/\/[^"')\s]+)/gi)) found.add(`style ${url}`);
  return [...found];
}
