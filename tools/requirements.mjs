/**
 * docs/requirements.csv → docs/requirements.md: which requirement is answered by what, today.
 *
 *   node tools/requirements.mjs [--check]     --check: write nothing, fail when the document is not current
 *
 * Columns of the table: id, capability, command and kind as the requirements have them, and
 * - status: `done`, `partly` (left says what is missing), `planned` (answered-by names the topic) or `out` (answered-by gives
 *   the reason);
 * - answered-by of a done or partly done row: `check <id>`, `command <name>`, `step <name>` or `setting <path in slipway.yml>`,
 *   several separated by `; `. test/house/requirements.test.ts holds each of them against the sources.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const target = join(root, 'docs/requirements.md');

const families = {
  PF: 'Preflight', SV: 'Server', HD: 'Hardening', BK: 'Backup', DP: 'Deploy', TL: 'Certificates', SM: 'Smoke tests', LD: 'Load',
  WT: 'Watch after launch', RB: 'Rollback', SG: 'Sign-off', CL: 'Checklist', RP: 'Report', NT: 'Notices', SC: 'Schedule',
  HC: 'Health', XX: 'Outside',
};

/** What a step does, by the id its evidence has. `step <name>` in the table must be one of these. */
export const steps = {
  'deploy.window': 'asks whether the window of the environment is open, before anything is dialled or built and again before what is live is touched; records who overrides it, and why',
  'deploy.build': 'runs `release.build` on the runner and stops at the first command that fails',
  'deploy.artifact': 'selects and reads the files of the release; refuses links that leave it',
  'deploy.lease': 'takes the lease on every host: one deploy at a time',
  'deploy.recovery': 'finishes or undoes what a dead run left',
  'deploy.stage': 'sends the files that changed and verifies the whole release on the host; makes the secrets of `release.generate` that nobody gave, once, and shows them to nobody',
  'deploy.install': "runs each service's `install` on the host, in the new release",
  'deploy.once': 'runs `release.once` on the first host alone, in the staged release; when it fails nothing is switched',
  'deploy.data.backup': 'before a migration, or as `before-deploy` says: makes a backup and reads it back whole; when that fails nothing is changed',
  'deploy.data': "lists what is pending, then runs each database's `migrate` once, on its host, in the staged release, before the switch",
  'deploy.site': 'before the switch, where the site changed: writes its file, has nginx test the whole installation, reloads; else puts the file before it back',
  'deploy.switch': 'renames `current` once all hosts hold the release, starts or reloads the services in order of `needs`, reads the processes '
    + 'back and asks for health, batch by batch; else shows the last log lines, who holds the port and file locks, the likely cause, and puts the old release back',
  'deploy.after-switch': 'runs `release.after-switch` in the live release on every host; when a command fails, the hosts go back',
  'deploy.confirm': 'marks the release good and removes what `keep` no longer wants',
  'rollback.target': 'proves files, environment and installs of the target before anything stops',
  'rollback.switch': 'makes the target active with its own environment file, restarts the services in order and asks for health',
  'rollback.budget': 'measures the time against `rollback-budget` and warns when over',
  signoff: 'asks GitHub who has approved this run for each role, and whether that counts: reviewers, users, teams, distinct people, initiator, bypass, re-runs; fails closed and keeps role, login, time, comment and digest',
  'signoff.issue': 'opens the go-live issue of a release, or answers its comments; how it stands is read from the comments each time',
  'certbot.certificate': 'has a certificate issued for all names, extends one, or leaves a good one alone; the running site stays as it is when that fails',
  'certbot.site': 'brings the site anew once the certificate is there, so that nginx serves it',
  'certbot.timer': 'sees that a timer renews and that a hook reloads nginx',
  'certbot.own': 'holds a certificate of the team against the names, its key and the day; refuses a self-signed one in production',
  'certbot.renewal': 'proves the renewal with `certbot renew --dry-run`',
  'server.system': 'refuses systems whose packages are not known, before anything is done',
  'server.packages': 'installs what Slipway works with; like each step of `server` it asks first, changes only what differs, asks again, and with `--plan` only shows the difference',
  'server.user': 'makes the deploy user, whose key may log in',
  'server.folders': 'makes the root folder of the app and `server.folders`, with owner and mode',
  'server.updates': 'installs unattended-upgrades and switches on security updates by themselves; a restart only where `server.reboot-at` says so',
  'server.journal-limit': 'limits the journal to `server.journal-size`',
  'server.nginx': 'installs nginx, lets it run and start at boot, hides its version, takes away the untouched page of the package',
  'server.node': 'installs the major version of Node.js that `server.node` names',
  'server.pm2': 'installs PM2, lets it start at boot as the deploy user, has its logs rotated',
  'server.log-rotation': 'writes rules of logrotate for the logs of the app and of nginx, and sees to the timer',
  'harden.firewall': 'lets in SSH, then http, https and `allow`, and denies the rest; the host takes it back unless a new login proves it',
  'harden.sshd': 'keys only, no root, few tries, as a drop-in that is read back; the host takes it back unless a new login proves it',
  'harden.ban': 'installs fail2ban with jails for sshd and nginx; the address of the run and `ban-ignore` are never banned',
};

