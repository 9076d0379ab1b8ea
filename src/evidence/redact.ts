import type { Evidence } from './record.js';

const MASK = '***';
const SHORTEST = 4;
/** A fragment of Base64 shorter than this turns up by chance in ordinary text. */
const SHORTEST_FRAGMENT = 6;
/** Line widths of `base64` (76) and `openssl base64` (64). */
const WRAPS = [76, 64];

/** Values of ordinary settings. Masking them would make a log unreadable and protect nothing. */
const TRIVIAL = new Set([
  'true', 'false', 'null', 'none', 'undefined', 'enabled', 'disabled', 'default', 'auto',
  'production', 'development', 'staging', 'test', 'testing', 'local', 'prod',
  'localhost', '127.0.0.1', '0.0.0.0', 'http', 'https', 'utf8', 'utf-8', 'json', 'text',
  'debug', 'info', 'warn', 'warning', 'error', 'trace', 'silent', 'verbose',
]);
/** Ports, counts, short limits. */
const SMALL_NUMBER = /^[+-]?\d{1,5}(\.\d+)?$/;
/** The frame around a key is public; only what it encloses is secret. */
const PEM_FRAME = /^-----(BEGIN|END) [A-Z0-9 ]+-----$/;

function isWorthMasking(value: string): boolean {
  return value.length >= SHORTEST && !TRIVIAL.has(value.toLowerCase()) && !SMALL_NUMBER.test(value) && value.trim() !== '';
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

function urlForms(secret: string): string[] {
  let component: string;
  try {
    component = encodeURIComponent(secret);
  } catch {
    return []; // half of a surrogate pair cannot stand in a URL
  }
  const form = new URLSearchParams({ s: secret }).toString().slice(2);
  const lower = (text: string): string => text.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase());
  return [component, form, lower(component), lower(form)];
}

function jsonForms(secret: string): string[] {
  const once = JSON.stringify(secret).slice(1, -1);
  const ascii = once.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return [once, JSON.stringify(once).slice(1, -1), ascii, once.replaceAll('/', '\\/')];
}

/**
 * The characters of Base64 that depend on the secret alone, for each of the three ways it can lie across the
 * groups of three bytes of a longer text (`user:secret`, a JSON document). One or two bytes before it spoil the
 * first two or three characters; what follows it spoils the last, unless a group ends there.
 */
function base64Fragments(bytes: Buffer): string[] {
  return [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    const first = [0, 2, 3][offset] as number;
    const whole = Math.floor(((offset + bytes.length) * 8) / 6);
    return text.slice(first, whole);
  }).filter((fragment) => fragment.length >= SHORTEST_FRAGMENT);
}

function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8');
  const padded = bytes.toString('base64');
  const wrapped = WRAPS.flatMap((width) => padded.length <= width ? []
    : (padded.match(new RegExp(`.{${SHORTEST_FRAGMENT},${width}}`, 'g')) ?? []));
  const standard = [padded, padded.replace(/=+$/, ''), ...base64Fragments(bytes), ...wrapped];
  return [...standard, ...standard.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))];
}

function otherForms(secret: string): string[] {
  const html = secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return [
    html, html.replaceAll('"', '&quot;').replaceAll("'", '&#39;'), html.replaceAll('"', '&#34;').replaceAll("'", '&#x27;'),
    secret.replaceAll("'", "'\\''"), // one shell word, as `set -x` shows it
  ];
}

function formsOf(secret: string): string[] {
  const unescaped = secret.replaceAll('\\n', '\n'); // dotenv files often hold a key on one line
  const whole = new Set([secret, secret.trim(), unescaped]);
  const lines = unescaped.includes('\n') || unescaped.includes('\r')
    ? unescaped.split(/[\r\n]+/).map((line) => line.trim()).filter((line) => !PEM_FRAME.test(line))
    : [];
  const forms = new Set<string>();
  for (const value of [...whole, ...lines]) {
    if (!isWorthMasking(value)) continue;
    for (const form of [value, ...jsonForms(value), ...urlForms(value), ...base64Forms(value), ...otherForms(value)]) {
      if (form.length >= SHORTEST) forms.add(form);
    }
  }
  return [...forms];
}

