import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseHostFacts, type HostFacts } from '../../src/checks/facts.js';
import { hostQuestions, probeDirect, visitHost } from '../../src/checks/gather/host.js';
import { catalogue } from '../../src/checks/catalogue.js';
import { runPreflight } from '../../src/checks/run.js';
import { journalLine } from '../../src/host/journal.js';
import type { Connection } from '../../src/ssh/types.js';
import { configWith, HOST, NOW } from './support.js';

const run = promisify(execFile);
const path = join(import.meta.dirname, '../../src/host/scripts/preflight.sh');
const script = readFileSync(path, 'utf8');
const SHELLS = [['/bin/sh'], ['dash'], ['bash'], ['busybox', 'sh']].filter(([file]) => spawnSync(file ?? '', ['-c', 'exit 0']).error === undefined);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-preflight-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As `connection.exec` runs it. */
async function ask(args: readonly string[], shell: readonly string[] = ['/bin/sh'], env: NodeJS.ProcessEnv = process.env): Promise<HostFacts> {
  const [file = '', ...before] = shell;
  const { stdout, stderr } = await run(file, [...before, '-c', script, 'slipway', ...args], { env });
  expect(stderr).toBe('');
  return parseHostFacts(stdout);
}

function makeRoot(name: string, app?: string): string {
  const root = join(folder, name);
  mkdirSync(join(root, '.slipway'), { recursive: true });
  if (app !== undefined) writeFileSync(join(root, '.slipway/app'), `${app} production\n`);
  return root;
}

