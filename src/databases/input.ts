import { PassThrough, pipeline, Readable } from 'node:stream';
import { UserError } from '../evidence/errors.js';

/** What a script is told beside its arguments: names without the `p_` they have on the host. */
export type Parameters = Readonly<Record<string, string>>;

/**
 * The standard input of a script that calls `read_parameters`: a line each, then a line with a dot. Secrets travel here.
 * @throws UserError when a value has a line break: what may have several lines goes under a name that ends in `_b64`.
 */
export function inputOf(parameters: Parameters): string {
  const lines = Object.entries(parameters).map(([name, value]) => {
    if (/[\r\n\0]/.test(value)) throw new UserError(`the value of \`${name}\` must be one line`);
    return `${name}=${value}\n`;
  });
  return `${lines.join('')}.\n`;
}

/** Parameters, then data. An error of the data ends the stream with it. */
export function scriptInput(parameters: string, data: AsyncIterable<unknown>): Readable {
  const whole = new PassThrough();
  whole.write(parameters);
  pipeline(Readable.from(data), whole, () => undefined);
  return whole;
}