/**
 * Replaces secrets in text by `***`: the value itself, each line of a multi-line value, and the forms it takes when it
 * is put into Base64 (standard and URL alphabet, padded or not, wrapped, or as part of a longer text), URLs, forms,
 * JSON, HTML or a shell word.
 *
 * Not masked, since it would blot out ordinary words: values shorter than four characters, plain numbers of up to five
 * digits (ports, counts), everyday settings such as `true` or `production`, and the BEGIN/END lines of a key. Who sets
 * such a value as a password cannot be helped here; preflight refuses weak secrets.
 */
export class Redactor {
  readonly #forms = new Set<string>();
  readonly #onAdd: ((form: string) => void) | undefined;
  #pattern: RegExp | undefined;

  /** `onAdd` is told every new form, for a host that masks by itself: `new Redactor(core.setSecret)`. */
  constructor(onAdd?: (form: string) => void) {
    this.#onAdd = onAdd;
  }

  /** Masks `secret` from now on. What was written before stays as it is: add early. */
  add(secret: string): void {
    for (const form of formsOf(secret)) {
      if (this.#forms.has(form)) continue;
      this.#forms.add(form);
      this.#pattern = undefined;
      this.#onAdd?.(form);
    }
  }

  /** All forms that are masked, longest first. */
  values(): string[] {
    return [...this.#forms].sort((a, b) => b.length - a.length);
  }

  /** `text` with every secret replaced; secrets that overlap one another leave nothing between them. */
  redact(text: string): string {
    if (this.#forms.size === 0 || text.length < SHORTEST) return text;
    const pattern = this.#pattern ??= new RegExp(this.values().map((form) => escapePattern(form)).join('|'), 'g');
    let result = '';
    let copied = 0;
    let covered = -1;
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const end = match.index + match[0].length;
      if (match.index >= covered) {
        result += text.slice(copied, match.index) + MASK;
      }
      covered = Math.max(covered, end);
      copied = covered;
      pattern.lastIndex = match.index + 1; // a second secret may begin inside the first
    }
    return result + text.slice(copied);
  }
}

function redactValue(value: unknown, redactor: Redactor, above: readonly object[]): unknown {
  if (typeof value === 'string') return redactor.redact(value);
  if (typeof value === 'number' || typeof value === 'bigint') {
    const text = String(value);
    return redactor.redact(text) === text ? (typeof value === 'bigint' ? text : value) : MASK;
  }
  if (typeof value !== 'object' || value === null) return typeof value === 'function' || typeof value === 'symbol' ? undefined : value;
  if (above.includes(value)) return '(circular)';
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Error) return redactor.redact(`${value.name}: ${value.message}`);
  const path = [...above, value];
  if (Array.isArray(value)) return value.map((item) => redactValue(item, redactor, path) ?? null);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [redactor.redact(key), redactValue(item, redactor, path)]));
}

/**
 * A copy of `record` without secrets, ready to be written: texts and all of `data`, keys included, however deep. The
 * id, phase, status and times are ours and stay. Values JSON cannot hold become text.
 */
export function redactRecord(record: Evidence, redactor: Redactor): Evidence {
  const text = (value: string | undefined): string | undefined => value === undefined ? undefined : redactor.redact(value);
  const copy = {
    ...record,
    title: redactor.redact(record.title),
    subject: redactor.redact(record.subject),
    expected: text(record.expected),
    observed: text(record.observed),
    remedy: text(record.remedy),
    data: record.data === undefined ? undefined : redactValue(record.data, redactor, []),
  };
  return Object.fromEntries(Object.entries(copy).filter(([, value]) => value !== undefined)) as unknown as Evidence;
}
