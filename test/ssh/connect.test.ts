import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { UserError } from '../../src/evidence/errors.js';
import { connect } from '../../src/ssh/connect.js';
import { offeredHostKeys } from '../../src/ssh/offered.js';
import { parsePrivateKey } from '../../src/ssh/private-key.js';
import { parsePublicKey } from '../../src/ssh/public-key.js';
import { lineOf, makeKey, startEmbeddedHost, type EmbeddedHost } from '../support/embedded-host.js';
import { freePort } from '../support/free-port.js';
import { refusalOf, until } from './support.js';

const HOST_KINDS = ['ed25519', 'ecdsa', 'rsa'] as const;
let host: EmbeddedHost;
let key: { privateKey: string };
beforeAll(async () => {
  host = await startEmbeddedHost({ hostKeys: HOST_KINDS });
  key = { privateKey: host.clientKey };
});
afterEach(() => { host.mend(); });
afterAll(async () => { await host.stop(); });

const fingerprintOf = (line: string) => parsePublicKey(line)?.fingerprint ?? 'unreadable';

describe('a connection that is not made says why', () => {
  test('the name is not known', async () => {
    const error = await refusalOf(connect(host.hostAddress({ address: 'no-such-host.invalid' }), key));
    expect(error).toMatchObject({ kind: 'dns' });
    expect(error.message).toContain('no-such-host.invalid');
  });

  test('nothing listens on the port', async () => {
    const error = await refusalOf(connect(host.hostAddress({ port: await freePort() }), key));
    expect(error).toMatchObject({ kind: 'refused' });
    expect(error.message).toMatch(/127\.0\.0\.1:\d+ refused/);
  });

  test('a name with several addresses is tried on all of them', async () => {
    const connection = await connect(host.hostAddress({ address: 'localhost' }), key);
    expect(await connection.exec('true')).toMatchObject({ code: 0 });
    await connection.close();
    expect(await refusalOf(connect(host.hostAddress({ address: 'localhost', port: await freePort() }), key))).toMatchObject({ kind: 'refused' });
  });

  test('there is no route', async () => {
    // Linux refuses TCP to the broadcast address by itself: nothing leaves the machine.
    expect(await refusalOf(connect(host.hostAddress({ address: '255.255.255.255' }), key))).toMatchObject({ kind: 'unreachable' });
  });

  test('the port does not answer at all', async () => {
    const silent = await silentPort();
    const error = await refusalOf(connect(host.hostAddress({ port: silent.port, connectTimeout: 1_000 }), key));
    await silent.stop();
    expect(error).toMatchObject({ kind: 'timeout' });
    expect(error.message).toMatch(/did not answer within 1 s/);
    expect(error.remedy).toMatch(/firewall/i);
  });

  test('the port accepts and says nothing', async () => {
    host.faults.silent = true;
    const error = await refusalOf(connect(host.hostAddress({ connectTimeout: 4_000 }), key));
    expect(error).toMatchObject({ kind: 'not-ssh' });
    expect(error.message).toMatch(/said nothing within 4 s/);
  });

  test.each([
    ['HTTP/1.1 400 Bad Request\r\n\r\n', /answered: HTTP\/1\.1 400 Bad Request/],
    ['220 mail.example.com ESMTP\r\n', /answered: 220 mail/],
    ['\x16\x03\x01\x02', /answered: ····/],
    ['', /closed before anything was said/],
    ['Not allowed at this time\r\n', /answered: Not allowed/],
  ])('another service answers: %j', async (banner, message) => {
    host.faults.banner = banner;
    const error = await refusalOf(connect(host.hostAddress(), key));
    expect(error).toMatchObject({ kind: 'not-ssh' });
    expect(error.message).toMatch(message);
  });

  test('a server that turns logins away for a moment is asked again, one that keeps doing so is named', async () => {
    host.faults.banner = 'Exceeded MaxStartups\r\n';
    const relief = setTimeout(() => { host.mend(); }, 500);
    const connection = await connect(host.hostAddress({ connectTimeout: 20_000 }), key);
    clearTimeout(relief);
    await connection.close();
    host.faults.banner = 'Exceeded MaxStartups\r\n';
    const error = await refusalOf(connect(host.hostAddress({ connectTimeout: 4_000 }), key));
    expect(error).toMatchObject({ kind: 'busy' });
    expect(error.message).toMatch(/turns logins away.*MaxStartups/);
  });

  test('there is no common algorithm, and which ones the server has', async () => {
    const old = await startEmbeddedHost({ algorithms: { kex: ['diffie-hellman-group1-sha1'] } });
    const error = await refusalOf(connect(old.hostAddress(), { privateKey: old.clientKey }));
    await old.stop();
    expect(error).toMatchObject({ kind: 'kex' });
    expect(error.message).toMatch(/no matching key exchange algorithm[^]*diffie-hellman-group1-sha1/);
  });

  test('the connection breaks during the key exchange', async () => {
    host.faults.dropAfter = 100;
    expect(await refusalOf(connect(host.hostAddress(), key))).toMatchObject({ kind: 'kex' });
  });

  test('it is stopped from outside, before and during', async () => {
    host.faults.silent = true;
    const stop = new AbortController();
    const before = host.connections;
    const running = refusalOf(connect(host.hostAddress(), key, { signal: stop.signal }));
    await until(() => host.connections > before);
    stop.abort();
    expect(await running).toMatchObject({ kind: 'aborted' });
    expect(await refusalOf(connect(host.hostAddress(), key, { signal: stop.signal }))).toMatchObject({ kind: 'aborted' });
  });

  test('the key cannot be read: nothing is dialled', async () => {
    const before = host.connections;
    await expect(connect(host.hostAddress(), { privateKey: host.hostKeyLine })).rejects.toThrow(/public key, not a private key/);
    expect(host.connections).toBe(before);
  });
});

