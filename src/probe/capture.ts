import type { CookieJar } from 'tough-cookie';
import type { Answer } from './answer.js';
import { valuesAt } from './json-expectations.js';

/** Nothing was found where a capture looked. */
export class CaptureError extends Error {}

/**
 * What a capture finds in an answer: the first value of a JSONPath (anything but a text as JSON), a header, a cookie of
 * this answer or of the jar, or the first group of `regex:/…(…)/flags` in the body. Throws CaptureError.
 */
export async function capture(source: string, answer: Answer, jar: CookieJar): Promise<string> {
  const found = source.startsWith('$') ? fromJson(source, answer)
    : source.startsWith('header:') ? answer.header(source.slice('header:'.length))
      : source.startsWith('cookie:') ? await fromCookies(source.slice('cookie:'.length), answer, jar)
        : fromText(source, answer);
  if (found === undefined) throw new CaptureError(`${source} found nothing`);
  return found;
}

function fromJson(path: string, answer: Answer): string | undefined {
  let value: unknown;
  try {
    value = valuesAt(answer.json, path)[0];
  } catch (error) {
    throw new CaptureError(`${path} found nothing: ${(error as Error).message}`, { cause: error });
  }
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

async function fromCookies(name: string, answer: Answer, jar: CookieJar): Promise<string | undefined> {
  const own = (answer.exchange.headers['set-cookie'] ?? []).map((line) => /^\s*([^=;]+?)\s*=\s*([^;]*)/.exec(line)).find((parts) => parts?.[1] === name);
  if (own?.[2] !== undefined) return own[2].trim();
  const cookies = await jar.getCookies(answer.exchange.url.href);
  return cookies.find(({ key }) => key === name)?.value;
}

function fromText(source: string, answer: Answer): string | undefined {
  const [, pattern = '', flags = ''] = /^regex:\/(.*)\/([a-z]*)$/s.exec(source) ?? [];
  return new RegExp(pattern, flags.replace(/[gy]/g, '')).exec(answer.text)?.[1];
}
