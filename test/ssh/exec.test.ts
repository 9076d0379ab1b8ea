import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { connect } from '../../src/ssh/connect.js';
import { SshError } from '../../src/ssh/errors.js';
import type { Connection } from '../../src/ssh/types.js';
import { startEmbeddedHost, type EmbeddedHost } from '../support/embedded-host.js';
import { refusalOf, until } from './support.js';

let host: EmbeddedHost;
let connection: Connection;
beforeAll(async () => {
  host = await startEmbeddedHost();
  connection = await connect(host.hostAddress(), { privateKey: host.clientKey });
});
afterEach(() => { host.mend(); });
afterAll(async () => {
  await connection.close();
  await host.stop();
});

describe('exec', () => {
  test('gives exit code, stdout and stderr apart', async () => {
    expect(await connection.exec('echo out; echo err >&2; exit 3')).toEqual({ code: 3, stdout: 'out\n', stderr: 'err\n' });
  });

  test('passes arguments as data, whatever is in them', async () => {
    const args = ['', ' ', '$HOME', "it's", '"', '`id`', 'a\nb', '\\', '-n', 'ä€😀', '*'];
    const { stdout } = await connection.exec('printf "%s\\0" "$0" "$#" "$@"', args);
    expect(stdout.split('\0')).toEqual(['slipway', String(args.length), ...args, '']);
  });

  test('sends the script as it stands, quotes, comments and line ends included', async () => {
    const script = `# it's a comment\nx='a "b" c'\nprintf '%s\\n' "$x" \\\n  "two"\ncat <<'EOF'\n$x \`date\`\nEOF`;
    expect((await connection.exec(script)).stdout).toBe('a "b" c\ntwo\n$x `date`\n');
  });

  test('counts calls and bytes', async () => {
    const { calls, traffic } = { calls: connection.calls, traffic: connection.traffic };
    await connection.exec('cat', [], { input: randomBytes(100_000) });
    expect(connection.calls).toBe(calls + 1);
    expect(connection.traffic.sent - traffic.sent).toBeGreaterThan(100_000);
    expect(connection.traffic.received - traffic.received).toBeGreaterThan(100_000);
  });

  test('runs many commands at a time over one connection', async () => {
    const results = await Promise.all(Array.from({ length: 8 }, (_, index) => connection.exec('echo "$1"; exit "$1"', [String(index)])));
    expect(results.map(({ code, stdout }) => `${code}:${stdout.trim()}`)).toEqual(Array.from({ length: 8 }, (_, index) => `${index}:${index}`));
    expect(host.connections).toBe(1);
  });

  test('puts the host\'s folders before PATH and leaves the arguments alone', async () => {
    const other = await connect(host.hostAddress({ path: ['/opt/it\'s here/bin', '/opt/two'] }), { privateKey: host.clientKey });
    const { stdout } = await other.exec('printf "%s\\n" "$PATH" "$0" "$@"', ['one', '']);
    await other.close();
    expect(stdout.split('\n')).toEqual([`/opt/it's here/bin:/opt/two:${process.env['PATH'] ?? ''}`, 'slipway', 'one', '', '']);
  });

  test('refuses a command line that Linux would not take, before sending it', async () => {
    await expect(connection.exec('true', ['x'.repeat(140_000)])).rejects.toThrow(/bytes long.*standard input/);
  });
});

