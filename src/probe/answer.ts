import { TextDecoder } from 'node:util';
import type { Exchange } from './http.js';
import { snippet } from './scrub.js';

/** Why a body cannot be looked at. */
export class UnreadableBody extends Error {}

/** An answer's body as text and as JSON, each read at most once. */
export class Answer {
  readonly exchange: Exchange;
  /** Milliseconds of the step, redirects included. */
  readonly time: number;
  #text: string | undefined;
  #json: { readonly value: unknown } | { readonly error: string } | undefined;

  constructor(exchange: Exchange, time: number) {
    this.exchange = exchange;
    this.time = time;
  }

  /** A header by name in any letter case; several of one name are joined as HTTP does. */
  header(name: string): string | undefined {
    const value = this.exchange.headers[name.toLowerCase()];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** The content type without parameters, in lower case. */
  get type(): string | undefined {
    return this.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  }

  /** The body in the charset its content type names, otherwise UTF-8; a byte order mark is dropped. */
  get text(): string {
    return this.#text ??= decoderFor(this.header('content-type')).decode(this.exchange.body);
  }

  /** The body as JSON. Throws UnreadableBody. */
  get json(): unknown {
    this.#json ??= this.#parse();
    if ('error' in this.#json) throw new UnreadableBody(this.#json.error);
    return this.#json.value;
  }

  #parse(): { value: unknown } | { error: string } {
    if (this.exchange.truncated) return { error: 'a body too large to be read as JSON' };
    if (this.exchange.body.length === 0) return { error: 'an empty body' };
    try {
      return { value: JSON.parse(this.text) };
    } catch {
      return { error: `a body that is not JSON (${this.type ?? 'no content type'}): ${snippet(this.text, 80)}` };
    }
  }
}

function decoderFor(contentType: string | undefined): TextDecoder {
  const charset = /charset="?([\w-]+)/i.exec(contentType ?? '')?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder();
  }
}
