import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Host, startHost } from '../hosts/harness.js';
import { current, status } from '../hosts/state-of.js';
import { workspace, type Workspace } from '../hosts/workspace.js';
import { CHROMIUM, openInChromium } from '../support/chromium.js';
import { Act, type Run } from './act.js';

const PORT = 3001;
/** It comes to be when any of what follows is run by a shell. */
const PWNED = `/tmp/slipway-e2e-${process.pid}-pwned`;
/** What a careless `run:` would paste into a shell, as far as git takes it for a tag. */
const HOSTILE_TAG = `v1.0.0-'"$(touch\${IFS}${PWNED})\`touch\${IFS}${PWNED}\`;#`;
/** The same without git's limits. */
const HOSTILE = `it's "bad" $(touch ${PWNED}) \`touch ${PWNED}\` ; touch ${PWNED}\n::set-output name=x::y`;

let staging: Host;
let production: Host;
let work: Workspace;
let act: Act;

beforeAll(async () => {
  act = await Act.prepare();
  [staging, production] = await Promise.all([startHost({ publish: [PORT] }), startHost({ publish: [PORT] })]);
  await Promise.all([staging, production].map((host) => host.run('install -d -o deploy -g deploy /srv/tiny')));
  await production.run('touch /etc/is-production');
  work = await workspace(production, { kind: 'tiny', port: PORT });
  await work.configure({
    'environments.staging.hosts': [{ address: staging.address, 'host-key': staging.hostKeyLine }],
    'environments.staging.url': `http://127.0.0.1:${staging.published[PORT] ?? 0}`,
    'release.build': ['head -c 16 /dev/urandom | base64 > built'],
    'release.include': ['server.cjs', 'built', 'bad'],
    'release.exclude': undefined,
    smoke: [{ name: 'paying', get: '/pay', expect: { status: 200 } }],
    'preflight.severity': { monitors: 'off', repository: 'warn' },
  });
  await work.commit({
    'bad': 'no\n',
    'server.cjs': `const fs = require('fs');
const bad = fs.readFileSync('bad', 'utf8') === 'yes\\n' && fs.existsSync('/etc/is-production');
require('http').createServer((request, response) => {
  response.statusCode = request.url === '/pay' && bad ? 500 : 200;
  response.end(fs.readFileSync('built', 'utf8'));
}).listen(Number(process.env.PORT), '0.0.0.0');
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
`,
    '.github/workflows/release.yml': Act.caller('release.yml').replace(/ {6}node-version: '22'\n/, ''),
    '.github/workflows/rollback.yml': Act.caller('rollback.yml'),
    '.github/workflows/watch.yml': Act.caller('watch.yml'),
  });
}, 900_000);

afterAll(async () => {
  await Promise.all([staging.stop(), production.stop()]);
  await work.remove();
  await act.end();
  rmSync(PWNED, { force: true });
});

const secrets = (): Record<string, string> => ({ SSH_PRIVATE_KEY: production.clientKey, APP_ENV: 'GREETING=hello\n' });
const release = (tag: string): Promise<Run> => act.run(work.folder, {
  event: 'push', workflow: 'release.yml', secrets: secrets(), actor: `ann'$(touch ${PWNED})`,
  payload: { ref: `refs/tags/${tag}`, ref_type: 'tag', repository: { full_name: 'acme/tiny', name: 'tiny', owner: { login: 'acme' }, default_branch: 'main' }, head_commit: { message: HOSTILE } },
});
const builtOn = async (host: Host): Promise<string> => (await host.run('cat /srv/tiny/current/built')).stdout;
const reportOf = (run: Run): string => {
  const name = Object.keys(run.artifacts).find((artifact) => artifact.startsWith('report-'));
  return name === undefined ? '' : readFileSync(join(run.artifacts[name]!, 'report.html'), 'utf8');
};

