import type { Finding } from './model.js';
import { ALLOW_MARK } from './measure/credentials.js';
import { fail, pass, skip, verdict, type RunnerCheck } from './model.js';

const SHOWN = 10;

export const repository: readonly RunnerCheck[] = [
  {
    id: 'preflight.repository.credentials',
    title: 'No credentials in tracked files',
    family: 'repository', scope: 'runner', requirement: ['PF-17'], severity: 'block',
    remedy: `Change the secret where it is used (it is in the history for good), keep the new one in the environment's secrets, and remove it here. A line that only looks like one may end in "${ALLOW_MARK}"; folders of made-up ones go under preflight.repository.secrets-except.`,
    run({ repository: facts }) {
      if (facts?.credentials === undefined) return undefined;
      const { findings, files } = facts.credentials;
      if (findings.length === 0) return pass(`none in ${files} files`, 'none');
      return fail(places(findings), 'none', { data: { findings } });
    },
  },
  {
    id: 'preflight.repository.env-files',
    title: 'No environment files in the repository',
    family: 'repository', scope: 'runner', requirement: ['PF-17'], severity: 'block',
    remedy: 'Remove them (git rm --cached), add them to .gitignore, and change the secrets they hold. Templates may be named .env.example.',
    run({ repository: facts }) {
      if (facts?.envFiles === undefined) return undefined;
      return verdict(facts.envFiles.length === 0, facts.envFiles.length === 0 ? 'none' : facts.envFiles.join(', '), 'none');
    },
  },
  {
    id: 'preflight.repository.clean',
    title: 'The work tree is clean',
    family: 'repository', scope: 'runner', requirement: ['PF-28'], severity: 'block',
    remedy: 'Commit or discard the changes, and add build output to .gitignore: what is deployed must be what was tagged.',
    run({ repository: facts }) {
      if (facts?.changed === undefined) return undefined;
      return verdict(facts.changed.length === 0, facts.changed.length === 0 ? 'clean' : list(facts.changed), 'clean');
    },
  },
  {
    id: 'preflight.repository.tag',
    title: 'The release has an annotated tag',
    family: 'repository', scope: 'runner', requirement: ['PF-28'], severity: 'block',
    remedy: 'Make the tag and push it: git tag -a v1.2.3 -m "Release 1.2.3" && git push origin v1.2.3',
    run({ repository: facts }, { config }) {
      if (config.preflight.repository.tag !== true || facts === undefined) return undefined;
      const { tag } = facts;
      if (tag === undefined) return skip('no ref was given', 'an annotated tag');
      if (typeof tag === 'string') return fail(`${tag} is not a tag`, 'an annotated tag');
      if (!tag.exists) return fail(`no tag ${tag.name} here`, 'an annotated tag', { remedy: 'Fetch tags (actions/checkout with fetch-tags: true or fetch-depth: 0), or make the tag.' });
      return verdict(tag.annotated, tag.annotated ? `${tag.name}, annotated` : `${tag.name} is a lightweight tag`, 'an annotated tag', {
        remedy: `Replace it by one that says who and why: git tag -f -a ${tag.name} ${tag.name}^{} && git push -f origin ${tag.name}`,
      });
    },
  },
  {
    id: 'preflight.repository.tag-pushed',
    title: 'The tag is pushed',
    family: 'repository', scope: 'runner', requirement: ['PF-28'], severity: 'block',
    remedy: 'Push the tag: git push origin <tag>',
    run({ repository: facts }, { config }) {
      const tag = facts?.tag;
      if (config.preflight.repository.tag !== true || tag === undefined || typeof tag === 'string' || !tag.exists) return undefined;
      const expected = 'the same tag on origin';
      switch (tag.remote) {
        case 'same': return pass(`${tag.name} on origin`, expected);
        case 'absent': return fail(`${tag.name} is not on origin`, expected, { remedy: `git push origin ${tag.name}` });
        case 'different': return fail(`${tag.name} on origin is another commit`, expected, { remedy: `Fetch it (git fetch --tags --force) or release under a new tag: a tag that moved is not what was reviewed.` });
        case 'none': return skip('the repository has no remote named origin', expected);
        case 'unreadable': return fail('origin could not be read', expected, { remedy: `Try it by hand: git ls-remote --tags origin ${tag.name}` });
      }
    },
  },
  {
    id: 'preflight.repository.tag-branch',
    title: 'The tag lies on the release branch',
    family: 'repository', scope: 'runner', requirement: ['PF-28'], severity: 'block',
    remedy: 'Merge first, then tag the commit on the branch.',
    run({ repository: facts }, { config }) {
      const tag = facts?.tag;
      if (config.preflight.repository.tag !== true || tag === undefined || typeof tag === 'string' || !tag.exists) return undefined;
      const { branch } = config.preflight.repository;
      if (tag.onBranch === 'unknown') {
        return fail(`the history of ${branch} is not here`, `on ${branch}`, { remedy: 'Give actions/checkout `fetch-depth: 0`, so that the branch can be compared.' });
      }
      return verdict(tag.onBranch === 'yes', tag.onBranch === 'yes' ? `${tag.name} is on ${branch}` : `${tag.name} is not on ${branch}`, `on ${branch}`);
    },
  },
  {
    id: 'preflight.repository.changelog',
    title: 'The changelog has an entry for the tag',
    family: 'repository', scope: 'runner', requirement: ['PF-40'], severity: 'block',
    remedy: 'Write a heading with the version and what changed for users below it.',
    run({ repository: facts }) {
      const changelog = facts?.changelog;
      if (changelog === undefined) return undefined;
      const subject = changelog.file;
      if (!changelog.exists) return fail('no such file', 'an entry for the release', { subject });
      if (changelog.version === undefined) return skip('no tag was given to look for', 'an entry for the release', { subject });
      return verdict(changelog.hasEntry, changelog.hasEntry ? `has ${changelog.version}` : `has no heading with ${changelog.version}`, `an entry for ${changelog.version}`, { subject });
    },
  },
  {
    id: 'preflight.repository.version',
    title: 'The version is that of the tag',
    family: 'repository', scope: 'runner', requirement: ['PF-28'], severity: 'block',
    remedy: 'Set the version, commit it, and make the tag on that commit (npm version does all of it).',
    run({ repository: facts }) {
      const version = facts?.version;
      if (version === undefined) return undefined;
      const { file: subject, exists, named, tag } = version;
      if (!exists) return fail('no such file', 'a version', { subject });
      if (named === undefined) return fail('names no version', 'a version', { subject });
      if (tag === undefined) return skip('no tag was given to compare with', 'that of the tag', { subject });
      return verdict(isVersionOf(named, tag), named, `that of ${tag}`, { subject });
    },
  },
  {
    id: 'preflight.repository.updates',
    title: 'Dependency updates come by themselves',
    family: 'repository', scope: 'runner', requirement: ['PF-32'], severity: 'warn',
    remedy: 'Add .github/dependabot.yml (or a Renovate configuration), so that security updates arrive as pull requests.',
    run({ repository: facts }) {
      if (facts === undefined) return undefined;
      return verdict(facts.updates !== undefined, facts.updates ?? 'neither Dependabot nor Renovate is configured', 'Dependabot or Renovate');
    },
  },
];

/** `v1.2.3`, `1.2.3`, `shop-v1.2.3` and `shop@1.2.3` are of version 1.2.3; `v11.2.3` is not of 1.2.3. */
function isVersionOf(version: string, tag: string): boolean {
  const plain = version.replace(/^v(?=\d)/, '');
  return new RegExp(`(?:^|[-/@_])v?${plain.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`).test(tag);
}

/** `src/a.js:12 (AWS access key), …`: places and kinds, never values. */
export function places(findings: readonly Finding[]): string {
  return list(findings.map(({ file, line, kind }) => `${file}:${line} (${kind})`));
}

/** The first of them, and how many more there are. */
export function list(items: readonly string[]): string {
  const more = items.length - SHOWN;
  return items.slice(0, SHOWN).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
