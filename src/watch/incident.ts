import { plainText } from './plain-text.js';

/** A rollback, for the people who have to mend what it went back from. */
export interface Incident {
  readonly environment: string;
  /** Who, and where it is logged. */
  readonly by: string;
  readonly run: string;
  readonly reason: string;
  readonly from: string;
  readonly to: string;
  /** How it ended, in a sentence. */
  readonly outcome: string;
  readonly failed: boolean;
}

/** Where incidents are told: one open issue for each environment, until a person closes it. */
export interface IncidentBoard {
  /** @returns the address of the issue. */
  tell(incident: Incident): Promise<string>;
}

/** The mark by which the open issue of an environment is found again. */
export function incidentMark(environment: string): string {
  return `<!-- slipway-rollback ${environment} -->`;
}

/** The title of the issue about a rollback. */
export function incidentTitle({ environment, from }: Incident): string {
  return `Rolled back ${environment}${from === '' ? '' : `: ${from} is bad`}`.slice(0, 250);
}

/** What happened, as Markdown; the same as the beginning of an issue and as a comment below it. */
export function incidentText({ environment, by, run, reason, from, to, outcome, failed }: Incident): string {
  return [
    `**${failed ? 'A rollback failed' : 'Rolled back'}: ${plainText(outcome)}**`, '',
    '| | |', '|---|---|',
    `| environment | ${cell(environment)} |`, `| from | ${cell(from === '' ? 'not known' : from)} |`, `| to | ${cell(to === '' ? 'not known' : to)} |`,
    `| why | ${cell(reason === '' ? 'no reason was given' : reason)} |`, `| by | ${cell(by)} |`, `| run | ${cell(run)} |`, '',
    failed ? `Look at the hosts now: \`slipway status ${environment}\`.` : 'Mend what it went back from, release it, then close this issue.',
  ].join('\n');
}

function cell(text: string): string {
  return plainText(text.replace(/\s+/g, ' ')).replaceAll('|', '\\|').slice(0, 500);
}
