import { formatDuration } from '../evidence/format.js';
import { stripControls, truncate } from '../evidence/text.js';
import type { Status } from '../evidence/record.js';
import { countsText } from '../evidence/verdict.js';
import { webAddress } from './escape.js';
import type { Report } from './model.js';

/** What a message tells, before a service's own form. The texts are plain: each service's file escapes them. */
export interface Message {
  readonly title: string;
  readonly verdict: Status;
  readonly outcome: string;
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly failures: readonly string[];
  /** Where to read on: the run, and the environment. */
  readonly links: readonly { readonly text: string; readonly url: string }[];
  readonly at: Date;
}

export const SIGNS: Record<Status, string> = { pass: '✅', warn: '⚠️', fail: '❌', skip: '⚪' };

/** The few lines of a report that belong into a chat. */
export function messageOf(report: Report): Message {
  const links = [{ text: 'The run', url: webAddress(report.run) }, { text: report.environment, url: webAddress(report.url) }];
  const facts: [string, string][] = [
    ['Environment', report.environment], ['Live release', report.release ?? ''], ['Started by', report.actor],
    ['Took', Number.isFinite(report.from) ? formatDuration(report.to - report.from) : ''], ['Checks', countsText(report.records)],
    ['Signed off by', report.signOffs.filter(({ login }) => login !== '').map(({ login, role }) => `${login} (${role})`).join(', ')],
    ['To roll back', report.rollback.command],
  ];
  return {
    title: `${report.title}: ${report.app} to ${report.environment}`, verdict: report.verdict, outcome: report.outcome,
    facts: facts.filter(([, value]) => value !== ''),
    failures: report.records.filter(({ status }) => status === 'fail').slice(0, 5).map(({ title, subject, observed }) => `${title} (${subject}): ${observed ?? 'failed'}`),
    links: links.flatMap(({ text, url }) => (url === undefined ? [] : [{ text, url }])),
    at: report.made,
  };
}

/** One line of at most `limit` characters, without control characters. */
export function short(text: string, limit: number): string {
  const line = truncate(stripControls(text).replace(/\s+/g, ' ').trim(), limit);
  return line.length <= limit ? line : `${line.slice(0, limit - 1)}…`;
}
