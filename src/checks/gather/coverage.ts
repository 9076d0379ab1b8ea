import { readFile } from 'node:fs/promises';

/**
 * The share of lines covered (0–1) from an lcov file (geninfo(1): LF found, LH hit) or a coverage-summary.json of istanbul;
 * a text says why there is none.
 */
export async function readCoverage(path: string): Promise<number | string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'the tests wrote no such file' : `could not be read: ${(error as Error).message}`;
  }
  return text.trimStart().startsWith('{') ? fromSummary(text) : fromLcov(text);
}

function fromSummary(text: string): number | string {
  let lines: unknown;
  try {
    lines = (JSON.parse(text) as { total?: { lines?: unknown } }).total?.lines;
  } catch {
    return 'is not valid JSON';
  }
  if (typeof lines !== 'object' || lines === null) return 'has no total.lines';
  const { total, covered } = lines as { total?: unknown; covered?: unknown };
  if (typeof total !== 'number' || typeof covered !== 'number') return 'has no total.lines.total and .covered';
  return total === 0 ? 'counts no lines at all' : covered / total;
}

function fromLcov(text: string): number | string {
  const sum = (key: string): number => [...text.matchAll(new RegExp(`^${key}:(\\d+)\\s*$`, 'gm'))].reduce((whole, match) => whole + Number(match[1]), 0);
  const found = sum('LF');
  return found === 0 ? 'holds no LF: lines of lcov' : sum('LH') / found;
}
