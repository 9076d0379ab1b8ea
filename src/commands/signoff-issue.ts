import { UserError } from '../evidence/errors.js';
import { formatCount } from '../evidence/format.js';
import { commandsOf } from '../signoff/issue-commands.js';
import { WRITER, type CommentFacts, type IssueFacts, type PeopleFacts } from '../signoff/issue-facts.js';
import { claimOf, recordsOf, type Opening, type Records } from '../signoff/issue-records.js';
import { readIssue, type IssueState } from '../signoff/issue-state.js';
import { answersTexts, issueBody, issueTitle, notStartedText, openingText, overtakenText, startedText } from '../signoff/issue-text.js';
import { same } from '../signoff/facts.js';
import { rolesOf, type Policy } from '../signoff/policy.js';
import type { SignOffSource } from '../signoff/source.js';
import type { Verdict } from '../signoff/verdict.js';
import type { RunContext } from './run-context.js';
import type { SignOffOptions } from './signoff.js';
import { addTable, digestOf, orUnknown, reportVerdicts, sourceOf, stageOf } from './signoff-report.js';

/**
 * Sign-off by issue, for repositories whose environments can have no reviewers. The signatures are the comments of people;
 * how they stand is read from them each time, and kept nowhere else.
 * @throws UserError when the issue cannot be relied on, or, with `verify`, a role has not signed.
 */
export async function signoffByIssue(context: RunContext, options: SignOffOptions): Promise<void> {
  const policy = context.config.signOff;
  if (policy === undefined || rolesOf(policy).length === 0) {
    throw new UserError('slipway.yml names nobody who signs', { remedy: 'Name the roles under sign-off, or leave the sign-off by issue out.' });
  }
  const source = await sourceOf(context);
  switch (options.issue) {
    case 'open': return openIssue(context, { source, policy }, options);
    case 'comment': return answerComments(context, { source, policy }, options);
    case 'verify': return verifyIssue(context, { source, policy }, options);
    default: throw new UserError(`\`issue\` must be open, comment or verify, is ${options.issue ?? ''}`);
  }
}

interface World {
  readonly source: SignOffSource;
  readonly policy: Policy;
}

async function openIssue(context: RunContext, { source, policy }: World, options: SignOffOptions): Promise<void> {
  const started = performance.now();
  const nobody = rolesOf(policy).filter(({ role }) => role.users.length === 0 && role.teams.length === 0).map(({ role }) => role.role);
  if (nobody.length > 0) {
    throw new UserError(`slipway.yml does not say who may sign for ${nobody.join(', ')}`, { remedy: 'Name users or teams for each role in sign-off: in an issue nobody else decides that.' });
  }
  const digest = digestOf(options.digest, false) ?? '';
  const release = releaseOf(options.release);
  const id = options.run === undefined ? source.runId : Number(options.run);
  if (id === undefined || !Number.isSafeInteger(id)) throw new UserError('it is not known which run has built the release', { remedy: 'Pass its id as `run`.' });
  const { commit } = await source.run(id);
  const opening: Opening = { app: context.config.app, environment: context.environmentName, release, digest, run: id, commit };
  const about = { opening, run: context.author.run.replace(/\d+$/, String(id)) };
  const known = (await source.issues.open()).filter(({ body, login, pull }) => {
    const claim = claimOf(body);
    return login === WRITER && !pull && claim?.release === release && claim.app === opening.app && claim.environment === opening.environment;
  });
  // The run may be another one: the same tag with the same content, released again.
  const isThis = (one: Opening | undefined): boolean => one !== undefined && (['app', 'environment', 'release', 'digest', 'commit'] as const).every((key) => one[key] === opening[key]);
  const claimed = known.find(({ body }) => isThis(claimOf(body)));
  const record = claimed === undefined ? undefined : recordsOf(await source.issues.comments(claimed.number)).opening;
  // Anybody who may edit issues may change what a body claims: by its record it may be about another artefact.
  const found = record === undefined || isThis(record) ? claimed : undefined;
  if (context.plan) {
    context.outputs.outcome = found === undefined ? `would open ${issueTitle(opening)}` : `${issueTitle(opening)} is issue ${found.number}`;
    return;
  }
  const issue = found ?? await source.issues.create(issueTitle(opening), issueBody(about, policy, []));
  context.outputs.issue = issue.number;
  // A run that died after it had opened the issue has left it without its record.
  if (found === undefined || record === undefined) {
    await source.issues.comment(issue.number, openingText(opening, policy));
  }
  for (const older of known.filter(({ number }) => number !== issue.number)) {
    await source.issues.comment(older.number, `The release was built anew: see #${issue.number}. What was signed here was another artefact, and counts for that alone.`);
    await source.issues.close(older.number);
  }
  note(context, issue, started, `${found === undefined ? 'opened' : 'found'} ${issue.url}`);
}

