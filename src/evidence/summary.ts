import { formatCount, formatDuration } from './format.js';
import { codeMarkdown, escapeMarkdown, fencedMarkdown } from './markdown.js';
import type { Evidence, Status } from './record.js';
import { byPhase, countsText, worstStatus } from './verdict.js';

/** GitHub refuses a step's summary above 1 MiB as a whole; some room is left for what others of the step write. */
const LIMIT = 1024 * 1024 - 64 * 1024;
const ICONS: Record<Status, string> = { pass: '✅', warn: '⚠️', fail: '❌', skip: '⚪' };

/** Which release answered on a host before and after the run. */
export interface ReleaseChange {
  readonly host: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** A table of the command's own, such as the backups there are. */
export interface SummaryTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface SummaryInput {
  /** What was done: `Deploy`, `Rollback` … */
  readonly action: string;
  readonly app: string;
  readonly environment: string;
  /** The environment's public address. */
  readonly url?: string | undefined;
  /** Default: the worst status of the records. A run can fail without a failed record. */
  readonly verdict?: Status;
  /** One sentence on how it ended, such as `failed in smoke; went back to 2026…`. */
  readonly outcome?: string | undefined;
  /** The error that ended the run, whole: shown as it stands under the heading. */
  readonly failure?: string | undefined;
  /** Milliseconds of the whole run. */
  readonly duration?: number | undefined;
  readonly releases?: readonly ReleaseChange[];
  readonly records: readonly Evidence[];
  /** Shown before the evidence. */
  readonly tables?: readonly SummaryTable[];
  /** How to go back: the command for a terminal, and where to start it on GitHub. */
  readonly rollback?: { readonly command: string; readonly dispatch?: string | undefined } | undefined;
  /** Further lines under the heading. */
  readonly notes?: readonly string[];
  /** Where all evidence is kept. */
  readonly ledger?: string | undefined;
  /** Bytes of UTF-8 that must not be passed; default just under GitHub's 1 MiB. */
  readonly limit?: number;
}

const VERDICTS: Record<Status, string> = { pass: 'succeeded', warn: 'succeeded with warnings', fail: 'failed', skip: 'nothing done' };

function heading(input: SummaryInput): string[] {
  const verdict = input.verdict ?? worstStatus(input.records);
  const facts = [
    input.outcome === undefined ? undefined : `**${escapeMarkdown(input.outcome)}**`,
    `${countsText(input.records)}${input.duration === undefined ? '' : ` in ${formatDuration(input.duration)}`}`,
    input.url === undefined ? undefined : codeMarkdown(input.url),
  ].filter((fact) => fact !== undefined);
  const title = `## ${ICONS[verdict]} ${escapeMarkdown(input.action)} of ${escapeMarkdown(input.app)} to ${escapeMarkdown(input.environment)}: ${VERDICTS[verdict]}`;
  return [title, '', facts.join(' · '), '', ...(input.notes ?? []).flatMap((note) => [escapeMarkdown(note), '']), ...failureText(input.failure)];
}

/** Long errors carry the last lines of a service: enough of them to see the cause, not the whole log. */
const FAILURE_LIMIT = 8000;

function failureText(failure: string | undefined): string[] {
  return failure === undefined ? [] : [fencedMarkdown(failure.slice(0, FAILURE_LIMIT), 'text'), ''];
}

function releaseTable(releases: readonly ReleaseChange[]): string[] {
  if (releases.length === 0) return [];
  const cell = (release: string | undefined): string => release === undefined ? '—' : codeMarkdown(release, 120);
  const rows = releases.map(({ host, before, after }) =>
    `| ${codeMarkdown(host, 120)} | ${cell(before)} | ${cell(after)} | ${before === after ? 'unchanged' : '**changed**'} |`);
  return ['### Releases', '', '| Host | Before | After | |', '|---|---|---|---|', ...rows, ''];
}

function ownTable({ title, head, rows }: SummaryTable): string[] {
  if (rows.length === 0) return [];
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => escapeMarkdown(cell, 300)).join(' | ')} |`;
  return [`### ${escapeMarkdown(title)}`, '', line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line), ''];
}

