import { isScalar, LineCounter, parseDocument, visit, type Alias, type Document } from 'yaml';
import { ConfigError, type Problem } from './config-error.js';
import { findings } from './issues.js';
import { isMapping, markedPlaces } from './marked-places.js';
import { Positions, type Path } from './positions.js';
import { configSchema, type Config } from './schema.js';
import { rememberSource } from './source.js';
import { wordIssue } from './wording.js';
import { wordYamlError } from './yaml-errors.js';

/** How often aliases may be expanded: plenty for people, too few for "billion laughs". */
const ALIAS_LIMIT = 100;
const SIZE_LIMIT = 1024 * 1024;

/**
 * The configuration that `text`, the content of slipway.yml, means: complete, with all defaults, variables unresolved.
 * `file` names it in messages. Throws ConfigError with every mistake.
 */
export function loadConfig(text: string, file: string): Config {
  const problem = (path: Path, line: number, column: number, message: string): Problem => ({
    file,
    path,
    line,
    column,
    message,
  });
  if (text.length > SIZE_LIMIT) throw new ConfigError([problem([], 1, 1, 'must be smaller than 1 MiB')]);

  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true, merge: true });
  const positions = new Positions(document, lines);
  const syntax = [...document.errors, ...document.warnings].map((error) => {
    const { line, column } = positions.at(error.pos[0]);
    return problem([], line, column, wordYamlError(error, text));
  });
  // A key that stands twice is still read; after other mistakes of syntax whatever follows would be guesswork.
  if ([...document.errors, ...document.warnings].some((error) => error.code !== 'DUPLICATE_KEY'))
    throw new ConfigError(syntax);

  const read = expand(document);
  if (read.problem !== undefined) {
    const { line, column } = positions.at(read.problem.offset);
    throw new ConfigError([...syntax, problem([], line, column, read.problem.message)]);
  }
  if (read.value === null)
    throw new ConfigError([...syntax, problem([], 1, 1, 'is empty; must name the app and its environments')]);

  const input = asWritten(read.value, positions);
  const result = configSchema.safeParse(input, { error: wordIssue });
  const semantic = [...(result.error ? findings(result.error.issues) : []), ...hiddenKeys(input)].map(
    ({ path, message }) => {
      const { line, column } = positions.of(path);
      return problem(path, line, column, message);
    },
  );
  if (syntax.length + semantic.length > 0 || result.data === undefined) throw new ConfigError([...syntax, ...semantic]);
  rememberSource(result.data, { file, positions, places: markedPlaces(configSchema, 'variables', input) });
  return result.data;
}

/** The plain value of the document, every alias an independent copy; or why there is none. */
function expand(document: Document): { value?: unknown; problem?: { offset: number; message: string } } {
  let broken: { offset: number; message: string } | undefined;
  let first: Alias | undefined;
  visit(document, {
    Alias(_, alias) {
      first ??= alias;
      if (alias.resolve(document) !== undefined) return;
      const message = `there is no anchor \`&${alias.source}\` before this`;
      broken ??= {
        offset: alias.range?.[0] ?? 0,
        message: `${message}; put the value into quotes if it is meant as text`,
      };
    },
  });
  if (broken !== undefined) return { problem: broken };
  try {
    return { value: copy(document.toJS({ maxAliasCount: ALIAS_LIMIT })) };
  } catch (error) {
    // The library throws a ReferenceError for both too many aliases and one inside its own anchor.
    if (!(error instanceof ReferenceError || error instanceof RangeError) || first === undefined) throw error;
    return {
      problem: {
        offset: first.range?.[0] ?? 0,
        message: `aliases are used more than ${ALIAS_LIMIT} times, or inside themselves`,
      },
    };
  }
}

function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  return isMapping(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copy(item)])) : value;
}

/** At places that take plain scalars as texts, puts back what stands in the file: `1.10` is not `1.1` there. */
function asWritten(value: unknown, positions: Positions): unknown {
  for (const place of markedPlaces(configSchema, 'verbatim', value)) {
    const node = positions.node(place.path);
    const scalar = typeof place.value === 'number' || typeof place.value === 'boolean';
    if (scalar && isScalar(node) && node.source !== undefined) put(value, place.path, node.source);
  }
  return value;
}

function put(root: unknown, path: Path, value: unknown): void {
  const parent = path
    .slice(0, -1)
    .reduce<unknown>((item, part) => (item as Record<string | number, unknown>)[part], root);
  (parent as Record<string | number, unknown>)[path.at(-1) ?? ''] = value;
}

/** zod passes over `__proto__`; nothing may be ignored silently. */
function hiddenKeys(value: unknown, path: Path = []): { path: Path; message: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    return key === '__proto__' ? [{ path: at, message: 'must not be used as a key' }] : hiddenKeys(item, at);
  });
}
