import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import { explain, GitHubError, intent } from './api-error.js';

/** One kind of GET request: see routes.ts. */
export interface Route<T> {
  /** As GitHub's OpenAPI document writes it. `{owner}` and `{repo}` are filled in by the client. */
  readonly path: string;
  /** What the answer tells, in words that follow "GitHub does not tell". */
  readonly what: string;
  /** What the token must be allowed, as `permissions:` of a job writes it. */
  readonly permission: string;
  /** The answer, or one item of it when it is a list; what is not named is dropped. */
  readonly answer: z.ZodType<T>;
  /** Where the list stands in an answer that is no list itself. */
  readonly list?: string;
  /** A list that GitHub tells whole, and knows no pages of. */
  readonly whole?: true;
}

/** One kind of request that changes something. */
export interface Write<T> extends Omit<Route<T>, 'list'> {
  readonly method: 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** What is asked for, in words that follow "GitHub does not". */
  readonly does: string;
  /** Whether it may be sent again when it is not known whether it arrived. */
  readonly repeatable: boolean;
}

export interface ApiOptions {
  /** `https://api.github.com`, or `https://HOST/api/v3`; without a slash behind. */
  readonly baseUrl: string;
  /** `owner/name`. */
  readonly repository: string;
  readonly token: string;
  readonly signal?: AbortSignal | undefined;
  readonly debug?: (text: string) => void;
  /** Milliseconds one request may take; default 30 s. */
  readonly timeLimit?: number;
  /** Milliseconds this client may spend waiting between tries, in all; default 90 s. */
  readonly patience?: number;
  /** Waits that many milliseconds; a test passes its own. */
  readonly wait?: (ms: number) => Promise<void>;
}

type Parameters = Readonly<Record<string, string | number>>;

const TRIES = 4;
const PASSING = new Set([500, 502, 503, 504]);
/** GitHub's advice for a secondary limit whose answer names no time. */
const SECONDARY_WAIT = 60_000;
/** Pages of 100: more than that is no list for a preflight. */
const MOST_PAGES = 30;

/**
 * GitHub's REST API. Retries what passes (5xx, lost connections, rate limits that end soon), follows pages, limits each
 * request in time. What would be done twice is sent again only when GitHub has refused it for its rate. The token goes to
 * the base URL alone.
 */
export class GitHubApi {
  private readonly options: ApiOptions;
  private patience: number;

  constructor(options: ApiOptions) {
    this.options = options;
    this.patience = options.patience ?? 90_000;
  }

  /** One answer. @throws GitHubError, which says what to do. */
  async get<T>(route: Route<T>, path: Parameters = {}, query: Parameters = {}): Promise<T> {
    const { body } = await this.request(route, this.urlOf(route, path, query));
    return parse(route, body);
  }

  /** Changes something. @throws GitHubError, which says what to do. */
  async send<T>(write: Write<T>, path: Parameters, body: Readonly<Record<string, unknown>>): Promise<T> {
    const { body: answer } = await this.request(write, this.urlOf(write, path, {}), write.method === 'DELETE' ? undefined : body);
    return parse(write, answer);
  }

  /** All items of all pages. @throws GitHubError, also when there are more than 3000: half a list would be taken for a whole one. */
  async list<T>(route: Route<T>, path: Parameters = {}, query: Parameters = {}): Promise<T[]> {
    const items: T[] = [];
    let url: URL | undefined = this.urlOf(route, path, route.whole === true ? query : { ...query, per_page: 100 });
    for (let page = 1; url !== undefined; page += 1) {
      if (page > MOST_PAGES) throw new GitHubError(`GitHub has more than ${MOST_PAGES * 100} entries of ${route.what}`);
      const { body, link } = await this.request(route, url);
      const found = route.list === undefined ? body : (body as Readonly<Record<string, unknown>> | null)?.[route.list];
      if (!Array.isArray(found)) throw unreadable(route, 'not a list');
      items.push(...found.map((item: unknown) => parse(route, item)));
      url = this.nextOf(route, link);
    }
    return items;
  }

