import { splitLines, stripControls, truncate } from './text.js';

/**
 * Text from anywhere as GitHub Markdown that shows exactly these characters, in a paragraph or a table's cell: no
 * markup, no HTML, no mention, no link to an issue, no formula. Line breaks become `<br>`; at most `limit` columns.
 */
export function escapeMarkdown(text: string, limit = 2000): string {
  const lines = splitLines(truncate(stripControls(text.slice(0, limit * 20)), limit)); // escapes and marks take no column
  return lines.map((line) => escapeLine(line.trimEnd())).join('<br>');
}

function escapeLine(line: string): string {
  return line
    .replace(/[&<>"|`\\*~[\]!]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, '&#95;')
    .replace(/^(\s*)([-+=:]|#+(?=\s)|\d+[.)](?=\s))/, (_, space: string, mark: string) => `${space}${[...mark].map((character) => `&#${character.charCodeAt(0)};`).join('')}`)
    // GitHub looks for these in the finished page's text, where an entity is a character again; a tag in between hides them.
    .replace(/@(?=[A-Za-z0-9])/g, '@<wbr>')
    .replace(/(?<!&)#(?=\d)/g, '#<wbr>')
    .replace(/\$/g, '<span>$</span>')
    .replace(/\t/g, ' ');
}

/** `text` as code that can stand in a table: `<code>` shows mentions and issue numbers as they are. */
export function codeMarkdown(text: string, limit = 500): string {
  const clean = splitLines(truncate(stripControls(text), limit)).join(' ');
  return `<code>${clean.replace(/[&<>"|`\\*_~[\]$:@#]/g, (character) => `&#${character.charCodeAt(0)};`)}</code>`;
}

/** A fenced block that its content cannot close. */
export function fencedMarkdown(text: string, language = ''): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((run) => run[0].length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${stripControls(text).trimEnd()}\n${fence}`;
}