function rollbackHint(rollback: SummaryInput['rollback']): string[] {
  if (rollback === undefined) return [];
  const dispatch = rollback.dispatch === undefined ? [] : ['', `On GitHub: ${escapeMarkdown(rollback.dispatch)}`];
  return ['### How to roll back', '', fencedMarkdown(rollback.command, 'sh'), ...dispatch, ''];
}

const HEAD = ['| | Check | Subject | Expected | Observed | How to mend |', '|---|---|---|---|---|---|'];

function row(record: Evidence): string {
  const cells = [
    ICONS[record.status],
    `${escapeMarkdown(record.title, 300)}<br>${codeMarkdown(record.id, 200)}`,
    escapeMarkdown(record.subject, 300),
    escapeMarkdown(record.expected ?? '', 1000),
    escapeMarkdown(record.observed ?? ''),
    escapeMarkdown(record.remedy ?? '', 1000),
  ];
  return `| ${cells.join(' | ')} |`;
}

const PASSED_HEAD = ['| | Check | Subject | Observed | Time |', '|---|---|---|---|---|'];

function passedRow(record: Evidence): string {
  const cells = [
    ICONS[record.status], escapeMarkdown(record.title, 300), escapeMarkdown(record.subject, 300),
    escapeMarkdown(record.observed ?? record.expected ?? '', 300), record.duration === 0 ? '' : formatDuration(record.duration),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** Hands out what is left of the summary's size, and counts the rows that found none. */
class Room {
  cut = 0;
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  take(lines: readonly string[]): void {
    this.#left -= size(lines);
  }

  /** The rows that fit; the first one that does not ends the list. */
  fit(rows: readonly string[]): string[] {
    const kept: string[] = [];
    for (const line of rows) {
      const bytes = size([line]);
      if (bytes > this.#left) break;
      this.#left -= bytes;
      kept.push(line);
    }
    this.cut += rows.length - kept.length;
    return kept;
  }
}

function size(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + Buffer.byteLength(line, 'utf8') + 1, 0);
}

/**
 * The job summary in GitHub Markdown: verdict, releases before and after on each host, how to roll back, then the
 * evidence by phase with failures and warnings first and passes folded. Failures of all phases find room before any
 * pass; what does not fit is counted at the end. The records must be redacted (a ledger's are).
 */
export function renderSummary(input: SummaryInput): string {
  const groups = byPhase(input.records).map((group) => ({
    ...group,
    open: group.records.filter(({ status }) => status === 'fail' || status === 'warn'),
    folded: group.records.filter(({ status }) => status === 'pass' || status === 'skip'),
  }));
  const top = heading(input);
  const end = rollbackHint(input.rollback);
  const room = new Room((input.limit ?? LIMIT) - 600 - 600 * groups.length); // notes, headings, folds
  room.take([...top, ...end]);
  const releaseLines = room.fit(releaseTable(input.releases ?? []));
  const tables = (input.tables ?? []).flatMap((table) => room.fit(ownTable(table)));
  const open = groups.map((group) => room.fit(group.open.map(row)));
  const folded = groups.map((group) => room.fit(group.folded.map(passedRow)));
  const sections = groups.flatMap((group, index) => section(
    `### ${group.title}: ${countsText(group.records)}`, open[index] ?? [], folded[index] ?? [], countsText(group.folded)));
  return [...top, ...releaseLines, ...tables, ...end, ...sections, ...cutNote(room.cut, input.ledger)].join('\n').trimEnd() + '\n';
}

function section(title: string, open: readonly string[], folded: readonly string[], foldedTitle: string): string[] {
  return [
    title, '',
    ...(open.length === 0 ? [] : [...HEAD, ...open, '']),
    ...(folded.length === 0 ? [] : [`<details><summary>${foldedTitle}</summary>`, '', ...PASSED_HEAD, ...folded, '', '</details>', '']),
  ];
}

function cutNote(cut: number, ledger: string | undefined): string[] {
  if (cut === 0) return [];
  const where = ledger === undefined ? 'the evidence file' : codeMarkdown(ledger);
  return [`> ${formatCount(cut, 'row')} left out to stay below GitHub's limit of 1 MiB. All of them are in ${where}.`, ''];
}