describe('host keys', () => {
  const other = lineOf(makeKey('ed25519'));

  test.each(HOST_KINDS.map((kind, index) => [kind, index] as const))('one pinned %s key of several is enough, whatever the server prefers', async (_kind, index) => {
    const connection = await connect(host.hostAddress({ hostKeys: [host.hostKeyLines[index] ?? ''] }), key);
    await connection.close();
  });

  test('several may be pinned, of the same type too', async () => {
    const connection = await connect(host.hostAddress({ hostKeys: [other, `${host.hostKeyLine} root@host`] }), key);
    await connection.close();
  });

  test('may be pinned in known_hosts text', async () => {
    const knownHosts = `[127.0.0.1]:${host.port} ${host.hostKeyLine}\n`;
    const connection = await connect(host.hostAddress({ hostKeys: [] }), { ...key, knownHosts });
    await connection.close();
  });

  test('none pinned: the error has type, fingerprint and the line to add, and nothing was run', async () => {
    const before = host.commands.length;
    const error = await refusalOf(connect(host.hostAddress({ hostKeys: [] }), key));
    expect(error).toMatchObject({ kind: 'host-key-unknown' });
    expect(error.message).toContain(`ssh-ed25519 ${fingerprintOf(host.hostKeyLine)}`);
    expect(error.remedy).toContain(`host-key: ${host.hostKeyLine}`);
    expect(host.commands).toHaveLength(before);
  });

  test('another one than pinned: the error has both fingerprints', async () => {
    const error = await refusalOf(connect(host.hostAddress({ hostKeys: [other] }), key));
    expect(error).toMatchObject({ kind: 'host-key-changed' });
    expect(error.message).toContain(`offered: ssh-ed25519 ${fingerprintOf(host.hostKeyLine)}`);
    expect(error.message).toContain(`pinned:  ssh-ed25519 ${fingerprintOf(other)}`);
  });

  test('of another type than pinned: the error names both', async () => {
    const plain = await startEmbeddedHost({ hostKeys: ['ecdsa'] });
    const error = await refusalOf(connect(plain.hostAddress({ hostKeys: [other] }), { privateKey: plain.clientKey }));
    await plain.stop();
    expect(error).toMatchObject({ kind: 'host-key-changed' });
    expect(error.message).toMatch(/offered: ecdsa-sha2-nistp256 SHA256:[^]*pinned: {2}ssh-ed25519 SHA256:/);
  });

  test('revoked: refused although it is pinned', async () => {
    const knownHosts = `@revoked * ${host.hostKeyLine}`;
    const error = await refusalOf(connect(host.hostAddress({ hostKeys: [host.hostKeyLine] }), { ...key, knownHosts }));
    expect(error).toMatchObject({ kind: 'host-key-revoked' });
    expect(error.message).toContain(fingerprintOf(host.hostKeyLine));
  });

  test('a pin that cannot be read is said before anything is dialled', async () => {
    const before = host.connections;
    await expect(connect(host.hostAddress({ hostKeys: ['ssh-ed25519 AAAA'] }), key)).rejects.toThrow(UserError);
    await expect(connect(host.hostAddress(), { ...key, knownHosts: `@cert-authority * ${other}` })).rejects.toThrow(/^known-hosts:1/);
    expect(host.connections).toBe(before);
  });

  test('are all listed for pinning, one per type', async () => {
    const offered = await offeredHostKeys(host.hostAddress({ hostKeys: [] }));
    expect(offered.map((one) => one.line)).toEqual(host.hostKeyLines);
    expect(offered.map((one) => one.fingerprint)).toEqual(host.hostKeyLines.map(fingerprintOf));
    expect(await refusalOf(offeredHostKeys(host.hostAddress({ port: await freePort() })))).toMatchObject({ kind: 'refused' });
  });
});

