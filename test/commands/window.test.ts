import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { deploy } from '../../src/commands/deploy.js';
import { goLive } from '../../src/commands/go-live.js';
import { preflight } from '../../src/commands/preflight.js';
import { rollback } from '../../src/commands/rollback.js';
import type { RunContext } from '../../src/commands/run-context.js';
import { environmentOf } from '../../src/config/environment.js';
import { loadConfig } from '../../src/config/load.js';
import type { Evidence } from '../../src/evidence/record.js';
import { Redactor } from '../../src/evidence/redact.js';
import { plainReporter } from '../../src/evidence/reporters.js';
import { renderSummary } from '../../src/evidence/summary.js';
import { startEmbeddedHost, type EmbeddedHost } from '../support/embedded-host.js';

const ROOT = '/srv/slipway-window-test';
/** A Tuesday, within NIGHTS. */
const OPEN = '2026-11-24T01:30:00Z';
/** A Friday. */
const CLOSED = '2026-11-27T11:30:00Z';
const NIGHTS = 'days: mon-thu, hours: 02:00-06:00, timezone: Africa/Lagos';

let server: EmbeddedHost;
let workspace: string;
beforeEach(async () => {
  workspace = mkdtempSync(join(tmpdir(), 'slipway-window-'));
  mkdirSync(join(workspace, 'site'));
  writeFileSync(join(workspace, 'site/index.html'), 'one');
  server = await startEmbeddedHost({ root: ROOT });
});
afterEach(async () => {
  await server.stop();
  rmSync(workspace, { recursive: true, force: true });
});

interface Settings {
  readonly window?: string;
  readonly at?: string;
  readonly plan?: boolean;
  readonly actor?: string;
  /** Where to log in; by default the host of the test. */
  readonly host?: string;
}

/** A run of its own, and what it leaves. Its clock stands still, but for `later`. */
function run({ window = NIGHTS, at = CLOSED, plan = false, actor = 'ann', host }: Settings = {}): { context: RunContext; records: Evidence[]; log: string[]; later: (moment: string) => void } {
  const name = host ?? `${server.user}@${server.address}:${server.port}`;
  const config = loadConfig(`app: shop
environments:
  production:
    root: ${ROOT}
    window: { ${window} }
    hosts: [{ address: "${name}", host-key: ${server.hostKeyLine} }]
release: { build: touch built, include: [site] }
`, 'slipway.yml');
  const records: Evidence[] = [];
  const log: string[] = [];
  let clock = at;
  const context: RunContext = {
    config, environmentName: 'production', environment: environmentOf(config, 'production'), excluded: [], credentials: { privateKey: server.clientKey }, appEnv: undefined,
    phase: 'deploy', runnerEnv: { PATH: process.env['PATH'] ?? '' }, lookup: () => undefined, workspace, redactor: new Redactor(), signal: new AbortController().signal,
    reporter: { ...plainReporter((text) => void log.push(text)), evidence: (record) => void records.push(record) }, author: { actor, run: 'a test' },
    plan, leaseToken: `token-${at}`, keepLease: false, outputs: { hosts: new Map() }, now: () => new Date(clock),
  };
  return { context, records, log, later: (moment) => void (clock = moment) };
}

const below = (path: string): string => join(server.home, 'app', path);
const live = (): string => (existsSync(below('current')) ? readlinkSync(below('current')).replace('releases/', '') : '');
const failing = (work: Promise<void>): Promise<Error & { remedy?: string }> => work.then(() => Promise.reject(new Error('did not fail')), (error: unknown) => error as Error);
const ofWindow = (records: readonly Evidence[]): Evidence[] => records.filter(({ id }) => id === 'deploy.window');
/** Nobody listens there: whoever dials it fails with another message. */
const NOWHERE = 'deploy@127.0.0.1:1';

describe('outside its window', () => {
  test.each([['deploy', deploy], ['go-live', goLive]] as const)('a %s is refused before anything is built or dialled, and says when the window opens', async (_, command) => {
    const { context, records } = run({ host: NOWHERE });
    const error = await failing(command(context, {}));
    expect(error.message).toBe('the window of production is closed: Friday is not one of its days (mon-thu); 12:30 is outside 02:00-06:00; opens Mon 2026-11-30 02:00 Africa/Lagos (2026-11-30 01:00 UTC)\nThe window: mon-thu 02:00-06:00 Africa/Lagos.');
    expect(error.remedy).toBe('Nothing was changed. Run again from Mon 2026-11-30 02:00 Africa/Lagos (2026-11-30 01:00 UTC). Nobody may override it: `window.override` names no one.');
    expect(existsSync(join(workspace, 'built'))).toBe(false);
    expect(records.map(({ id, status }) => [id, status])).toEqual([['deploy.window', 'fail']]);
  });

  test('a plan is shown and refuses nothing', async () => {
    const { context, records, log } = run({ plan: true });
    await deploy(context, {});
    expect(ofWindow(records)).toMatchObject([{ status: 'warn', observed: expect.stringContaining('closed: Friday') }]);
    expect(log.join('\n')).toMatch(/a deploy would be refused now/);
    expect(live()).toBe('');
  });

  test('the preflight warns and passes', async () => {
    const { context, records } = run();
    await preflight({ ...context, phase: 'preflight' }, { part: 'repository' }).catch(() => undefined);
    expect(records.filter(({ id }) => id === 'preflight.window.open')).toMatchObject([{ status: 'warn', subject: 'production', expected: 'mon-thu 02:00-06:00 Africa/Lagos', data: { opensAt: '2026-11-30T01:00:00.000Z' } }]);
  });

  test('a rollback goes on', async () => {
    await deploy(run({ at: OPEN }).context, {});
    const first = live();
    writeFileSync(join(workspace, 'site/index.html'), 'two');
    await deploy(run({ at: '2026-11-24T02:30:00Z' }).context, {});
    expect(live()).not.toBe(first);
    await rollback(run().context, {});
    expect(live()).toBe(first);
  });
});

