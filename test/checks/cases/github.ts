import type { AlertFacts, BranchFacts, CommitFacts, GitHubFacts, Problem, ReportFact, ReviewFacts, SecretsFacts } from '../../../src/checks/github-facts.js';
import type { Case } from '../support.js';

const COMMIT = '3f9c2ab000000000000000000000000000000000';
const problem: Problem = { problem: '403 Resource not accessible by integration', remedy: 'Add `checks: read`' };
const branch = (rest: Partial<BranchFacts> = {}): GitHubFacts => ({ branch: { value: { name: 'main', classic: false, rules: ['pull_request'], commit: COMMIT, contains: true, ...rest } } });
const review = (rest: Partial<ReviewFacts> = {}): ReviewFacts => ({ user: 'bob', bot: false, state: 'APPROVED', association: 'MEMBER', ...rest });
const commit = (reviews: readonly ReviewFacts[], rest: Partial<CommitFacts> = {}): CommitFacts => ({ sha: COMMIT, title: 'Add basket', author: 'ann', merge: false, pulls: [{ number: 7, author: 'ann', merged: true, reviews }], ...rest });
const changes = (...commits: CommitFacts[]): GitHubFacts => ({ changes: { value: { since: 'v1.0.0', commits } } });
const reports = (...states: string[]): GitHubFacts => ({ reports: { value: { commit: COMMIT, reports: states.map((state, index): ReportFact => ({ name: `check-${index}`, state })) } } });
const alerts = (...severities: AlertFacts['severity'][]): { value: AlertFacts[] } => ({ value: severities.map((severity, index) => ({ number: index + 1, severity, what: 'rule' })) });
const secrets = (rest: Partial<SecretsFacts>): GitHubFacts => ({ secrets: { value: { repository: [], ...rest } } });

/** The key that makes a check ask, and the facts it then needs. */
const asked = (name: string, key: string) => (when: string, github: GitHubFacts, says: Case['says'], words?: RegExp): Case =>
  ({ id: `preflight.github.${name}`, when, config: `preflight: { github: { ${key} } }`, github, says, ...(words === undefined ? {} : { words }) });

const isProtected = asked('branch-protected', 'protected: true');
const contains = asked('branch-contains', 'protected: true');
const reviewed = asked('reviewed', 'reviewed: true');
const checks = asked('checks', 'checks: true, checks-except: [check-2]');
const secretAlerts = asked('secret-alerts', 'alerts: { secrets: true }');
const codeAlerts = asked('code-alerts', 'alerts: { code: high }');
const dependencyAlerts = asked('dependency-alerts', 'alerts: { dependencies: critical }');
const age = asked('secret-age', 'secret-age: 90d, secret-age-except: [KNOWN_HOSTS]');
const names = ['branch-protected', 'branch-contains', 'reviewed', 'checks', 'secret-alerts', 'code-alerts', 'dependency-alerts', 'secret-age'];

export const githubCases: Case[] = [
  ...names.map((name): Case => ({ id: `preflight.github.${name}`, when: 'nothing is configured', config: 'preflight: { github: { protected: false, reviewed: false, checks: false, alerts: { secrets: false } } }', says: 'nothing' })),
  isProtected('a rule asks for pull requests', branch(), 'pass', /main: pull_request/),
  isProtected('branch protection is on', branch({ classic: true, rules: [] }), 'pass', /branch protection/),
  isProtected('only its deletion is forbidden', branch({ rules: ['deletion'] }), 'fail', /main: deletion/),
  isProtected('GitHub was not asked', {}, 'fail', /github-token/),
  contains('it does', branch(), 'pass', /3f9c2ab is on main/),
  contains('it does not', branch({ contains: false }), 'fail', /3f9c2ab is not on main/),
  contains('there is no answer', { branch: problem }, 'fail', /403/),
  reviewed('a second person approved', changes(commit([review()])), 'pass', /1 commit since v1\.0\.0, all reviewed/),
  reviewed('nothing changed', changes(), 'pass', /no commit since v1\.0\.0/),
  reviewed('a later approval follows a wish for changes', changes(commit([review({ state: 'CHANGES_REQUESTED' }), review()])), 'pass'),
  reviewed('a stranger asks for changes', changes(commit([review(), review({ user: 'eve', state: 'CHANGES_REQUESTED', association: 'NONE' })])), 'pass'),
  reviewed('a commit came without a pull request', changes(commit([], { pulls: [] })), 'fail', /"Add basket" by ann: pushed without/),
  reviewed('the approver asked for changes afterwards', changes(commit([review(), review({ state: 'CHANGES_REQUESTED' })])), 'fail', /bob asked for changes/),
  reviewed('the reviewer pressed the merge button', changes(commit([review()], { merge: true, author: 'bob' })), 'pass'),
  reviewed('one of two pull requests with the commit is approved', changes({ ...commit([]), pulls: [...commit([]).pulls, ...commit([review()]).pulls] }), 'pass'),
  reviewed('there is no answer', { changes: problem }, 'fail', /403.*\n.*\nAdd/),
  checks('all are green', reports('success', 'neutral', 'failure', 'skipped'), 'pass', /3 checks of 3f9c2ab/),
  checks('one is red', reports('success', 'failure'), 'fail', /check-1: failure/),
  checks('one is running', reports('success', 'in_progress'), 'fail', /Wait until they have ended/),
  checks('one has a state of a later GitHub', reports('success', 'wobbly'), 'fail', /check-1: wobbly/),
  checks('none has reported', reports(), 'fail', /no check has reported/),
  checks('permission is missing', { reports: problem }, 'fail', /Add `checks: read`/),
  secretAlerts('none is open', { secretAlerts: alerts() }, 'pass', /none open/),
  secretAlerts('one is open', { secretAlerts: alerts('unknown') }, 'fail', /#1 rule/),
  codeAlerts('lesser ones are open', { codeAlerts: alerts('medium', 'low') }, 'pass', /2 open, none of them so bad/),
  codeAlerts('a worse one is open', { codeAlerts: alerts('low', 'critical') }, 'fail', /1 open: #2 rule \(critical\)/),
  codeAlerts('one has no severity', { codeAlerts: alerts('unknown') }, 'fail'),
  dependencyAlerts('none is critical', { dependencyAlerts: alerts('high') }, 'pass'),
  dependencyAlerts('one is critical', { dependencyAlerts: alerts('critical') }, 'fail', /critical/),
  age('all are young', secrets({ repository: [{ name: 'KEY', updated: '2026-11-01T00:00:00Z' }, { name: 'KNOWN_HOSTS', updated: '2020-01-01T00:00:00Z' }] }), 'pass', /1 secret .*20 days old/),
  age('one is old', secrets({ environment: [{ name: 'KEY', updated: '2026-08-01T00:00:00Z' }] }), 'fail', /KEY: 112 days/),
  age('a date cannot be read', secrets({ environment: [{ name: 'KEY', updated: 'yesterday' }] }), 'fail'),
  age('there is none', secrets({ environment: [] }), 'fail', /there is no secret/),
];
