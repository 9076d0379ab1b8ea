import * as z from 'zod';
import { formatDuration, parseDuration, parseLifetime } from '../duration.js';
import { formatSize, parseSize } from '../size.js';
import { parsed, oneOrMany } from './section.js';

/** Fields that several sections share. */

/** A duration in the file, milliseconds in the config. */
export const duration = (description: string) =>
  parsed<number>(parseDuration, formatDuration, description, ['500ms', '10s', '1h30m', '2d'], {
    pattern: '^(\\d+(\\.\\d+)?(ms|s|m|h|d))+$',
  });

/** A duration of any length, for what no timer has to wait for, such as an age. */
export const lifetime = (description: string) =>
  parsed<number>(parseLifetime, formatDuration, description, ['25h', '30d', '365d'], { pattern: '^(\\d+(\\.\\d+)?(ms|s|m|h|d))+$' });

/** A size in the file, bytes in the config. */
export const size = (description: string) =>
  parsed<number>(parseSize, formatSize, description, ['512MB', '4GB', '10KiB']);

/** A whole number from `least` to `most`; the message names both ends. */
export const whole = (least: number, most: number, description: string, ...examples: number[]) => {
  const error = ({ input }: { readonly input?: unknown }): string => `must be ${least}–${most}, is ${String(input)}`;
  return z
    .int()
    .min(least, { error })
    .max(most, { error })
    .meta({ description, ...(examples.length > 0 && { examples }) });
};

export const port = (description: string) => whole(1, 65535, description, 3001);

/** A text that says something. */
export const text = (description: string, ...examples: string[]) =>
  z
    .string()
    .trim()
    .min(1)
    .meta({ description, ...(examples.length > 0 && { examples }) });

/** One text or a list of them. */
export const texts = (description: string, ...examples: string[]) =>
  oneOrMany(text(description, ...examples)).meta({ description });

/** A path below some folder: relative, without `..`. Always with `/`, without `./` in front or `/` behind. */
export const relativePath = (description: string, ...examples: string[]) =>
  z
    .string()
    .refine((path) => relativeComplaint(path) === undefined, {
      error: ({ input }) => relativeComplaint(String(input)) ?? '',
    })
    .overwrite((path) =>
      path
        .replace(/^(\.\/+)+(?=.)/, '')
        .replace(/(?<=.)\/+$/, '')
        .replace(/\/{2,}/g, '/'),
    )
    .meta({ description, ...(examples.length > 0 && { examples }) });

function relativeComplaint(path: string): string | undefined {
  if (path.trim() === '') return 'must not be empty';
  if (path.startsWith('/')) return `must be relative, is \`${path}\``;
  if (path.startsWith('~')) return `must be relative and has no home folder to begin with, is \`${path}\``;
  if (path.split('/').includes('..')) return `must not contain \`..\`, is \`${path}\``;
  if (/[\0\r\n]/.test(path)) return 'must be one line';
  return undefined;
}

/** Names of apps, environments and services become parts of paths, units and process names. */
export function name(what: string, reserved: readonly string[] = []) {
  return (
    z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, {
        error: ({ input }) =>
          `must be 1–63 of a–z, 0–9 and -, beginning with a letter or digit; is \`${String(input)}\``,
      })
      .refine((value) => !reserved.includes(value), {
        error: ({ input }) => `must not be \`${String(input)}\`, which is reserved`,
      })
      // pm2 takes a number for the id of a process, whoever owns it.
      .refine((value) => !/^\d+$/.test(value), {
        error: ({ input }) => `must contain a letter, is \`${String(input)}\``,
      })
      .meta({ description: what })
  );
}
