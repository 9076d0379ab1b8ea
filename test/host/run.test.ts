import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RemoteHost } from '../../src/host/remote-host.js';
import { scriptText } from '../../src/host/script.js';
import { OWNER, startGround, type Ground } from '../support/host-fixture.js';
import { until } from '../ssh/support.js';

/** Ours alone: other tests run beside these, and the processes of the whole machine are looked at. */
const SECRET = `sentinel-${randomBytes(8).toString('hex')}`;
let ground: Ground;
let host: RemoteHost;
beforeAll(async () => {
  ground = await startGround();
  host = await ground.host();
  await host.take('token', OWNER, false);
  mkdirSync(join(ground.root, 'releases/new/sub folder'), { recursive: true });
  mkdirSync(join(ground.root, 'releases/live'));
  symlinkSync('releases/live', join(ground.root, 'current'));
  writeFileSync(join(ground.root, 'releases/new/.env'), `SECRET='${SECRET}'\nroot='/'\nstate='x'\nrelease='y'\nfolder='z'\ncommand='false'\nchild='1'\ncode='9'\n`);
});
afterAll(async () => {
  await host.lease?.free();
  await ground.end();
});

const run = async (command: string, folder = '.', limit = 20_000, signal?: AbortSignal): Promise<{ code: number; lines: string[] }> => {
  const lines: string[] = [];
  const { code } = await host.runCommand({ release: 'new', which: 'staged', folder, command, limit }, (line) => lines.push(line), signal);
  return { code, lines };
};
const alive = (mark: string): boolean => spawnSync('pgrep', ['-f', `^sleep ${mark}$`]).status === 0;
/** How long a `sleep` sleeps, by which it is known among others'. */
let mark = 1e9 + Math.floor(Math.random() * 1e9);

