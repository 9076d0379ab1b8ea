import { headerName } from './names.js';
import * as z from 'zod';
import { parseComparison, type Comparison } from '../comparison.js';
import { duration, text, whole } from './fields.js';
import { codec, oneOrMany, parsed, record, section, variable, verbatim } from './section.js';

/** `2xx`: any status of the class. */
export type StatusClass = '1xx' | '2xx' | '3xx' | '4xx' | '5xx';
export type StatusExpectation = number | number[] | StatusClass;

const code = whole(100, 599, 'An HTTP status.', 200);
const status = (description: string) =>
  z
    .union([code, z.array(code).min(1), z.enum(['1xx', '2xx', '3xx', '4xx', '5xx'])])
    .meta({ description, examples: [200, [200, 204], '2xx'] });

/** A regular expression in the notation of JavaScript, without slashes. */
const pattern = z
  .string()
  .refine((source) => patternComplaint(source) === undefined, {
    error: ({ input }) => patternComplaint(String(input)) ?? '',
  })
  .meta({ description: 'A regular expression (JavaScript, without slashes).', examples: ['^v\\d+'] });

function patternComplaint(source: string): string | undefined {
  try {
    new RegExp(source, 'u');
    return undefined;
  } catch (error) {
    return `must be a regular expression: ${(error as Error).message}`;
  }
}

const absent = z.literal(true).meta({ description: 'Must not be there.' });

const headerMatcher = section(
  'What a header must be.',
  {
    matches: pattern.exactOptional(),
    absent: absent.exactOptional(),
  },
  {
    rules: (value, complain) => {
      if ((value['matches'] === undefined) === (value['absent'] === undefined))
        complain([], 'must have one of matches, absent');
    },
  },
);

const count = z.union([
  whole(0, 1_000_000_000, 'A length.'),
  parsed<Comparison>(parseComparison, (value) => value.text, 'A bound.', ['>= 1']),
]);

const jsonMatcher = section(
  'What a value must be. All that is said must hold.',
  {
    equals: variable(z.unknown())
      .exactOptional()
      .meta({ description: 'Exactly this value, also an object or a list.' }),
    not: variable(z.unknown()).exactOptional().meta({ description: 'Any value but this.' }),
    matches: pattern.exactOptional(),
    contains: variable(z.unknown())
      .exactOptional()
      .meta({ description: 'A part of the text, or an item of the list.' }),
    exists: z.literal(true).exactOptional().meta({ description: 'Must be there, whatever it is.' }),
    absent: absent.exactOptional(),
    type: z
      .enum(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'])
      .exactOptional()
      .meta({ description: 'The type of the value.' }),
    min: z.number().exactOptional().meta({ description: 'The smallest number.' }),
    max: z.number().exactOptional().meta({ description: 'The largest number.' }),
    length: count
      .exactOptional()
      .meta({ description: 'The length of the text or list: a number or a bound such as ">= 1".' }),
  },
  {
    rules: (value, complain) => {
      const keys = Object.keys(value);
      if (keys.length === 0) complain([], 'must say what is expected; an empty object is `equals: {}`');
      if (value['absent'] !== undefined && keys.length > 1) complain(['absent'], 'must stand alone');
    },
  },
);
export type JsonMatcher = z.output<typeof jsonMatcher>;
/** A plain value (the JSON value must equal it) or a matcher. */
export type JsonExpectation = string | number | boolean | null | unknown[] | JsonMatcher;

const plain = variable(z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.unknown())]));
const jsonPath = z
  .string()
  .regex(/^\$/, { error: ({ input }) => `must be a JSONPath such as $.status, is \`${String(input)}\`` })
  .meta({ description: 'A JSONPath (RFC 9535).' });

const texts = (description: string) => oneOrMany(variable(z.string())).prefault([]).meta({ description });

const textMatcher = section('What the body must and must not hold.', {
  contains: texts('Texts that must be in the body.'),
  absent: texts('Texts that must not be in the body.'),
  matches: oneOrMany(pattern)
    .prefault([])
    .meta({ description: 'Regular expressions that must match somewhere in the body.' }),
});
type TextMatcher = z.output<typeof textMatcher>;

const textExpectation = codec<z.ZodUnion<[typeof textMatcher, z.ZodString]>, TextMatcher>(
  z.union([textMatcher, variable(z.string())]),
  {
    decode: (value) => (typeof value === 'string' ? { contains: [value], absent: [], matches: [] } : value),
    encode: (value) => value,
  },
).meta({ description: 'What the body must hold: a text, or contains, absent and matches.' });

export const expect = section(
  'What the answer must be. When nothing is said about the status, it must be 2xx.',
  {
    status: status('The status, one of several, or a class.').exactOptional(),
    'not-status': status('What the status must not be.').exactOptional(),
    headers: record(headerName, z.union([headerMatcher, variable(verbatim())]))
      .exactOptional()
      .meta({
        description: 'Headers: a value, or matches or absent.',
        examples: [{ 'X-Frame-Options': 'DENY', 'X-Powered-By': { absent: true } }],
      }),
    json: record(jsonPath, z.union([plain, jsonMatcher]))
      .exactOptional()
      .meta({
        description: 'Values in the JSON answer by JSONPath: a value, or a matcher.',
        examples: [{ '$.status': 'ok', '$.items': { length: '>= 1' } }],
      }),
    text: textExpectation.exactOptional(),
    size: parsed<Comparison>(parseComparison, (value) => value.text, 'The size of the body.', [
      '< 500KB',
      '> 0',
    ]).exactOptional(),
    type: text('The content type, without parameters.', 'application/json').exactOptional(),
    within: duration('How long the answer may take.').exactOptional(),
    release: z
      .string()
      .regex(/^(\$|header:\S+$)/, {
        error: ({ input }) => `must be a JSONPath or header:Name, is \`${String(input)}\``,
      })
      .exactOptional()
      .meta({
        description: 'Where the answer holds the id of the release that answers: a JSONPath or header:Name.',
        examples: ['$.release', 'header:X-Release'],
      }),
  },
  {
    rules: (value, complain) => {
      const size = value['size'] as Comparison | string | null | undefined;
      if (typeof size === 'object' && size !== null && size.unit !== 'bytes' && !(size.unit === 'number'))
        complain(['size'], `must compare with a size such as 500KB, is \`${size.text}\``);
    },
  },
);
