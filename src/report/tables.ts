import { formatDuration } from '../evidence/format.js';
import type { Evidence, Status } from '../evidence/record.js';
import type { SummaryTable } from '../evidence/summary.js';
import type { Report, SignOff } from './model.js';

/** What has to do with data: backups and their proofs, migrations, what was brought back. */
const DATA = /^(backup\.(create|verify|copy|drill|restore)|(deploy|rollback)\.data\.)/;

/** The sign-offs of the run: of several records of a role the last one, seen when the first of them that says the same was made. */
export function signOffsOf(records: readonly Evidence[]): SignOff[] {
  const found = new Map<string, SignOff>();
  for (const { id, status, data = {} } of records) {
    const [, stage] = /^signoff\.(before|after)\./.exec(id) ?? [];
    if (stage === undefined) continue;
    const text = (name: string): string => (typeof data[name] === 'string' ? data[name] : '');
    const now = { stage, status, role: text('role'), state: text('state'), login: text('login'), seen: text('seen'), comment: text('comment'), digest: text('digest') };
    const before = found.get(id);
    const same = before !== undefined && (['state', 'login', 'comment', 'digest'] as const).every((key) => before[key] === now[key]);
    found.set(id, same ? { ...now, seen: before.seen } : now);
  }
  return [...found.values()];
}

/** How the jobs of the workflow ended. */
export function jobsTable(jobs: ReadonlyMap<string, string>): SummaryTable {
  return { title: 'Jobs', head: ['Job', 'Ended'], rows: [...jobs].map(([name, result]) => [name, result]) };
}

/** What was done with data: backups, migrations, restores. */
export function dataTable(records: readonly Evidence[]): SummaryTable {
  const rows = records.filter(({ id }) => DATA.test(id)).map(({ title, subject, observed, status, duration }) =>
    [subject, title, WORDS[status], observed ?? '', duration === 0 ? '' : formatDuration(duration)]);
  return { title: 'Backups and migrations', head: ['Where', 'What', '', 'Observed', 'Time'], rows };
}

/** What was let through although it stood against a rule: closed windows, hosts left out. */
export function overrideTable(records: readonly Evidence[]): SummaryTable {
  const rows = records.flatMap(({ id, subject, data = {}, observed, at }) => {
    if (typeof data['override'] === 'string') return [[subject, 'The window was closed', data['override'], typeof data['by'] === 'string' ? data['by'] : '', at]];
    return id.endsWith('.excluded') ? [[subject, 'The host was left out', observed ?? '', '', at]] : [];
  });
  return { title: 'Overrides', head: ['Where', 'What', 'Why', 'By', 'When'], rows: [...new Map(rows.map((row) => [row.slice(0, 4).join('\n'), row])).values()] };
}

/** The sign-offs as texts. */
export function signOffTable({ signOffs }: Pick<Report, 'signOffs'>): SummaryTable {
  return {
    title: 'Sign-offs',
    head: ['Role', 'When', 'State', 'Who', 'Seen', 'Comment', 'Artefact'],
    rows: signOffs.map(({ role, stage, state, login, seen, comment, digest }) =>
      [role, stage === 'before' ? 'before production' : 'after going live', state, login || '—', login === '' ? '—' : seen.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/, '$1 $2 UTC'), comment, digest === '' ? '—' : digest.slice(0, 12)]),
  };
}

export const WORDS: Record<Status, string> = { pass: 'passed', warn: 'warning', fail: 'failed', skip: 'skipped' };
