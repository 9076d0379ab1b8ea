/**
 * Writes what people read about the actions from what GitHub reads: `actions/<name>/README.md` whole, and in the
 * root README the parts between `<!-- inputs -->` … `<!-- /inputs -->` and the like.
 * An input or output without a description fails.
 *
 *   node tools/docs.mjs [--check]     --check: write nothing, fail when something would change
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '..');
const check = process.argv.includes('--check');

/** What the usage of an action shows beside the inputs that every one needs. */
const usage = {
  server: { with: {}, command: 'server', more: 'docs/server.md' },
  certbot: { with: {}, command: 'certbot', more: 'docs/certificates.md' },
  backup: { with: { 'app-env': '${{ secrets.APP_ENV }}', do: 'create' }, command: 'backup create', more: 'docs/backups.md' },
  signoff: {
    keyless: true,
    with: { stage: 'before', digest: '${{ needs.build.outputs.digest }}' }, more: 'docs/sign-off.md',
    grants: [['actions: read', 'the approvals of the run and the rules of the environments'], ['issues: write', 'only with `issue`: the go-live issue'], ['actions: write', 'only with `issue: comment`: starts the production run']],
  },
  watch: { with: { 'app-env': '${{ secrets.APP_ENV }}' }, more: 'docs/workflows.md', grants: [['issues: write', 'one issue for each alarm']] },
  report: {
    keyless: true,
    with: { ledgers: '${{ runner.temp }}/evidence', html: 'report.html' }, more: 'docs/report.md',
    grants: [['contents: write', 'only with `release`: appends to the notes of the GitHub release'], ['deployments: write', 'the status of the deployment'], ['issues: write', 'only with `issue`: the issue about the rollback']],
  },
  preflight: { with: { tag: '${{ github.ref_name }}' } },
  build: { with: {}, keyless: true, more: 'docs/workflows.md' },
  deploy: { id: 'deploy', with: { 'app-env': '${{ secrets.APP_ENV }}' } },
  smoke: { with: { 'app-env': '${{ secrets.APP_ENV }}', junit: 'smoke.xml' } },
  rollback: { with: { reason: '${{ inputs.reason }}' }, grants: [['issues: write', 'only with `tell-issue`']] },
};

/** What an action with a github-token asks, by the key of slipway.yml that makes it ask. */
const grants = [
  ['actions: read', '`preflight.github.checks`: which runs are this release itself'],
  ['checks: read', '`preflight.github.checks`: the check runs of the commit'],
  ['statuses: read', '`preflight.github.checks`: the commit statuses of others than Actions'],
  ['pull-requests: read', '`preflight.github.reviewed`: pull requests and their reviews'],
  ['security-events: read', '`preflight.github.alerts.code`: alerts of code scanning'],
  ['vulnerability-alerts: read', '`preflight.github.alerts.dependencies`: alerts of Dependabot'],
];

/** What only the token of a GitHub App, or a fine-grained one, can be allowed. */
const beyond = [
  ['Secret scanning alerts: read', '`preflight.github.alerts.secrets`'],
  ['Secrets: read', '`preflight.github.secret-age`: names and dates; nobody can read the values'],
  ['Environments: read', '`preflight.github.secret-age`: the same of the environment'],
];

const stale = [];

for (const name of readdirSync(join(root, 'actions')).sort()) {
  const action = read(`actions/${name}/action.yml`);
  put(`actions/${name}/README.md`, readme(name, action));
}

const whole = read('action.yml');
let text = readFileSync(join(root, 'README.md'), 'utf8');
for (const [part, body] of Object.entries({ inputs: inputs(whole), outputs: outputs(whole), actions: list() })) {
  text = between(text, part, body);
}
put('README.md', text);

if (stale.length > 0) {
  console.error(`Not what the action.yml files say: ${stale.join(', ')}. Run: npm run docs`);
  process.exitCode = 1;
}

/** The parsed action.yml; throws on an input or output without a description. */
function read(file) {
  const action = parse(readFileSync(join(root, file), 'utf8'));
  for (const kind of ['inputs', 'outputs']) {
    for (const [name, { description }] of Object.entries(action[kind])) {
      if (!description?.trim()) throw new Error(`${file}: ${kind}.${name} has no description`);
    }
  }
  return action;
}

