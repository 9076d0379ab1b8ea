import type { CommitFacts, PullFacts } from '../github-facts.js';

/** Whom GitHub lets change the repository, or its organization knows; on a public repository anyone may press "Approve". */
const TRUSTED = new Set(['OWNER', 'MEMBER', 'COLLABORATOR']);
const DECISIONS = new Set(['APPROVED', 'CHANGES_REQUESTED', 'DISMISSED']);

/**
 * Why a commit does not count as reviewed; undefined when it came in through a merged pull request that a second person
 * approved and nobody's wish for changes is open.
 * A merge commit has the name of who pressed the button, often the reviewer: there only the author of the pull request is
 * no second person, for every other commit its own author neither. An approval stays when commits follow it, unless the
 * branch's rules dismiss stale ones.
 */
export function reviewComplaint(commit: CommitFacts): string | undefined {
  const merged = commit.pulls.filter((pull) => pull.merged);
  if (merged.length === 0) {
    const open = commit.pulls.map(({ number }) => `#${number}`).join(', ');
    return open === '' ? 'pushed without a pull request' : `its pull request ${open} is not merged`;
  }
  const complaints = merged.map((pull) => complaintOf(pull, commit));
  return complaints.includes(undefined) ? undefined : complaints.join('; ');
}

function complaintOf(pull: PullFacts, commit: CommitFacts): string | undefined {
  const name = `#${pull.number}`;
  const decisions = new Map(pull.reviews.filter(({ state }) => DECISIONS.has(state)).map((review) => [review.user, review]));
  const latest = [...decisions.values()];
  const refused = latest.filter(({ state, association }) => state === 'CHANGES_REQUESTED' && TRUSTED.has(association));
  if (refused.length > 0) return `${name}: ${refused.map(({ user }) => user).join(', ')} asked for changes`;
  const approvals = latest.filter(({ state }) => state === 'APPROVED');
  const own = commit.merge ? [pull.author] : [pull.author, commit.author];
  if (approvals.some(({ user, bot, association }) => !bot && TRUSTED.has(association) && !own.includes(user))) return undefined;
  if (approvals.length === 0) return `${name} has no approval`;
  const why = approvals.map(({ user, bot, association }) =>
    `${user} is ${bot ? 'a bot' : own.includes(user) ? 'the author' : `to the repository only ${association.toLowerCase().replaceAll('_', ' ')}`}`);
  return `${name} is approved by nobody who counts: ${why.join(', ')}`;
}
