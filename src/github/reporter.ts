import { formatDuration } from '../evidence/format.js';
import type { Ledger } from '../evidence/ledger.js';
import { logLine, logLines } from '../evidence/lines.js';
import type { Evidence } from '../evidence/record.js';
import type { Redactor } from '../evidence/redact.js';
import type { Reporter } from '../evidence/reporter.js';

/** The part of @actions/core this needs; a test passes its own. */
export type Core = Pick<typeof import('@actions/core'), 'startGroup' | 'endGroup' | 'info' | 'warning' | 'error' | 'debug' | 'setSecret'>;

/** GitHub shows ten annotations of a kind per step. Of the errors one is left for the step's own failure. */
const ANNOTATIONS = { error: 9, warning: 10 };

type Kind = keyof typeof ANNOTATIONS;

function describe(record: Evidence): string {
  return [
    record.subject,
    record.expected === undefined ? '' : `expected: ${record.expected}`,
    record.observed === undefined ? '' : `observed: ${record.observed}`,
    record.remedy ?? '',
  ].filter((line) => line !== '').join('\n');
}

/**
 * What a run says in the log of a GitHub job: a fold per group, one line per step and host, an annotation for each
 * warning, error, and failed or doubtful piece of evidence until GitHub's limit is reached, plain lines after that.
 * Folds cannot be nested: an inner group is a heading. Every form of every secret known so far is also given to the
 * runner's own mask.
 */
export function githubReporter(core: Core, options: { readonly redactor?: Redactor; readonly ledger?: Ledger } = {}): Reporter {
  const { redactor, ledger } = options;
  for (const value of redactor?.values() ?? []) core.setSecret(value);
  const left = { ...ANNOTATIONS };
  let depth = 0;

  const say = (before: string, text: string, after = ''): void => {
    const lines = logLines(text, redactor);
    const head = before === '' ? '' : `${logLine(before, redactor)}  `;
    lines.forEach((line, index) => {
      core.info(`${index === 0 ? head : ' '.repeat(head.length)}${line}${index === lines.length - 1 ? after : ''}`);
    });
  };
  const annotate = (kind: Kind, text: string, title?: string): void => {
    const clean = logLines(text, redactor).join('\n');
    const heading = title === undefined ? undefined : logLine(title, redactor);
    if (left[kind] > 0) {
      left[kind] -= 1;
      core[kind](clean, heading === undefined ? {} : { title: heading });
    } else {
      say(`${kind === 'error' ? 'Error' : 'Warning'}:`, heading === undefined ? clean : `${heading}: ${clean}`);
    }
  };

  return {
    async group<T>(title: string, body: () => Promise<T>): Promise<T> {
      const start = performance.now();
      const outermost = depth === 0;
      depth += 1;
      const shown = logLine(title, redactor);
      if (outermost) core.startGroup(shown);
      else core.info(`▸ ${shown}`);
      let ending = 'failed after';
      try {
        const result = await body();
        ending = 'done in';
        return result;
      } finally {
        depth -= 1;
        core.info(`${shown}: ${ending} ${formatDuration(performance.now() - start)}`);
        if (outermost) core.endGroup();
      }
    },
    step: (subject, text, duration) => say(subject, text, duration === undefined ? '' : `  (${formatDuration(duration)})`),
    line: (subject, text) => say(`${subject} |`, text),
    block: (text) => logLines(text, redactor).forEach((line) => core.info(line)),
    warn: (text) => annotate('warning', text),
    error: (text) => annotate('error', text),
    debug: (text) => logLines(text, redactor).forEach((line) => core.debug(line)),
    progress: () => undefined,
    evidence: (record) => {
      ledger?.append(record);
      if (record.status === 'fail') annotate('error', describe(record), record.title);
      if (record.status === 'warn') annotate('warning', describe(record), record.title);
    },
  };
}
