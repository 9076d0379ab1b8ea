import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { build } from '../../src/commands/build.js';
import { deploy } from '../../src/commands/deploy.js';
import { sayExcluded } from '../../src/commands/excluded.js';
import { rollback } from '../../src/commands/rollback.js';
import { type RunContext } from '../../src/commands/run-context.js';
import { status } from '../../src/commands/status.js';
import { environmentOf } from '../../src/config/environment.js';
import { excludeHosts } from '../../src/config/exclude.js';
import { loadConfig } from '../../src/config/load.js';
import type { Evidence } from '../../src/evidence/record.js';
import { Redactor } from '../../src/evidence/redact.js';
import { plainReporter } from '../../src/evidence/reporters.js';
import { startEmbeddedHost, type EmbeddedHost } from '../support/embedded-host.js';

const ROOT = '/srv/slipway-fleet-test';

let servers: EmbeddedHost[];
let workspace: string;
let log: string[];
let clock: number;

beforeEach(async () => {
  workspace = mkdtempSync(join(tmpdir(), 'slipway-fleet-'));
  mkdirSync(join(workspace, 'site'));
  writeFileSync(join(workspace, 'site/index.html'), 'one');
  for (let index = 0; index < 40; index += 1) writeFileSync(join(workspace, `site/page-${index}.html`), `${'page '.repeat(500)}${index}`);
  const first = await startEmbeddedHost({ root: ROOT });
  servers = [first];
  for (let index = 1; index < 3; index += 1) servers.push(await startEmbeddedHost({ root: ROOT, clientKey: first.clientKey }));
  clock = Date.parse('2026-11-21T00:00:00Z');
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  rmSync(workspace, { recursive: true, force: true });
});

const addressOf = (server: EmbeddedHost): string => `${server.user}@${server.address}:${server.port}`;

interface Settings {
  readonly batch?: string;
  readonly release?: string;
  readonly services?: string;
  readonly roles?: readonly string[];
  readonly exclude?: readonly string[];
  readonly signal?: AbortSignal;
  readonly plan?: boolean;
}

/** A run of its own, and what it leaves. */
function run({ batch, release = '', services = '{}', roles = [], exclude = [], signal = new AbortController().signal, plan = false }: Settings = {}): { context: RunContext; records: Evidence[] } {
  const config = loadConfig(
    `app: fleet
environments:
  production:
    root: ${ROOT}
    ${batch === undefined ? '' : `batch: ${batch}`}
    hosts:
${servers.map((server, index) => `      - { address: "${addressOf(server)}", host-key: ${server.hostKeyLine}${roles[index] === undefined ? '' : `, roles: [${roles[index]}]`} }`).join('\n')}
release: { include: [site], ${release} }
services: ${services}
`,
    'slipway.yml',
  );
  const records: Evidence[] = [];
  log = [];
  const { environment, excluded } = excludeHosts(environmentOf(config, 'production'), 'production', exclude);
  const context: RunContext = {
    config, environmentName: 'production', environment, excluded: excluded.map(({ name }) => name), credentials: { privateKey: servers[0]!.clientKey }, appEnv: undefined,
    phase: 'deploy', runnerEnv: { PATH: process.env['PATH'] ?? '' }, lookup: () => undefined, workspace, redactor: new Redactor(), signal,
    reporter: { ...plainReporter((text) => void log.push(text)), evidence: (record) => void records.push(record) }, author: { actor: 'ann', run: 'a test' },
    plan, leaseToken: `token-${clock}`, keepLease: false, outputs: { hosts: new Map() }, now: () => new Date((clock += 1000)),
  };
  return { context, records };
}

const below = (server: EmbeddedHost, path: string): string => join(server.home, 'app', path);
const live = (): string[] => servers.map((server) => (existsSync(below(server, 'current')) ? readlinkSync(below(server, 'current')).replace('releases/', '') : ''));
const journals = (): string[] => servers.map((server) => (existsSync(below(server, '.slipway/journal')) ? readFileSync(below(server, '.slipway/journal'), 'utf8') : ''));
const failing = (work: Promise<void>): Promise<Error & { remedy?: string }> => work.then(() => Promise.reject(new Error('did not fail')), (error: unknown) => error as Error);
const leases = (): boolean[] => servers.map((server) => existsSync(below(server, '.slipway/lease')));

async function deployed(settings: Settings = {}): Promise<string> {
  const { context } = run(settings);
  await deploy(context, {});
  return context.outputs.release ?? '';
}

