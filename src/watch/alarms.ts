import type { Evidence } from '../evidence/record.js';
import { plainText } from './plain-text.js';

/** Something that is not as it should be, for as long as it is not. */
export interface Alarm {
  /** Stays the same from watch to watch: what it is about, not how bad it is. */
  readonly key: string;
  readonly severity: 'critical' | 'warning';
  readonly title: string;
  readonly subject: string;
  readonly observed: string;
  readonly expected: string | undefined;
  readonly remedy: string | undefined;
}

/** An issue about an alarm, as it stands on GitHub. */
export interface AlarmIssue {
  readonly number: number;
  readonly key: string;
  readonly title: string;
  readonly body: string;
}

/** What has to be done so that there is one open issue for each alarm, and none without. */
export type AlarmChange =
  | { readonly do: 'open'; readonly title: string; readonly body: string }
  | { readonly do: 'update'; readonly number: number; readonly title: string; readonly body: string; readonly comment?: string }
  | { readonly do: 'close'; readonly number: number; readonly title: string; readonly comment: string };

/** The alarms among the records of a watch: what failed is critical, what warned a warning. */
export function alarmsOf(environment: string, records: readonly Evidence[]): Alarm[] {
  const alarms = records.flatMap((record): Alarm[] => {
    if (record.status !== 'fail' && record.status !== 'warn') return [];
    const { title, subject, expected, observed = 'not as it should be', remedy } = record;
    return [{ key: keyOf(environment, record), severity: record.status === 'fail' ? 'critical' : 'warning', title, subject, expected, observed, remedy }];
  });
  // Two answers to one question about one subject are one alarm, the worse.
  const byKey = new Map<string, Alarm>();
  for (const alarm of alarms) if (byKey.get(alarm.key)?.severity !== 'critical') byKey.set(alarm.key, alarm);
  return [...byKey.values()];
}

/** The keys of what was asked and answered: only their alarms can be over. What could not be asked is as it was. */
export function answeredKeys(environment: string, records: readonly Evidence[]): Set<string> {
  return new Set(records.filter(({ status }) => status !== 'skip').map((record) => keyOf(environment, record)));
}

function keyOf(environment: string, { id, subject }: Evidence): string {
  return `${environment} ${id} ${subject}`;
}

/**
 * What to do about the open issues.
 * @param answered see `answeredKeys`; issues about other environments are left alone.
 */
export function changesFor(environment: string, alarms: readonly Alarm[], open: readonly AlarmIssue[], answered: ReadonlySet<string>): AlarmChange[] {
  const wanted = new Map(alarms.map((alarm) => [alarm.key, alarm]));
  const changes: AlarmChange[] = [];
  const seen = new Set<string>();
  for (const issue of open.filter(({ key }) => key.startsWith(`${environment} `))) {
    const alarm = wanted.get(issue.key);
    if (alarm === undefined) {
      if (answered.has(issue.key)) changes.push({ do: 'close', number: issue.number, title: issue.title, comment: 'It is as it should be again.' });
    } else if (seen.has(issue.key)) {
      changes.push({ do: 'close', number: issue.number, title: issue.title, comment: 'Another issue is about the same.' });
    } else {
      const [title, body] = [titleOf(environment, alarm), bodyOf(alarm)];
      // A new figure each hour is no news; another severity is.
      if (body !== issue.body || title !== issue.title) changes.push({ do: 'update', number: issue.number, title, body, ...(title === issue.title ? {} : { comment: `Now: ${title}` }) });
    }
    seen.add(issue.key);
  }
  for (const alarm of alarms) if (!seen.has(alarm.key)) changes.push({ do: 'open', title: titleOf(environment, alarm), body: bodyOf(alarm) });
  return changes;
}

function titleOf(environment: string, { severity, title, subject }: Alarm): string {
  return `${severity === 'critical' ? 'Critical' : 'Warning'}: ${title} (${subject === environment ? environment : `${environment}, ${subject}`})`.slice(0, 250);
}

/** How an issue is known again. */
const MARK = /^<!-- slipway-watch (\S.*) -->$/m;

function bodyOf({ key, observed, expected, remedy }: Alarm): string {
  return [
    `<!-- slipway-watch ${key.replaceAll('--', '- -')} -->`,
    ...(expected === undefined ? [] : [`**Expected:** ${plainText(expected)}`, '']),
    `**Observed:** ${plainText(observed)}`,
    ...(remedy === undefined ? [] : ['', `**What to do:** ${plainText(remedy)}`]),
    '', 'Opened by `slipway watch`, which closes it when it is over.',
  ].join('\n').slice(0, 60_000);
}

/** The key of an issue that `watch` wrote; undefined for anybody else's. */
export function keyOfIssue(body: string | null | undefined): string | undefined {
  return MARK.exec(body ?? '')?.[1]?.replaceAll('- -', '--');
}
