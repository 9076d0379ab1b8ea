import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Host, startHost } from './harness.js';
import { runAction } from './run-action.js';
import { answer, current, expectNothingLeft, states, status } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

const PORT = 3001;

let host: Host;
let work: Workspace;
let good: string;

beforeAll(async () => {
  host = await startHost({ publish: [PORT] });
  work = await workspace(host, { kind: 'tiny', port: PORT, changes: { 'services.web.health.within': '4s' } });
}, 180_000);

afterAll(async () => {
  await host.stop();
  await work.remove();
});

const deploy = (): ReturnType<typeof runAction> => runAction('deploy', { workspace: work.folder, inputs: work.inputs });

test('a first release that is not healthy is stopped: there is nothing to go back to', async () => {
  await work.commit({ crash: 'no configuration' });
  const ran = await deploy();
  expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false', 'previous-release': '' } });
  expect(ran.log).toMatch(/::error::[^]*its services were stopped[^]*cannot start: no configuration/);
  expect(await current(host, work)).toBe('');
  expect((await host.run('pm2 jlist', { user: 'deploy' })).stdout).toContain('[]');
  await expectNothingLeft(host, work);
  await work.commit({ crash: undefined });
  const next = await deploy();
  expect(next.code).toBe(0);
  good = next.outputs['release']!;
  expect(await answer(host, PORT)).toMatchObject({ release: good });
}, 120_000);

test('an app that answers with errors is not healthy: the status code, its log, and the way back', async () => {
  await work.commit({ sick: 'the queue is away' });
  const ran = await deploy();
  expect(ran.code).toBe(1);
  expect(ran.log).toMatch(/::error::[^]*HTTP 503[^]*the host went back to[^]*sick: the queue is away/);
  expect(await answer(host, PORT)).toMatchObject({ release: good });
  expect((await states(work))[ran.outputs['release']!]).toBe('bad');
  await expectNothingLeft(host, work);
  await work.commit({ sick: undefined });
}, 120_000);

describe('a process that', () => {
  test('keeps working in the old folder is found out', async () => {
    await work.commit({ 'server.cjs': `process.chdir(${JSON.stringify(`${work.root}/releases/${good}`)});\nrequire('${work.root}/releases/${good}/server.cjs');\n` });
    const ran = await deploy();
    expect(ran.code).toBe(1);
    expect(ran.log).toMatch(new RegExp(`process \\d+ still works in ${work.root}/releases/${good}, not in release`));
    expect(await answer(host, PORT)).toMatchObject({ release: good });
    await expectNothingLeft(host, work);
  }, 120_000);

  test('dies again and again is not healthy between two deaths', async () => {
    await work.commit({
      'server.cjs': `const http = require('http');
http.createServer((request, response) => response.end('ok')).listen(Number(process.env.PORT), '0.0.0.0');
setTimeout(() => { console.error('out of luck'); process.exit(1); }, 700);
`,
    });
    await work.configure({ 'services.web.health.successes': 6 });
    const ran = await deploy();
    await work.configure({ 'services.web.health.successes': undefined });
    expect(ran.code).toBe(1);
    expect(ran.log).toContain('out of luck');
    expect(await current(host, work)).toBe(good);
    expect(await answer(host, PORT)).toMatchObject({ release: good });
  }, 120_000);
});

test('a restart of the app is counted, and shown by status', async () => {
  const before = (await status(work)).services[0]!;
  await host.run(`kill -9 ${before.pids}`);
  const end = Date.now() + 45_000;
  let now = before;
  while ((now.pids === before.pids || now.pids === '') && Date.now() < end) now = (await status(work)).services[0]!;
  expect(Number(now.restarts)).toBe(Number(before.restarts) + 1);
}, 60_000);

test('a port taken by a stranger makes the new release unhealthy', async () => {
  await work.commit({ 'server.cjs': await originalServer() });
  await host.run('systemd-run --unit stranger node -e \'require("http").createServer((q, s) => { s.statusCode = 418; s.end() }).listen(3999)\'');
  await work.configure({ 'services.web.port': 3999 });
  const ran = await deploy();
  expect(ran.code).toBe(1);
  expect(ran.log).toMatch(/::error::[^]*EADDRINUSE/);
  expect(await current(host, work)).toBe(good);
  expect(await answer(host, PORT)).toMatchObject({ release: good });
  await expectNothingLeft(host, work);
  await host.run('systemctl stop stranger');
  await work.configure({ 'services.web.port': PORT });
}, 120_000);

test('a service that is no longer in the configuration is stopped, and a rollback brings it back', async () => {
  await work.configure({ services: {} });
  const ran = await deploy();
  expect(ran.code).toBe(0);
  expect((await host.run('pm2 jlist', { user: 'deploy' })).stdout).toContain('[]');
  const back = await runAction('rollback', { workspace: work.folder, inputs: work.inputs });
  expect(back).toMatchObject({ code: 0, outputs: { release: good } });
  expect(await answer(host, PORT)).toMatchObject({ release: good });
  await expectNothingLeft(host, work);
}, 120_000);

async function originalServer(): Promise<string> {
  return (await host.run(`cat ${work.root}/releases/${good}/server.cjs`)).stdout;
}
