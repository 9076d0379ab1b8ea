import type { Evidence } from './record.js';
import { padTo, displayWidth, stripControls, wrap } from './text.js';
import { countsText, MARKS, worstFirst } from './verdict.js';

const GAP = '  ';
const NARROWEST = 8;

interface Column {
  readonly title: string;
  readonly cell: (record: Evidence) => string;
}

const COLUMNS: readonly Column[] = [
  { title: '', cell: ({ status }) => MARKS[status] },
  { title: 'Check', cell: ({ title }) => title },
  { title: 'Subject', cell: ({ subject }) => subject },
  { title: 'Expected', cell: ({ expected }) => expected ?? '' },
  { title: 'Observed', cell: ({ observed }) => observed ?? '' },
];

/** What each column may take: its longest line if all fit, otherwise the widest give way first. */
function columnWidths(wanted: readonly number[], width: number): number[] {
  const room = width - GAP.length * (wanted.length - 1);
  const widths = [...wanted];
  let over = widths.reduce((sum, one) => sum + one, 0) - room;
  while (over > 0) {
    const widest = Math.max(...widths);
    if (widest <= NARROWEST) break;
    widths[widths.indexOf(widest)] = widest - 1;
    over -= 1;
  }
  return widths;
}

/**
 * The records as a plain-text table for logs and terminals: failures first, columns wrapped to `width` columns of the
 * terminal, the way to mend on a line of its own below the row, and the counts at the end. No trailing newline.
 */
export function renderTable(records: readonly Evidence[], width = 120): string {
  if (records.length === 0) return countsText(records);
  const rows = worstFirst(records).map((record) => ({ record, cells: COLUMNS.map(({ cell }) => stripControls(cell(record)).replaceAll('\t', ' ')) }));
  const wanted = COLUMNS.map(({ title }, column) => Math.max(
    displayWidth(title), ...rows.map(({ cells }) => Math.max(...(cells[column] ?? '').split('\n').map(displayWidth)))));
  const widths = columnWidths(wanted, width);
  const render = (cells: readonly string[]): string[] => {
    const wrapped = cells.map((cell, column) => wrap(cell, widths[column] ?? NARROWEST));
    const height = Math.max(...wrapped.map((lines) => lines.length));
    return Array.from({ length: height }, (_, line) =>
      wrapped.map((lines, column) => padTo(lines[line] ?? '', widths[column] ?? 0)).join(GAP).trimEnd());
  };
  const remedy = (record: Evidence): string[] => record.remedy === undefined || record.status === 'pass' ? []
    : wrap(stripControls(record.remedy), Math.max(NARROWEST, width - 5)).map((line, index) => `${index === 0 ? '   → ' : '     '}${line}`);
  return [
    ...render(COLUMNS.map(({ title }) => title)),
    widths.map((one) => '─'.repeat(one)).join(GAP),
    ...rows.flatMap(({ record, cells }) => [...render(cells), ...remedy(record)]),
    '', countsText(records),
  ].join('\n');
}
