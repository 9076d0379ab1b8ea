import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required: boolean;
  schema: object & { type?: string };
}

export interface Operation {
  parameters: Parameter[];
  body?: object;
  responses: Record<string, { schema?: object; example?: unknown }>;
}

/** The part of GitHub's OpenAPI document that tools/github-openapi.mjs has cut out. */
export const document = JSON.parse(readFileSync(join(import.meta.dirname, 'github-openapi.json'), 'utf8')) as {
  from: string;
  paths: Record<string, Operation>;
  /** Requests that change something, by `METHOD path`. */
  writes: Record<string, Operation>;
  schemas: Record<string, object>;
};

const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { int64: true } });
(formats as unknown as (instance: Ajv2020) => void)(ajv);
ajv.addSchema({ $id: 'github', schemas: document.schemas });
const compiled = new Map<object, ValidateFunction>();

/** What is wrong with a value by a schema of the document; undefined when nothing is. */
function complaint(schema: object, value: unknown): string | undefined {
  const validate = compiled.get(schema) ?? ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/schemas/', '"github#/schemas/')) as object);
  compiled.set(schema, validate);
  return validate(value) ? undefined : ajv.errorsText(validate.errors);
}

/** The path of the document that a request is for, and the values of its parameters. */
export function operationOf(pathname: string, method = 'GET'): { path: string; values: Record<string, string> } | undefined {
  const paths = method === 'GET' ? Object.keys(document.paths) : Object.keys(document.writes).filter((key) => key.startsWith(`${method} `)).map((key) => key.slice(method.length + 1));
  for (const path of paths) {
    const pattern = new RegExp(`^${path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`);
    const match = pattern.exec(pathname);
    if (match !== null) return { path, values: Object.fromEntries(Object.entries(match.groups ?? {}).map(([name, value]) => [name, decodeURIComponent(value)])) };
  }
  return undefined;
}

/** What is wrong with a request's query. */
export function requestFaults(path: string, query: URLSearchParams): string[] {
  const { parameters } = document.paths[path]!;
  return [...query].flatMap(([name, text]) => {
    const parameter = parameters.find((item) => item.in === 'query' && item.name === name);
    if (parameter === undefined) return [`${path} knows no parameter ${name}`];
    const value: unknown = parameter.schema.type === 'integer' ? Number(text) : parameter.schema.type === 'boolean' ? JSON.parse(text) : text;
    const wrong = complaint(parameter.schema, value);
    return wrong === undefined ? [] : [`${path}: ${name}=${text}: ${wrong}`];
  });
}

/** What is wrong with the body of a request that changes something. */
export function bodyFaults(write: string, body: unknown): string[] {
  const { body: schema } = document.writes[write]!;
  const wrong = schema === undefined ? undefined : complaint(schema, body);
  return wrong === undefined ? [] : [`${write}: ${wrong}`];
}

/** What is wrong with an answer. Answers that the document does not name, such as 403 nearly everywhere, are let pass. */
export function answerFaults(path: string, status: number, body: unknown): string[] {
  const schema = (document.paths[path] ?? document.writes[path])!.responses[status]?.schema;
  const wrong = schema === undefined ? undefined : complaint(schema, body);
  return wrong === undefined ? [] : [`${path}: ${status}: ${wrong}`];
}

type Json = Record<string, unknown>;

/** GitHub's own example of an answer, or of the first item of its list, with some values changed. */
export function like(path: string, list: string | undefined, changes: Json): Json {
  const example = structuredClone(document.paths[path.startsWith('/orgs/') ? path : `/repos/{owner}/{repo}${path}`]!.responses[200]!.example);
  const whole = list === undefined || list === '' ? example : (example as Record<string, unknown>)[list];
  return merge((Array.isArray(whole) ? whole[0] : whole) as Json, changes);
}

function merge(base: Json, changes: Json): Json {
  const result = { ...base };
  for (const [key, value] of Object.entries(changes)) {
    const old = result[key];
    result[key] = isObject(old) && isObject(value) ? merge(old, value) : value;
  }
  return result;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
