import type { ErrorCode, YAMLError } from 'yaml';

const QUOTES = 'put the value into quotes';

/** The library's messages in plain words; those not listed are good enough as they are. */
const WORDS: Partial<Record<ErrorCode, string | ((message: string) => string)>> = {
  TAB_AS_INDENT: 'must be indented with spaces, not with a tab',
  MULTIPLE_DOCS: 'must be one document: take out the line `---` and what follows',
  NON_STRING_KEY: 'a key must be a plain text',
  MISSING_CHAR: (message) =>
    message
      .replace(/^Missing closing "quote$/, 'a double quote is opened and never closed')
      .replace(/^Missing closing 'quote$/, 'a single quote is opened and never closed'),
  BAD_INDENT: 'is indented differently from the lines it belongs to',
  BAD_ALIAS: `a name is missing after \`*\` or \`&\`, or is no name; ${QUOTES} if it is meant as text`,
  BAD_SCALAR_START: (message) => `${message}; ${QUOTES}`,
  BAD_DQ_ESCAPE: (message) => `${message}; in double quotes write \\\\ for a backslash`,
  MULTILINE_IMPLICIT_KEY: 'a key must be on one line: is a colon or a quote missing?',
  BLOCK_AS_IMPLICIT_KEY: `a second \`: \` stands on this line; ${QUOTES} if it is meant as text`,
  TAG_RESOLVE_FAILED: (message) => `${message}; tags have no meaning here`,
  RESOURCE_EXHAUSTION: 'is nested too deeply',
};

/** A syntax error of the YAML library in this project's words; `text` is the file it was found in. */
export function wordYamlError(error: YAMLError, text: string): string {
  if (error.code === 'DUPLICATE_KEY') {
    const key = /^[\w-]+/.exec(text.slice(error.pos[0]))?.[0];
    return `${key === undefined ? 'this key' : `\`${key}\``} stands twice in the same mapping`;
  }
  const unclosed = /must be sufficiently indented and end with a (.)/.exec(error.message)?.[1];
  if (unclosed !== undefined)
    return `\`${unclosed === ']' ? '[' : '{'}\` is opened and not closed before the next line begins`;
  // `node: >=18` looks like the head of a folded text.
  if (/block scalar header/i.test(error.message)) return `\`>\` and \`|\` begin a text of several lines; ${QUOTES}`;
  const word = WORDS[error.code];
  const message = error.message.replace(/\s+$/, '');
  if (word === undefined) return message;
  return typeof word === 'string' ? word : word(message);
}
