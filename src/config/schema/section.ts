import { z } from 'zod';
import { ValueError } from '../value-error.js';

/**
 * The building blocks of the schema. Every section of slipway.yml is a codec: the file's form (kebab-case keys, `10m`)
 * on one side, the typed form (camelCase keys, milliseconds) on the other. One source gives the validation, the types,
 * the published JSON Schema (the file's side) and `slipway config` (encoded back).
 */

/** What the loader must know about a schema beyond its shape. */
export interface Marks {
  /** `$NAME` may stand here. */
  readonly variables?: true;
  /** A plain scalar (3001, true, 1.10) is taken as the text that stands in the file. */
  readonly verbatim?: true;
  /** Keys of later versions: refused by name instead of as a misspelling. */
  readonly planned?: readonly string[];
}
export const marks = z.registry<Marks>();

type Camel<S extends string> = S extends `${infer Head}-${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;
export type CamelKeys<T> = { [K in keyof T as K extends string ? Camel<K> : K]: T[K] };

/** Reports one mistake at a path below the section, in the file's keys. */
export type Complain = (path: readonly (string | number)[], message: string) => void;

/** The value a rule sees: what could be read so far, so each key must be looked at with care. */
export type Loose = Readonly<Record<string, unknown>>;

export function camel(key: string): string {
  return key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
export function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** A mapping with known keys. `rules` relate its keys to one another and run even when some of them are wrong. */
export function section<S extends z.core.$ZodLooseShape>(
  description: string,
  shape: S,
  options: { readonly planned?: readonly string[]; readonly rules?: (value: Loose, complain: Complain) => void } = {},
) {
  let keys = z.strictObject(shape);
  if (options.rules !== undefined) keys = withRules(keys, options.rules);
  if (options.planned !== undefined) marks.add(keys, { planned: options.planned });
  type Output = CamelKeys<z.output<typeof keys>>;
  return z
    .codec(keys, z.custom<Output>(), {
      decode: (value) => rename(value, camel) as Output,
      encode: (value) => rename(value as object, kebab) as z.output<typeof keys>,
    })
    .meta({ description });
}

/** Adds rules to a mapping or list; they also run when parts of it are wrong, so that all mistakes show at once. */
export function withRules<S extends z.ZodType>(schema: S, rules: (value: Loose, complain: Complain) => void): S {
  return schema.check(
    z.superRefine<z.output<S>>(
      (value, context) => {
        if (typeof value !== 'object' || value === null) return;
        rules(value as Loose, (path, message) => context.addIssue({ code: 'custom', path: [...path], message }));
      },
      { when: () => true },
    ),
  );
}

/** A text read by one of the parsers; numbers reach the parser as text, so that it can say what is missing. */
export function parsed<T>(parse: (text: string) => T, format: (value: T) => string, description: string, examples: readonly string[]) {
  const hint = (issue: { readonly input?: unknown }): string | undefined =>
    typeof issue.input === 'number' ? complaint(parse, String(issue.input)) : undefined;
  return z
    .codec(z.string({ error: hint }), z.custom<T>(), {
      decode: (text, payload) => {
        const message = complaint(parse, text);
        if (message === undefined) return parse(text);
        payload.issues.push({ code: 'custom', input: text, message });
        return z.NEVER;
      },
      encode: format,
    })
    .meta({ description, examples: [...examples] });
}

/** What `parse` says against `text`, or undefined when it takes it. */
function complaint(parse: (text: string) => unknown, text: string): string | undefined {
  try {
    parse(text);
    return undefined;
  } catch (error) {
    if (error instanceof ValueError) return error.message;
    throw error;
  }
}

/** One value or a list of them in the file; always a list in the config. */
export function oneOrMany<S extends z.ZodType>(item: S) {
  type One = z.output<S>;
  return z.codec(z.union([item, z.array(item)]), z.custom<One[]>(), {
    decode: (value) => (Array.isArray(value) ? value : [value]) as One[],
    encode: (list) => (list.length === 1 ? list[0] : list) as z.core.$InferUnionOutput<S> | One[],
  });
}

/** A text in which `$NAME` may stand. */
export function variable<S extends z.ZodType>(schema: S): S {
  marks.add(schema, { ...marks.get(schema), variables: true });
  return schema;
}

/** A text for which a plain scalar of the file is taken as written: `PORT: 3001`, `VERSION: 1.10`, `DEBUG: false`. */
export function verbatim() {
  const schema = z.codec(z.union([z.string(), z.number(), z.boolean()]), z.string(), { decode: String, encode: (text) => text });
  marks.add(schema, { verbatim: true });
  return schema;
}

/** A mapping from names to `values`. */
export function mapping<S extends z.ZodType>(values: S) {
  return z.record(z.string(), values);
}

function rename(value: object, change: (key: string) => string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined).map(([key, item]) => [change(key), item]));
}
