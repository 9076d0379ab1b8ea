import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connect } from '../../src/ssh/connect.js';
import type { Connection, HostAddress } from '../../src/ssh/types.js';
import { OpenSsh, sshdPresent, startRelay } from '../support/openssh.js';
import { refusalOf, until } from './support.js';

/**
 * sudo as it is, behind OpenSSH, with users of our own: the server runs in a mount namespace in which /etc/passwd,
 * /etc/shadow and /etc/sudoers are ours, so the machine's own are not touched. That takes root; where the tests do
 * not run as root, test/hosts covers it.
 */

/** Ours alone: other tests run beside these, and every process of the machine is looked at. */
const MARK = `sentinel-${randomBytes(8).toString('hex')}`;
/** By which a command of these tests is known among others' commands. */
const MINE = `mine-${randomBytes(8).toString('hex')}`;
const PASSWORD = `${MARK} $pass "word' \\ ä`;
const USERS = {
  asked: 'ALL=(ALL) ALL',
  free: 'ALL=(ALL) NOPASSWD: ALL',
  // Asked for everything but what Slipway runs: sudo then leaves the password in the input.
  mixed: 'ALL=(ALL) ALL, NOPASSWD: /bin/sh',
  few: 'ALL=(ALL) /usr/bin/true',
  barred: undefined,
};
type User = keyof typeof USERS;

