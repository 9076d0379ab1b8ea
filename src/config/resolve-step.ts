import type { Expect, Step } from './schema.js';
import { resolveVariables, type Lookup } from './variables.js';

/**
 * A smoke step with its variables resolved: exactly where the schema allows them, so that a regular expression or a
 * JSONPath
 * keeps its dollars. `place` (`smoke login`) is named in errors. Throws VariableError.
 */
export function resolveStep(step: Step, lookup: Lookup, place: string): Step {
  const resolve = <T>(value: T, key: string): T => resolveVariables(value, lookup, `${place}.${key}`);
  if ('run' in step) return { ...step, env: resolve(step.env, 'env') };
  const { json, form, upload, body } = step;
  return {
    ...step,
    url: resolve(step.url, step.method.toLowerCase()),
    headers: resolve(step.headers, 'headers'),
    ...(json !== undefined && { json: resolve(json, 'json') }),
    ...(form !== undefined && { form: resolve(form, 'form') }),
    ...(upload?.fields !== undefined && { upload: { ...upload, fields: resolve(upload.fields, 'upload.fields') } }),
    ...(body !== undefined && { body: resolve(body, 'body') }),
    expect: resolveExpect(step.expect, resolve),
  };
}

function resolveExpect(expect: Expect, resolve: <T>(value: T, key: string) => T): Expect {
  const { headers, json, text } = expect;
  return {
    ...expect,
    ...(headers !== undefined && {
      headers: each(headers, (value) => (typeof value === 'string' ? resolve(value, 'expect.headers') : value)),
    }),
    ...(json !== undefined && {
      json: each(json, (value) => {
        if (typeof value !== 'object' || value === null || Array.isArray(value)) return resolve(value, 'expect.json');
        // Of a matcher all but the regular expression.
        const { matches, ...rest } = value;
        return { ...resolve(rest, 'expect.json'), ...(matches !== undefined && { matches }) };
      }),
    }),
    ...(text !== undefined && {
      text: { ...text, contains: resolve(text.contains, 'expect.text'), absent: resolve(text.absent, 'expect.text') },
    }),
  };
}

function each<T, R>(items: Record<string, T>, change: (item: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(items).map(([key, item]) => [key, change(item)]));
}
