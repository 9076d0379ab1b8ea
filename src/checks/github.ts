import { ALERT_LEVELS, type AlertLevel } from '../config/schema/github.js';
import { formatCount } from '../evidence/format.js';
import type { AlertFacts, Answer, SecretFact } from './github-facts.js';
import { fail, pass, verdict, type GitHubCheck, type Outcome } from './model.js';
import { list } from './repository.js';
import { reviewComplaint } from './measure/approval.js';

/** Any of these keeps the history of a branch from being rewritten by a push. */
const KEEPING = ['pull_request', 'non_fast_forward', 'update'];
const GREEN = new Set(['success', 'neutral', 'skipped']);
const RUNNING = new Set(['queued', 'in_progress', 'waiting', 'requested', 'pending', 'expected']);
const DAY = 86_400_000;

export const github: readonly GitHubCheck[] = [
  {
    id: 'preflight.github.branch-protected',
    title: 'The release branch is protected on GitHub',
    family: 'github', scope: 'github', requirement: ['PF-28'], severity: 'block',
    remedy: 'In the repository: Settings → Rules → Rulesets: a ruleset for the branch, active, with "Require a pull request before merging" and "Block force pushes".',
    run({ branch }, { config }) {
      if (config.preflight.github?.protected !== true) return undefined;
      return judge(branch, 'rules in force that keep its history', ({ name, classic, rules }, expected) => {
        const kinds = [...new Set(rules)];
        const observed = classic ? `${name}: branch protection` : `${name}: ${kinds.length === 0 ? 'no rule' : kinds.join(', ')}`;
        return verdict(classic || kinds.some((kind) => KEEPING.includes(kind)), observed, expected);
      });
    },
  },
  {
    id: 'preflight.github.branch-contains',
    title: 'The released commit is on the branch on GitHub',
    family: 'github', scope: 'github', requirement: ['PF-28'], severity: 'block',
    remedy: 'Merge first, then tag the commit on the branch.',
    run({ branch }, { config }) {
      if (config.preflight.github?.protected !== true) return undefined;
      return judge(branch, `on ${config.preflight.repository.branch}`, ({ name, commit, contains }, expected) =>
        verdict(contains, `${short(commit)} is ${contains ? '' : 'not '}on ${name}`, expected));
    },
  },
  {
    id: 'preflight.github.reviewed',
    title: 'Every change since the last release was reviewed',
    family: 'github', scope: 'github', requirement: ['PF-29'], severity: 'block',
    remedy: 'Have the named pull requests approved by another person with access to the repository (an approval counts after the merge too); bring direct pushes in again through one.',
    run({ changes }, { config }) {
      if (config.preflight.github?.reviewed !== true) return undefined;
      return judge(changes, 'a merged and approved pull request for every commit', ({ since, commits }, expected) => {
        const lacking = commits.flatMap((commit) => {
          const complaint = reviewComplaint(commit);
          return complaint === undefined ? [] : [`${short(commit.sha)} "${commit.title}" by ${commit.author}: ${complaint}`];
        });
        const count = `${formatCount(commits.length, 'commit')} since ${since}`;
        return lacking.length === 0
          ? pass(commits.length === 0 ? `no commit since ${since}` : `${count}, all reviewed`, expected)
          : fail(`${lacking.length} of ${count}: ${list(lacking)}`, expected, { data: { since, lacking } });
      });
    },
  },
  {
    id: 'preflight.github.checks',
    title: 'All checks of the released commit are green',
    family: 'github', scope: 'github', requirement: ['PF-30'], severity: 'block',
    remedy: 'Wait for those that run, mend what is red. What does not matter for a release goes under preflight.github.checks-except.',
    run({ reports: answer }, { config }) {
      if (config.preflight.github?.checks !== true) return undefined;
      const except = new Set(config.preflight.github.checksExcept);
      return judge(answer, 'all green', ({ commit, reports }, expected) => {
        const asked = reports.filter(({ name }) => !except.has(name));
        if (asked.length === 0) {
          return fail(`no check has reported on ${short(commit)}`, expected, { remedy: 'Let the tests run on this commit: a workflow for pushes to the branch, or for tags. The run that asks does not count.' });
        }
        const red = asked.filter(({ state }) => !GREEN.has(state));
        const running = red.filter(({ state }) => RUNNING.has(state)).length;
        const shown = list(red.map(({ name, state }) => `${name}: ${state.replace('_', ' ')}`));
        return red.length === 0
          ? pass(`${formatCount(asked.length, 'check')} of ${short(commit)}, all green`, expected)
          : fail(`${short(commit)}: ${shown}`, expected, running === red.length ? { remedy: 'Wait until they have ended, then start again; jobs of the same workflow are ordered with `needs`.' } : {});
      });
    },
  },
  {
    id: 'preflight.github.secret-alerts',
    title: 'No open alert of secret scanning',
    family: 'github', scope: 'github', requirement: ['PF-17', 'PF-34'], severity: 'block',
    remedy: 'Revoke each secret where it is used, then close its alert under Security → Secret scanning: it is in the history for good.',
    run({ secretAlerts }, { config }) {
      if (config.preflight.github?.alerts.secrets !== true) return undefined;
      return judge(secretAlerts, 'no open alert', (alerts, expected) => alertsOutcome(alerts, alerts, expected));
    },
  },
  {
    id: 'preflight.github.code-alerts',
    title: 'No grave open alert of code scanning',
    family: 'github', scope: 'github', requirement: ['PF-34'], severity: 'block',
    remedy: 'Mend them, or dismiss them with a reason under Security → Code scanning.',
    run: ({ codeAlerts }, { config }) => graded(codeAlerts, config.preflight.github?.alerts.code),
  },
  {
    id: 'preflight.github.dependency-alerts',
    title: 'No grave open alert of Dependabot',
    family: 'github', scope: 'github', requirement: ['PF-34'], severity: 'block',
    remedy: 'Update the packages, or dismiss the alerts with a reason under Security → Dependabot.',
    run: ({ dependencyAlerts }, { config }) => graded(dependencyAlerts, config.preflight.github?.alerts.dependencies),
  },
  {
    id: 'preflight.github.secret-age',
    title: 'Secrets were changed within their time',
    family: 'github', scope: 'github', requirement: ['PF-18'], severity: 'block',
    remedy: 'Make new values where the secrets are used and set them under Settings → Secrets and variables, or with gh secret set. Those that need no change go under preflight.github.secret-age-except.',
    run({ secrets }, { config, environmentName, now }) {
      const limit = config.preflight.github?.secretAge;
      if (limit === undefined) return undefined;
      const except = config.preflight.github?.secretAgeExcept ?? [];
      return judge(secrets, `set within the last ${limit / DAY} days`, ({ environment, repository }, expected) => {
        const places = `of the repository and of ${environment === undefined ? `no environment ${environmentName}, which GitHub does not have` : `the environment ${environmentName}`}`;
        // The environment's secret hides the repository's of the same name.
        const effective = new Map([...repository, ...(environment ?? [])].map((secret) => [secret.name, secret]));
        const asked = [...effective.values()].filter(({ name }) => !except.includes(name));
        if (asked.length === 0) return fail(`there is no secret ${places}`, expected, { remedy: 'Is the environment named as in slipway.yml, and are the secrets kept on GitHub? If they are kept elsewhere, take secret-age out.' });
        const old = asked.filter((secret) => !(now.getTime() - Date.parse(secret.updated) <= limit));
        return old.length === 0
          ? pass(`${formatCount(asked.length, 'secret')} ${places}, the oldest ${Math.max(...asked.map((secret) => daysOf(secret, now)))} days old`, expected)
          : fail(list(old.map((secret) => `${secret.name}: ${daysOf(secret, now)} days`)), expected);
      });
    },
  },
];

