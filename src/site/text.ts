/** Text in nginx's own language. Values of the configuration come into it through `quoted` alone. */

/**
 * A value as one quoted word. What stands in it is taken as it is, but for variables: the schema refuses `$` where none is meant.
 * Source of the escapes: ngx_conf_read_token, https://github.com/nginx/nginx/blob/master/src/core/ngx_conf_file.c
 */
export function quoted(value: string): string {
  if (/[\0\r\n]/.test(value)) throw new Error('A line break cannot be part of a value in nginx.');
  return `"${value.replace(/[\\"]/g, '\\$&')}"`;
}

/** A directive with a body, indented. */
export function block(head: string, body: readonly string[]): string[] {
  return [`${head} {`, ...body.map((line) => (line === '' ? '' : `    ${line}`)), '}'];
}

/** Milliseconds as nginx reads them. */
export function time(milliseconds: number): string {
  return milliseconds % 1000 === 0 ? `${milliseconds / 1000}s` : `${milliseconds}ms`;
}
