import { formatCount, formatDuration } from '../evidence/format.js';
import type { Evidence } from '../evidence/record.js';
import type { SummaryTable } from '../evidence/summary.js';
import { byPhase, countsText } from '../evidence/verdict.js';
import { clock, whenText } from './derive.js';
import { breakable, html, prose, webAddress } from './escape.js';
import type { HostRelease, Report } from './model.js';
import { STYLE } from './page-style.js';
import { resultsOf } from './response-times.js';
import { scaleOf } from './scale.js';
import { signOffTable, WORDS } from './tables.js';

/** What draws the plots; bundled apart, see plots.ts. */
export type Plots = Pick<typeof import('./plots.js'), 'timeline' | 'responseTimes'>;

/** Nothing is loaded, run or sent: https://www.w3.org/TR/CSP3/ (styles stand in the page). */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
const WIDE = 1040;
const NARROW = 362;

const VERDICTS = { pass: 'succeeded', warn: 'succeeded with warnings', fail: 'failed', skip: 'nothing done' } as const;

/**
 * The report as one HTML file that needs nothing beside itself: no request, no script. Without `plots` its figures are left
 * out; the tables say the same. The records must be redacted (a ledger's are).
 */
export function renderPage(report: Report, plots: Plots | undefined): string {
  const name = `${report.title}: ${report.app} to ${report.environment}`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${html(`${name}: ${VERDICTS[report.verdict]}`)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${[head(report, name), failures(report.records), releases(report.releases), rollback(report), timeLine(report, plots), responses(report, plots),
    table(signOffTable(report)), ...report.tables.map(table), checks(report.records), foot(report)].filter((part) => part !== '').join('\n')}
</main>
</body>
</html>
`;
}

function head(report: Report, name: string): string {
  const facts: [string, string][] = [
    ['Environment', `${html(report.environment)}${report.url === undefined ? '' : ` · ${link(report.url)}`}`],
    ['Live release', report.release === undefined ? '' : `<code>${html(report.release || 'none')}</code>`],
    ['Tag', html(report.tag ?? '')],
    ['Artefact', `${html(report.content ?? '')}${report.digest === undefined ? '' : `<br><code>sha256:${html(report.digest)}</code>`}`],
    ['Started by', html(report.actor)],
    ['Run', link(report.run)],
    ['When', html(whenText(report)).replace(/(\d) (ms|s|min|h|d)\b/g, '$1&nbsp;$2')],
    ['Checks', html(countsText(report.records))],
  ];
  return `<header class="${report.verdict}">
<h1>${html(name)}</h1>
<p class="verdict"><span class="mark ${report.verdict}">${WORDS[report.verdict]}</span> ${html(report.outcome)}</p>
</header>
${report.notes.map((note) => `<p>${html(note)}</p>\n`).join('')}<dl>${facts.filter(([, value]) => value !== '').map(([key, value]) => `<dt>${key}</dt><dd>${value}</dd>`).join('')}</dl>`;
}

function link(address: string): string {
  const safe = webAddress(address);
  return safe === undefined ? html(address) : `<a href="${html(safe)}" rel="noreferrer">${html(safe)}</a>`;
}

function releases(rows: readonly HostRelease[]): string {
  if (rows.length === 0) return '';
  const cell = (release: string | undefined): string => (release === undefined ? 'not known' : release === '' ? 'none' : `<code>${html(release)}</code>`);
  const several = new Set(rows.map(({ environment }) => environment)).size > 1;
  return `<h2>Releases</h2>\n${grid(['Host', ...(several ? ['Environment'] : []), 'Before', 'After', ''], rows.map(({ environment, host, before, after }) =>
    row(['Host', ...(several ? ['Environment'] : []), 'Before', 'After', ''], [breakable(host), ...(several ? [html(environment)] : []), cell(before), cell(after), before === after ? 'unchanged' : '<strong>changed</strong>'], 'plain')))}`;
}

function timeLine({ phases, steps }: Report, plots: Plots | undefined): string {
  if (phases.length === 0) return '';
  const rows = [...phases, ...steps].map(({ lane, label, status, from, to }) => row(['', '', 'From', 'To', ''], [
    html(lane), html(label), clock(from).slice(11), clock(to).slice(11), WORDS[status]], 'plain'));
  const fold = `<details${plots === undefined ? ' open' : ''}><summary>The same as a table</summary>\n${grid(['', '', 'From (UTC)', 'To (UTC)', ''], rows)}</details>`;
  const drawn = plots === undefined ? '' : [phases, steps].filter((spans) => spans.length > 0)
    .map((spans) => figure((width) => plots.timeline(spans, width, [...phases, ...steps]))).join('\n');
  const shaded = drawn !== '' && scaleOf([...phases, ...steps]).waits.length > 0 ? ' Shaded: waits, drawn shorter than they were.' : '';
  return `<h2>Time line</h2>\n${drawn}\n<p class="soft">Times are UTC.${shaded}</p>\n${fold}`;
}

function figure(draw: (width: number) => string): string {
  return `<figure><div class="wide">${draw(WIDE)}</div><div class="narrow">${draw(NARROW)}</div></figure>`;
}

function responses({ samples }: Report, plots: Plots | undefined): string {
  if (samples.length === 0) return '';
  const { releases: compared, steps } = resultsOf(samples);
  const keys = compared.map((release, index) => `<li><span class="key ${index === compared.length - 1 ? 'now' : 'then'}"></span>${html(release || 'before the first switch')}${compared.length > 1 ? (index === compared.length - 1 ? ' (after)' : ' (before)') : ''}</li>`).join('');
  const only = compared.length === 1 ? '<p class="soft">Nothing was timed before the switch.</p>' : '';
  const drawn = plots === undefined ? '' : figure((width) => plots.responseTimes(samples, width) ?? '');
  const names = ['Step', ...compared.map((release) => release || 'before')];
  const rows = steps.map((step) => row(names.map(html), [html(step), ...compared.map((release) => {
    const times = samples.filter((one) => one.step === step && one.release === release).map(({ ms }) => ms);
    return times.length === 0 ? '' : times.length === 1 ? formatDuration(times[0] ?? 0) : `${formatDuration(Math.min(...times))} to ${formatDuration(Math.max(...times))} (${times.length})`;
  })]));
  return `<h2>Response times</h2>\n${drawn}\n<ul class="keys">${keys}</ul>${only}\n<details${plots === undefined ? ' open' : ''}><summary>The same as a table</summary>\n${grid(names.map(html), rows)}</details>`;
}

const HEAD = ['', 'Check', 'Subject', 'Expected', 'Observed', 'Time'];

/** What failed, of all phases: the first thing to read. */
function failures(records: readonly Evidence[]): string {
  const failed = records.filter(({ status }) => status === 'fail');
  return failed.length === 0 ? '' : `<h2>What failed</h2>\n${grid(HEAD, failed.map(check), 'checks')}`;
}

/** The other records by phase: warnings in the open, what passed folded. */
function checks(records: readonly Evidence[]): string {
  if (records.length === 0) return '<h2>Checks</h2>\n<p>No records.</p>';
  return `<h2>Checks</h2>\n${byPhase(records).map(({ title, records: group }) => {
    const warned = group.filter(({ status }) => status === 'warn');
    const folded = group.filter(({ status }) => status === 'pass' || status === 'skip');
    return `<h3>${html(title)}: ${html(countsText(group))}</h3>\n${warned.length === 0 ? '' : grid(HEAD, warned.map(check), 'checks')}${folded.length === 0 ? ''
      : `<details><summary>${html(countsText(folded))}</summary>\n${grid(HEAD, folded.map(check), 'checks')}</details>`}`;
  }).join('\n')}`;
}

function check({ id, title, subject, status, expected = '', observed = '', remedy, duration }: Evidence): string {
  const mend = remedy === undefined || status === 'pass' ? '' : `<tr class="remedy"><td></td><td colspan="5"><strong>To mend:</strong> ${prose(remedy)}</td></tr>`;
  return row(['', '', '', 'Expected', 'Observed', 'Time'], [
    `<span class="mark ${status}">${WORDS[status]}</span>`, `${long(title)}<br><code class="soft">${breakable(id)}</code>`, long(subject, breakable), long(expected), long(observed), duration === 0 ? '' : formatDuration(duration),
  ], mend === '' ? '' : 'open') + mend;
}

/** So much of a cell stands in the open: what is longer has a bar to scroll by, and is whole on paper. */
const MOST_CHARACTERS = 500;
const MOST_LINES = 14;

function long(text: string, shown = html): string {
  const many = text.length > MOST_CHARACTERS || text.split('\n').length > MOST_LINES;
  return many ? `<div class="long" tabindex="0">${shown(text)}</div>` : shown(text);
}

function table({ title, head: names, rows }: SummaryTable): string {
  if (rows.length === 0) return '';
  return `<h2>${html(title)}</h2>\n${grid(names.map(html), rows.map((cells) => row(names.map(html), cells.map((cell) => long(cell)), 'plain')))}`;
}

/** A cell of so many characters is not broken where there is room for the table: names of states, times, ids of releases. */
const SHORT = 26;

function shownLength(cell: string): number {
  return cell.replace(/<[^>]*>/g, '').replace(/&[^;]*;/g, ' ').length;
}

/** A row of cells that are HTML already. Of kind `plain`: of a table whose columns are as wide as what they hold. */
function row(names: readonly string[], cells: readonly string[], kind = ''): string {
  return `<tr${kind === '' || kind === 'plain' ? '' : ` class="${kind}"`}>${cells.map((cell, index) => `<td${names[index] === '' || names[index] === undefined || index === 0 ? '' : ` data-label="${names[index]}"`}${cell.startsWith('<span class="mark') ? ' class="tight"' : kind === 'plain' && shownLength(cell) <= SHORT ? ' class="short"' : ''}>${cell}</td>`).join('')}</tr>`;
}

function grid(names: readonly string[], rows: readonly string[], kind = ''): string {
  return `<table${kind === '' ? '' : ` class="${kind}"`}><thead><tr>${names.map((name) => `<th>${name}</th>`).join('')}</tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
}

function rollback({ rollback: { command, dispatch } }: Report): string {
  return `<h2>To roll back</h2>\n<p>In a terminal, also when GitHub is down:</p>\n<pre>${html(command)}</pre>\n<p>On GitHub, Actions → Rollback → Run workflow, or:</p>\n<pre>${html(dispatch)}</pre>`;
}

function foot({ made, records }: Report): string {
  return `<footer>Made by Slipway at ${clock(made.getTime())} UTC from ${formatCount(records.length, 'record')} of evidence.</footer>`;
}