describe('input', () => {
  test.each([
    ['text', () => 'one\ntwo'],
    ['a buffer', () => Buffer.from('one\ntwo')],
    ['a stream', () => Readable.from([Buffer.from('one\n'), 'two'])],
  ])('is %s, and ends after it', async (_name, input) => {
    expect((await connection.exec('cat; echo; echo end', [], { input: input() })).stdout).toBe('one\ntwo\nend\n');
  });

  test('is empty when there is none', async () => {
    expect((await connection.exec('wc -c')).stdout.trim()).toBe('0');
  });

  test('arrives whole when it is large, in both directions', async () => {
    const input = randomBytes(5_000_000);
    const { stdout } = await connection.exec('od -An -v -tx1 | tr -d " \\n"', [], { input });
    expect(stdout === input.toString('hex')).toBe(true);
  });

  test('is taken only as fast as the command reads it', async () => {
    let made = 0;
    const source = Readable.from((function* chunks() {
      for (let index = 0; index < 1000; index += 1) {
        made += 100_000;
        yield Buffer.alloc(100_000);
      }
    })(), { objectMode: false, highWaterMark: 100_000 });
    const go = join(host.home, 'go');
    const running = connection.exec('while [ ! -e "$1" ]; do sleep 0.05; done; wc -c', [go], { input: source });
    await new Promise((resolve) => { setTimeout(resolve, 500); });
    expect(made).toBeLessThan(20_000_000);
    await writeFile(go, '');
    expect((await running).stdout.trim()).toBe('100000000');
  });

  test('that the command does not read is dropped, and its stream destroyed', async () => {
    const source = new PassThrough();
    source.write('x');
    expect(await connection.exec('exit 7', [], { input: source })).toMatchObject({ code: 7 });
    expect(source.destroyed).toBe(true);
  });

  test('that fails ends the command and is the error', async () => {
    const source = new PassThrough();
    const running = connection.exec('cat > /dev/null; sleep 60', [], { input: source });
    source.write('x');
    source.destroy(new Error('the disk went away'));
    await expect(running).rejects.toThrow('the disk went away');
    await until(() => host.running().length === 0);
  });

  test('can be held open until the command ends by itself', async () => {
    const { stdout } = await connection.exec('exec 3<&0; cat <&3 > /dev/null & sleep 0.3; if kill -0 $!; then echo open; fi; kill $!', [], { input: 'x', holdInput: true });
    expect(stdout).toBe('open\n');
  });

  test('held open reaches the command as end of file when the link is lost', async () => {
    const own = await startEmbeddedHost();
    const other = await connect(own.hostAddress(), { privateKey: own.clientKey });
    const running = refusalOf(other.exec('cat > got; echo x > ended', [], { input: 'data', holdInput: true }));
    await until(() => readFile(join(own.home, 'got'), 'utf8').then((text) => text === 'data', () => false));
    own.drop();
    expect((await running).kind).toBe('lost');
    await until(() => stat(join(own.home, 'ended')).then(() => true, () => false));
    await own.stop();
  });
});

describe('output', () => {
  test('comes in lines as it is written, however it is cut', async () => {
    const lines: string[] = [];
    const errors: string[] = [];
    const script = `printf 'one\\r\\nt'; sleep 0.1; printf 'wo\\n\\n\\303'; sleep 0.1; printf '\\244 end'; printf 'e1\\ne2' >&2`;
    const result = await connection.exec(script, [], { onStdout: (line) => lines.push(line), onStderr: (line) => errors.push(line) });
    expect(lines).toEqual(['one', 'two', '', 'ä end']);
    expect(errors).toEqual(['e1', 'e2']);
    expect(result.stdout).toBe('one\r\ntwo\n\nä end');
  });

  test('on stderr is kept to its last MiB', async () => {
    const { stderr } = await connection.exec('head -c 3000000 /dev/zero | tr "\\0" x >&2; echo last >&2');
    expect(stderr.length).toBe(1024 * 1024);
    expect(stderr.endsWith('xlast\n')).toBe(true);
  });

  test('of more than 64 MiB is an error, unless lines are what is wanted', async () => {
    const flood = 'yes 0123456789012345678901234567890123456789 | head -c 70000000';
    expect(await refusalOf(connection.exec(flood))).toMatchObject({ kind: 'output' });
    let lines = 0;
    const { stdout } = await connection.exec(flood, [], { onStdout: () => { lines += 1; } });
    expect(stdout.length).toBe(64 * 1024 * 1024);
    expect(lines).toBeGreaterThan(1_700_000);
  });

  test('that is held by a process left behind does not hold us', async () => {
    const started = Date.now();
    expect(await connection.exec('sleep 60 & echo done')).toMatchObject({ code: 0, stdout: 'done\n' });
    expect(Date.now() - started).toBeLessThan(45_000);
  });

  test('whose reader throws ends the command with that error', async () => {
    await expect(connection.exec('echo one; sleep 60', [], { onStdout: () => { throw new Error('no more'); } })).rejects.toThrow('no more');
  });
});

