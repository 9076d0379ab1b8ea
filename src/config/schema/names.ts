import * as z from 'zod';

/** What POSIX shells take as the name of a variable (POSIX.1-2024, XBD 3.216). */
export const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The name of an environment variable. */
export const environmentName = z
  .string()
  .regex(NAME, {
    error: ({ input }) => `must be a variable's name (letters, digits, _, no digit in front), is \`${String(input)}\``,
  })
  .meta({ description: 'The name of an environment variable.', examples: ['JWT_SECRET'] });

/** The name of an HTTP header: a token (RFC 9110, section 5.1). */
export const headerName = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, {
    error: ({ input }) => `must be the name of a header, is \`${String(input)}\``,
  })
  .meta({ description: 'The name of an HTTP header.' });
