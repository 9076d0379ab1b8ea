import { formatDuration } from '../evidence/format.js';
import { codeMarkdown, escapeMarkdown } from '../evidence/markdown.js';
import type { Status } from '../evidence/record.js';
import { renderSummary, type SummaryTable } from '../evidence/summary.js';
import { stripControls, truncate } from '../evidence/text.js';
import { countsText } from '../evidence/verdict.js';
import { clock, whenText } from './derive.js';
import { webAddress } from './escape.js';
import type { Report, Span } from './model.js';
import { signOffTable, WORDS } from './tables.js';

/** Bytes of a job summary, and of them what the drawing may take. GitHub takes 1 MiB. */
const LIMIT = 960 * 1024;
const DRAWN = 60;

/** The job summary: verdict and releases, sign-offs, evidence, then the time line drawn and as a table. */
export function reportSummary(report: Report): string {
  const drawing = mermaid(report);
  const room = Buffer.byteLength(drawing, 'utf8') + 4096;
  const summary = renderSummary({
    action: report.title, app: report.app, environment: report.environment, url: report.url,
    verdict: report.verdict, outcome: report.outcome, notes: [`${report.actor}, ${whenText(report)}`, ...report.notes],
    releases: report.releases.map(({ host, before, after }) => ({ host, before: before === '' ? undefined : before, after: after === '' ? undefined : after })),
    records: report.records,
    tables: [signOffTable(report), ...report.tables, timeTable(report)],
    rollback: report.rollback,
    limit: LIMIT - room,
  });
  return `${summary}\n${drawing}`;
}

function timeTable({ phases }: Report): SummaryTable {
  return {
    title: 'Time line', head: ['Phase', 'From (UTC)', 'To', 'Took', ''],
    rows: phases.map(({ lane, status, from, to }) => [lane, clock(from), clock(to).slice(11), formatDuration(to - from), WORDS[status]]),
  };
}

const TAGS: Record<Status, string> = { pass: 'done, ', warn: 'active, ', fail: 'crit, ', skip: '' };

/**
 * The time line as a drawing, https://mermaid.js.org/syntax/gantt.html. Whole seconds of UTC. GitHub may not draw it: the
 * table says the same.
 */
export function mermaid({ phases, steps }: Pick<Report, 'phases' | 'steps'>): string {
  if (phases.length === 0) return '';
  const second = (ms: number): number => Math.floor(ms / 1000) * 1000;
  const task = ({ label, status, from, to }: Span): string =>
    `    ${words(label)} :${TAGS[status]}${clock(second(from))}, ${Math.max(1, Math.round((to - from) / 1000))}s`;
  const section = (name: string, spans: readonly Span[]): string[] => [`  section ${words(name)}`, ...spans.map(task)];
  const lanes = [...new Set(steps.map(({ lane }) => lane))];
  const lines = [...section('Phases', phases.slice(0, DRAWN)), ...lanes.flatMap((lane) => section(lane, steps.filter((span) => span.lane === lane)))].slice(0, DRAWN * 2);
  return ['```mermaid', 'gantt', '  dateFormat YYYY-MM-DD HH:mm:ss', '  axisFormat %H:%M:%S', ...lines, '```', ''].join('\n');
}

/** Text that mermaid takes for nothing but words. */
function words(text: string): string {
  return truncate(stripControls(text).replace(/[^\p{L}\p{N} .@/_-]+/gu, ' ').replace(/\s+/g, ' ').trim(), 60) || 'step';
}

function named(release: string | undefined): string {
  return release === undefined ? 'not known' : release === '' ? 'none' : codeMarkdown(release);
}

/** A section for the notes of the release on GitHub; replaced when a later report of the environment is appended. */
export function notesSection(report: Report): string {
  const { environment, release, digest, actor, run, releases, signOffs, records, outcome } = report;
  const safe = webAddress(run);
  const mine = releases.filter((row) => row.environment === environment || row.environment === '');
  const lines = [
    `## ${escapeMarkdown(environment)}: ${WORDS[report.verdict]}`, '',
    escapeMarkdown(outcome), '',
    `- When: ${escapeMarkdown(whenText(report))}, started by ${escapeMarkdown(actor)}${safe === undefined ? '' : ` ([run](${safe.replace(/[()]/g, encodeURIComponent)}))`}`,
    ...(release === undefined ? [] : [`- Release: ${codeMarkdown(release || 'none')}`]),
    ...(digest === undefined ? [] : [`- Artefact: ${codeMarkdown(`sha256:${digest}`)}`]),
    ...(mine.length === 0 ? [] : [`- Hosts: ${mine.map(({ host, before, after }) => `${codeMarkdown(host)} (${named(before)} → ${named(after)})`).join(', ')}`]),
    ...(signOffs.length === 0 ? [] : [`- Signed off: ${signOffs.map(({ role, login, state }) => escapeMarkdown(`${role}: ${login === '' ? state : login}`)).join(', ')}`]),
    `- Checks: ${escapeMarkdown(countsText(records))}`,
    `- To roll back: ${codeMarkdown(report.rollback.command)}`, '',
  ];
  return lines.join('\n');
}
