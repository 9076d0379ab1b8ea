import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, createServer, type AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connect } from '../../src/ssh/connect.js';
import { offeredHostKeys } from '../../src/ssh/offered.js';
import type { Connection, HostAddress } from '../../src/ssh/types.js';
import { makeKey } from '../support/embedded-host.js';
import { refusalOf, until } from './support.js';

/**
 * The same against OpenSSH's own server, started here on loopback with a configuration of its own.
 * A machine without it (a developer's laptop) passes with a note; CI must have it.
 */
const SSHD = '/usr/sbin/sshd';
const present = existsSync(SSHD);
const TYPES = ['ed25519', 'ecdsa', 'rsa'] as const;

test('OpenSSH\'s server is on this machine, or this is not CI', () => {
  if (!present) process.stderr.write(`${SSHD} is missing: the tests against OpenSSH did not run (Debian: apt-get install openssh-server).\n`);
  expect(present || process.env['CI'] === undefined).toBe(true);
});

let folder: string;
let clientKey: string;
const servers: ChildProcess[] = [];
const keyFile = (type: string) => join(folder, `host-${type}`);
const hostKeyLine = (type: string) => readFileSync(`${keyFile(type)}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');

async function startSshd(...settings: string[]): Promise<HostAddress> {
  const port = await freePort();
  const config = join(folder, `sshd-${port}`);
  writeFileSync(config, [
    // The first value of a setting holds.
    ...settings, `Port ${port}`, 'ListenAddress 127.0.0.1', 'PidFile none', 'UsePAM no', 'StrictModes no', 'PasswordAuthentication no',
    'PermitRootLogin prohibit-password', `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    ...TYPES.map((type) => `HostKey ${keyFile(type)}`), '',
  ].join('\n'));
  const server = spawn(SSHD, ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  servers.push(server);
  let log = '';
  server.stderr.on('data', (chunk: Buffer) => { log += chunk.toString(); });
  await until(async () => {
    if (server.exitCode !== null) throw new Error(`sshd ended: ${log}`);
    return await answers(port);
  });
  const { username } = userInfo();
  return {
    name: `${username}@127.0.0.1:${port}`, user: username, address: '127.0.0.1', port, hostKeys: [hostKeyLine('ed25519')],
    path: [], connectTimeout: 10_000, keepalive: 15_000,
  };
}

