import * as z from 'zod';
import { formatDuration, parseDays } from '../duration.js';
import { text } from './fields.js';
import { parsed, section } from './section.js';

/** From the worst down: what is named and everything worse must be gone. */
export const ALERT_LEVELS = ['critical', 'high', 'medium', 'low'] as const;
export type AlertLevel = (typeof ALERT_LEVELS)[number];

const level = (what: string) =>
  z
    .enum(ALERT_LEVELS)
    .exactOptional()
    .meta({ description: `Refuse open alerts of ${what} that are this bad, or worse.`, examples: ['high'] });

const alerts = section('Which open security alerts stop a release.', {
  secrets: z.boolean().exactOptional().meta({
    description:
      'Refuse any open alert of secret scanning, which reads the history too. Needs the token of a GitHub App, or a fine-grained one, that may read secret scanning alerts.',
  }),
  code: level('code scanning, and of the image scanners that report to it,'),
  dependencies: level('Dependabot'),
});

/** What is asked of GitHub's API. The permissions each key needs stand in actions/preflight/README.md. */
export const github = section('What GitHub must say of the repository and the commit that is released.', {
  protected: z.boolean().exactOptional().meta({
    description: 'The branch of preflight.repository is protected by rules in force, and the commit lies on it.',
  }),
  reviewed: z.boolean().exactOptional().meta({
    description:
      'Every commit since the last release tag belongs to a merged pull request that another person of the repository approved.',
  }),
  'reviewed-since': text(
    'A tag or commit to count from, in place of the last release tag: the release after which reviews began.',
    'v1.4.0',
  ).exactOptional(),
  checks: z.boolean().exactOptional().meta({
    description:
      'Every check run and commit status of the released commit is green; at least one has reported. The run that asks is left out, and so are earlier runs of its workflow for the same ref.',
  }),
  'checks-except': z
    .array(text('The name of a check, as the pull request shows it.'))
    .prefault([])
    .meta({ description: 'Checks that do not matter here.', examples: [['docs / preview']] }),
  alerts: alerts.prefault({}),
  'secret-age': parsed<number>(
    parseDays,
    formatDuration,
    "How old a secret of the repository or of the GitHub environment of the same name may be. Needs the token of a GitHub App, or a fine-grained one, that may read secrets and environments.",
    ['90d'],
    { pattern: '^[1-9]\\d{0,3}d$' },
  ).exactOptional(),
  'secret-age-except': z
    .array(text('The name of a secret.'))
    .prefault([])
    .meta({ description: 'Secrets that need no change with time.', examples: [['KNOWN_HOSTS']] }),
});