describe('the override', () => {
  const WITH_ANN = `${NIGHTS}, override: [ann]`;

  test('of somebody who may, with a reason, goes out and is recorded for the summary', async () => {
    const { context, records } = run({ window: WITH_ANN, actor: 'Ann' });
    await deploy(context, { overrideWindow: 'payments are\ndown' });
    expect(live()).toBe(context.outputs.release);
    expect(ofWindow(records)).toMatchObject([
      { status: 'warn', subject: 'production', data: { moment: 'plan', override: 'payments are down', by: 'Ann' } },
      { status: 'warn', data: { moment: 'switch', override: 'payments are down', by: 'Ann' } },
    ]);
    expect(renderSummary({ action: 'Deploy', app: 'shop', environment: 'production', records })).toMatch(/overridden by Ann: payments are down/);
  });

  test.each([
    ['by somebody else', { window: WITH_ANN, actor: 'bob' }, 'payments are down', /bob may not override it/, /one of ann starts it with a reason in `override-window`/],
    ['where nobody may', {}, 'payments are down', /ann may not override it/, /Nobody may override it/],
    ['without a reason', { window: WITH_ANN }, ' \n', /closed: /, /with a reason/],
  ] as const)('is refused %s', async (_, settings, overrideWindow, message, remedy) => {
    const error = await failing(deploy(run({ ...settings, host: NOWHERE }).context, { overrideWindow }));
    expect(error.message).toMatch(message);
    expect(error.remedy).toMatch(remedy);
    expect(existsSync(join(workspace, 'built'))).toBe(false);
  });

  test('is not recorded where the window is open', async () => {
    const { context, records } = run({ window: WITH_ANN, at: OPEN });
    await deploy(context, { overrideWindow: 'to be sure' });
    expect(ofWindow(records).map(({ status, data }) => [status, data?.['override']])).toEqual([['pass', undefined], ['pass', undefined]]);
  });
});

describe('at the switch', () => {
  test('a window that has closed meanwhile stops the deploy, and nothing of it stays on the host', async () => {
    await deploy(run({ at: OPEN }).context, {});
    const first = live();
    writeFileSync(join(workspace, 'site/index.html'), 'two');
    const { context, records, later } = run({ at: '2026-11-24T04:59:00Z' });
    const { reporter } = context;
    const slow: RunContext = {
      ...context,
      reporter: { ...reporter, group: async (title, body) => {
        const result = await reporter.group(title, body);
        if (title === 'Install') later('2026-11-24T05:00:00Z');
        return result;
      } },
    };
    const error = await failing(deploy(slow, {}));
    expect(error.message).toMatch(/^the window of production is closed: 06:00 is outside 02:00-06:00; opens Wed 2026-11-25 02:00/);
    expect(error.remedy).toMatch(/^Nothing was switched: what was live still is\./);
    expect(ofWindow(records).map(({ status, data }) => [data?.['moment'], status])).toEqual([['plan', 'pass'], ['switch', 'fail']]);
    expect(live()).toBe(first);
    expect(existsSync(below(`releases/${context.outputs.release ?? '?'}`))).toBe(false);
    expect(existsSync(below('.slipway/lease'))).toBe(false);
    expect(readFileSync(below('.slipway/journal'), 'utf8')).toMatch(/"undone"/);
  });
});

describe('notice', () => {
  const git = (...args: string[]): void => void execFileSync('git', ['-c', 'user.name=ann', '-c', 'user.email=ann@example.com', '-c', 'commit.gpgsign=false', '-c', 'tag.gpgsign=false', ...args], {
    cwd: workspace, env: { ...process.env, GIT_COMMITTER_DATE: at, GIT_AUTHOR_DATE: at, GIT_CONFIG_GLOBAL: '/dev/null' }, stdio: 'pipe',
  });
  let at = '';

  test('counts from the newest of the commit and the tags on it', async () => {
    at = '2026-11-20T12:00:00Z';
    git('init', '-q');
    git('add', 'site');
    git('commit', '-q', '-m', 'Begin');
    const NOTICE = `${NIGHTS}, notice: 24h`;
    await deploy(run({ window: NOTICE, at: OPEN, plan: true }).context, {});
    at = '2026-11-23T12:00:00Z';
    git('tag', '-a', 'v1.0.0', '-m', 'One');
    const error = await failing(deploy(run({ window: NOTICE, at: OPEN }).context, {}));
    expect(error.message).toMatch(/closed: the release is there for 13 h 30 min, and 1 d of notice are wanted; opens Wed 2026-11-25 02:00 Africa\/Lagos/);
    await deploy(run({ window: NOTICE, at: '2026-11-25T01:00:00Z' }).context, {});
    expect(live()).not.toBe('');
  });

  test('keeps the window closed where git knows nothing', async () => {
    const error = await failing(deploy(run({ window: `${NIGHTS}, notice: 24h`, at: OPEN }).context, {}));
    expect(error.message).toMatch(/git does not say since when the release is there; no opening is known/);
    expect(error.remedy).toMatch(/actions\/checkout/);
  });
});
