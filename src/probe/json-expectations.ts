import { isDeepStrictEqual } from 'node:util';
import { query } from 'jsonpath-rfc9535';
import { compares } from '../config/comparison.js';
import type { JsonExpectation, JsonMatcher } from '../config/schema.js';
import type { Answer } from './answer.js';
import type { Finding } from './finding.js';
import { isPrivateName, scrub } from './scrub.js';

const SHOWN = 120;

/** Every value a JSONPath (RFC 9535) finds, in order. Throws an Error that quotes the path when it is not one. */
export function valuesAt(json: unknown, path: string): unknown[] {
  try {
    return query(json as Parameters<typeof query>[0], path);
  } catch (error) {
    throw new Error(`${path} is not a JSONPath (RFC 9535): ${(error as Error).message.split('\n')[0] ?? ''}`, { cause: error });
  }
}

/** A value as JSON, without what looks like a key, cut to a length for people. */
function show(value: unknown, path: string): string {
  if (isPrivateName(path) && typeof value === 'string') return '"***"';
  if (value === undefined) return 'absent';
  const text = scrub(JSON.stringify(value));
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function lengthOf(value: unknown): number | undefined {
  if (typeof value === 'string') return [...value].length;
  return Array.isArray(value) ? value.length : undefined;
}

function contains(value: unknown, part: unknown): boolean {
  if (typeof value === 'string') return typeof part === 'string' && value.includes(part);
  return Array.isArray(value) && value.some((item) => isDeepStrictEqual(item, part));
}

/** Each demand of a matcher: how it reads, and whether a value meets it. */
function demands(matcher: JsonMatcher, path: string): [text: string, holds: (value: unknown) => boolean][] {
  const list: [string, (value: unknown) => boolean][] = [];
  if ('equals' in matcher) list.push([`${path} = ${show(matcher.equals, path)}`, (value) => isDeepStrictEqual(value, matcher.equals)]);
  if ('not' in matcher) list.push([`${path} other than ${show(matcher.not, path)}`, (value) => !isDeepStrictEqual(value, matcher.not)]);
  if ('contains' in matcher) list.push([`${path} contains ${show(matcher.contains, path)}`, (value) => contains(value, matcher.contains)]);
  const { matches, type, min, max, length, exists } = matcher;
  if (exists === true) list.push([`${path} is there`, () => true]);
  if (matches !== undefined) {
    const pattern = new RegExp(matches, 'u');
    list.push([`${path} matches /${matches}/`, (value) => ['string', 'number', 'boolean'].includes(typeof value) && pattern.test(String(value))]);
  }
  if (type !== undefined) list.push([`${path} is of type ${type}`, (value) => type === 'integer' ? Number.isInteger(value) : typeOf(value) === type]);
  if (min !== undefined) list.push([`${path} ≥ ${min}`, (value) => typeof value === 'number' && value >= min]);
  if (max !== undefined) list.push([`${path} ≤ ${max}`, (value) => typeof value === 'number' && value <= max]);
  if (length !== undefined) {
    const bound = typeof length === 'number' ? { operator: '=' as const, value: length, unit: 'number' as const, text: `= ${length}` } : length;
    list.push([`${path} of length ${bound.text}`, (value) => {
      const actual = lengthOf(value);
      return actual !== undefined && compares(bound, actual);
    }]);
  }
  return list;
}

/**
 * Holds one JSONPath's expectation against an answer. A path that finds several values (`$.items[*].id`) must hold for
 * each of them, and must find one at least. A text never equals a number: `"5"` is not `5`.
 */
export function checkJson(answer: Answer, path: string, expected: JsonExpectation): Finding[] {
  const matcher: JsonMatcher = typeof expected === 'object' && expected !== null && !Array.isArray(expected) ? expected : { equals: expected };
  const wanted = matcher.absent === true ? [] : demands(matcher, path);
  const texts = matcher.absent === true ? [`${path} is absent`] : wanted.map(([text]) => text);
  let values: unknown[];
  try {
    values = valuesAt(answer.json, path);
  } catch (error) {
    return texts.map((text) => ({ ok: false, expected: text, observed: (error as Error).message, kind: 'body' as const }));
  }
  if (matcher.absent === true) {
    return [{ ok: values.length === 0, expected: `${path} is absent`, observed: `${path} is ${show(values[0], path)}`, kind: 'body' }];
  }
  if (values.length === 0) return texts.map((text) => ({ ok: false, expected: text, observed: `${path} is absent`, kind: 'body' as const }));
  return wanted.map(([text, holds]) => {
    const wrong = values.find((value) => !holds(value));
    const bad = values.filter((value) => !holds(value));
    const measured = matcher.length !== undefined && text.includes(' of length ') ? ` (length ${lengthOf(wrong) ?? 'unknown'})` : '';
    const others = bad.length > 1 ? `, and ${bad.length - 1} more of ${values.length}` : '';
    return { ok: bad.length === 0, expected: text, observed: `${path} is ${show(wrong ?? values[0], path)}${measured}${others}`, kind: 'body' };
  });
}