/** The rows of docs/requirements.csv as objects by column name. */
export function readTable() {
  const [head, ...rows] = parseCsv(readFileSync(join(root, 'docs/requirements.csv'), 'utf8'));
  return rows.map((cells) => Object.fromEntries(head.map((name, index) => [name, cells[index]])));
}

/** The document that the table makes. */
export function render(rows) {
  const count = (status) => rows.filter((row) => row.status === status).length;
  const lines = [
    '<!-- Written by tools/requirements.mjs from docs/requirements.csv. Change that, then run: npm run docs -->',
    '# Requirements and what answers them',
    '',
    `${rows.length} requirements, drawn from five real go-live plans: ${count('done')} done, ${count('partly')} partly, ${count('planned')} planned, ${count('out')} out.`,
    'Kind: `auto` is answered by a machine, `assisted` prepared by one and judged by a person, `human` done by a person and carried by',
    'the checklist. A check has the id that evidence and reports use; a setting is a key of `slipway.yml`.',
  ];
  for (const [prefix, title] of Object.entries(families)) {
    lines.push('', `## ${title}`, '', '| id | what | kind | status | answered by |', '|---|---|---|---|---|');
    for (const row of rows.filter(({ id }) => id.startsWith(`${prefix}-`))) {
      lines.push(`| ${row.id} | ${cell(row.capability)} | ${row.kind} | ${row.status} | ${cell(answer(row))} |`);
    }
  }
  lines.push('', '## Steps', '', '| step | what it does |', '|---|---|');
  for (const [name, text] of Object.entries(steps)) lines.push(`| \`${name}\` | ${cell(text)} |`);
  return `${lines.join('\n')}\n`;
}

function answer(row) {
  if (row.status === 'planned' || row.status === 'out') return row['answered-by'];
  const answers = row['answered-by'].split('; ').map((text) => text.replace(/^(\w+) (.*)$/, '$1 `$2`'));
  return [...answers, ...(row.left === '' ? [] : [`left: ${row.left}`])].join('<br>');
}

function cell(text) {
  return text.replaceAll('|', '\\|');
}

/** RFC 4180, as far as this table needs it: quoted cells, doubled quotes, line ends inside quotes. */
function parseCsv(text) {
  const rows = [];
  let row = [];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    if (end === '' && row.length === 0 && quoted === undefined && plain === '') break;
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end !== ',') {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}

if (process.argv[1] === import.meta.filename) {
  const wanted = render(readTable());
  if (!existsSync(target) || readFileSync(target, 'utf8') !== wanted) {
    if (process.argv.includes('--check')) {
      console.error('docs/requirements.md is not what docs/requirements.csv says. Run: npm run docs');
      process.exitCode = 1;
    } else {
      writeFileSync(target, wanted);
    }
  }
}
