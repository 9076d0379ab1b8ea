import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finish } from './docker.js';
import { type Host, startHost } from './harness.js';
import { runAction, runCli } from './run-action.js';
import { expectNothingLeft, listing } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

let host: Host;
let work: Workspace;
let keys: string;

beforeAll(async () => {
  host = await startHost();
  keys = await mkdtemp(join(tmpdir(), 'slipway-keys-'));
  work = await workspace(host, { kind: 'tiny', changes: { services: undefined } });
}, 180_000);

afterAll(async () => {
  await host.stop();
  await rm(keys, { recursive: true, force: true });
  await work.remove();
});

const PIN = 'environments.production.hosts.0.host-key';
const ADDRESS = 'environments.production.hosts.0.address';

async function fingerprint(line: string): Promise<string> {
  const made = await finish('ssh-keygen', ['-lf', '-'], { input: `${line}\n` });
  return made.stdout.split(' ')[1]!;
}

/** A deploy that must fail, with nothing written on the host. */
async function refused(inputs: Readonly<Record<string, string>> = work.inputs, on = host): Promise<string> {
  const before = await listing(on, '/srv /home/deploy');
  const ran = await runAction('deploy', { workspace: work.folder, inputs });
  expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false' } });
  expect(await listing(on, '/srv /home/deploy')).toBe(before);
  expect(ran.log).not.toContain('lease taken');
  return ran.log;
}

describe('a host whose key', () => {
  test('is not pinned stops the run, and shows the fingerprint and the very line to add', async () => {
    await work.configure({ [PIN]: undefined });
    const log = await refused();
    expect(log).toContain(await fingerprint(host.hostKeyLine));
    expect(log).toContain(`host-key: ${host.hostKeyLine}`);
    // The line it shows is the line that works.
    const [, line] = /host-key: (ssh-ed25519 \S+)/.exec(log)!;
    await work.configure({ [PIN]: line });
    expect(await runAction('deploy', { workspace: work.folder, inputs: work.inputs })).toMatchObject({ code: 0 });
    await expectNothingLeft(host, work);
  }, 60_000);

  test('has changed stops the run, with the fingerprints offered and pinned', async () => {
    const made = join(keys, 'other');
    await finish('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', made]);
    const other = (await readFile(`${made}.pub`, 'utf8')).split(' ').slice(0, 2).join(' ');
    await work.configure({ [PIN]: other });
    const log = await refused();
    expect(log).toContain(await fingerprint(host.hostKeyLine));
    expect(log).toContain(await fingerprint(other));
    await work.configure({ [PIN]: host.hostKeyLine });
  }, 60_000);

  test('stands in the known-hosts input is trusted, and one of another type is found by what is pinned', async () => {
    await work.configure({ [PIN]: undefined });
    expect(await runAction('deploy', { workspace: work.folder, inputs: { ...work.inputs, 'known-hosts': host.knownHosts } })).toMatchObject({ code: 0 });
    await work.configure({ [PIN]: host.hostKeys.find((key) => key.startsWith('ssh-rsa'))! });
    expect(await runAction('deploy', { workspace: work.folder, inputs: work.inputs })).toMatchObject({ code: 0 });
    await work.configure({ [PIN]: host.hostKeyLine });
  }, 60_000);

  test('is shown by trust, all types of it, without any trust', async () => {
    await work.configure({ [PIN]: undefined });
    const shown = await runCli(['trust', 'production'], { workspace: work.folder });
    expect(shown.code).toBe(0);
    for (const key of host.hostKeys) {
      expect(shown.stdout).toContain(key);
      expect(shown.stdout).toContain(await fingerprint(key));
    }
    await work.configure({ [PIN]: host.hostKeyLine });
    expect((await runCli(['trust', 'production'], { workspace: work.folder })).stdout).toMatch(/SHA256:\S+ {2}\(pinned\)/);
  }, 60_000);
});