  private urlOf(route: Route<unknown>, path: Parameters, query: Parameters): URL {
    const [owner = '', repo = ''] = this.options.repository.split('/');
    const filled = route.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent({ owner, repo, ...path }[name] ?? ''));
    const url = new URL(`${this.options.baseUrl}${filled}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    return url;
  }

  private nextOf(route: Route<unknown>, link: string | null): URL | undefined {
    const next = /<([^>]+)>\s*;[^,]*\brel="?next"?/.exec(link ?? '')?.[1];
    if (next === undefined) return undefined;
    const url = new URL(next, this.options.baseUrl);
    // The token follows the link.
    if (url.origin !== new URL(this.options.baseUrl).origin) throw unreadable(route, `its next page is at ${url.origin}`);
    return url;
  }

  private async request(route: Route<unknown> | Write<unknown>, url: URL, sent?: unknown): Promise<{ body: unknown; link: string | null }> {
    const method = 'method' in route ? route.method : 'GET';
    const repeatable = !('method' in route) || route.repeatable;
    for (let attempt = 1; ; attempt += 1) {
      const started = performance.now();
      const answer = await this.once(route, url, method, sent);
      this.options.debug?.(`GitHub: ${method} ${url.pathname}${url.search}: ${answer instanceof Error ? answer.message : answer.status} (${Math.round(performance.now() - started)} ms)`);
      if (!(answer instanceof Error) && answer.status === 204) return { body: undefined, link: null };
      if (!(answer instanceof Error) && (answer.status === 200 || answer.status === 201)) return { body: json(route, answer.text), link: answer.headers.get('link') };
      const failure = answer instanceof Error ? answer : explain(answer.status, messageOf(answer.text), route);
      const pause = answer instanceof Error ? backoff(attempt) : pauseOf(answer, attempt);
      const arrived = answer instanceof Error || PASSING.has(answer.status);
      if (arrived && !repeatable) throw failure;
      if (pause === undefined || attempt === TRIES || pause > this.patience) throw failure;
      this.patience -= pause;
      await (this.options.wait ?? ((ms) => sleep(ms, undefined, { signal: this.options.signal })))(pause);
    }
  }

  /** One try. A lost connection is an answer here; being told to stop is not. */
  private async once(route: Route<unknown> | Write<unknown>, url: URL, method: string, sent: unknown): Promise<{ status: number; headers: Headers; text: string } | GitHubError> {
    const { token, signal, timeLimit = 30_000 } = this.options;
    const limit = AbortSignal.timeout(timeLimit);
    try {
      const response = await fetch(url, {
        method,
        ...(sent === undefined ? {} : { body: JSON.stringify(sent) }),
        headers: {
          ...(sent === undefined ? {} : { 'Content-Type': 'application/json' }),
          'Accept': 'application/vnd.github+json', 'Authorization': `Bearer ${token}`, 'User-Agent': 'slipway', 'X-GitHub-Api-Version': '2022-11-28',
        },
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
      });
      return { status: response.status, headers: response.headers, text: await response.text() };
    } catch (error) {
      signal?.throwIfAborted();
      return new GitHubError(`${intent(route)}: ${limit.aborted ? `no answer within ${timeLimit / 1000} s` : `${url.host}: ${reason(error)}`}`, {
        cause: error, remedy: `Can this machine reach ${url.origin}? Behind a proxy set NODE_USE_ENV_PROXY=1; see https://www.githubstatus.com.`,
      });
    }
  }
}

/** Milliseconds until the next try; undefined: none would help. */
function pauseOf({ status, headers, text }: { status: number; headers: Headers; text: string }, attempt: number): number | undefined {
  if (PASSING.has(status)) return backoff(attempt);
  if (status !== 403 && status !== 429) return undefined;
  const after = headers.get('retry-after');
  if (after !== null && /^\d+$/.test(after)) return Number(after) * 1000;
  if (headers.get('x-ratelimit-remaining') === '0') return Math.max(0, Number(headers.get('x-ratelimit-reset')) * 1000 - Date.now()) + 1000;
  return status === 429 || /secondary rate limit/i.test(text) ? SECONDARY_WAIT : undefined;
}

function backoff(attempt: number): number {
  return 1000 * 2 ** (attempt - 1);
}

function reason(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  return cause.message === '' && 'code' in cause ? String(cause.code) : cause.message;
}

function json(route: Route<unknown>, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unreadable(route, 'no JSON');
  }
}

function parse<T>(route: Route<T>, value: unknown): T {
  const { data, error } = route.answer.safeParse(value);
  const [issue] = error?.issues ?? [];
  if (issue !== undefined) throw unreadable(route, `${issue.path.join('.')}: ${issue.message}`);
  return data as T;
}

function unreadable(route: Route<unknown>, why: string): GitHubError {
  return new GitHubError(`GitHub's answer about ${route.what} cannot be read: ${why}`, { remedy: 'Does a proxy stand between? If not, please report this as a defect of Slipway.' });
}

function messageOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message : '';
  } catch {
    return '';
  }
}
