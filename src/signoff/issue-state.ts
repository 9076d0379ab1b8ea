import type { SignOffRole } from '../config/schema.js';
import { commandsOf, type Command } from './issue-commands.js';
import { WRITER, type CommentFacts, type PeopleFacts } from './issue-facts.js';
import type { AnswerRecord, Opening, Records } from './issue-records.js';
import { isAmong, objection, rolesOf, twice, type Objection, type Policy } from './policy.js';
import type { Verdict } from './verdict.js';

/** What became of one command. */
export interface Outcome {
  readonly role: string;
  readonly outcome: 'approved' | 'rejected' | 'refused' | 'gone';
  readonly observed: string;
  readonly remedy?: string | undefined;
}

/** What a comment is to be told; `record` keeps that it was. */
export interface Answer {
  readonly record: AnswerRecord;
  readonly outcomes: readonly Outcome[];
}

export interface IssueState {
  /** Of both stages. */
  readonly verdicts: readonly Verdict[];
  /** Ids of the comments by which all roles before production have signed; undefined: not all have. */
  readonly complete: readonly number[] | undefined;
  /** What has not been answered yet. */
  readonly answers: readonly Answer[];
}

type Standing = Omit<Verdict, 'role' | 'stage'> & { readonly comment_id: number; readonly accepted: boolean };

/**
 * How the go-live issue stands, from its comments alone: the last word of each role counts. A comment that was changed does
 * not count; one that was deleted neither, but a rejection stays until somebody who may signs after it.
 */
export function readIssue(
  { comments, records, opening }: { comments: readonly CommentFacts[]; records: Records; opening: Opening & { readonly comment: number } },
  policy: Policy,
  people: PeopleFacts,
): IssueState {
  const standing = new Map<string, Standing>();
  const told: Answer[] = [];
  for (const event of eventsOf(comments, records)) {
    const outcomes = 'commands' in event
      ? event.commands.map((command) => apply(command, event.comment, { standing, policy, people, opening }))
      : event.lost.entries.map(({ role, outcome }) => lose(role, outcome, event, standing));
    const entries = outcomes.map(({ role, outcome }) => ({ role, outcome }));
    const record = 'commands' in event
      ? { comment: event.comment.id, updated: event.comment.updated, login: event.comment.login, entries }
      : { comment: event.lost.comment, updated: event.how, login: event.lost.login, entries };
    // A changed comment that still holds commands is answered for these.
    const twofold = 'lost' in event && comments.some(({ id, body }) => id === event.lost.comment && commandsOf(body).length > 0);
    if (!twofold && !answered(records.answers, record)) told.push({ record, outcomes });
  }
  const verdicts = rolesOf(policy).map(({ role, stage }) => ({ role: role.role, stage, ...verdictOf(role, standing.get(role.role)) }));
  const before = verdicts.filter(({ stage }) => stage === 'before');
  const complete = before.every(({ state }) => state === 'approved') ? before.map(({ role }) => standing.get(role)?.comment_id ?? 0).sort((a, b) => a - b) : undefined;
  return { verdicts, complete, answers: told };
}

type Event = { at: number; comment: CommentFacts; commands: Command[] } | { at: number; lost: AnswerRecord; how: 'deleted' | 'edited' };

/** Commands that are there, and words that counted once and are gone, in the order in which they were written. */
function eventsOf(comments: readonly CommentFacts[], records: Records): Event[] {
  const people = comments.filter(({ login }) => login !== WRITER);
  const there = people.flatMap((comment): Event[] => {
    const commands = commandsOf(comment.body);
    return commands.length === 0 ? [] : [{ at: comment.id, comment, commands }];
  });
  const counted = new Map(records.answers.filter(({ entries }) => entries.some(({ outcome }) => outcome === 'approved' || outcome === 'rejected')).map((answer) => [answer.comment, answer]));
  const gone = [...counted.values()].flatMap((lost): Event[] => {
    const now = people.find(({ id }) => id === lost.comment);
    const entries = lost.entries.filter(({ outcome }) => outcome === 'approved' || outcome === 'rejected');
    if (now !== undefined && now.updated === lost.updated) return [];
    return [{ at: lost.comment - 0.5, lost: { ...lost, entries }, how: now === undefined ? 'deleted' : 'edited' }];
  });
  return [...there, ...gone].sort((a, b) => a.at - b.at);
}

interface Case {
  readonly standing: Map<string, Standing>;
  readonly policy: Policy;
  readonly people: PeopleFacts;
  readonly opening: Opening & { readonly comment: number };
}

function apply(command: Command, comment: CommentFacts, about: Case): Outcome {
  const role = rolesOf(about.policy).map((one) => one.role).find(({ role: name }) => name === command.role);
  const against = objectionTo(command, comment, role, about);
  const { login, created: given, id } = comment;
  if (role === undefined || against !== undefined) {
    const { state = 'not-allowed', observed = '', remedy } = against ?? {};
    // A no that may be one is not passed over for a yes.
    const doubt = command.kind === 'reject' && state === 'unknown';
    if (doubt || about.standing.get(command.role)?.accepted !== true) about.standing.set(command.role, { state, status: 'fail', login, given, observed, remedy, comment_id: id, accepted: false });
    return { role: command.role, outcome: 'refused', observed, remedy };
  }
  const rejected = command.kind === 'reject';
  const before = about.standing.get(role.role);
  // A second yes is no new one: nothing is started again for it.
  const since = !rejected && before?.state === 'approved' ? before.comment_id : id;
  const observed = rejected ? `${login} rejected it: ${command.reason}` : `approved by ${login}`;
  about.standing.set(role.role, {
    state: rejected ? 'rejected' : 'approved', status: rejected ? 'fail' : 'pass', login, given, observed, comment_id: since, accepted: true,
    ...(rejected ? { comment: command.reason, remedy: 'Mend what was found, and release anew; or let the role approve after all.' } : {}),
  });
  return { role: role.role, outcome: rejected ? 'rejected' : 'approved', observed };
}