describe('the login', () => {
  test('is refused to another key: what was tried and what the server takes', async () => {
    const wrong = makeKey('ed25519');
    const error = await refusalOf(connect(host.hostAddress(), { privateKey: wrong }));
    expect(error).toMatchObject({ kind: 'auth' });
    expect(error.message).toContain('refuses the login as deploy');
    expect(error.message).toContain(`tried: key ssh-ed25519 ${parsePrivateKey(wrong).fingerprint}`);
    expect(error.message).toContain('the server accepts: publickey');
  });

  test('is refused to another user', async () => {
    const error = await refusalOf(connect(host.hostAddress({ user: 'nobody' }), key));
    expect(error).toMatchObject({ kind: 'auth' });
    expect(error.remedy).toMatch(/Is nobody the right user/);
  });

  test('without key and agent says so', async () => {
    const error = await refusalOf(connect(host.hostAddress(), {}));
    expect(error).toMatchObject({ kind: 'auth' });
    expect(error.message).toMatch(/neither a key nor an agent[^]*accepts: publickey/);
  });

  test('where the server takes no keys', async () => {
    const server = await startEmbeddedHost({ methods: ['password'], faults: { refuseLogin: true } });
    const error = await refusalOf(connect(server.hostAddress(), { privateKey: server.clientKey }));
    await server.stop();
    expect(error.message).toContain('the server accepts: password');
    expect(error.remedy).toMatch(/PubkeyAuthentication/);
  });

  test('with a second factor', async () => {
    host.faults.secondFactor = true;
    const error = await refusalOf(connect(host.hostAddress(), key));
    expect(error).toMatchObject({ kind: 'auth' });
    expect(error.message).toMatch(/second factor[^]*keyboard-interactive/);
  });

  test('that never comes to an end', async () => {
    host.faults.stallLogin = true;
    const error = await refusalOf(connect(host.hostAddress({ connectTimeout: 5_000 }), key));
    expect(error).toMatchObject({ kind: 'timeout' });
    expect(error.message).toMatch(/login was not finished/);
  });

  test.each(['rsa', 'ecdsa'] as const)('works with an %s key', async (kind) => {
    const server = await startEmbeddedHost({ clientKey: makeKey(kind) });
    const connection = await connect(server.hostAddress(), { privateKey: server.clientKey });
    await connection.close();
    await server.stop();
  });
});

describe('an ssh-agent', () => {
  let folder: string;
  let socket: string;
  let agent: ChildProcess;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-agent-'));
    socket = join(folder, 's');
    agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(agent, 'spawn');
    if (agent.stdout) await once(agent.stdout, 'data');
  });
  afterAll(() => {
    agent.kill();
    rmSync(folder, { recursive: true });
  });
  const add = (name: string, text: string) => {
    const file = join(folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    const run = spawnSync('ssh-add', ['-q', file], { env: { ...process.env, SSH_AUTH_SOCK: socket }, encoding: 'utf8' });
    if (run.status !== 0) throw new Error(run.stderr);
  };

  test('without keys, or that is not there, says so', async () => {
    expect(await refusalOf(connect(host.hostAddress(), { agent: socket }))).toMatchObject({ kind: 'agent' });
    const error = await refusalOf(connect(host.hostAddress(), { agent: join(folder, 'none') }));
    expect(error).toMatchObject({ kind: 'agent' });
    expect(error.message).toMatch(/does not answer/);
  });

  test('proves the login with one of its keys', async () => {
    add('wrong', makeKey('ecdsa'));
    const refused = await refusalOf(connect(host.hostAddress(), { agent: socket }));
    expect(refused.message).toMatch(/tried: agent with 1 key\n +ecdsa-sha2-nistp256 SHA256:/);
    add('right', host.clientKey);
    const connection = await connect(host.hostAddress(), { agent: socket });
    expect(await connection.exec('true')).toMatchObject({ code: 0 });
    await connection.close();
  });

  test('comes after the key when both are given, and may be missing then', async () => {
    const connection = await connect(host.hostAddress(), { privateKey: makeKey('ed25519'), agent: socket });
    await connection.close();
    const other = await connect(host.hostAddress(), { ...key, agent: join(folder, 'none') });
    await other.close();
  });
});

