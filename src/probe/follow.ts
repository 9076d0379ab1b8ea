import type { CookieJar } from 'tough-cookie';
import { outOfTime } from './explain.js';
import { exchange, type Exchange, type HttpOptions, type Outgoing } from './http.js';

/** A redirect that was met: from where, with which status, to where. */
export interface Hop {
  readonly status: number;
  readonly from: string;
  readonly to: string;
}

export interface Journey {
  readonly answer: Exchange;
  /** Redirects that were followed, in order. */
  readonly hops: readonly Hop[];
  /** Milliseconds over all requests. */
  readonly time: number;
}

/** Names of headers that must not go to another origin than the one they were written for. */
const PRIVATE = new Set(['authorization', 'cookie', 'proxy-authorization', 'host']);

/** Where a redirect leads; `undefined` for any other answer. */
export function redirectTarget(answer: Exchange): URL | undefined {
  const location = answer.headers.location;
  if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return undefined;
  return URL.canParse(location, answer.url.href) ? new URL(location, answer.url.href) : undefined;
}

/** The request a browser would make next (WHATWG Fetch, HTTP-redirect fetch). */
function nextRequest(outgoing: Outgoing, answer: Exchange, target: URL): Outgoing {
  const becomesGet = (answer.status === 303 && outgoing.method !== 'HEAD') || ([301, 302].includes(answer.status) && outgoing.method === 'POST');
  const leaves = target.origin !== outgoing.url.origin;
  const headers = Object.fromEntries(Object.entries(outgoing.headers).filter(([name]) =>
    !(leaves && PRIVATE.has(name.toLowerCase())) && !(becomesGet && name.toLowerCase().startsWith('content-'))));
  if (!leaves && target.username === '') {
    target.username = outgoing.url.username;
    target.password = outgoing.url.password;
  }
  return { url: target, headers, method: becomesGet ? 'GET' : outgoing.method, body: becomesGet ? undefined : outgoing.body };
}

async function withCookies(outgoing: Outgoing, jar: CookieJar): Promise<Outgoing> {
  const stored = await jar.getCookieString(outgoing.url.href);
  if (stored === '') return outgoing;
  const own = Object.entries(outgoing.headers).find(([name]) => name.toLowerCase() === 'cookie');
  const others = Object.fromEntries(Object.entries(outgoing.headers).filter(([name]) => name.toLowerCase() !== 'cookie'));
  return { ...outgoing, headers: { ...others, cookie: own === undefined ? stored : `${own[1]}; ${stored}` } };
}

/**
 * Sends a request with the jar's cookies, keeps the cookies of the answers, and follows up to `redirects` redirects; the
 * redirect after that is the answer. `limit` in milliseconds is for all of it. Throws ProbeError.
 */
export async function follow(first: Outgoing, jar: CookieJar, redirects: number, options: HttpOptions, limit: number, signal?: AbortSignal): Promise<Journey> {
  const start = performance.now();
  const hops: Hop[] = [];
  let outgoing = first;
  for (;;) {
    const left = limit - (performance.now() - start);
    if (left <= 0) throw outOfTime(limit, outgoing.url, 'waiting');
    const answer = await exchange(await withCookies(outgoing, jar), options, left, signal);
    for (const cookie of answer.headers['set-cookie'] ?? []) {
      // A cookie that is not for this host is dropped, as a browser does.
      await jar.setCookie(cookie, answer.url.href, { ignoreError: true });
    }
    const target = redirectTarget(answer);
    if (target === undefined || hops.length >= redirects) return { answer, hops, time: performance.now() - start };
    hops.push({ status: answer.status, from: showUrl(outgoing.url), to: showUrl(target) });
    outgoing = nextRequest(outgoing, answer, target);
  }
}

/** A URL for people: without the credentials in it. */
export function showUrl(url: URL): string {
  const shown = new URL(url.href);
  shown.username = '';
  shown.password = '';
  return shown.pathname === '/' && shown.search === '' && shown.hash === '' ? shown.origin : shown.href;
}