function readme(name, action) {
  return `<!-- Written by tools/docs.mjs from action.yml. Change that, then run: npm run docs -->
# ${action.name}

${action.description}

The same from a terminal: \`slipway ${usage[name].command ?? name} <environment>\`. The configuration, \`slipway.yml\`, is explained in the
[README of the suite](../../README.md).${usage[name].more === undefined ? '' : ` More in [${usage[name].more}](../../${usage[name].more}).`}

## Usage

\`OWNER\` is where this repository lives; replace \`COMMIT\` with the full SHA of the version you have read.

\`\`\`yaml
${example(name)}\`\`\`

## Inputs

${inputs(action)}

## Outputs

${outputs(action)}

## Permissions

${permissions(action, name)}
`;
}

function permissions(action, name) {
  const special = usage[name].grants;
  const asks = 'github-token' in action.inputs;
  const rest = asks ? 'Also `preflight.github.protected` and `reviewed`: tags, commits, the rules of the branch.' : "Slipway itself asks nothing of GitHub's API.";
  const table = (head, rows) => [`| ${head} | why |`, '|---|---|', ...rows.map(([name, why]) => `| \`${name}\` | ${why} |`)].join('\n');
  if (special !== undefined) return table('permission', [['contents: read', '`actions/checkout` reads your repository'], ...special]);
  const own = table('permission', [['contents: read', `\`actions/checkout\` reads your repository. ${rest}`], ...(asks ? grants : [])]);
  if (!asks) return own;
  return `${own}

Give those whose key is in your \`slipway.yml\`. A question that is asked and may not be answered fails, and names what is missing.
The following no job can grant: pass as \`github-token\` the token of a GitHub App, made for instance by
\`actions/create-github-app-token\`, with all permissions that the keys need.

${table('permission of the App', beyond)}`;
}

function example(name) {
  const { id, with: further, keyless } = usage[name];
  const values = {
    environment: 'production',
    ...(keyless === true ? {} : { 'ssh-private-key': '${{ secrets.SSH_PRIVATE_KEY }}' }),
    ...further,
  };
  return [
    'permissions:',
    '  contents: read # actions/checkout',
    'steps:',
    '  - uses: actions/checkout@COMMIT',
    `  - uses: OWNER/slipway/actions/${name}@COMMIT`,
    ...(id ? [`    id: ${id}`] : []),
    '    with:',
    ...Object.entries(values).map(([input, value]) => `      ${input}: ${value}`),
    ...(id ? [`  - run: echo "$RELEASE is live"`, '    env:', `      RELEASE: \${{ steps.${id}.outputs.release }}`] : []),
    '',
  ].join('\n');
}

function inputs(action) {
  const rows = Object.entries(action.inputs).map(([name, { description, required, default: value }]) => {
    const fallback = required ? '**required**' : value === undefined ? '' : `\`${value}\``;
    return `| \`${name}\` | ${fallback} | ${cell(description)} |`;
  });
  return ['| input | default | what it is |', '|---|---|---|', ...rows].join('\n');
}

function outputs(action) {
  const rows = Object.entries(action.outputs).map(([name, { description }]) => `| \`${name}\` | ${cell(description)} |`);
  return ['| output | what it is |', '|---|---|', ...rows].join('\n');
}

function list() {
  const rows = readdirSync(join(root, 'actions')).sort().map((name) => {
    return `| [\`actions/${name}\`](actions/${name}/README.md) | ${cell(read(`actions/${name}/action.yml`).description)} |`;
  });
  return ['| action | what it does |', '|---|---|', ...rows].join('\n');
}

function cell(text) {
  return text.trim().replaceAll(/\s+/g, ' ').replaceAll('|', '\\|');
}

/** `text` with `body` between the markers of `part`; throws when a marker is missing. */
function between(text, part, body) {
  const [open, close] = [`<!-- ${part} -->`, `<!-- /${part} -->`];
  const [start, end] = [text.indexOf(open), text.indexOf(close)];
  if (start < 0 || end < start) throw new Error(`README.md: the markers ${open} … ${close} are missing`);
  return `${text.slice(0, start + open.length)}\n${body}\n${text.slice(end)}`;
}

function put(file, wanted) {
  const path = join(root, file);
  if (existsSync(path) && readFileSync(path, 'utf8') === wanted) return;
  if (check) stale.push(file);
  else writeFileSync(path, wanted);
}
