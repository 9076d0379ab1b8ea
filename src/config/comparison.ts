import { parseDuration } from './duration.js';
import { parseSize } from './size.js';
import { ValueError } from './value-error.js';

export type Operator = '>' | '>=' | '<' | '<=' | '=';

/** A bound on something measured. `value` is in the unit's base: a share (0–1), milliseconds, bytes or a plain number. */
export interface Comparison {
  readonly operator: Operator;
  readonly value: number;
  readonly unit: 'share' | 'ms' | 'bytes' | 'number';
  /** As written, for messages. */
  readonly text: string;
}

/** Reads `> 5%`, `<= 2s`, `>= 10KB`, `>=18`, `= 3`. The operator is required. Throws ValueError. */
export function parseComparison(text: string): Comparison {
  const match = /^\s*(>=|<=|>|<|==|=)\s*(\S.*?)\s*$/.exec(text);
  const operand = match?.[2];
  if (match === null || operand === undefined) {
    throw new ValueError(`must be a comparison such as "> 5%", "<= 2s" or ">= 10KB"; is \`${text}\``);
  }
  const operator = (match[1] === '==' ? '=' : match[1]) as Operator;
  return { operator, ...readOperand(operand, text), text: `${operator} ${operand}` };
}

/** Whether `observed`, in the comparison's unit, is inside the bound. */
export function compares(comparison: Comparison, observed: number): boolean {
  switch (comparison.operator) {
    case '>':
      return observed > comparison.value;
    case '>=':
      return observed >= comparison.value;
    case '<':
      return observed < comparison.value;
    case '<=':
      return observed <= comparison.value;
    case '=':
      return observed === comparison.value;
  }
}

function readOperand(operand: string, text: string): Pick<Comparison, 'value' | 'unit'> {
  if (/^-?\d+(\.\d+)?$/.test(operand)) return { value: Number(operand), unit: 'number' };
  // Unlike a share of something, a rise may be more than the whole: `> 150%`.
  const percent = /^(\d+(?:\.\d+)?)\s*%$/.exec(operand)?.[1];
  if (percent !== undefined) return { value: Number(percent) / 100, unit: 'share' };
  // Sizes end in B, durations never do.
  if (/^\d.*b$/i.test(operand)) return { value: parseSize(operand), unit: 'bytes' };
  if (/^\d.*(ms|s|m|h|d)$/.test(operand)) return { value: parseDuration(operand), unit: 'ms' };
  throw new ValueError(`must compare with a number, a percentage, a duration or a size; is \`${text}\``);
}