describe('a private key', () => {
  test.each([
    ['with a wrong passphrase', 'The passphrase does not open the private key.', async () => ({ 'ssh-private-key': await encrypted(), 'ssh-passphrase': 'wrong' })],
    ['without its passphrase', 'The private key is encrypted and no passphrase was given.', async () => ({ 'ssh-private-key': await encrypted() })],
    ['with Windows line ends', 'The private key has Windows line ends (CRLF).', async () => ({ 'ssh-private-key': host.clientKey.replaceAll('\n', '\r\n') })],
    ['that is the public one', 'This is a public key, not a private key.', async () => ({ 'ssh-private-key': host.clientPublicKey })],
    ['on one line', 'The private key has lost its line breaks', async () => ({ 'ssh-private-key': host.clientKey.replaceAll('\n', ' ') })],
    ['that the host does not know', 'SHA256:', async () => ({ 'ssh-private-key': await stranger() })],
  ])('%s: its own message, before anything is done', async (_, message, inputs) => {
    const given = await inputs();
    const log = await refused({ ...work.inputs, ...given });
    expect(log).toContain(message);
    expect(log).not.toContain('attempted methods');
    // Never any of the key itself.
    expect(log).not.toContain(given['ssh-private-key'].split('\n')[1] ?? 'BEGIN');
  }, 60_000);

  test('with the right passphrase opens the host', async () => {
    const key = await encrypted();
    const authorized = await readFile(join(keys, 'encrypted.pub'), 'utf8');
    await host.run('cat >> /home/deploy/.ssh/authorized_keys', { input: authorized });
    expect(await runAction('deploy', { workspace: work.folder, inputs: { ...work.inputs, 'ssh-private-key': key, 'ssh-passphrase': 'right' } })).toMatchObject({ code: 0 });
  }, 60_000);

  async function encrypted(): Promise<string> {
    const file = join(keys, 'encrypted');
    await finish('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'right', '-f', file], { input: 'n\n' });
    return readFile(file, 'utf8');
  }

  async function stranger(): Promise<string> {
    const file = join(keys, 'stranger');
    await finish('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file], { input: 'n\n' });
    return readFile(file, 'utf8');
  }
});

describe('the way to a host', () => {
  test('leads through a jump host, each with its own pin', async () => {
    const inner = await startHost();
    try {
      await inner.run('install -d -o deploy -g deploy /srv/tiny');
      const jump = { address: host.address, 'host-key': host.hostKeyLine };
      await work.configure({ [ADDRESS]: `deploy@${inner.innerAddress}`, [PIN]: inner.hostKeyLine, 'environments.production.hosts.0.jump': jump });
      const ran = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
      expect(ran).toMatchObject({ code: 0 });
      expect((await inner.run('readlink /srv/tiny/current')).stdout).toContain(ran.outputs['release']);

      await work.configure({ 'environments.production.hosts.0.jump': { address: host.address } });
      const unpinned = await refused(work.inputs, inner);
      expect(unpinned).toContain(`at jump host ${host.address}`);
      expect(unpinned).toContain(`host-key: ${host.hostKeyLine}`);

      await work.configure({ 'environments.production.hosts.0.jump': jump, [PIN]: undefined });
      expect(await refused(work.inputs, inner)).toContain(`host-key: ${inner.hostKeyLine}`);
    } finally {
      await inner.stop();
      await work.configure({ [ADDRESS]: host.address, [PIN]: host.hostKeyLine, 'environments.production.hosts.0.jump': undefined });
    }
  }, 120_000);

  test('closed to a second session says which setting of sshd it is', async () => {
    await host.run("printf 'MaxSessions 1\\n' > /etc/ssh/sshd_config.d/000-one.conf && systemctl restart ssh.service");
    try {
      const ran = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
      expect(ran).toMatchObject({ code: 1 });
      expect(ran.log).toMatch(/::error::[^]*MaxSessions/);
    } finally {
      await host.run('rm /etc/ssh/sshd_config.d/000-one.conf && systemctl restart ssh.service');
    }
    expect(await runAction('deploy', { workspace: work.folder, inputs: work.inputs })).toMatchObject({ code: 0 });
    await expectNothingLeft(host, work);
  }, 60_000);
});
