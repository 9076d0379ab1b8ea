import type { Loose } from './section.js';

/** Whether a value that a rule sees is a mapping. */
export function isMapping(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The mapping a rule sees, or an empty one where there is none. */
export function mapping(value: unknown): Loose {
  return isMapping(value) ? value : {};
}