describe('jump hosts', () => {
  let first: EmbeddedHost;
  let second: EmbeddedHost;
  beforeAll(async () => {
    first = await startEmbeddedHost({ user: 'hop1', clientKey: host.clientKey });
    second = await startEmbeddedHost({ user: 'hop2', clientKey: host.clientKey });
  });
  afterEach(() => { delete second.faults.noForwarding; });
  afterAll(async () => { await Promise.all([first.stop(), second.stop()]); });
  const path = (changes: Parameters<EmbeddedHost['hostAddress']>[0] = {}) => host.hostAddress({
    jump: second.hostAddress({ jump: first.hostAddress() }), ...changes,
  });

  test('lead to the host, one after the other', async () => {
    const before = [first, second, host].map((one) => one.connections);
    const connection = await connect(path(), key);
    const input = 'x'.repeat(300_000);
    expect((await connection.exec('cat', [], { input })).stdout).toBe(input);
    expect(connection.name).toBe(host.hostAddress().name);
    expect(connection.traffic.sent).toBeGreaterThan(300_000);
    await connection.close();
    expect([first, second, host].map((one) => one.connections)).toEqual(before.map((count) => count + 1));
  });

  test('must be pinned, each of them', async () => {
    const error = await refusalOf(connect(host.hostAddress({ jump: second.hostAddress({ hostKeys: [] }) }), key));
    expect(error).toMatchObject({ kind: 'host-key-unknown', host: host.hostAddress().name, hop: second.hostAddress().name });
    expect(error.message).toContain(`at jump host ${second.hostAddress().name}`);
    expect(error.remedy).toContain(`host-key: ${second.hostKeyLine}`);
  });

  test('are named when they refuse the login, or cannot be reached', async () => {
    expect(await refusalOf(connect(host.hostAddress({ jump: second.hostAddress({ user: 'nobody' }) }), key)))
      .toMatchObject({ kind: 'auth', hop: second.hostAddress().name });
    expect(await refusalOf(connect(host.hostAddress({ jump: second.hostAddress({ port: await freePort() }) }), key)))
      .toMatchObject({ kind: 'refused', hop: second.hostAddress().name });
  });

  test('are named when they do not let us through, or cannot reach the host', async () => {
    expect(await refusalOf(connect(path({ port: await freePort() }), key))).toMatchObject({ kind: 'forward', hop: second.hostAddress().name });
    second.faults.noForwarding = true;
    expect(await refusalOf(connect(path(), key))).toMatchObject({ kind: 'forward', hop: second.hostAddress().name });
  });

  test('do not take the blame for what the host itself does', async () => {
    const error = await refusalOf(connect(path({ hostKeys: [second.hostKeyLine] }), key));
    expect(error).toMatchObject({ kind: 'host-key-changed', hop: undefined });
    host.faults.banner = 'HTTP/1.1 400 Bad Request\r\n\r\n';
    expect(await refusalOf(connect(path(), key))).toMatchObject({ kind: 'not-ssh', hop: undefined });
    delete host.faults.banner;
    host.faults.silent = true;
    expect(await refusalOf(connect(path({ connectTimeout: 5_000 }), key))).toMatchObject({ kind: 'not-ssh', hop: undefined });
  });

  test('that are lost take the connection with them', async () => {
    const connection = await connect(path(), key);
    const running = refusalOf(connection.exec('sleep 60'));
    first.drop();
    expect(await running).toMatchObject({ kind: 'lost' });
    await connection.close();
  });

  test('are gone through to list host keys', async () => {
    const offered = await offeredHostKeys(path({ hostKeys: [] }), key);
    expect(offered.map((one) => one.line)).toEqual(host.hostKeyLines);
  });
});

test('IPv6 works, and is written in brackets', async () => {
  const six = await startEmbeddedHost({ listen: '::1' });
  const connection = await connect(six.hostAddress(), { privateKey: six.clientKey });
  expect(connection.name).toBe(`deploy@[::1]:${six.port}`);
  expect(await connection.exec('true')).toMatchObject({ code: 0 });
  await connection.close();
  const error = await refusalOf(connect(six.hostAddress({ port: await freePort() }), { privateKey: six.clientKey }));
  expect(error.message).toMatch(/\[::1\]:\d+ refused/);
  await six.stop();
});

test('the debug log says what happens and has nothing of the key', async () => {
  const log: string[] = [];
  const connection = await connect(host.hostAddress(), key, { debug: (text) => log.push(text) });
  await connection.exec('echo secret-script');
  await connection.close();
  expect(log.join('\n')).toMatch(/connected in \d+ ms\n.*call 1, \d+ characters/);
  expect(log.join('\n')).not.toContain('secret-script');
});

/** A port on which the kernel drops what comes: the queue of a stopped process, filled up. */
async function silentPort(): Promise<{ port: number; stop: () => Promise<void> }> {
  const script = `const s = require('net').createServer(); s.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(s.address().port));`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = Number(String((await once(child.stdout, 'data'))[0]));
  child.kill('SIGSTOP');
  const sockets: Socket[] = [];
  for (let index = 0; index < 4; index += 1) sockets.push(connectTcp(port, '127.0.0.1').on('error', () => {}));
  await new Promise((resolve) => { setTimeout(resolve, 200); });
  return {
    port,
    async stop() {
      for (const socket of sockets) socket.destroy();
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