describe('a fleet', () => {
  test('gets the same bytes, packed once for all', async () => {
    const { context, records } = run();
    await deploy(context, {});
    const release = context.outputs.release ?? '';
    expect(live()).toEqual([release, release, release]);
    for (const server of servers) expect(readFileSync(below(server, 'current/site/page-7.html'), 'utf8')).toMatch(/7$/);
    const staged = records.filter(({ id }) => id === 'deploy.stage');
    expect(new Set(staged.map(({ data }) => data?.['filesSent']))).toEqual(new Set([41]));
    expect(leases()).toEqual([false, false, false]);
  });

  test('is sent what each host lacks, also where they hold different releases', async () => {
    const one = await deployed();
    writeFileSync(join(workspace, 'site/index.html'), 'two');
    const two = await deployed({ exclude: [addressOf(servers[2]!)] });
    expect(live()).toEqual([two, two, one]);
    writeFileSync(join(workspace, 'site/page-1.html'), 'changed');
    const { context, records } = run();
    await deploy(context, {});
    const three = context.outputs.release;
    expect(live()).toEqual([three, three, three]);
    expect(records.filter(({ id }) => id === 'deploy.stage').map(({ data }) => data?.['filesSent']).sort()).toEqual([1, 1, 2]);
    for (const server of servers) expect(readFileSync(below(server, 'current/site/index.html'), 'utf8')).toBe('two');
  });

  test('switches in batches, each after the one before it', async () => {
    await deployed({ batch: '1' });
    const { context, records } = run({ batch: '50%' });
    await deploy(context, {});
    expect(records.filter(({ id }) => id === 'deploy.switch').map(({ subject }) => subject)).toEqual(servers.map(addressOf));
    expect(log.join('\n')).toMatch(/batch 1 of 3: .*[^]*batch 2 of 3: .*[^]*batch 3 of 3: /);
  });

  test('goes back as far as it has come when a host fails, and leaves the rest alone', async () => {
    const one = await deployed();
    writeFileSync(join(workspace, 'site/index.html'), 'two');
    const before = journals();
    servers[1]!.faults.noExitCode = /"switching"/;
    const { context, records } = run({ batch: '1' });
    const error = await failing(deploy(context, {}));
    const [first, second, third] = servers.map(addressOf);
    expect(error.message).toMatch(new RegExp(`is not on all hosts:\n    ${first}  switched, then taken back; ${one} is live\n    ${second}  FAILED: .*\n    ${third}  never switched: another host did not become healthy; ${one} is live\n`));
    expect([live()[0], live()[2]]).toEqual([one, one]);
    expect(journals()[2]!.slice(before[2]!.length)).not.toMatch(/"switching"/);
    expect(records.filter(({ subject, id }) => subject === third && id === 'deploy.switch')).toMatchObject([{ status: 'skip' }]);
    expect(context.outputs.switched).toBe(false);
    servers[1]!.mend();
  });

  test('goes back when the run is told to stop between two batches', async () => {
    const one = await deployed();
    const stop = new AbortController();
    const { context } = run({ batch: '1', signal: stop.signal });
    const told: RunContext = { ...context, reporter: { ...context.reporter, step: (subject, text) => { if (text.startsWith('batch 2')) stop.abort(); context.reporter.step(subject, text); } } };
    const error = await failing(deploy(told, {}));
    expect(error.message).toMatch(/^stopped by a signal between two batches\n/);
    expect(live()).toEqual([one, one, one]);
  });

  test('that has a host down is left as it was, and the remedy names who to leave out', async () => {
    await deployed();
    const before = journals();
    const address = addressOf(servers[1]!);
    await servers[1]!.stop();
    const error = await failing(deploy(run().context, {}));
    expect(error.message).toMatch(/^1 of 3 hosts cannot be reached; nothing was changed on any:\n/);
    expect(error.remedy).toContain(`exclude-hosts: ${address}`);
    expect([journals()[0], journals()[2]]).toEqual([before[0], before[2]]);
    expect([leases()[0], leases()[2]]).toEqual([false, false]);
    const { context, records } = run({ exclude: [address] });
    sayExcluded(context);
    await deploy(context, {});
    expect([live()[0], live()[2]]).toEqual([context.outputs.release, context.outputs.release]);
    expect(records).toContainEqual(expect.objectContaining({ id: 'deploy.excluded', status: 'warn', subject: address }));
  });

  test('runs what must happen once on its first host alone, in the staged release and before the switch', async () => {
    const one = await deployed();
    const release = 'once: ["echo ran > \\"$PWD/once.txt\\"; readlink ../../current >> once.txt"]';
    const { context, records } = run({ release });
    await deploy(context, {});
    expect(servers.map((server) => existsSync(below(server, 'current/once.txt')))).toEqual([true, false, false]);
    expect(readFileSync(below(servers[0]!, 'current/once.txt'), 'utf8')).toBe(`ran\nreleases/${one}\n`);
    expect(records.filter(({ id }) => id === 'deploy.once')).toMatchObject([{ status: 'pass', subject: addressOf(servers[0]!) }]);
  });

  test('switches nowhere when that fails', async () => {
    const one = await deployed();
    const { context, records } = run({ release: 'once: ["echo no such table >&2; exit 3"]' });
    const error = await failing(deploy(context, {}));
    expect(error.message).toMatch(/\(release\.once\) failed with exit code 3:\n {4}no such table/);
    expect(live()).toEqual([one, one, one]);
    expect(records.filter(({ id }) => id === 'deploy.switch')).toEqual([]);
    for (const server of servers) expect(existsSync(below(server, `releases/${context.outputs.release}`))).toBe(false);
  });

  test('installs a service only where one of its roles is', async () => {
    const services = '{ web: { manager: static, directory: site, roles: [web], install: "echo web > web.txt" }, any: { manager: static, directory: site, install: "echo all > all.txt" } }';
    await deployed({ services, roles: ['web', 'worker', 'web, worker'] });
    expect(servers.map((server) => existsSync(below(server, 'current/site/web.txt')))).toEqual([true, false, true]);
    expect(servers.map((server) => existsSync(below(server, 'current/site/all.txt')))).toEqual([true, true, true]);
  });

  test('says in a plan what happens where, and changes nothing', async () => {
    await deployed();
    const before = journals();
    await deploy(run({ plan: true, batch: '2', release: 'once: [migrate]' }).context, {});
    const text = log.join('\n');
    expect(text).toMatch(/the hosts switch in 2 batches of up to 2/);
    expect(text.match(/on this host only: migrate/g)).toHaveLength(1);
    expect(journals()).toEqual(before);
  });

  test('that has come to differ says so in its status, and is brought together by a rollback', async () => {
    const one = await deployed();
    const two = await deployed({ exclude: [addressOf(servers[1]!)] });
    const seen = await status(run().context);
    expect(seen.map(({ drift }) => drift)).toEqual([[], [`${one} is live here, ${two} on most hosts`], []]);
    const { context } = run();
    await rollback(context, {});
    expect(live()).toEqual([one, one, one]);
  });
});

