import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedHost, type EmbeddedHost } from '../support/embedded-host.js';
import { bundles } from './bundle.js';
import { everything, Job, type Ran, type RunOptions, runCli } from './run-action.js';

/** The bundle as a runner starts it, against an SSH server in this process: what a step of a job tells, whatever went wrong. */

const ROOT = '/srv/slipway-closed-test';

let host: EmbeddedHost;
let workspace: string;

beforeAll(async () => {
  host = await startEmbeddedHost({ root: ROOT });
  workspace = await mkdtemp(join(tmpdir(), 'slipway-closed-'));
  await writeFile(join(workspace, 'index.html'), 'hello');
  await bundles();
}, 300_000);
afterAll(async () => {
  await host.stop();
  await rm(workspace, { recursive: true, force: true });
});
afterEach(() => host.mend());

const name = (): string => `${host.user}@${host.address}:${host.port}`;

/** `once` runs on the host before the switch. */
async function configure(once = 'true'): Promise<void> {
  await writeFile(join(workspace, 'slipway.yml'), `app: closed
environments: { production: { root: ${ROOT}, hosts: [{ address: "${name()}", host-key: ${host.hostKeyLine} }] } }
release: { include: [index.html], once: [${JSON.stringify(once)}] }
`);
}

/** One deploy, with everything it left on its runner. */
async function deploy(options: RunOptions = {}): Promise<Ran & { left: string; delimiters: string[] }> {
  const job = await Job.begin(workspace, { inputs: { environment: 'production', 'ssh-private-key': host.clientKey } });
  const ran = await job.run('deploy', options);
  const left = await everything(job.temp);
  const written = await readFile(join(job.temp, 'step-1', 'output'), 'utf8');
  await job.end();
  return { ...ran, left, delimiters: [...written.matchAll(/^[\w-]+<<(.+)$/gm)].map(([, delimiter = '']) => delimiter) };
}

/** A preload that lets the first look at the configuration wait for ever, with nothing left that could wake the process. */
async function neverSettles(): Promise<Record<string, string>> {
  const file = join(workspace, 'hang.cjs');
  await writeFile(file, `const files = require('node:fs/promises');
const { readFile } = files;
files.readFile = (path, ...rest) => (String(path).endsWith('slipway.yml') ? new Promise(() => undefined) : readFile(path, ...rest));
`);
  return { NODE_OPTIONS: `--require ${file}` };
}

test('a promise that nobody settles is red and says so; the outputs are written', async () => {
  await configure();
  const env = await neverSettles();
  const ran = await deploy({ env });
  expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false' } });
  expect(ran.log).toMatch(/::error::.*nothing was left to wait for/);
  expect(ran.summary).toContain('nothing was left to wait for');
  const shown = await runCli(['status', 'production', '--identity', join(workspace, 'slipway.yml')], { workspace, env });
  expect(shown).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing was left to wait for') });
});

test.each([
  ['that fails', 'echo "first line" >&2; echo "the queue is away" >&2; exit 3', 'exit code 3'],
  ['that is killed', 'echo "the queue is away" >&2; kill -9 $$', 'exit code 137'],
])('a command on a host %s is red: host, step, exit code and its last words; outputs have a delimiter that nobody can guess', async (_, command, code) => {
  await configure(command);
  const ran = await deploy();
  expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false', release: expect.stringMatching(/^\d{8}T/), evidence: expect.any(String) } });
  const [, error = ''] = /^::error::([^]*?)(?:\n::|$)/m.exec(ran.log) ?? [];
  expect(error).toContain(name());
  expect(error).toContain(command);
  expect(error).toContain(code);
  expect(error).toContain('the queue is away');
  expect(ran.summary).toContain('the queue is away');
  expect(ran.evidence.filter(({ status }) => status === 'fail')).toMatchObject([{ subject: name(), observed: expect.stringContaining('the queue is away') }]);
  expect(ran.delimiters.length).toBeGreaterThan(3);
  expect(new Set(ran.delimiters).size).toBe(ran.delimiters.length);
  for (const delimiter of ran.delimiters) expect(delimiter).toMatch(/[0-9a-f]{8}-[0-9a-f-]{27}$/);
});

test('a link that is lost, and a command that ends without an exit code, are red', async () => {
  await configure('echo mark-of-the-command');
  host.faults.noExitCode = /mark-of-the-command/;
  const silent = await deploy();
  expect(silent).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false' } });
  expect(silent.log).toMatch(/::error::[^]*without an exit code/);
  host.mend();
  host.faults.dropAfter = 12_000;
  const cut = await deploy();
  expect(cut).toMatchObject({ code: 1, outputs: { result: 'failure' } });
  expect(cut.log).toMatch(new RegExp(`::error::[^]*${name().replaceAll('.', '\\.')}[^]*(lost|broke|closed)`));
});

test('what a command that succeeds writes to stderr is shown as a line like any other', async () => {
  await configure('echo "npm warn deprecated" >&2');
  const ran = await deploy();
  expect(ran).toMatchObject({ code: 0, outputs: { result: 'success', switched: 'true' } });
  expect(ran.log).toContain('npm warn deprecated');
  expect(ran.log).not.toMatch(/::(error|warning)|err(or)?:/);
});

test('variables of the job that are called like our inputs, or like parts of an address, change nothing; the key is nowhere', async () => {
  await configure();
  const env = {
    PORT: '1', HOST: '192.0.2.1', HOSTNAME: 'elsewhere', USERNAME: 'root', USER: 'root', KEY: 'none', PASSWORD: 'none', TIMEOUT: '1ms', ENVIRONMENT: 'nowhere', CONFIG: 'none.yml', PLAN: 'true',
    'SSH-PRIVATE-KEY': 'none', SSH_PRIVATE_KEY: 'none', INPUT_SSH_PRIVATE_KEY: 'none', INPUT_PORT: '1', INPUT_HOST: '192.0.2.1', RELEASE: 'other', PROXY_HOST: '192.0.2.2',
  };
  const ran = await deploy({ env });
  expect(ran).toMatchObject({ code: 0, outputs: { result: 'success', switched: 'true' } });
  // Neither the log nor a file of the runner or of the host has a line of the key.
  const [, line = ''] = host.clientKey.split('\n');
  expect(line.length).toBeGreaterThan(40);
  const shown = { log: ran.log, outputs: JSON.stringify(ran.outputs), runner: ran.left, host: await everything(host.home), commands: host.commands.join('\n') };
  expect(Object.entries(shown).filter(([, text]) => text.includes(line)).map(([place]) => place)).toEqual([]);
});

test('help takes no lease and asks no host; a rollback with nothing to go back to is red', async () => {
  await configure();
  const before = host.connections;
  const help = await runCli(['rollback', '--help'], { workspace });
  expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('slipway rollback') });
  expect(await runCli(['rollback', 'production', '--help'], { workspace })).toMatchObject({ code: 0, stdout: expect.stringContaining('slipway rollback') });
  expect(host.connections).toBe(before);
  const identity = join(workspace, 'identity');
  await writeFile(identity, host.clientKey, { mode: 0o600 });
  expect(await deploy()).toMatchObject({ code: 0 });
  const unknown = await runCli(['rollback', 'production', '--identity', identity, '--release', '20260101T000000Z-0000000'], { workspace });
  expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no release 20260101T000000Z-0000000') });
});