describe('preflight.sh', () => {
  it('pleases shellcheck', () => {
    const { stdout, error } = spawnSync('shellcheck', ['-s', 'sh', path], { encoding: 'utf8' });
    expect(error).toBeUndefined();
    expect(stdout).toBe('');
  });

  it.each(SHELLS.map((shell) => ({ shell, name: shell.join(' ') })))('tells the same under $name', async ({ shell }) => {
    const root = makeRoot('same', 'demo');
    const before = Date.now();
    const facts = await ask([root, 'app=demo', 'feature=yes', 'tool=git', 'tool=no-such-tool', `log=${root}`, 'monitor=no-such-unit', 'reach=127.0.0.1:1'], shell);
    expect(facts.cpus).toBe(cpus().length);
    expect(Math.abs(facts.memory.total - totalmem())).toBeLessThan(1e7);
    expect(facts.kernel).toMatch(/^Linux /);
    expect(facts.load).toHaveLength(3);
    expect(facts.login.uid).toBe(process.getuid?.());
    expect(facts.disk?.total).toBeGreaterThan(1e9);
    expect(facts.tools).toEqual({ git: true, 'no-such-tool': false });
    expect(Object.values(facts.features).every(Boolean)).toBe(true);
    expect(facts.versions['node']).toMatch(/^\d+\.\d+\.\d+$/);
    expect(facts.versions['npm']).toMatch(/^\d+\.\d+\.\d+$/);
    expect(facts.root).toMatchObject({ path: root, exists: 'yes', app: 'demo', environment: 'production', probe: 'ok', parentWritable: true, unwritable: [] });
    expect(facts.monitors).toEqual({ 'no-such-unit': expect.stringMatching(/missing|inactive/) });
    expect(facts.reach).toEqual({ '127.0.0.1:1': 'refused' });
    // It may tell whole seconds only.
    expect(facts.clock.begin).toBeGreaterThanOrEqual(before - 1000);
    expect(facts.clock.begin).toBeLessThanOrEqual(Date.now());
    expect(readdirSync(join(root, '.slipway'))).toEqual(['app']);
  });

  it('writes nothing where the root does not exist, and says whether it may be made', async () => {
    const facts = await ask([join(folder, 'none/deeper/app'), 'app=demo']);
    expect(facts.root).toMatchObject({ exists: 'no', parent: folder, parentWritable: true });
    expect(facts.root.probe).toBeUndefined();
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });

  it('writes nothing into a folder that holds something else', async () => {
    const root = join(folder, 'foreign');
    mkdirSync(root);
    writeFileSync(join(root, 'index.html'), '');
    const facts = await ask([root, 'app=demo']);
    expect(facts.root).toMatchObject({ exists: 'yes', content: 'index.html', probe: expect.stringContaining('not tried') });
    expect((await ask([makeRoot('others', 'other'), 'app=demo'])).root).toMatchObject({ app: 'other', probe: expect.stringContaining('not tried') });
  });

  it('reports a file in place of the root', async () => {
    const root = join(folder, 'file');
    writeFileSync(root, '');
    expect((await ask([root, 'app=demo'])).root.exists).toBe('not-a-folder');
  });

  it('says which step was refused, as an ordinary user', async () => {
    if (process.getuid?.() !== 0) return;
    const root = makeRoot('refused', 'demo');
    chmodSync(folder, 0o755);
    mkdirSync(join(root, 'releases/r1'), { recursive: true });
    const { stdout } = await run('setpriv', ['--reuid', '65534', '--regid', '65534', '--clear-groups', '/bin/sh', '-c', script, 'slipway', root, 'app=demo', 'sudo=yes', 'harden=yes']);
    const facts = parseHostFacts(stdout);
    expect(facts.login.uid).toBe(65534);
    // What only root may see is left open, the rest is told.
    expect(facts.hardening).toMatchObject({ rootBy: 'none', logs: { logrotate: expect.any(Boolean) } });
    expect(facts.hardening?.sshd?.by).not.toBe('effective');
    expect(facts.hardening?.nginx.test).toBeUndefined();
    expect(facts.root.probe).toMatch(/^create a folder: .*Permission denied/);
    expect(facts.root.unwritable).toContain(join(root, 'releases/r1'));
    expect(facts.login.sudo).not.toBe('yes');
  });

  // On the host it is a file system without links, or a rule of the kernel's; here the program itself refuses.
  it.each([
    ['ln', '', /^make a hard link: .*not today/],
    ['ln', '-s', /^make a symbolic link: .*not today/],
    ['mv', '', /^rename: .*not today/],
    ['rm', '', /^delete: .*not today/],
  ])('tries what a deploy will do, and says what was refused: %s %s', async (program, option, said) => {
    const bin = mkdtempSync(join(folder, 'bin-'));
    const real = spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim();
    writeFileSync(join(bin, program), `#!/bin/sh\ncase " $*" in " ${option}"*) case $* in *.slipway-probe.*) echo 'not today' >&2; exit 1 ;; esac ;; esac\nexec ${real} "$@"\n`, { mode: 0o755 });
    const { stdout } = await run('/bin/sh', ['-c', script, 'slipway', makeRoot(`refusing${program}${option}`, 'demo'), 'app=demo'], { env: { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}` } });
    expect(parseHostFacts(stdout).root.probe).toMatch(said);
  });

  it('keeps values in one line whatever they hold', async () => {
    const root = makeRoot('odd', 'demo');
    const log = join(root, 'a\\n b\tc\nd.log');
    writeFileSync(log, '');
    const facts = await ask([root, 'app=demo', `env=.env`, `tool=a\\b\tc`]);
    expect(facts.tools).toEqual({ 'a\\b\tc': false });
    writeFileSync(join(root, '.slipway/app'), 'de\\mo\tx\n');
    expect((await ask([root, 'app=demo'])).root).toMatchObject({ app: 'de\\mo\tx', probe: expect.stringContaining('not tried') });
  });

  it('does not run what stands in an argument', async () => {
    const marker = join(folder, 'marker');
    await ask([join(folder, 'none'), `tool=$(touch ${marker})`, `monitor=\`touch ${marker}\``, `reach=x;touch ${marker}:1`, `log=;touch ${marker}`, `path=$(touch ${marker})`]);
    expect(existsSync(marker)).toBe(false);
  });

  it('finds the environment files of releases with their modes', async () => {
    const root = makeRoot('modes', 'demo');
    for (const [release, mode] of [['r1', 0o600], ['r2', 0o644]] as const) {
      mkdirSync(join(root, 'releases', release, 'config'), { recursive: true });
      writeFileSync(join(root, 'releases', release, 'config/.env'), '');
      chmodSync(join(root, 'releases', release, 'config/.env'), mode);
    }
    const { envFiles } = await ask([root, 'app=demo', 'env=config/.env']);
    expect(envFiles.map(({ path: file, mode }) => [file.split('/').at(-3), mode])).toEqual([['r1', '600'], ['r2', '644']]);
  });

  it('tells what the last release holds that came, by the journal', async () => {
    const root = makeRoot('journal', 'demo');
    expect((await ask([root, 'app=demo'])).lastRelease).toBeUndefined();
    const staged = (release: string, files: number, bytes: number): string => journalLine({ event: 'staged', release, at: '2026-11-21T00:00:00Z', digest: 'd', files, bytes, commit: '3f9c2ab' });
    writeFileSync(join(root, '.slipway/journal'), [staged('r1', 1, 2), staged('r2', 9000, 5e9), journalLine({ event: 'active', release: 'r2', at: '2026-11-21T00:00:00Z' }), '{"event":"sta'].join('\n'));
    expect((await ask([root, 'app=demo'])).lastRelease).toEqual({ files: 9000, bytes: 5e9 });
  });

  it('reads the age of a log, and of the newest file in a folder', async () => {
    const logs = join(folder, 'logs');
    mkdirSync(logs);
    writeFileSync(join(logs, 'old.log'), '');
    writeFileSync(join(logs, 'new.log'), '');
    utimesSync(join(logs, 'old.log'), 1_700_000_000, 1_700_000_000);
    utimesSync(join(logs, 'new.log'), 1_750_000_000, 1_750_000_000);
    const { logs: ages } = await ask([join(folder, 'none'), `log=${join(logs, 'old.log')}`, `log=${logs}`, 'log=/no/such/file']);
    expect(ages).toEqual({ [join(logs, 'old.log')]: 1_700_000_000_000, [logs]: 1_750_000_000_000, '/no/such/file': undefined });
  });

  it('finds commands in the folders of the host\'s path, and those a login without a terminal misses', async () => {
    const bin = join(folder, 'bin');
    mkdirSync(join(folder, 'home/.nvm/versions/node/v99.1.0/bin'), { recursive: true });
    mkdirSync(bin, { recursive: true });
    for (const file of [join(bin, 'frobnicate'), join(folder, 'home/.nvm/versions/node/v99.1.0/bin/node')]) writeFileSync(file, '#!/bin/sh\necho v99.1.0\n', { mode: 0o755 });
    const tools = join(folder, 'few');
    mkdirSync(tools);
    for (const name of ['sh', 'awk', 'date', 'sed', 'tr', 'head', 'uname', 'id', 'cut', 'getconf', 'df', 'grep', 'sort', 'find', 'dirname', 'readlink', 'cat', 'timeout', 'bash']) {
      symlinkSync((await run('/bin/sh', ['-c', `command -v ${name}`])).stdout.trim(), join(tools, name));
    }
    // The script itself adds the folders of the system: only the home and the named folder differ here.
    const { stdout } = await run('/bin/sh', ['-c', script, 'slipway', join(folder, 'none'), `path=${bin}`, 'tool=frobnicate'], { env: { PATH: tools, HOME: join(folder, 'home') } });
    const facts = parseHostFacts(stdout);
    expect(facts.tools['frobnicate']).toBe(true);
    if (facts.versions['node'] === undefined) expect(facts.elsewhere['node']).toEqual([join(folder, 'home/.nvm/versions/node/v99.1.0/bin')]);
    expect((await ask([join(folder, 'none'), 'path=~/.nvm/versions/node/v99.1.0/bin'], ['/bin/sh'], { PATH: process.env['PATH'], HOME: join(folder, 'home') })).versions['node']).toBe('99.1.0');
  });

  describe('with servers', () => {
    let open: Server;
    const silent = Array.from({ length: 8 }, (_, index) => `192.0.2.${index + 1}:81`);
    let child: ChildProcess;
    let ownPort: number;
    let root: string;

    beforeAll(async () => {
      root = makeRoot('serving', 'demo');
      mkdirSync(join(root, 'releases/r1'), { recursive: true });
      open = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => open.once('listening', resolve));
      // The server of the app: a parent elsewhere that holds the port for a child below the root, as PM2's cluster does.
      const worker = "process.on('disconnect', () => process.exit()); require('http').createServer().listen(0, '127.0.0.1', function () { process.send(this.address().port) })";
      writeFileSync(join(root, 'releases/r1/worker.js'), worker);
      const parent = `const c = require('cluster'); c.setupPrimary({ execArgv: [], exec: ${JSON.stringify(join(root, 'releases/r1/worker.js'))}, cwd: ${JSON.stringify(join(root, 'releases/r1'))} }); c.fork().on('message', (port) => console.log(port)); process.stdin.on('end', () => process.exit()).resume()`;
      child = spawn(process.execPath, ['-e', parent], { cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] });
      ownPort = Number(await new Promise<string>((resolve, reject) => {
        child.stdout?.once('data', (data: Buffer) => resolve(String(data)));
        child.once('exit', () => reject(new Error('the server of the app did not start')));
      }));
    });
    afterAll(async () => {
      child.stdin?.end();
      await new Promise((resolve) => child.once('exit', resolve));
      await new Promise((resolve) => open.close(resolve));
    });

    const portOf = (server: Server): number => (server.address() as AddressInfo).port;

    it('tries several targets at once, three seconds each', async () => {
      const began = performance.now();
      await ask([join(folder, 'none')]);
      const asked = performance.now();
      const { reach } = await ask([
        join(folder, 'none'), `reach=127.0.0.1:${portOf(open)}`, 'reach=127.0.0.1:1', 'reach=no-such-host.invalid:80', 'reach=[::1]:1',
        ...silent.map((target) => `reach=${target}`),
      ]);
      // One after the other these would take 24 seconds more than asking nothing.
      expect(performance.now() - asked - (asked - began)).toBeLessThan(18_000);
      expect(reach).toMatchObject({ [`127.0.0.1:${portOf(open)}`]: 'ok', '127.0.0.1:1': 'refused', 'no-such-host.invalid:80': 'dns' });
      // Where these packets end depends on the network the tests run in.
      for (const target of silent) expect(['timeout', 'refused', 'unreachable', 'failed']).toContain(reach[target]);
      expect(Object.keys(reach)).toHaveLength(4 + silent.length);
    });

    it('tells the app\'s own listeners from others', async () => {
      const { listeners } = await ask([root, 'app=demo', `port=${ownPort}`, `port=${portOf(open)}`]);
      expect(listeners.find(({ port }) => port === ownPort)).toMatchObject({ address: '127.0.0.1', own: 'yes' });
      expect(listeners.find(({ port }) => port === portOf(open))).toMatchObject({ address: '127.0.0.1', own: 'no', pid: process.pid });
    });

    it('reads the kernel\'s table where there is no ss', async () => {
      const without = script.replace('if have ss && ss -ltnH', 'if have no-ss && ss -ltnH');
      expect(without).not.toBe(script);
      const { stdout } = await run('/bin/sh', ['-c', without, 'slipway', root, 'app=demo', `port=${ownPort}`, `port=${portOf(open)}`]);
      const { listeners } = parseHostFacts(stdout);
      expect(listeners.find(({ port }) => port === ownPort)).toMatchObject({ address: '127.0.0.1', own: 'yes' });
      expect(listeners.find(({ port }) => port === portOf(open))).toMatchObject({ address: '127.0.0.1', own: 'no', pid: process.pid });
    });

    it('probes from the runner as well', async () => {
      expect(await probeDirect('127.0.0.1', portOf(open))).toBe('open');
      expect(await probeDirect('127.0.0.1', 1)).toBe('refused');
      expect(await probeDirect('no-such-host.invalid', 22)).toBe('unreachable');
    });
  });
});

