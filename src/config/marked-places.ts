import type { z } from 'zod';
import type { Path } from './positions.js';
import { marks, type Marks } from './schema/section.js';

type Schema = z.core.$ZodType;

/** A value of the file at a place the schema marks. */
export interface Place {
  readonly path: Path;
  readonly value: unknown;
}

/** The places in `value` (the file's side) that `schema` marks with `mark`, in the order of the file. Each path once. */
export function markedPlaces(schema: Schema, mark: keyof Marks, value: unknown): Place[] {
  const places = new Map<string, Place>();
  walk(schema, value, [], (marked, path, item) => {
    if (marks.get(marked)?.[mark] !== undefined) places.set(JSON.stringify(path), { path, value: item });
  });
  return [...places.values()];
}

function walk(
  schema: Schema,
  value: unknown,
  path: Path,
  visit: (schema: Schema, path: Path, value: unknown) => void,
): void {
  if (!takes(schema, value)) return;
  visit(schema, path, value);
  const def = schema._zod.def as z.core.$ZodTypes['_zod']['def'];
  switch (def.type) {
    case 'optional':
    case 'prefault':
    case 'default':
      return walk(def.innerType, value, path, visit);
    case 'pipe':
      return walk(def.in, value, path, visit);
    case 'lazy':
      return walk(def.getter(), value, path, visit);
    case 'union':
      return def.options.forEach((option) => walk(option, value, path, visit));
    case 'array':
      if (Array.isArray(value)) value.forEach((item, index) => walk(def.element, item, [...path, index], visit));
      return;
    case 'record':
      if (isMapping(value))
        for (const [key, item] of Object.entries(value)) walk(def.valueType, item, [...path, key], visit);
      return;
    case 'object':
      if (!isMapping(value)) return;
      for (const [key, item] of Object.entries(value)) {
        const next = Object.hasOwn(def.shape, key) ? def.shape[key] : undefined;
        if (next !== undefined) walk(next, item, [...path, key], visit);
      }
      return;
    default:
      return;
  }
}

/** Whether a value is of the kind a schema takes: which alternative of a union is meant. */
function takes(schema: Schema, value: unknown): boolean {
  const def = schema._zod.def as z.core.$ZodTypes['_zod']['def'];
  switch (def.type) {
    case 'optional':
    case 'prefault':
    case 'default':
      return value !== undefined && takes(def.innerType, value);
    case 'pipe':
      return takes(def.in, value);
    case 'lazy':
      return takes(def.getter(), value);
    case 'union':
      return def.options.some((option) => takes(option, value));
    case 'array':
      return Array.isArray(value);
    case 'object':
    case 'record':
      return isMapping(value);
    case 'unknown':
      return value !== undefined;
    default:
      return value !== undefined && !Array.isArray(value) && !isMapping(value);
  }
}

/** What YAML calls a mapping. */
export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
