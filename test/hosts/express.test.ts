import { parse } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Host, startHost } from './harness.js';
import { Job, type Ran, runAction } from './run-action.js';
import { answer, current, expectNothingLeft, releases, states, status } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

const PORT = 3001;
const ENV = 'JWT_SECRET=9f1c2f6e0a7b4d3c8e5f6a7b8c9d0e1f\nADMIN_EMAIL=admin@example.com\nADMIN_PASSWORD=correct-horse-battery\n';

const SECOND = ['migrations/002.do.items-done.sql', 'migrations/002.undo.items-done.sql'];

let host: Host;
let work: Workspace;
/** The release with the second migration, which the story begins without. */
let newer: Record<string, string>;
let databases: unknown;
/** What the story has made so far. */
const made: Record<string, string> = {};

beforeAll(async () => {
  host = await startHost({ publish: [PORT] });
  work = await workspace(host, { kind: 'express', app: 'shop', port: PORT, changes: { 'services.web.env.ADDRESS': '0.0.0.0', 'services.web.health.interval': '300ms' } });
  const read = async (path: string): Promise<[string, string]> => [path, await readFile(join(work.folder, path), 'utf8')];
  newer = Object.fromEntries(await Promise.all([...SECOND, 'src/store.js'].map(read)));
  databases = (parse(await readFile(join(work.folder, 'slipway.yml'), 'utf8')) as { databases: unknown }).databases;
  await work.commit({ ...Object.fromEntries(SECOND.map((path) => [path, undefined])), 'src/store.js': newer['src/store.js']!.replaceAll(/, done\b(?!:)/g, '') });
}, 180_000);

afterAll(async () => {
  await host.stop();
  await work.remove();
});

const inputs = (): Record<string, string> => ({ ...work.inputs, 'app-env': ENV });

/** Deploy and smoke, as two steps of one job. */
async function deployAndSmoke(): Promise<{ deploy: Ran; smoke: Ran }> {
  const job = await Job.begin(work.folder, { inputs: inputs() });
  const deploy = await job.run('deploy');
  const smoke = await job.run('smoke');
  await job.end();
  return { deploy, smoke };
}

async function items(): Promise<string[]> {
  return (await rows()).map(({ name }) => name);
}

async function rows(): Promise<{ name: string; done?: number }[]> {
  const url = `http://127.0.0.1:${host.published[PORT]}`;
  const json = { 'content-type': 'application/json' };
  const login = await fetch(`${url}/login`, { method: 'POST', headers: json, body: JSON.stringify({ email: 'admin@example.com', password: 'correct-horse-battery' }) });
  const { token } = (await login.json()) as { token: string };
  const list = (await (await fetch(`${url}/items`, { headers: { authorization: `Bearer ${token}` } })).json()) as { items: { name: string; done?: number }[] };
  return list.items;
}