describe('a command that does not end well', () => {
  test('by a signal', async () => {
    const error = await refusalOf(connection.exec('echo why >&2; kill -KILL $$'));
    expect(error.kind).toBe('signal');
    expect(error.message).toMatch(/SIGKILL.*\n {2}stderr: why/);
    expect(error.message.startsWith(connection.name)).toBe(true);
  });

  test('without an exit code', async () => {
    host.faults.noExitCode = /silent-end/;
    expect(await refusalOf(connection.exec('echo silent-end'))).toMatchObject({ kind: 'no-exit-code' });
  });

  test('over its limit: it is told to end, and the last lines are shown', async () => {
    const error = await refusalOf(connection.exec('trap "echo told > told; exit 9" TERM; echo working >&2; sleep 60 & wait', [], { limit: 5_000 }));
    expect(error).toMatchObject({ kind: 'timeout' });
    expect(error.message).toMatch(/within 5 s.*\n {2}stderr: working/);
    await until(() => stat(join(host.home, 'told')).then(() => true, () => false));
  });

  test('over its limit and deaf to TERM: it is killed', async () => {
    const started = Date.now();
    expect(await refusalOf(connection.exec('trap "" TERM; sleep 60 & wait; sleep 60', [], { limit: 1_000 }))).toMatchObject({ kind: 'timeout' });
    expect(Date.now() - started).toBeLessThan(45_000);
    await until(() => host.running().length === 0);
  });

  test('silent for longer than allowed', async () => {
    // In all it takes longer than the limit, which each line begins anew.
    const lines = 'for i in 1 2 3 4 5 6; do echo $i; sleep 1; done';
    expect(await connection.exec(lines, [], { idleLimit: 5_000 })).toMatchObject({ code: 0 });
    expect(await refusalOf(connection.exec('echo one; sleep 60', [], { idleLimit: 500 }))).toMatchObject({ kind: 'timeout' });
  });

  test('stopped from outside, before and while it runs', async () => {
    const stop = new AbortController();
    const running = refusalOf(connection.exec('sleep 60', [], { signal: stop.signal }));
    await until(() => host.running().length > 0);
    stop.abort();
    expect(await running).toMatchObject({ kind: 'aborted' });
    expect(await refusalOf(connection.exec('true', [], { signal: stop.signal }))).toMatchObject({ kind: 'aborted' });
    await until(() => host.running().length === 0);
  });

  test('refused, because the server allows no more channels', async () => {
    host.faults.maxSessions = 1;
    const other = await connect(host.hostAddress(), { privateKey: host.clientKey });
    const stop = new AbortController();
    const first = refusalOf(other.exec('sleep 60', [], { signal: stop.signal }));
    await until(() => host.running().length > 0);
    const error = await refusalOf(other.exec('true'));
    expect(error).toMatchObject({ kind: 'max-sessions' });
    expect(error.remedy).toMatch(/MaxSessions/);
    stop.abort();
    await first;
    expect(await other.exec('true')).toMatchObject({ code: 0 });
    await other.close();
  });

  test('refused, because the server runs no commands', async () => {
    host.faults.noExec = true;
    expect(await refusalOf(connection.exec('true'))).toMatchObject({ kind: 'exec' });
  });
});