describe('the visit of a host', () => {
  /** Runs the script here, as the host would. */
  const connection = (answer: (args: readonly string[]) => Promise<{ code: number; stdout: string; stderr: string }>): Connection => {
    const exec: Connection['exec'] = (_script, args = []) => answer(args);
    return { exec } as Connection;
  };
  const here = connection(async (args) => ({ code: 0, ...(await run('/bin/sh', ['-c', script, 'slipway', ...args])) }));

  it('asks what the config needs, in one call, and answers the checks', async () => {
    let calls = 0;
    const config = configWith('preflight: { cpu: 1, tools: [git], node: "*", monitors: [no-such-unit], severity: { monitors: warn } }');
    const environment = { ...config.environments['production']!, root: makeRoot('visited', 'demo') };
    config.environments['production'] = environment;
    const counting = connection((args) => {
      calls += 1;
      return here.exec('', args);
    });
    const visit = await visitHost(counting, { script, config, environment, host: HOST, connectTime: 10 });
    expect(calls).toBe(1);
    const records = runPreflight({ config, environment: 'production', hosts: [visit], now: NOW });
    const status = (id: string): string | undefined => records.find((record) => record.id === `preflight.${id}`)?.status;
    expect([status('network.ssh'), status('resources.cpu'), status('tools.commands'), status('permissions.write'), status('clock.drift'), status('monitors.active')]).toEqual(['pass', 'pass', 'pass', 'pass', 'pass', 'warn']);
    expect(catalogue.filter(({ scope }) => scope === 'host').length).toBeGreaterThan(20);
  });

  it('reports an answer that is not whole as a lost host', async () => {
    const visit = await visitHost(connection(async () => ({ code: 0, stdout: 'Welcome!\n', stderr: '' })), { script, config: configWith(), environment: configWith().environments['production']!, host: HOST });
    expect(visit.error?.message).toMatch(/not whole/);
    expect(visit.facts).toBeUndefined();
  });

  it('reports the last words of a script that broke', async () => {
    const visit = await visitHost(connection(async () => ({ code: 127, stdout: '', stderr: 'sh: awk: not found\n' })), { script, config: configWith(), environment: configWith().environments['production']!, host: HOST });
    expect(visit.error?.message).toMatch(/127.*awk: not found/);
  });

  it('puts each question into one argument', () => {
    const config = configWith(`
preflight: { tools: [git], reachable: ["db.example.com:5432"], monitors: [datadog agent], logs: [{ path: /var/log/a b.log, within: 5m }] }
services: { api: { manager: pm2, start: node a.js, port: 3001 }, web: { manager: pm2, start: node b.js, port: 3000 } }`);
    const host = { ...HOST, sudo: true, path: ['/opt/node/bin'] };
    expect(hostQuestions(config, config.environments['production']!, host, true)).toContain('probe=no');
    expect(hostQuestions(config, config.environments['production']!, host)).toEqual([
      '/srv/demo', 'app=demo', 'feature=yes', 'harden=yes', 'sudo=yes', 'env=.env', 'path=/opt/node/bin', 'tool=git', 'port=3001', 'port=3000', 'reach=db.example.com:5432', 'monitor=datadog agent', 'log=/var/log/a b.log',
    ]);
  });
});
