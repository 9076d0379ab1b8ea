import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export interface LoadOptions {
  /** The published port of the site on 127.0.0.1. */
  readonly port: number;
  /** The Host header, which chooses the site. */
  readonly host: string;
  /** Asked for in turn; every answer is JSON with the id of its `release`. Default: one at once, one after 35 ms. */
  readonly paths?: readonly string[];
  /** Connections, each kept open and asked again and again; default 12. */
  readonly lanes?: number;
  /** Milliseconds from one question on a connection to the next, if the answer was there by then; default 50. */
  readonly pace?: number;
}

/** The site changed its release: an answer to a request that began after one of `from` had been answered came from `to`. */
export interface Move {
  readonly from: string;
  readonly to: string;
}

/** What the site answered since the last `mark`. */
export interface Answers {
  readonly requests: number;
  /** Requests without an answer, and answers other than 200 with a whole body; the first hundred, in words. */
  readonly failures: readonly string[];
  /** Ids in the order in which they first answered. */
  readonly releases: readonly string[];
  /** Each time the site went from one id to another, as a client sees it who waits for each answer. */
  readonly moves: readonly Move[];
  /** Milliseconds of each answer, sorted. */
  readonly times: readonly number[];
}

/** Users of the site, as many and as steady as `LoadOptions` says. */
export interface Load {
  /** The answers until now; counting begins anew. Requests under way count from then on. */
  mark(): Answers;
  /** Lets no new request begin, and waits for those under way. */
  pause(): Promise<void>;
  resume(): void;
  stop(): Promise<Answers>;
}

/** No answer may take longer, in milliseconds. */
const LIMIT = 10_000;

interface Counted {
  requests: number;
  failures: string[];
  releases: string[];
  moves: Move[];
  times: number[];
}

/** Begins to ask the site, and keeps at it until `stop`. */
export function startLoad(options: LoadOptions): Load {
  const { paths = ['/version', '/slow?ms=35'], lanes = 12, pace = 50 } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: lanes });
  let counted = nothing();
  let on = true;
  let stopped = false;
  let underWay = 0;
  /** The newest id that has answered, and when that answer had come. */
  let known: { release: string; since: number } | undefined;

  const ask = async (path: string): Promise<void> => {
    const begun = performance.now();
    underWay += 1;
    try {
      const { status, body } = await answerOf(agent, options, path);
      const release = status === 200 ? releaseIn(body) : undefined;
      counted.requests += 1;
      if (release === undefined) {
        fail(`${path}: status ${status}: ${body.slice(0, 200)}`);
        return;
      }
      counted.times.push(performance.now() - begun);
      if (!counted.releases.includes(release)) counted.releases.push(release);
      if (known === undefined) known = { release, since: performance.now() };
      else if (release !== known.release && begun >= known.since) {
        counted.moves.push({ from: known.release, to: release });
        known = { release, since: performance.now() };
      }
    } catch (error) {
      counted.requests += 1;
      fail(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      underWay -= 1;
    }
  };
  const fail = (text: string): void => {
    if (counted.failures.length < 100) counted.failures.push(`${new Date().toISOString()} ${text}`);
  };
  const lane = async (first: number): Promise<void> => {
    // They do not all ask in the same moment.
    await sleep((first * pace) / lanes);
    for (let turn = first; !stopped; turn += 1) {
      const next = performance.now() + pace;
      if (on) await ask(paths[turn % paths.length] ?? '/');
      await sleep(Math.max(0, next - performance.now()));
    }
  };
  const running = Promise.all(Array.from({ length: lanes }, (_, index) => lane(index)));

  const mark = (): Answers => {
    const before = counted;
    counted = nothing();
    return { ...before, times: before.times.sort((a, b) => a - b) };
  };
  return {
    mark,
    pause: async () => {
      on = false;
      while (underWay > 0) await sleep(5);
      // A server that restarts meanwhile takes the connections along: that is no lost request.
      agent.destroy();
      known = undefined;
    },
    resume: () => {
      on = true;
    },
    stop: async () => {
      stopped = true;
      await running;
      agent.destroy();
      return mark();
    },
  };
}

function nothing(): Counted {
  return { requests: 0, failures: [], releases: [], moves: [], times: [] };
}

function answerOf(agent: Agent, { port, host }: LoadOptions, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = get({ agent, host: '127.0.0.1', port, path, headers: { Host: host }, timeout: LIMIT }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk)).on('error', reject);
      response.on('end', () => (response.complete ? resolve({ status: response.statusCode ?? 0, body }) : reject(new Error('the answer was cut off'))));
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${LIMIT} ms`))).on('error', reject);
  });
}

function releaseIn(body: string): string | undefined {
  try {
    const { release } = JSON.parse(body) as { release?: unknown };
    return typeof release === 'string' && release !== '' ? release : undefined;
  } catch {
    return undefined;
  }
}
