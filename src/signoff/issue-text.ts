import { codeMarkdown, escapeMarkdown } from '../evidence/markdown.js';
import { mark, type Opening, type Started } from './issue-records.js';
import type { Answer, Outcome } from './issue-state.js';
import { rolesOf, type Policy } from './policy.js';
import type { Stage, Verdict } from './verdict.js';

/** What people read in a go-live issue. Everything that others have written is shown as text, never as markup. */

/** So many digits are proposed for copying: too many to be met by chance, few enough to compare. */
const SHOWN = 12;
const TITLES: Record<Stage, string> = { before: 'Before production', after: 'Once it is live' };

export interface About {
  readonly opening: Opening;
  /** Address of the run that built it. */
  readonly run: string;
}

export function issueTitle({ app, release }: Opening): string {
  return `Go-live of ${app} ${release}`;
}

/** The body: what is released, a box for each role, how to answer. Written anew whenever something has changed. */
export function issueBody(about: About, policy: Policy, verdicts: readonly Verdict[]): string {
  const { opening, run } = about;
  return [
    `${codeMarkdown(opening.release)} of ${escapeMarkdown(opening.app)} is to go to **${escapeMarkdown(opening.environment)}**, once these roles have signed.`,
    '',
    '| | |', '|---|---|',
    `| Artefact | ${codeMarkdown(opening.digest)} |`,
    `| Commit | ${codeMarkdown(opening.commit)} |`,
    `| Built by | ${run} |`,
    '',
    ...(['before', 'after'] as const).flatMap((stage) => stageText(stage, policy, verdicts)),
    '### How to sign', '',
    'A comment below, with this on a line of its own:', '',
    '```', `/approve <role> ${opening.digest.slice(0, SHOWN)}`, '/reject <role> <reason>', '```', '',
    'The digits are the beginning of the artefact\'s digest: compare them with what you have tested. A comment that is changed later does not count; write a new one. The last word of each role counts. These boxes only show how it stands: ticking them does nothing.',
    '',
    mark('release', opening),
  ].join('\n');
}

function stageText(stage: Stage, policy: Policy, verdicts: readonly Verdict[]): string[] {
  const roles = rolesOf(policy, stage);
  if (roles.length === 0) return [];
  return [`### ${TITLES[stage]}`, '', ...roles.map(({ role }) => {
    const verdict = verdicts.find((one) => one.role === role.role);
    const signed = verdict?.state === 'approved';
    const who = [...role.users, ...role.teams].map((name) => codeMarkdown(name)).join(', ');
    const how = verdict === undefined || verdict.state === 'missing' ? who : `${escapeMarkdown(verdict.observed, 400)}${verdict.given === undefined ? '' : ` (${verdict.given})`}`;
    return `- [${signed ? 'x' : ' '}] **${role.role}**: ${how}`;
  }), ''];
}

/** The first comment: it says which artefact the signatures are for, and calls the people. */
export function openingText(opening: Opening, policy: Policy): string {
  const people = [...new Set(rolesOf(policy).flatMap(({ role }) => [...role.users, ...role.teams]))];
  return [
    `What is signed here is the artefact ${codeMarkdown(opening.digest)} of ${codeMarkdown(opening.release)}. This comment is the record of it: if it is changed or deleted, nothing counts any more.`,
    ...(people.length === 0 ? [] : ['', people.map((name) => `@${name}`).join(' ')]),
    '',
    mark('release', opening),
  ].join('\n');
}

const WORDS: Record<Outcome['outcome'], string> = { approved: '✅ counted', rejected: '❌ counted', refused: '🚫 not counted', gone: '⚠️ gone' };

/** GitHub takes comments of up to 65,536 characters; the longest answer to one comment has some 20,000. */
const ROOM = 40_000;

/** Comments that answer all that were not answered yet: one, unless there are very many. */
export function answersTexts(answers: readonly Answer[]): string[] {
  const texts: string[] = [];
  let group: Answer[] = [];
  for (const answer of answers) {
    if (group.length > 0 && answersText([...group, answer]).length > ROOM) {
      texts.push(answersText(group));
      group = [];
    }
    group.push(answer);
  }
  return group.length === 0 ? texts : [...texts, answersText(group)];
}

function answersText(answers: readonly Answer[]): string {
  return [
    ...answers.flatMap(({ outcomes }) => outcomes.map(({ role, outcome, observed, remedy }) =>
      `- ${WORDS[outcome]}${role === '' ? '' : ` **${escapeMarkdown(role)}**`}: ${escapeMarkdown(observed, 400)}${remedy === undefined || outcome === 'approved' || outcome === 'rejected' ? '' : `. ${escapeMarkdown(remedy)}`}`)),
    '',
    mark('answers', answers.map(({ record }) => record)),
  ].join('\n');
}

export function overtakenText(release: string, issue: number): string {
  return `${codeMarkdown(release)} is on its way (#${issue}), and this release has been there before it: what was signed here counts no more. To release it once more, open this issue again.`;
}

export function notStartedText(workflow: string, { approvals }: Started, release: string, issue: number): string {
  return `All roles before production have signed, but ${codeMarkdown(release)} (#${issue}) went there meanwhile, which is newer: nothing was started. To release this one all the same, start ${codeMarkdown(workflow)} by hand, from its tag.\n\n${mark('started', { approvals, url: '' })}`;
}

export function startedText(workflow: string, started: Started): string {
  return [`All roles before production have signed: ${codeMarkdown(workflow)} was started${started.url === '' ? '' : `, ${started.url}`}.`, '', mark('started', started)].join('\n');
}
