import { closest, distance } from 'fastest-levenshtein';
import type { z } from 'zod';

type Schema = z.core.$ZodType;
type Def = z.core.$ZodTypes['_zod']['def'];

/** What a schema takes, in words that follow "must be": `a whole number`, `one of pm2, systemd`, `a list of texts`. */
export function wanted(schema: Schema): string {
  return [...new Set(alternatives(schema))].join(' or ');
}

function alternatives(schema: Schema): string[] {
  const def = schema._zod.def as Def;
  switch (def.type) {
    case 'string':
      return ['a text'];
    case 'number':
      return ['format' in def ? 'a whole number' : 'a number'];
    case 'boolean':
      return ['true or false'];
    case 'null':
      return ['null'];
    case 'array':
      return [`a list of ${plural(def.element)}`];
    case 'object':
      return ['a mapping'];
    case 'record':
      return ['a mapping'];
    case 'enum':
      return [`one of ${Object.values(def.entries).join(', ')}`];
    case 'literal':
      return def.values.map((value) => `\`${String(value)}\``);
    case 'union':
      return def.options
        .flatMap(alternatives)
        .sort((a, b) => Number(a.startsWith('a list')) - Number(b.startsWith('a list')));
    case 'pipe':
      return alternatives(def.in);
    case 'optional':
    case 'prefault':
    case 'default':
      return alternatives(def.innerType);
    case 'lazy':
      return alternatives(def.getter());
    default:
      return ['a value'];
  }
}

const PLURALS: Readonly<Record<string, string>> = {
  'a text': 'texts',
  'a whole number': 'whole numbers',
  'a number': 'numbers',
  'a mapping': 'mappings',
  'a value': 'values',
};

function plural(schema: Schema): string {
  return [...new Set(alternatives(schema))].map((word) => PLURALS[word] ?? word).join(' or ');
}

/**
 * What stands in the file instead, in words that follow "is". Long texts are cut: this is for recognizing, not for
 * copying.
 */
export function found(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'string') return `\`${value.length > 60 ? `${value.slice(0, 57)}…` : value}\``;
  return JSON.stringify(value);
}

function quotedNumber(schema: Schema, value: unknown): string {
  const number = alternatives(schema).some((word) => word.endsWith('number'));
  return number && typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? ' in quotes; leave them out' : '';
}

/** The known word nearest to a misspelt one, or undefined when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const simple = (text: string): string => text.toLowerCase().replace(/[_ ]/g, '-');
  // camelCase and snake_case habits: hostKey, host_key → host-key.
  const spoken = simple(word.replace(/([a-z])([A-Z])/g, '$1-$2'));
  const letters = (text: string): string => [...text].sort().join('');
  // Letters in the wrong order are two steps of distance, which in a short word would make another word.
  const swapped = known.find((other) => letters(simple(other)) === letters(spoken));
  const candidate = swapped ?? closest(spoken, [...known]);
  const limit = Math.max(1, Math.floor(Math.max(spoken.length, candidate.length) / 3));
  return swapped !== undefined || distance(spoken, simple(candidate)) <= limit ? candidate : undefined;
}

/** ` — did you mean \`pm2\`?`, or nothing when no known word is near. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near === undefined ? '' : ` — did you mean \`${near}\`?`;
}

/** What is wrong with a key that is not among the allowed ones. */
export function unknownKey(key: string, allowed: readonly string[], planned: readonly string[]): string {
  if (planned.includes(key)) return `\`${key}\` is not supported by this version yet; take it out for now`;
  const near = nearest(key, allowed);
  return `unknown key; ${near === undefined ? '' : `did you mean \`${near}\`? `}Allowed: ${allowed.join(', ')}`;
}

/** Messages for what zod finds by itself; those of the schema's own rules come first. */
export function wordIssue(issue: z.core.$ZodRawIssue): string | undefined {
  const { code, input, inst } = issue;
  switch (code) {
    case 'invalid_type':
    case 'invalid_union':
      if (input === undefined) return 'is required';
      if (input === null) return `must be ${wanted(inst as Schema)}, is empty`;
      return `must be ${wanted(inst as Schema)}, is ${found(input)}${quotedNumber(inst as Schema, input)}`;
    case 'invalid_value': {
      if (input === undefined) return 'is required';
      const values = (issue.values as readonly unknown[]).map(String);
      const list = values.length === 1 ? `\`${values[0]}\`` : `one of ${values.join(', ')}`;
      return `must be ${list}; is ${found(input)}${typeof input === 'string' ? didYouMean(input, values) : ''}`;
    }
    case 'too_small':
      if (issue.origin === 'string' || issue.origin === 'array') return 'must not be empty';
      return `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${String(issue.minimum)}, is ${found(input)}`;
    case 'too_big':
      return `must be ${issue.inclusive === false ? 'less than' : 'at most'} ${String(issue.maximum)}, is ${found(input)}`;
    default:
      return undefined;
  }
}