describe('a tag', () => {
  test('goes to staging and then to production: the same bits, built once; what it and its author are called reaches no shell', async () => {
    const run = await release(HOSTILE_TAG);
    if (process.env['SLIPWAY_TEST_TRACE'] !== undefined) process.stderr.write(run.log);
    expect(run.log).not.toMatch(/Job failed/);
    expect(run.code).toBe(0);
    expect(await builtOn(staging)).toBe(await builtOn(production));
    expect((await status(work)).current).toBe(await current(production, work));
    expect(Object.keys(run.artifacts).map((name) => name.replace(/-\d+$/, '')).sort()).toEqual([
      'evidence-1-plan', 'evidence-2-build', 'evidence-3-preflight-production', 'evidence-3-preflight-staging', 'evidence-4-staging', 'evidence-6-gate', 'evidence-7-production', 'release', 'report',
    ]);
    expect(reportOf(run)).toContain('v1.0.0-&#39;&quot;$(touch${IFS}');
    expect(existsSync(PWNED)).toBe(false);
    for (const artifact of Object.values(run.artifacts)) {
      for (const file of readdirSync(artifact)) expect(readFileSync(join(artifact, file), 'latin1')).not.toContain('PRIVATE KEY');
    }
  }, 600_000);

  test('whose smoke fails in production goes back by itself: the workflow is red, and the report says so', async () => {
    const before = await builtOn(production);
    await work.commit({ bad: 'yes\n' });
    const run = await release('v1.1.0');
    expect(run.code).not.toBe(0);
    expect(run.jobs).toMatchObject({ 'Deploy to staging': 'success', 'Deploy to production': 'failure' });
    expect(await builtOn(production)).toBe(before);
    expect(await builtOn(staging)).not.toBe(before);
    const report = reportOf(run);
    expect(report).toMatch(/Went back: \S+ is live in production/);
    expect(report).toMatch(/status 500/);
    // SLIPWAY_E2E_PICTURES: for the pictures in docs/report.md.
    const file = join(Object.entries(run.artifacts).find(([name]) => name.startsWith('report-'))![1], 'report.html');
    if (CHROMIUM !== undefined) expect(await openInChromium(file, process.env['SLIPWAY_E2E_PICTURES'])).toEqual([]);
  }, 600_000);

  test('outside the window is refused before anything is built', async () => {
    await work.configure({ 'environments.production.window': { days: 'mon', hours: '02:00-02:01', timezone: 'UTC', freeze: ['2020-01-01..2099-12-31'] } });
    await work.commit({ bad: 'no\n' });
    const run = await release('v1.2.0');
    expect(run.jobs).toMatchObject({ Plan: 'failure' });
    expect(run.jobs['Build once']).toBeUndefined();
    expect(reportOf(run)).toMatch(/window/i);
    await work.configure({ 'environments.production.window': undefined });
    await work.commit();
  }, 600_000);
});

describe('a rollback by hand', () => {
  test('goes back in the environment that was chosen; what people write reaches no shell', async () => {
    // Staging still serves the release that failed in production.
    const bad = await builtOn(staging);
    const run = await act.run(work.folder, {
      event: 'workflow_dispatch', workflow: 'rollback.yml', secrets: secrets(),
      payload: { ref: 'refs/heads/main', repository: { full_name: 'acme/tiny', name: 'tiny', owner: { login: 'acme' }, default_branch: 'main' }, inputs: { environment: 'staging', reason: HOSTILE, release: '', 'restore-database': 'leave it where it fits', 'dry-run': 'false' } },
    });
    if (process.env['SLIPWAY_TEST_TRACE'] !== undefined) process.stderr.write(run.log);
    expect(run.code).toBe(0);
    expect(await builtOn(staging)).not.toBe(bad);
    expect((await staging.run('cat /srv/tiny/.slipway/journal')).stdout).toContain(`touch ${PWNED}`);
    expect(existsSync(PWNED)).toBe(false);
    expect(reportOf(run)).toContain('&quot;bad&quot;');
  }, 600_000);
});

describe('a watch', () => {
  const look = (): Promise<Run> => act.run(work.folder, { event: 'workflow_dispatch', workflow: 'watch.yml', secrets: secrets(), payload: { ref: 'refs/heads/main', repository: { full_name: 'acme/tiny', name: 'tiny', owner: { login: 'acme' } } } });

  test('is green while the app answers, and red with its name for it when it does not', async () => {
    const well = await look();
    expect(well.log).toMatch(/Watch of tiny to production|paying: status 200/);
    expect(well.code).toBe(0);
    await production.run('pm2 stop all', { user: 'deploy' });
    const ill = await look();
    expect(ill.code).not.toBe(0);
    expect(ill.log).toMatch(/watch: \d+ critical alarms?/);
    expect(ill.log).toContain('paying');
  }, 120_000);
});