if (present) describe('against OpenSSH', () => {
  let host: HostAddress;
  let connection: Connection;
  let key: { privateKey: string };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-sshd-'));
    // Where sshd, as root, locks its unprivileged part in; Debian makes it at boot only.
    if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    for (const type of [...TYPES, 'client']) {
      const run = spawnSync('ssh-keygen', ['-q', '-t', type === 'client' ? 'ed25519' : type, '-N', '', '-f', keyFile(type)]);
      if (run.status !== 0) throw new Error(run.stderr.toString());
    }
    writeFileSync(join(folder, 'authorized_keys'), readFileSync(`${keyFile('client')}.pub`));
    clientKey = readFileSync(keyFile('client'), 'utf8');
    key = { privateKey: clientKey };
    host = await startSshd();
    connection = await connect(host, key);
  });
  afterAll(async () => {
    await connection.close();
    for (const server of servers) server.kill();
    await Promise.all(servers.map((server) => (server.exitCode === null && server.signalCode === null ? once(server, 'exit') : undefined)));
    rmSync(folder, { recursive: true });
  });

  test('exit code, stdout, stderr and arguments are as they were given', async () => {
    const args = ['', "it's", '$HOME', 'a\nb', '\\', 'ä😀'];
    expect(await connection.exec('printf "%s\\0" "$@"; echo err >&2; exit 3', args))
      .toEqual({ code: 3, stdout: `${args.join('\0')}\0`, stderr: 'err\n' });
  });

  test('large input and output arrive whole', async () => {
    const input = randomBytes(5_000_000);
    const { stdout } = await connection.exec('od -An -v -tx1 | tr -d " \\n"', [], { input });
    expect(stdout === input.toString('hex')).toBe(true);
  });

  test('short commands never lose their exit code', async () => {
    for (let index = 0; index < 20; index += 1) expect(await connection.exec('exit "$1"', [String(index)])).toMatchObject({ code: index });
  });

  test('the end by a signal is an error', async () => {
    expect(await refusalOf(connection.exec('kill -KILL $$'))).toMatchObject({ kind: 'signal' });
  });

  test('a command over its limit is told to end, though its input is closed', async () => {
    const told = join(folder, 'told');
    const started = Date.now();
    expect(await refusalOf(connection.exec('trap "echo told > \\"$1\\"; exit 9" TERM; sleep 60 & wait', [told], { limit: 1_000 }))).toMatchObject({ kind: 'timeout' });
    expect(Date.now() - started).toBeLessThan(2_900);
    await until(() => existsSync(told));
  });

  test('input held open ends with a lost link', async () => {
    const relay = await startRelay(host.port);
    const other = await connect({ ...host, port: relay.port }, key);
    const [ready, ended] = [join(folder, 'ready'), join(folder, 'ended')];
    const running = refusalOf(other.exec('echo > "$1"; cat > /dev/null; echo > "$2"', [ready, ended], { holdInput: true }));
    await until(() => existsSync(ready));
    relay.cut();
    expect(await running).toMatchObject({ kind: 'lost' });
    await until(() => existsSync(ended));
    await relay.stop();
  });

  test('a session is a conversation in lines', async () => {
    const session = await connection.open('while read -r word; do echo "got $word"; done; exit 4');
    session.write('one\n');
    expect(await session.nextLine(5_000)).toBe('got one');
    expect(await session.end()).toMatchObject({ code: 4 });
  });

  test('a process left behind with the output in its hand does not hold us', async () => {
    const { code, stdout } = await connection.exec('sleep 60 & echo $!');
    expect(code).toBe(0);
    process.kill(Number(stdout));
  });

  test.each(TYPES)('a pinned %s key is what the server then shows', async (type) => {
    const other = await connect({ ...host, hostKeys: [hostKeyLine(type)] }, key);
    await other.close();
  });

  test('ssh-keyscan\'s text, hashed or not, pins the host', async () => {
    for (const options of [[], ['-H']]) {
      const scan = spawnSync('ssh-keyscan', [...options, '-p', String(host.port), '127.0.0.1'], { encoding: 'utf8' });
      const other = await connect({ ...host, hostKeys: [] }, { ...key, knownHosts: scan.stdout });
      await other.close();
    }
  });

  test('all its host keys are listed for pinning', async () => {
    expect((await offeredHostKeys({ ...host, hostKeys: [] })).map((one) => one.line).toSorted()).toEqual(TYPES.map(hostKeyLine).toSorted());
  });

  test('the wrong key, and too many tries', async () => {
    const error = await refusalOf(connect(host, { privateKey: makeKey('ed25519') }));
    expect(error).toMatchObject({ kind: 'auth' });
    expect(error.message).toMatch(/accepts: publickey/);
  });

  test.each(['rsa', 'ecdsa'])('an %s client key logs in', async (type) => {
    const file = join(folder, `client-${type}`);
    spawnSync('ssh-keygen', ['-q', '-t', type, '-m', 'PEM', '-N', 'secret', '-f', file]);
    writeFileSync(join(folder, 'authorized_keys'), readFileSync(`${file}.pub`), { flag: 'a' });
    const other = await connect(host, { privateKey: readFileSync(file, 'utf8'), passphrase: 'secret' });
    await other.close();
  });

  test('a jump through it reaches it', async () => {
    const other = await connect({ ...host, jump: host }, key);
    expect(await other.exec('echo through')).toMatchObject({ stdout: 'through\n' });
    await other.close();
  });

  test('MaxSessions, and no forwarding, are named', async () => {
    const narrow = await startSshd('MaxSessions 1', 'AllowTcpForwarding no');
    const other = await connect(narrow, key);
    const session = await other.open('cat');
    expect(await refusalOf(other.exec('true'))).toMatchObject({ kind: 'max-sessions' });
    await session.end();
    expect(await other.exec('true')).toMatchObject({ code: 0 });
    expect(await refusalOf(other.forward('127.0.0.1', host.port))).toMatchObject({ kind: 'forward' });
    await other.close();
  });

  test('a second factor is named', async () => {
    const strict = await startSshd('PasswordAuthentication yes', 'AuthenticationMethods publickey,password');
    expect((await refusalOf(connect(strict, key))).message).toMatch(/second factor[^]*accepts: password/);
  });

  test('no common algorithm is named, with what the server has', async () => {
    const odd = await startSshd('KexAlgorithms sntrup761x25519-sha512@openssh.com');
    const error = await refusalOf(connect(odd, key));
    expect(error).toMatchObject({ kind: 'kex' });
    expect(error.message).toContain('sntrup761x25519-sha512@openssh.com');
  });
});

async function answers(port: number): Promise<boolean> {
  const socket = connectTcp(port, '127.0.0.1');
  try {
    await once(socket, 'data');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A link that can be cut. */
async function startRelay(port: number): Promise<{ port: number; cut: () => void; stop: () => Promise<void> }> {
  const cuts: (() => void)[] = [];
  const server = createServer({ noDelay: true }, (near) => {
    const far = connectTcp({ port, host: '127.0.0.1', noDelay: true });
    for (const [one, other] of [[near, far], [far, near]] as const) {
      one.on('error', () => {});
      one.pipe(other);
      cuts.push(() => one.resetAndDestroy());
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => { for (const cut of cuts) cut(); },
    stop: async () => { server.close(); await once(server, 'close'); },
  };
}