describe('a release that is built once', () => {
  test('is one file, the same bytes each time, and goes out as it was built', async () => {
    writeFileSync(join(workspace, 'site/run.sh'), '#!/bin/sh\n');
    chmodSync(join(workspace, 'site/run.sh'), 0o755);
    symlinkSync('index.html', join(workspace, 'site/start.html'));
    const file = join(workspace, 'site/release.tar.gz');
    const first = run().context;
    await build(first, { to: file });
    const bytes = readFileSync(file);
    // The file of the first build lies where the release is selected from, and is no part of it.
    const second = run().context;
    await build(second, { to: file });
    expect(second.outputs.digest).toBe(first.outputs.digest);
    expect(readFileSync(file).equals(bytes)).toBe(true);

    writeFileSync(join(workspace, 'site/index.html'), 'changed after the build');
    const { context } = run();
    await deploy(context, { artifact: file, digest: first.outputs.digest });
    expect(readFileSync(below(servers[0]!, 'current/site/index.html'), 'utf8')).toBe('one');
    expect(statSync(below(servers[0]!, 'current/site/run.sh')).mode & 0o777).toBe(0o755);
    expect(readlinkSync(below(servers[0]!, 'current/site/start.html'))).toBe('index.html');
    expect(journals()[0]).toContain(`"digest":"${first.outputs.digest ?? '?'}"`);
  });

  test('is not sent when it is not the one that was signed off', async () => {
    const error = await failing(deploy(run().context, { digest: 'abcdef012345' }));
    expect(error.message).toMatch(/wanted is abcdef012345: these are not the files that were built and tested/);
    expect(live()).toEqual(['', '', '']);
    expect(journals()).toEqual(['', '', '']);
  });

  test('is not looked for by something that is no digest', async () => {
    const error = await failing(deploy(run().context, { digest: '$(id)' }));
    expect(error.message).toBe('`$(id)` is no digest');
  });
});

describe('a secret that nobody has to know', () => {
  const env = (): string => readFileSync(below(servers[0]!, 'current/.env'), 'utf8');
  const alone = async (appEnv?: Record<string, string>): Promise<Evidence[]> => {
    const { context, records } = run({ release: 'generate: [SESSION_SECRET]', exclude: [addressOf(servers[1]!), addressOf(servers[2]!)] });
    await deploy({ ...context, appEnv }, {});
    return records;
  };

  test('is made once on the host, stays the same from release to release, and is told to nobody', async () => {
    const records = await alone({ GREETING: 'hello' });
    const made = /^SESSION_SECRET='([0-9a-f]{128})'$/m.exec(env())?.[1] ?? '';
    expect(made).toHaveLength(128);
    expect(env()).toContain("GREETING='hello'");
    for (const file of ['current/.env', '.slipway/secrets']) expect(statSync(below(servers[0]!, file)).mode & 0o777).toBe(0o600);
    expect(`${log.join('')}${JSON.stringify(records)}${journals().join('')}`).not.toContain(made);
    await alone({ GREETING: 'hello' });
    expect(env()).toContain(`SESSION_SECRET='${made}'`);
  });

  test('is there without any app-env, and app-env has the last word', async () => {
    await alone();
    await alone();
    expect(env()).toMatch(/^SESSION_SECRET='[0-9a-f]{128}'\n$/);
    await alone({ SESSION_SECRET: 'ours' });
    expect(env()).toBe("SESSION_SECRET='ours'\n");
  });

  test('is not made by several hosts, each for itself', async () => {
    const error = await failing(deploy(run({ release: 'generate: [SESSION_SECRET]' }).context, {}));
    expect(error.message).toBe('production has 3 hosts, and each would make a SESSION_SECRET of its own');
    expect(live()).toEqual(['', '', '']);
  });
});
