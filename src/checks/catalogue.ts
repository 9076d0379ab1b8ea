import { bundle } from './bundle.js';
import { clock } from './clock.js';
import { databases } from './databases.js';
import { dns } from './dns.js';
import { github } from './github.js';
import { hardening } from './hardening.js';
import type { Check } from './model.js';
import { monitors } from './monitors.js';
import { network } from './network.js';
import { page } from './page.js';
import { permissions } from './permissions.js';
import { ports } from './ports.js';
import { quality } from './quality.js';
import { repository } from './repository.js';
import { resources } from './resources.js';
import { runner } from './runner.js';
import { tls } from './tls.js';
import { tools } from './tools.js';
import { uploads } from './uploads.js';
import { variables } from './variables.js';
import { window } from './window.js';

/** Every check, in the order reports show them. A new check is one more object in the file of its family. */
export const catalogue: readonly Check[] = [
  ...window, ...repository, ...github, ...runner, ...quality, ...bundle, ...variables, ...uploads, ...network, ...dns, ...tls, ...page, ...resources, ...tools, ...permissions, ...ports, ...databases, ...clock, ...hardening, ...monitors,
];

/** The page docs/checks.md: a test keeps it current. */
export function renderCatalogue(): string {
  const rows = catalogue.map(({ id, title, severity, requirement }) => `| \`${id}\` | ${title} | ${severity} | ${requirement.join(', ')} |`);
  return `# Preflight checks

Generated from \`src/checks/catalogue.ts\`. A failed check of severity *block* stops the release, one of severity *warn* is shown.
Change that for a check or a whole family under \`preflight.severity\`: \`{ preflight.resources.load: warn, preflight.bundle: off }\`; the leading
\`preflight.\` may be left out, the longest name wins. A check whose threshold is not configured is not asked, unless it has a sensible default.

| id | question | severity | requirement |
|---|---|---|---|
${rows.join('\n')}
`;
}