const possible = sshdPresent && userInfo().uid === 0 && existsSync('/usr/bin/sudo')
  && spawnSync('unshare', ['-m', '--propagation', 'private', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

test('sudo can be tried on this machine, or test/hosts does it', () => {
  if (!possible) process.stderr.write('The tests of sudo did not run: they need root, unshare, sudo and sshd.\n');
  expect(typeof possible).toBe('boolean');
});

function prepare(folder: string, defaults: string): string[] {
  const hash = spawnSync('openssl', ['passwd', '-6', '-stdin'], { input: `${PASSWORD}\n`, encoding: 'utf8' }).stdout.trim();
  const names = Object.keys(USERS) as User[];
  const home = join(folder, 'home');
  mkdirSync(home, { recursive: true });
  chmodSync(home, 0o777);
  chmodSync(folder, 0o755);
  const put = (name: string, text: string, mode: number) => {
    const file = join(folder, `etc-${name}`);
    writeFileSync(file, text);
    chmodSync(file, mode);
    return `mount --bind '${file}' /etc/${name}`;
  };
  const script = [
    put('passwd', readFileSync('/etc/passwd', 'utf8') + names.map((name, index) => `${name}:x:${64_001 + index}:64001::${home}:/bin/sh\n`).join(''), 0o644),
    put('shadow', readFileSync('/etc/shadow', 'utf8') + names.map((name) => `${name}:${hash}:19000:0:99999:7:::\n`).join(''), 0o640),
    put('sudoers', [
      'Defaults env_reset, secure_path="/usr/sbin:/usr/bin:/sbin:/bin"', `Defaults ${defaults}`, 'root ALL=(ALL) ALL',
      ...names.flatMap((name) => (USERS[name] === undefined ? [] : [`${name} ${USERS[name]}`])), '',
    ].join('\n'), 0o440),
    'mkdir -p /run/sudo && mount -t tmpfs none /run/sudo',
    'exec "$@"',
  ].join(' && ');
  return ['unshare', '-m', '--propagation', 'private', '/bin/sh', '-c', script, 'sh'];
}

if (possible) describe.each(['use_pty, lecture=always', '!use_pty, timestamp_timeout=0'])('sudo with Defaults %s', (defaults) => {
  let server: OpenSsh;
  let host: HostAddress;
  const open: Connection[] = [];
  const login = async (user: User, sudoPassword?: string, changes: Partial<HostAddress> = {}) => {
    const connection = await connect({ ...host, user, name: `${user}@127.0.0.1`, ...changes }, { privateKey: server.clientKey, sudoPassword });
    open.push(connection);
    return connection;
  };
  beforeAll(async () => {
    server = new OpenSsh();
    host = await server.start([], prepare(server.folder, defaults));
  });
  afterAll(async () => {
    for (const connection of open) await connection.close();
    await server.stop();
  });

  test.each([
    ['free', undefined], ['free', PASSWORD], ['asked', PASSWORD], ['mixed', PASSWORD], ['mixed', undefined],
  ] as const)('user %s, password %s: the command runs as root, with its own input, output and exit code', async (user, password) => {
    const connection = await login(user, password);
    const input = Buffer.concat([Buffer.from('first\n'), randomBytes(1_000_000)]);
    const script = 'id -un; printf "%s\\n" "$@"; od -An -v -tx1 | tr -d " \\n"; echo "its own" >&2; exit 7';
    const { code, stdout, stderr } = await connection.exec(script, ["it's", ''], { sudo: true, input });
    const [who, one, two, data] = stdout.split('\n');
    expect({ code, who, one, two, stderr }).toEqual({ code: 7, who: 'root', one: "it's", two: '', stderr: 'its own\n' });
    expect(data === input.toString('hex')).toBe(true);
    expect((await connection.exec('cat', [], { sudo: true })).stdout).toBe('');
    expect((await connection.exec('id -un', [])).stdout).toBe(`${user}\n`);
  });

  test('the wrong password: said so, tried once, and the input is left alone', async () => {
    const connection = await login('asked', 'wrong');
    const error = await refusalOf(connection.exec('echo ran', [], { sudo: true, input: `${PASSWORD}\n${PASSWORD}\n${PASSWORD}\n` }));
    expect(error).toMatchObject({ kind: 'sudo' });
    expect(error.message).toMatch(/does not accept asked with the password given/);
    expect(error.message).not.toContain('wrong');
  });

  test('no password where one is needed', async () => {
    const error = await refusalOf((await login('asked')).exec('true', [], { sudo: true }));
    expect(error).toMatchObject({ kind: 'sudo' });
    expect(error.message).toMatch(/sudo says: .*password is required/);
    expect(error.remedy).toMatch(/sudo-password/);
  });

  test.each([['barred', /barred may not run sudo/], ['few', /few is not allowed to execute \/bin\/sh as root/]] as const)('user %s may not, and sudo says why', async (user, said) => {
    const error = await refusalOf((await login(user, PASSWORD)).exec('true', [], { sudo: true }));
    expect(error).toMatchObject({ kind: 'sudo' });
    expect(error.message).toMatch(said);
    expect(error.message).not.toContain('slipway-root');
    expect(`${error.message}${error.remedy ?? ''}`).not.toContain(PASSWORD);
  });

  test('the password is in no process\'s arguments or environment, nor in what comes back', async () => {
    const connection = await login('asked', PASSWORD);
    const stop = new AbortController();
    const here = { over: false };
    const enough = (): void => { here.over = true; };
    const running = refusalOf(connection.exec('echo here; env; cat; cat /proc/$$/cmdline | tr "\\0" "\\n"', [MINE], { sudo: true, holdInput: true, signal: stop.signal, onStdout: enough }));
    void running.then(enough, enough);
    // All the while sudo asks, reads the password and starts the command, and once more while that runs.
    let sudo = false;
    const leaks = new Set<string>();
    for (let last = false; !last; await sleep(5)) {
      last = here.over;
      for (const text of everyProcess()) {
        sudo ||= text.startsWith('sudo\0') && text.includes(MINE);
        if (text.includes(MARK)) leaks.add(text.replaceAll('\0', ' ').slice(0, 500));
      }
    }
    stop.abort();
    expect(await running).toMatchObject({ kind: 'aborted' });
    expect(sudo).toBe(true);
    expect([...leaks]).toEqual([]);
    expect((await connection.exec('env; cat /proc/$$/environ', [], { sudo: true, input: 'x' })).stdout).not.toContain(MARK);
  });

  test('the host\'s folders come before PATH as root too', async () => {
    const connection = await login('asked', PASSWORD, { path: ['/opt/node/bin'] });
    expect((await connection.exec('echo "$PATH" "$1"', ['x'], { sudo: true })).stdout).toMatch(/^\/opt\/node\/bin:.*\/usr\/bin.* x\n$/);
  });

  test('a command over its limit is ended, though it runs as root', async () => {
    const connection = await login('asked', PASSWORD);
    const mark = `4${String(Math.random()).slice(2, 12)}`;
    expect(await refusalOf(connection.exec('sleep "$1"', [mark], { sudo: true, limit: 3_000 }))).toMatchObject({ kind: 'timeout' });
    await until(() => !everyProcess().some((text) => text.startsWith(`sleep\0${mark}`)));
  });

  test('a conversation as root works', async () => {
    const session = await (await login('asked', PASSWORD)).open('while read -r word; do echo "$(id -un) got $word"; done', [], { sudo: true });
    session.write('one\n');
    expect(await session.nextLine(10_000)).toBe('root got one');
    session.write('two\n');
    expect(await session.nextLine(10_000)).toBe('root got two');
    expect(await session.end()).toMatchObject({ code: 0, stderr: '' });
  });

  test('a lost link is the end of the input as root too', async () => {
    const relay = await startRelay(host.port);
    const connection = await login('asked', PASSWORD, { port: relay.port });
    const file = join(server.folder, 'home', 'ended');
    const running = refusalOf(connection.exec('echo ready > "$1.ready"; cat > /dev/null; echo > "$1"', [file], { sudo: true, holdInput: true }));
    await until(() => existsSync(`${file}.ready`));
    relay.cut();
    expect(await running).toMatchObject({ kind: 'lost' });
    await until(() => existsSync(file));
    await relay.stop();
  });
});

/** Arguments and environment of every process, as far as they can be read. */
function everyProcess(): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid).flatMap((pid) => ['cmdline', 'environ'].map((file) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8');
    } catch {
      return '';
    }
  }));
}