function objectionTo(command: Command, comment: CommentFacts, role: SignOffRole | undefined, { standing, policy, people, opening }: Case): Objection | undefined {
  const { login } = comment;
  if (comment.bot || comment.app !== undefined) {
    return { state: 'not-allowed', observed: comment.bot ? `${login} is no person but a program` : `${login} wrote this through the app ${comment.app ?? ''}, not by hand`, remedy: 'A person signs, on the page of the issue.' };
  }
  // A rejection stops in any case: whoever changed a comment to one can do no more than that.
  if (comment.created !== comment.updated && command.kind !== 'reject') return { state: 'edited', observed: `the comment of ${login} was changed after it had been written`, remedy: 'Write a new comment; changed ones do not count.' };
  if (comment.id < opening.comment) return { state: 'void', observed: `${login} wrote this before it was said which artefact is meant`, remedy: 'Write it again.' };
  if (command.kind === 'wrong') return { state: 'missing', observed: command.why, remedy: 'Write `/approve <role> <digest>` or `/reject <role> <reason>`.' };
  if (role === undefined) return { state: 'not-allowed', observed: `there is no role ${command.role}`, remedy: `There are: ${rolesOf(policy).map((one) => one.role.role).join(', ')}.` };
  if (role.users.length === 0 && role.teams.length === 0) {
    return { state: 'not-allowed', observed: `slipway.yml does not say who may sign for ${role.role}`, remedy: `Name users or teams for ${role.role} in sign-off: without an environment nobody else decides that.` };
  }
  if (role.teams.length === 0 && !isAmong(login, role, people.memberOf)) return { state: 'not-allowed', observed: `${login} may not sign for ${role.role}`, remedy: `Let one of ${role.users.join(', ')} sign, or add ${login} in slipway.yml.` };
  const permission = people.permissionOf(login);
  if (typeof permission === 'object') return { state: 'unknown', observed: `whether ${login} may write to the repository is not known: ${permission.problem}`, remedy: permission.remedy };
  if (permission !== 'admin' && permission !== 'write') return { state: 'not-allowed', observed: `${login} may not write to this repository`, remedy: 'Only people with write access sign.' };
  if (command.kind === 'approve' && !opening.digest.startsWith(command.digest)) {
    return { state: 'forged', observed: `${login} approved another artefact: ${command.digest.slice(0, 12)}, while this one is ${opening.digest.slice(0, 12)}`, remedy: 'Look at what is released here, and approve that.' };
  }
  const signer = objection({ role, login, bot: false }, { policy, initiators: command.kind === 'approve' ? people.initiators : [], memberOf: people.memberOf });
  if (signer !== undefined || command.kind === 'reject') return signer;
  return twice(login, role.role, [...standing].filter(([, { state }]) => state === 'approved').map(([name, { login: one }]) => ({ role: name, logins: one === undefined ? [] : [one] })), policy);
}

/** A word that counted once and is no longer there as it was. */
function lose(role: string, outcome: string, { lost: { login, comment }, how }: { lost: AnswerRecord; how: 'deleted' | 'edited' }, standing: Map<string, Standing>): Outcome {
  const done = how === 'deleted' ? 'deleted' : 'changed';
  if (outcome === 'rejected') {
    const observed = `${login} rejected it; the comment was ${done} since, which takes nothing back`;
    standing.set(role, { state: 'rejected', status: 'fail', login, observed, remedy: 'Somebody who may sign for the role can approve after it.', comment_id: comment, accepted: true });
    return { role, outcome: 'gone', observed };
  }
  const observed = `the approval of ${login} was ${done} and no longer counts`;
  standing.set(role, { state: how, status: 'fail', login, observed, remedy: 'Approve again, in a new comment.', comment_id: comment, accepted: false });
  return { role, outcome: 'gone', observed };
}

function answered(answers: readonly AnswerRecord[], { comment, updated, entries }: AnswerRecord): boolean {
  const text = (list: AnswerRecord['entries']): string => list.map(({ role, outcome }) => `${role} ${outcome}`).join();
  const last = answers.filter((one) => one.comment === comment && one.updated === updated).at(-1);
  return last !== undefined && text(last.entries) === text(entries);
}

function verdictOf(role: SignOffRole, standing: Standing | undefined): Omit<Verdict, 'role' | 'stage'> {
  if (standing === undefined) return { state: 'missing', status: 'fail', observed: `nobody has signed for ${role.role} in the issue`, remedy: 'Write `/approve <role> <digest>` below the issue.' };
  const { comment_id: _, accepted: __, ...verdict } = standing;
  return verdict;
}
