import * as z from 'zod';
import { ValueError } from '../value-error.js';
import { found, unknownKey } from '../wording.js';

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

/**
 * A codec with the type its typed form has. Encoding leaves out what is not there: zod asks for absent optional keys too.
 * In a union over codecs the form that encoding yields must come first.
 */
export function codec<I extends z.ZodType, O>(
  input: I,
  { decode, encode }: { decode: (value: z.output<I>) => O; encode: (value: O) => z.output<I> },
): z.ZodCodec<I, z.ZodCustom<O, O>> {
  return z.codec<I, z.ZodCustom<O, O>>(input, z.custom<O>(), {
    decode: (value) => decode(value),
    encode: (value) => (value === undefined ? value : encode(value)) as z.output<I>,
  });
}

/**
 * A mapping with known keys; `planned` are those of later versions, refused by name instead of as misspellings.
 * `rules` relate its keys to one another and run even when some of them are wrong.
 */
export function section<S extends z.core.$ZodLooseShape>(
  description: string,
  shape: S,
  options: { readonly planned?: readonly string[]; readonly rules?: (value: Loose, complain: Complain) => void } = {},
) {
  // One line per unknown key: issues.ts takes them apart.
  let keys = z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => unknownKey(key, Object.keys(shape), options.planned ?? [])).join('\n')
        : undefined,
  });
  if (options.rules !== undefined) keys = withRules(keys, options.rules);
  type Output = CamelKeys<z.output<typeof keys>>;
  return codec<typeof keys, Output>(keys, {
    decode: (value) => rename(value, camel) as Output,
    encode: (value) => rename(value, kebab) as z.output<typeof keys>,
  }).meta({ description });
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

/**
 * A text read by one of the parsers. A plain number is refused with the parser's hint at what is missing, or with
 * `verbatim` taken as written. `pattern` is for editors only: the parser decides.
 */
export function parsed<T>(
  parse: (text: string) => T,
  format: (value: T) => string,
  description: string,
  examples: readonly string[],
  options: { readonly pattern?: string; readonly verbatim?: boolean } = {},
) {
  const hint = (issue: { readonly input?: unknown }): string | undefined =>
    typeof issue.input === 'number' ? complaint(parse, String(issue.input)) : undefined;
  // zod publishes examples only of the side they are written in, so they belong to the text.
  const meta = {
    description,
    examples: [...examples],
    ...(options.pattern !== undefined && { pattern: options.pattern }),
  };
  const text: z.ZodType<string> = options.verbatim === true ? verbatim(meta) : z.string({ error: hint }).meta(meta);
  return z
    .codec(text, z.custom<T>(), {
      decode: (value, payload) => {
        const message = complaint(parse, value);
        if (message === undefined) return parse(value);
        payload.issues.push({ code: 'custom', input: value, message });
        return z.NEVER;
      },
      encode: (value) => (value === undefined ? value : format(value)) as string,
    })
    .meta({ description });
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
  return codec<z.ZodUnion<[z.ZodArray<S>, S]>, One[]>(z.union([z.array(item), item]), {
    decode: (value) => (Array.isArray(value) ? value : [value]),
    encode: (list) => list,
  });
}

/**
 * A mapping from names to values. Unlike zod's own record it looks at a value also when its name is wrong, so that no
 * mistake hides another.
 */
export function record<V extends z.ZodType>(key: z.ZodString, value: V): z.ZodRecord<z.ZodString, V> {
  const { $schema: _, ...published } = z.toJSONSchema(key);
  return withRules(z.record(z.string().meta(published), value), (mapping, complain) => {
    for (const word of Object.keys(mapping)) {
      for (const { message } of key.safeParse(word).error?.issues ?? []) complain([word], message);
    }
  });
}

/** A text in which `$NAME` may stand. */
export function variable<S extends z.ZodType>(schema: S): S {
  marks.add(schema, { ...marks.get(schema), variables: true });
  return schema;
}

/** A text for which a plain scalar of the file is taken as written: `PORT: 3001`, `VERSION: 1.10`, `DEBUG: false`. */
export function verbatim(meta: { readonly description?: string; readonly examples?: unknown[] } = {}) {
  const plain = z
    .union([z.string(), z.number(), z.boolean()], {
      error: ({ input }) =>
        input === undefined
          ? undefined
          : `must be a text, is ${found(input)}${input === null ? '; write "" for an empty one' : ''}`,
    })
    .meta(meta);
  const schema = z.codec(plain, z.string(), { decode: String, encode: (text) => text });
  marks.add(schema, { verbatim: true });
  return schema;
}

/** The same entries under changed keys. What is no mapping is left alone, for the schema to refuse. */
function rename(value: unknown, change: (key: string) => string): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [change(key), item]),
  );
}
