import { displayWidth, padTo, stripControls } from './text.js';

/** Rows below their head, in columns as wide as they need; for logs and terminals. No trailing newline. */
export function renderColumns(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((cells) => cells.map((cell) => stripControls(cell).replace(/[\t\n]+/g, ' ')));
  const widths = head.map((_, column) => Math.max(...all.map((cells) => displayWidth(cells[column] ?? ''))));
  const line = (cells: readonly string[]): string => cells.map((cell, column) => padTo(cell, widths[column] ?? 0)).join('  ').trimEnd();
  const [first = [], ...rest] = all;
  return [line(first), widths.map((width) => '─'.repeat(width)).join('  '), ...rest.map(line)].join('\n');
}
