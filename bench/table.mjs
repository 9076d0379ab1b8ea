/** Columns on a terminal and in Markdown. */

/** @param {readonly (readonly string[])[]} rows the first one is the head */
export function terminalTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => [...row[column]].length)));
  const line = (row) => row.map((cell, column) => cell + ' '.repeat(widths[column] - [...cell].length)).join('  ').trimEnd();
  return [line(rows[0]), widths.map((width) => '─'.repeat(width)).join('  '), ...rows.slice(1).map(line)].join('\n');
}

/** @param {readonly (readonly string[])[]} rows the first one is the head @param {string} align one of `l` and `r` per column */
export function markdownTable(rows, align) {
  const line = (row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(rows[0]), `|${[...align].map((side) => (side === 'r' ? '---:' : '---')).join('|')}|`, ...rows.slice(1).map(line)].join('\n');
}