describe('a command of the team', () => {
  test('gives its output and its exit code', async () => {
    expect(await run('echo out; echo err >&2; exit 7')).toEqual({ code: 7, lines: expect.arrayContaining(['out', 'err']) });
    expect((await run('true')).code).toBe(0);
  });

  test('stops at the first failure, also in a pipe, and at unset variables', async () => {
    expect(await run('false | cat; echo on')).toEqual({ code: 1, lines: [] });
    expect((await run('echo "$nothing"; echo on')).lines).not.toContain('on');
  });

  test('sees the values of the environment file, whatever their names, in its folder, with empty input', async () => {
    const { lines } = await run('echo "$SECRET $root $state $release $folder $command $child $code"; pwd; echo "$SLIPWAY_RELEASE $SLIPWAY_ROOT"; wc -c', 'sub folder');
    expect(lines).toEqual([`${SECRET} / x y z false 1 9`, join(ground.root, 'releases/new/sub folder'), `new ${ground.root}`, '0']);
  });

  test('may rewrite a file in place without reaching the release it was hard-linked from', async () => {
    writeFileSync(join(ground.root, 'releases/live/app.js'), 'good\n', { mode: 0o640 });
    linkSync(join(ground.root, 'releases/live/app.js'), join(ground.root, 'releases/new/app.js'));
    expect((await run('echo compiled >app.js; stat -c %a app.js')).lines).toEqual(['640']);
    expect(readFileSync(join(ground.root, 'releases/live/app.js'), 'utf8')).toBe('good\n');
    expect(readFileSync(join(ground.root, 'releases/new/app.js'), 'utf8')).toBe('compiled\n');
    expect(existsSync(join(ground.root, '.slipway/staging'))).toBe(false);
  });

  test('has no secret among its arguments', async () => {
    const { lines } = await run('tr "\\0" " " </proc/$$/cmdline; ps -ef | cat');
    expect(lines.filter((line) => line.includes(SECRET))).toEqual([]);
  });

  test('is treated as at a login: default signals, none of our files, no locale of ours', async () => {
    const { lines } = await run('grep SigIgn /proc/self/status; echo "${LC_ALL-none}"; readlink /proc/$$/fd/* || :');
    // Of what is started in the background every shell lets INT and QUIT be ignored; HUP and PIPE are ours.
    expect(Number.parseInt(lines[0]?.split('\t')[1] ?? '', 16) & 0x1001).toBe(0);
    // The login of this host has none.
    expect(lines[1]).toBe('none');
    expect(lines.join('\n')).not.toContain('.slipway');
  });

  test('may not run in the live release, nor in a folder that is not there', async () => {
    expect(await host.runCommand({ release: 'live', which: 'staged', folder: '.', command: 'touch x', limit: 5000 }, () => undefined)).toMatchObject({ code: 3, stderr: expect.stringMatching(/live: nothing may be written/) });
    expect(await host.runCommand({ release: 'new', which: 'staged', folder: 'nowhere', command: 'touch x', limit: 5000 }, () => undefined)).toMatchObject({ code: 3, stderr: expect.stringMatching(/no folder 'nowhere'/) });
    expect(existsSync(join(ground.root, 'releases/live/x'))).toBe(false);
  });

  test('takes what it left in the background with it', async () => {
    const own = String((mark += 1));
    expect((await run(`sleep ${own} >/dev/null 2>&1 & sleep 0.3; echo done`)).lines).toEqual(['done']);
    expect(alive(own)).toBe(false);
  });

  test('is ended with its children when the run is stopped, even those that do not listen', async () => {
    const own = String((mark += 1));
    const stop = new AbortController();
    const running = run(`trap "" TERM; sleep ${own} & wait; wait`, '.', 30_000, stop.signal);
    await until(() => alive(own));
    stop.abort();
    await expect(running).rejects.toThrow(/stopped from outside/);
    await until(() => !alive(own));
    // The lock is free again only when nothing of it lives.
    expect((await run('echo free')).lines).toEqual(['free']);
  });

  test('is ended when it takes longer than it may', async () => {
    const own = String((mark += 1));
    await expect(run(`sleep ${own}`, '.', 2_000)).rejects.toThrow(/not finished within/);
    await until(() => !alive(own));
  });

  test('is ended with its children when the link is lost', async () => {
    const own = String((mark += 1));
    const other = await ground.host();
    await host.lease?.keep(60);
    await other.take('token', OWNER, false);
    const running = other.runCommand({ release: 'new', which: 'staged', folder: '.', command: `(trap "" TERM; sleep ${own}) & wait`, limit: 30_000 }, () => undefined);
    running.catch(() => undefined);
    await until(() => alive(own));
    ground.server.drop();
    await expect(running).rejects.toThrow();
    await until(() => !alive(own));
    host = await ground.host();
    await host.take('token', OWNER, false);
  });
});

describe('a script whose reader is gone', () => {
  test.each([['dash', ['dash']], ['bash', ['bash', '--posix']]] as const)('goes on to its end under %s', async (_name, shell) => {
    const file = join(ground.root, `said-${shell[0]}`);
    const script = `${scriptText('unlock').split('\n').slice(0, -18).join('\n').split('if [ ! -e')[0] ?? ''}
read -r _
for n in 1 2 3; do say "line $n" || exit 9; done
sh -c 'echo from a child' 2>/dev/null || :
printf done >"$1"`;
    const child = spawn(shell[0], [...shell.slice(1), '-c', script, 'slipway', file], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdout.destroy();
    child.stdin.write('go\n');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe('done');
    rmSync(file);
  });

  test('all scripts are accepted by dash, bash and busybox', () => {
    for (const name of ['open', 'stage', 'run', 'activate', 'finish', 'prove', 'status', 'unlock', 'make-root'] as const) {
      for (const shell of [['dash', '-n'], ['bash', '--posix', '-n'], ['busybox', 'sh', '-n']]) execFileSync(shell[0] ?? '', shell.slice(1), { input: scriptText(name) });
    }
  });
});