async function answerComments(context: RunContext, world: World, options: SignOffOptions): Promise<void> {
  const started = performance.now();
  const { source, policy } = world;
  const issue = await source.issues.get(numberOf(options.issueNumber));
  context.outputs.issue = issue.number;
  const claim = claimOf(issue.body);
  const { app } = context.config;
  const reading = issue.pull || issue.login !== WRITER || !issue.open ? undefined : await read(world, issue);
  if (reading === undefined || (reading.opening ?? claim)?.app !== app || (reading.opening ?? claim)?.environment !== context.environmentName) {
    context.outputs.outcome = `issue ${issue.number} is no open go-live issue of ${app} for ${context.environmentName}: nothing was done`;
    return;
  }
  const { state, opening, records } = reading;
  if (opening === undefined || state === undefined) throw new UserError(UNRECORDED, { remedy: REOPEN });
  addTable(context, state.verdicts, opening.digest);
  const signed = state.verdicts.filter((verdict) => verdict.state === 'approved').length;
  context.outputs.outcome = `${signed} of ${formatCount(state.verdicts.length, 'role')} signed off in issue ${issue.number}`;
  if (context.plan) return;
  note(context, issue, started, context.outputs.outcome);
  for (const text of answersTexts(state.answers)) await source.issues.comment(issue.number, text);
  const body = issueBody({ opening, run: issue.url.replace(/\/issues\/\d+$/, `/actions/runs/${opening.run}`) }, policy, state.verdicts);
  if (body !== issue.body) await source.issues.rewrite(issue.number, body);
  const { complete } = state;
  if (complete === undefined || options.workflow === undefined) return;
  if (records.started.some(({ approvals }) => approvals.join() === complete.join())) return;
  const newer = await overtakenBy(source, opening, issue.number);
  if (newer !== undefined) {
    await source.issues.comment(issue.number, notStartedText(options.workflow, { approvals: [...complete], url: '' }, newer.release, newer.number));
    context.outputs.outcome += `; nothing was started, as ${newer.release} went out meanwhile`;
    return;
  }
  await closeOvertaken(source, opening, issue.number);
  const url = await source.issues.dispatch(options.workflow, opening.release, {
    issue: String(issue.number), release: opening.release, digest: opening.digest, run: String(opening.run),
  });
  await source.issues.comment(issue.number, startedText(options.workflow, { approvals: [...complete], url: url ?? '' }));
  context.outputs.outcome += `; ${options.workflow} was started`;
}

/**
 * Closes the issues of releases that went to the same environment earlier: else one more comment there, or their production run by hand,
 * would put an older release over this one.
 */
async function closeOvertaken(source: SignOffSource, { app, environment, release }: Opening, number: number): Promise<void> {
  for (const older of await source.issues.open()) {
    const claim = claimOf(older.body);
    if (older.number >= number || older.login !== WRITER || older.pull || claim?.app !== app || claim.environment !== environment) continue;
    if (recordsOf(await source.issues.comments(older.number)).started.length === 0) continue;
    await source.issues.comment(older.number, overtakenText(release, number));
    await source.issues.close(older.number);
  }
}

/** A newer release that went to the same environment while this one waited: signed later must not mean live later. */
async function overtakenBy(source: SignOffSource, { app, environment, release }: Opening, number: number): Promise<{ release: string; number: number } | undefined> {
  for (const newer of await source.issues.newer(number, release)) {
    const claim = claimOf(newer.body);
    if (newer.login !== WRITER || newer.pull || claim?.app !== app || claim.environment !== environment) continue;
    if (recordsOf(await source.issues.comments(newer.number)).started.length > 0) return { release: claim.release, number: newer.number };
  }
  return undefined;
}