describe('an Express app with SQLite in a shared folder, two cluster instances under PM2', () => {
  test('goes live for the first time, and every output says so', async () => {
    const ran = await runAction('go-live', { workspace: work.folder, inputs: inputs() });
    expect(ran.log).toContain('is live');
    expect(ran.code).toBe(0);
    const release = ran.outputs['release']!;
    expect(release).toMatch(/^\d{8}T\d{6}Z-[0-9a-f]{7}$/);
    expect(ran.outputs).toMatchObject({ result: 'success', 'previous-release': '', switched: 'true', evidence: expect.stringMatching(/evidence\.jsonl$/) });
    expect(ran.evidence.map(({ status: outcome }) => outcome)).not.toContain('fail');
    expect(ran.summary).toContain(release);
    expect(await current(host, work)).toBe(release);
    expect(await answer(host, PORT)).toMatchObject({ release });
    expect(await states(work)).toEqual({ [release]: 'good' });
    const [service] = (await status(work)).services;
    expect(service).toMatchObject({ name: 'web', manager: 'pm2', health: 'ok', folder: `${work.root}/releases/${release}`, pids: expect.stringMatching(/^\d+,\d+$/) });
    await expectNothingLeft(host, work);
    made['A'] = release;
  }, 120_000);

  test('sends only what changed, over one connection and with at most six calls beside the install', async () => {
    // From here to the last test without migrations: each of their steps is a call of its own.
    await work.configure({ databases: undefined });
    await work.commit({ 'src/app.js': `${await readFile(join(work.folder, 'src/app.js'), 'utf8')}\n// A change.\n` });
    const { deploy, smoke } = await deployAndSmoke();
    expect([deploy.code, smoke.code]).toEqual([0, 0]);
    const release = deploy.outputs['release']!;
    expect(deploy.outputs).toMatchObject({ result: 'success', 'previous-release': made['A'], switched: 'true' });
    const staged = deploy.evidence.find(({ id }) => id === 'deploy.stage')!;
    expect(staged.data).toMatchObject({ filesSent: 1, bytesSent: expect.any(Number) });
    expect(staged.data!['bytesSent']).toBeLessThan(45_000);
    // One install command: everything else is ours.
    const [, calls] = /::debug::.*: (\d+) exec calls,.*one connection/.exec(deploy.log) ?? [];
    expect(Number(calls) - 1).toBeLessThanOrEqual(6);
    expect(deploy.summary).toContain('slipway rollback production');
    expect(await answer(host, PORT)).toMatchObject({ release });
    // Deploy leaves the release to be proven; smoke makes it good.
    expect(deploy.log).toContain('smoke confirms it');
    expect(await states(work)).toEqual({ [made['A']!]: 'good', [release]: 'good' });
    await expectNothingLeft(host, work);
    made['A'] = release;
  }, 120_000);

  test('stays as it was when the install fails', async () => {
    const dependencies = await readFile(join(work.folder, 'package.json'), 'utf8');
    await work.commit({ 'package.json': dependencies.replace('"express": "5.3.0"', '"express": "5.3.0",\n    "left-pad": "1.3.0"') });
    const before = await answer(host, PORT);
    const ran = await runAction('deploy', { workspace: work.folder, inputs: inputs() });
    expect(ran.code).toBe(1);
    expect(ran.log).toMatch(/::error.*install of web \(`npm ci --omit=dev`\) failed with exit code 1:[\s\S]*left-pad[\s\S]*Nothing was switched/);
    expect(ran.outputs).toMatchObject({ result: 'failure', switched: 'false', release: expect.any(String), 'previous-release': made['A'] });
    expect(ran.summary).toContain('left-pad');
    expect(await current(host, work)).toBe(made['A']);
    expect(await answer(host, PORT)).toMatchObject({ release: before['release'] });
    await expectNothingLeft(host, work);
    await work.commit({ 'package.json': dependencies });
  }, 120_000);

  test('goes back by itself when the new release is not healthy, and shows its last words', async () => {
    const server = await readFile(join(work.folder, 'src/server.js'), 'utf8');
    await work.commit({ 'src/server.js': `console.error('the database moved');\nprocess.exit(3);\n` });
    await work.configure({ 'services.web.health.within': '4s' });
    const ran = await runAction('deploy', { workspace: work.folder, inputs: inputs() });
    expect(ran.code).toBe(1);
    expect(ran.log).toMatch(/::error[^]*the host went back to .*, which is healthy[^]*the database moved/);
    expect(ran.outputs).toMatchObject({ result: 'failure', switched: 'false' });
    expect(await current(host, work)).toBe(made['A']);
    expect(await answer(host, PORT)).toMatchObject({ release: made['A'] });
    expect((await states(work))[ran.outputs['release']!]).toBe('bad');
    await expectNothingLeft(host, work);
    await work.commit({ 'src/server.js': server });
    await work.configure({ 'services.web.health.within': '30s' });
  }, 120_000);

  test('rolls back in the same go-live when smoke fails', async () => {
    const app = await readFile(join(work.folder, 'src/app.js'), 'utf8');
    await work.commit({ 'src/app.js': app.replaceAll('Slipway example', 'Something else') });
    const ran = await runAction('go-live', { workspace: work.folder, inputs: inputs() });
    expect(ran.code).toBe(1);
    const release = ran.outputs['release']!;
    expect(ran.outputs).toMatchObject({ result: 'failure', switched: 'false', 'previous-release': made['A'] });
    expect(ran.log).toMatch(/::error[^]*smoke: 1 of \d+ steps failed[^]*Went back to/);
    expect(ran.summary).toContain(`${release} failed smoke; went back to ${made['A']}`);
    expect(await current(host, work)).toBe(made['A']);
    expect(await answer(host, PORT)).toMatchObject({ release: made['A'] });
    expect((await states(work))[release]).toBe('bad');
    await expectNothingLeft(host, work);
    await work.commit({ 'src/app.js': app });
  }, 120_000);

  test('says so when neither the new release nor the one gone back to passes', async () => {
    const scenarios = parse(await readFile(join(work.folder, 'slipway.yml'), 'utf8')) as { smoke: unknown };
    await work.configure({ smoke: [{ name: 'never', run: 'false' }] });
    const ran = await runAction('go-live', { workspace: work.folder, inputs: inputs() });
    await work.configure({ smoke: scenarios.smoke });
    expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false', 'previous-release': made['A'] } });
    expect(ran.summary).toContain(`${ran.outputs['release']!} failed smoke; went back to ${made['A']}, which does not pass either`);
    expect(await current(host, work)).toBe(made['A']);
    expect(await answer(host, PORT)).toMatchObject({ release: made['A'] });
    await expectNothingLeft(host, work);
  }, 120_000);

  test('rollback without arguments passes over bad releases to the last good one', async () => {
    const before = await items();
    expect(before.length).toBeGreaterThan(0);
    // Live, and never confirmed: B, then C.
    for (const name of ['B', 'C']) {
      await work.commit({ 'src/note.js': `// ${name}\n` });
      const ran = await runAction('deploy', { workspace: work.folder, inputs: inputs() });
      expect(ran.code).toBe(0);
      made[name] = ran.outputs['release']!;
    }
    expect(await current(host, work)).toBe(made['C']);
    const ran = await runAction('rollback', { workspace: work.folder, inputs: { ...inputs(), reason: 'prices are wrong' } });
    expect(ran.code).toBe(0);
    expect(ran.outputs).toMatchObject({ result: 'success', release: made['A'], 'previous-release': made['C'], switched: 'true' });
    expect(ran.log).toMatch(/rollback took .* of 10 min/);
    expect(await current(host, work)).toBe(made['A']);
    expect(await answer(host, PORT)).toMatchObject({ release: made['A'] });
    const left = (await releases(work)).find(({ id }) => id === made['C']);
    expect(left).toMatchObject({ state: 'bad', reason: 'prices are wrong' });
    expect(await items()).toEqual(expect.arrayContaining(before));
    await expectNothingLeft(host, work);
  }, 180_000);

  test('a second rollback refuses, and changes nothing', async () => {
    const [service] = (await status(work)).services;
    const ran = await runAction('rollback', { workspace: work.folder, inputs: inputs() });
    expect(ran.code).toBe(1);
    expect(ran.outputs).toMatchObject({ result: 'failure', switched: 'false' });
    expect(ran.log).toMatch(/nothing to do: .* is live, it is good, and the newer releases are marked bad/);
    expect(await current(host, work)).toBe(made['A']);
    expect((await status(work)).services[0]!.pids).toBe(service!.pids);
    await expectNothingLeft(host, work);
  }, 60_000);

  test('a named rollback goes to a good release only', async () => {
    const unknown = await runAction('rollback', { workspace: work.folder, inputs: { ...inputs(), release: '20200101T000000Z-0000000' } });
    expect(unknown.code).toBe(1);
    expect(unknown.log).toContain('there is no release 20200101T000000Z-0000000');
    const bad = await runAction('rollback', { workspace: work.folder, inputs: { ...inputs(), release: made['C']! } });
    expect(bad.code).toBe(1);
    expect(bad.log).toMatch(/release .* is bad, not good \(prices are wrong\)/);

    await work.commit();
    const { deploy, smoke } = await deployAndSmoke();
    expect([deploy.code, smoke.code]).toEqual([0, 0]);
    const ran = await runAction('rollback', { workspace: work.folder, inputs: { ...inputs(), release: made['A']! } });
    expect(ran.code).toBe(0);
    expect(await answer(host, PORT)).toMatchObject({ release: made['A'] });
    expect(await items()).toContain('smoke');
    await expectNothingLeft(host, work);
  }, 180_000);

  test('Postgrator takes the schema up with a release and down with its rollback; every row stays', async () => {
    const before = await items();
    await work.configure({ databases });
    await work.commit(newer);
    const up = await runAction('deploy', { workspace: work.folder, inputs: inputs() });
    expect(up.log).toContain('2 items-done: do');
    expect(up.log).toContain('schema 1 → 2');
    expect(up).toMatchObject({ code: 0, outputs: { result: 'success' } });
    const migrated = await rows();
    expect(migrated.map(({ name }) => name)).toEqual(before);
    expect(new Set(migrated.map(({ done }) => done))).toEqual(new Set([0]));

    const down = await runAction('rollback', { workspace: work.folder, inputs: { ...inputs(), 'restore-database': 'down' } });
    expect(down).toMatchObject({ code: 0, outputs: { release: made['A'] } });
    expect((await host.run(`sqlite3 ${work.root}/shared/database/app.db 'SELECT max(version) FROM schemaversion'`)).stdout).toBe('1\n');
    expect(await answer(host, PORT)).toMatchObject({ release: made['A'] });
    const left = await rows();
    // The last one is of the rollback's own smoke.
    expect(left.map(({ name }) => name)).toEqual([...before, 'smoke']);
    expect(left.filter((row) => 'done' in row)).toEqual([]);
    await expectNothingLeft(host, work);
  }, 120_000);
});