/** A question that was asked for and has no answer has failed: a missing permission must not open the gate. */
function judge<T>(answer: Answer<T> | undefined, expected: string, outcome: (value: T, expected: string) => Outcome): Outcome {
  if (answer === undefined) return fail('GitHub was not asked', expected, { remedy: 'Give a token: the input github-token, or GITHUB_TOKEN in a terminal.' });
  if ('value' in answer) return outcome(answer.value, expected);
  return fail(answer.problem, expected, answer.remedy === undefined ? {} : { remedy: answer.remedy });
}

function graded(answer: Answer<readonly AlertFacts[]> | undefined, level: AlertLevel | undefined): Outcome | undefined {
  if (level === undefined) return undefined;
  const counted: readonly string[] = ALERT_LEVELS.slice(0, ALERT_LEVELS.indexOf(level) + 1);
  return judge(answer, `none open that is ${counted.join(', ')}`, (alerts, expected) =>
    // What GitHub gives no severity for is not known to be harmless.
    alertsOutcome(alerts.filter(({ severity }) => severity === 'unknown' || counted.includes(severity)), alerts, expected));
}

function alertsOutcome(grave: readonly AlertFacts[], all: readonly AlertFacts[], expected: string): Outcome {
  if (grave.length === 0) return pass(all.length === 0 ? 'none open' : `${all.length} open, none of them so bad`, expected);
  return fail(`${grave.length} open: ${list(grave.map(({ number, what, severity }) => `#${number} ${what}${severity === 'unknown' ? '' : ` (${severity})`}`))}`, expected);
}

function daysOf({ updated }: SecretFact, now: Date): number {
  return Math.floor((now.getTime() - Date.parse(updated)) / DAY);
}

function short(commit: string): string {
  return commit.slice(0, 7);
}