async function verifyIssue(context: RunContext, world: World, options: SignOffOptions): Promise<void> {
  const started = performance.now();
  const stage = stageOf(options.stage);
  const digest = digestOf(options.digest, false) ?? '';
  const release = releaseOf(options.release);
  const number = numberOf(options.issueNumber);
  context.outputs.issue = number;
  const roles = rolesOf(world.policy, stage).map(({ role }) => role.role);
  const none = (state: Verdict['state'], observed: string, remedy: string): Verdict[] => roles.map((role) => ({ role, stage, state, status: 'fail', observed, remedy }));
  const verdicts = async (): Promise<readonly Verdict[]> => {
    const issue = await world.source.issues.get(number);
    if (issue.pull || issue.login !== WRITER) return none('void', `issue ${issue.number} was not opened by Slipway`, REOPEN);
    if (!issue.open) return none('void', `issue ${issue.number} is closed: the release was taken back, or built anew`, 'Open it again when that was a mistake.');
    const { opening, state } = await read(world, issue);
    if (opening === undefined || state === undefined) return none('void', UNRECORDED, REOPEN);
    if (opening.digest !== digest) return none('forged', `issue ${issue.number} is about the artefact ${opening.digest.slice(0, 12)}, and this run would release ${digest.slice(0, 12)}`, 'Release what was signed, or let this be signed.');
    if (opening.release !== release || opening.app !== context.config.app || opening.environment !== context.environmentName) {
      return none('void', `issue ${issue.number} is about ${opening.app} ${opening.release} for ${opening.environment}`, 'Name the issue of this release.');
    }
    // Else the configuration and the workflow of some branch would decide who had to sign.
    const own = world.source.runId === undefined ? undefined : await world.source.run(world.source.runId);
    if (own !== undefined && own.commit !== opening.commit) {
      return none('forged', `this run is of commit ${own.commit.slice(0, 7)}, and what was signed is of ${opening.commit.slice(0, 7)}`, `Start it from the tag ${release}.`);
    }
    return state.verdicts.filter((verdict) => verdict.stage === stage);
  };
  reportVerdicts(context, await context.reporter.group(`Sign-off ${stage} ${context.environmentName}, issue ${number}`, () => orUnknown(roles, stage, verdicts)), { digest, started });
}

/** That something was done to the issue: who has signed is said at the start of the production run. */
function note(context: RunContext, issue: IssueFacts, started: number, observed: string): void {
  context.outputs.outcome = observed;
  context.reporter.evidence({
    id: 'signoff.issue', phase: 'signoff', title: 'Go-live issue', subject: `issue ${issue.number}`, status: 'pass', observed,
    at: context.now().toISOString(), duration: Math.round(performance.now() - started), data: { issue: issue.number, url: issue.url },
  });
  context.reporter.step(context.environmentName, observed);
}

const UNRECORDED = "the comment that says which artefact is signed is not there, or one of Slipway's own was changed: what was signed is not known";
const REOPEN = 'Close the issue, and let the release open a new one.';

interface Reading {
  readonly opening: Records['opening'];
  readonly records: Records;
  readonly state: IssueState | undefined;
}

async function read({ source, policy }: World, issue: IssueFacts): Promise<Reading> {
  const comments = await source.issues.comments(issue.number);
  const records = recordsOf(comments);
  const { opening } = records;
  if (opening === undefined || records.changed !== undefined) return { opening, records, state: undefined };
  return { opening, records, state: readIssue({ comments, records, opening }, policy, await peopleOf(source, policy, comments, opening)) };
}

async function peopleOf(source: SignOffSource, policy: Policy, comments: readonly CommentFacts[], opening: Opening): Promise<PeopleFacts> {
  const roles = rolesOf(policy).map(({ role }) => role);
  const teams = [...new Set(roles.flatMap((role) => role.teams))];
  const writers = [...new Set(comments.filter(({ body, bot, login }) => !bot && login !== WRITER && commandsOf(body).length > 0).map(({ login }) => login))];
  // Anybody may write below the issue of a public repository: nothing is asked about those who cannot sign anyway.
  const logins = writers.filter((login) => teams.length > 0 || roles.some(({ users }) => users.some((user) => same(user, login))));
  const [permissionOf, run] = await Promise.all([source.issues.permissions(logins), source.run(opening.run)]);
  const able = logins.filter((login) => [permissionOf(login)].some((may) => may === 'admin' || may === 'write'));
  const memberOf = await source.members(able, able.length === 0 ? [] : teams);
  if (run.commit !== opening.commit) throw new UserError(`run ${opening.run} has not built ${opening.commit.slice(0, 7)}, as the issue says`, { remedy: REOPEN });
  return { permissionOf, memberOf, initiators: run.initiators };
}

function numberOf(text: string | undefined): number {
  if (text !== undefined && /^[1-9]\d{0,9}$/.test(text.trim())) return Number(text);
  throw new UserError(text === undefined ? '`issue-number` is required' : '`issue-number` must be a number', { remedy: 'In a workflow on issue_comment: `issue-number: ${{ github.event.issue.number }}`.' });
}

/** Names that git itself allows for a tag: it also names what is started. */
function releaseOf(text: string | undefined): string {
  if (text !== undefined && text.length <= 200 && !/[\s~^:?*[\\\u0000-\u001f\u007f]|\.\.|^[-/]|\/$/.test(text)) return text;
  throw new UserError(text === undefined ? '`release` is required: the tag that is signed off' : '`release` is no name of a tag', { remedy: 'In a workflow on a tag: `release: ${{ github.ref_name }}`.' });
}