describe('a lost link', () => {
  let own: EmbeddedHost;
  beforeAll(async () => { own = await startEmbeddedHost(); });
  afterAll(async () => { await own.stop(); });

  test('rejects every command that runs, and every later one', async () => {
    const other = await connect(own.hostAddress(), { privateKey: own.clientKey });
    const running = [1, 2].map(() => refusalOf(other.exec('sleep 60')));
    await until(() => own.running().length === 2);
    own.drop();
    for (const error of await Promise.all(running)) expect(error).toMatchObject({ kind: 'lost' });
    expect(await refusalOf(other.exec('true'))).toMatchObject({ kind: 'lost' });
    expect(await refusalOf(other.open('cat'))).toMatchObject({ kind: 'lost' });
    expect(await refusalOf(other.forward('127.0.0.1', 1))).toMatchObject({ kind: 'lost' });
    await other.close();
    await until(() => own.running().length === 0);
  });

  test('in the middle of an upload destroys the source', async () => {
    own.faults.dropAfter = 3_000_000;
    const other = await connect(own.hostAddress(), { privateKey: own.clientKey });
    const source = Readable.from((function* chunks() { for (;;) yield randomBytes(65_536); })(), { objectMode: false });
    expect(await refusalOf(other.exec('cat > /dev/null', [], { input: source }))).toMatchObject({ kind: 'lost' });
    expect(source.destroyed).toBe(true);
    delete own.faults.dropAfter;
    await other.close();
  });

  test('is noticed by the keepalive when the other side just stops answering', async () => {
    const other = await connect(own.hostAddress({ keepalive: 100 }), { privateKey: own.clientKey });
    const running = refusalOf(other.exec('sleep 60'));
    await until(() => own.running().length === 1);
    own.freeze();
    const error = await running;
    expect(error).toMatchObject({ kind: 'lost' });
    expect(error.message).toMatch(/[Kk]eepalive/);
    own.drop();
  });

  test('of our own making says so', async () => {
    const other = await connect(own.hostAddress(), { privateKey: own.clientKey });
    const running = refusalOf(other.exec('sleep 60'));
    await until(() => own.running().length > 0);
    await other.close();
    expect(await running).toMatchObject({ kind: 'closed' });
    expect(await refusalOf(other.exec('true'))).toMatchObject({ kind: 'closed' });
    await other.close();
  });
});

describe('a session', () => {
  test('is a conversation in lines', async () => {
    const session = await connection.open('while read -r word; do echo "got $word"; done; echo bye; exit 4');
    session.write('one\n');
    expect(await session.nextLine(30_000)).toBe('got one');
    session.write('two\nthree\n');
    expect(await session.nextLine(30_000)).toBe('got two');
    expect(await session.nextLine(30_000)).toBe('got three');
    expect(await session.end()).toMatchObject({ code: 4, stdout: 'got one\ngot two\ngot three\nbye\n' });
    expect(await session.nextLine(100)).toBe('bye');
    expect(await refusalOf(session.nextLine(100))).toMatchObject({ kind: 'ended' });
    session.write('late\n');
  });

  test('rejects when no line comes in time, and goes on after that', async () => {
    const session = await connection.open('read -r word; echo "$word"');
    expect(await refusalOf(session.nextLine(100))).toMatchObject({ kind: 'timeout' });
    session.write('late\n');
    expect(await session.nextLine(30_000)).toBe('late');
    expect(await session.end()).toMatchObject({ code: 0 });
  });

  test('rejects when the command ends first, with its last words', async () => {
    const session = await connection.open('echo "lease is taken" >&2; exit 5');
    const error = await refusalOf(session.nextLine(30_000));
    expect(error).toMatchObject({ kind: 'ended' });
    expect(error.message).toMatch(/exit code 5[^]*lease is taken/);
    expect(await session.ended).toMatchObject({ code: 5 });
  });

  test('rejects what waits when the link is lost', async () => {
    const own = await startEmbeddedHost();
    const other = await connect(own.hostAddress(), { privateKey: own.clientKey });
    const session = await other.open('cat');
    const waiting = refusalOf(session.nextLine(60_000));
    own.drop();
    expect(await waiting).toMatchObject({ kind: 'lost' });
    expect(await refusalOf(session.ended)).toMatchObject({ kind: 'lost' });
    await own.stop();
  });
});

describe('forward', () => {
  test('reaches a port of the host and names what cannot be reached', async () => {
    const stream = await connection.forward('127.0.0.1', host.port);
    expect(String((await once(stream, 'data'))[0])).toMatch(/^SSH-2\.0-/);
    stream.destroy();
    const error = await refusalOf(connection.forward('127.0.0.1', 1));
    expect(error).toMatchObject({ kind: 'forward' });
    expect(error.message).toContain('127.0.0.1:1');
  });
});

test('every refusal is an SshError that names the host', async () => {
  const error = await refusalOf(connection.exec('kill -9 $$'));
  expect(error).toBeInstanceOf(SshError);
  expect(error.host).toBe(connection.name);
});
