import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { renderEnvFile } from '../../src/config/dotenv.js';
import type { ServiceConfig } from '../../src/config/schema.js';
import type { Instance, ServiceContext } from '../../src/services/definition.js';
import { parseNodeCommand } from '../../src/services/launcher.js';
import { renderPreload } from '../../src/services/preload.js';
import { instancesOf, renderService, startOrder } from '../../src/services/render.js';

const context: ServiceContext = { app: 'shop', root: '/srv/shop', envFile: '.env', user: 'deploy', publicHost: 'shop.example.com', drain: 0 };
const instance = (item: ServiceConfig): Instance => instancesOf(item, context, undefined)[0]!;
const service = (changes: Partial<ServiceConfig> = {}): ServiceConfig => ({ name: 'web', directory: '.', install: [], start: 'node server.js', manager: 'pm2', instances: 1, env: {}, needs: [], scope: 'system', stopLimit: 10_000, ...changes });
const file = (changes: Partial<ServiceConfig>, name: string, own = context): string => renderService(service(changes), instancesOf(service(changes), own, undefined)[0]!, () => undefined)[name]?.content ?? '';
const app = (changes: Partial<ServiceConfig>): Record<string, unknown> => (JSON.parse(file(changes, 'pm2.json')) as { apps: Record<string, unknown>[] }).apps[0] ?? {};

const NASTY: Record<string, string> = {
  EMPTY: '', SPACE: ' a  b ', SINGLE: "it's", DOUBLE: '"x"', BOTH: `'"'`, BACKSLASH: '\\ \\\\ \\n', DOLLAR: "$HOME ${HOME} $(id)'", TICK: "`id`'", NEWLINE: "a\nb='c'\nSPACE=x", MIXED: "'\n\"X=\"\n\\'", HASH: 'a # b', EQUALS: 'a=b=c', UNICODE: 'é😀', TAB: "\t'", CR: 'a\rb', PERCENT: '%s%n', LAST: "ends with \\'",
};

describe('the order in which services start', () => {
  test('is that of their needs, and leaves out what has nothing to run', () => {
    const services = { web: service({ needs: ['api', 'db'] }), api: service({ name: 'api', needs: ['db'] }), files: { ...service({ name: 'files' }) }, db: service({ name: 'db' }) };
    delete (services.files as { start?: string }).start;
    expect(startOrder(services).map(({ name }) => name)).toEqual(['db', 'api', 'web']);
  });
});

describe('a start command', () => {
  test.each<[string, ReturnType<typeof parseNodeCommand>]>([
    ['node server.js', { flags: [], script: 'server.js', args: [] }],
    ['  node   src/server.js  --port 3000 x ', { flags: [], script: 'src/server.js', args: ['--port', '3000', 'x'] }],
    ['node --enable-source-maps --max-old-space-size=512 a.js', { flags: ['--enable-source-maps', '--max-old-space-size=512'], script: 'a.js', args: [] }],
    ['node -r dotenv/config --import ./i.mjs a.js -r x', { flags: ['-r', 'dotenv/config', '--import', './i.mjs'], script: 'a.js', args: ['-r', 'x'] }],
    ['node', undefined], ['node --version', undefined], ['node -e 1', undefined], ['node -r x', undefined], ['node --watch a.js', undefined],
    ['npm start', undefined], ['PORT=1 node a.js', undefined], ['node a.js && b', undefined], ['node "a b.js"', undefined], ['node a.js $X', undefined], ['node a.js > log', undefined], ['node a.js\nb', undefined],
  ])('%j', (start, command) => {
    expect(parseNodeCommand(start)).toEqual(command);
  });
});

describe('the environment that Node reads itself', () => {
  let folder: string;
  beforeEach(() => { folder = realpathSync(mkdtempSync(join(tmpdir(), 'slipway-preload-'))); });
  afterEach(() => { rmSync(folder, { recursive: true, force: true }); });

  test('is what was written, whatever the values, and what a shell reads', () => {
    mkdirSync(join(folder, 'releases/r1'), { recursive: true });
    symlinkSync('releases/r1', join(folder, 'current'));
    writeFileSync(join(folder, 'releases/r1/.env'), renderEnvFile({ ...NASTY, OVERRIDDEN: 'release' }));
    writeFileSync(join(folder, 'env'), renderEnvFile({ OVERRIDDEN: 'service' }));
    writeFileSync(join(folder, 'preload.cjs'), renderPreload({ root: folder, base: join(folder, 'current'), envFile: '.env' }));
    const names = [...Object.keys(NASTY), 'OVERRIDDEN', 'SLIPWAY_RELEASE'];
    const print = `process.stdout.write(JSON.stringify(Object.fromEntries(${JSON.stringify(names)}.map((name) => [name, process.env[name]]))))`;
    const expected = { ...NASTY, OVERRIDDEN: 'service', SLIPWAY_RELEASE: 'r1' };
    const node = spawnSync(process.execPath, ['--require', join(folder, 'preload.cjs'), '-e', print], { encoding: 'utf8', env: { SPACE: 'old' } });
    expect(JSON.parse(node.stdout)).toEqual(expected);

    const own = { ...context, root: folder };
    mkdirSync(join(folder, '.slipway/services/web'), { recursive: true });
    writeFileSync(join(folder, '.slipway/services/web/env'), renderEnvFile({ OVERRIDDEN: 'service' }));
    const launch = file({ start: `${process.execPath} -e '${print}'` }, 'launch', own);
    for (const shell of ['dash', 'bash']) {
      const run = spawnSync(shell, ['-c', launch], { encoding: 'utf8', cwd: '/', stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] ?? '' } });
      expect([run.stderr, JSON.parse(run.stdout)]).toEqual(['', expected]);
    }
  });

  test('of a launcher may use its names, and gets none of them', () => {
    mkdirSync(join(folder, 'releases/r1/sub'), { recursive: true });
    symlinkSync('releases/r1', join(folder, 'current'));
    writeFileSync(join(folder, 'releases/r1/.env'), renderEnvFile({ release: '/', env_file: 'x', SLIPWAY_RELEASE: 'wrong' }));
    const run = spawnSync('sh', ['-c', file({ directory: 'sub', start: 'pwd; env | grep -v PATH | sort' }, 'launch', { ...context, root: folder })], { encoding: 'utf8', env: { PATH: process.env['PATH'] ?? '' } });
    expect(run.stdout.split('\n').filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line))).toEqual([join(folder, 'releases/r1/sub'), 'SLIPWAY_RELEASE=r1', 'env_file=x', 'release=/', '']);
  });
});

describe('a service for PM2', () => {
  test('runs in cluster mode when it is plain node, by way of current, with no secret in its definition', () => {
    expect(app({ instances: 2, directory: 'api', memory: 300_000_000, start: 'node --enable-source-maps server.js a' })).toMatchObject({
      name: 'shop-web', cwd: '/srv/shop/current/api', script: '/srv/shop/current/api/server.js', args: ['a'], exec_mode: 'cluster', instances: 2,
      node_args: ['--require', '/srv/shop/.slipway/services/web/preload.cjs', '--enable-source-maps'], max_memory_restart: 300_000_000, kill_timeout: 10_000,
    });
  });

  test('runs by its launcher otherwise', () => {
    for (const changes of [{ mode: 'fork' as const }, { start: 'npm start' }]) expect(app(changes)).toMatchObject({ script: '/srv/shop/.slipway/services/web/launch', interpreter: '/bin/sh', exec_mode: 'fork' });
  });

  test('keeps the same definition from release to release', () => {
    expect(file({}, 'pm2.json')).toBe(file({}, 'pm2.json'));
    expect(file({ env: { A: 'x' } }, 'pm2.json')).toBe(file({ env: { A: 'y' } }, 'pm2.json'));
  });
});

describe('a service for systemd', () => {
  test('is a unit that starts what current names', () => {
    expect(file({ manager: 'systemd', directory: 'api', memory: 1024, user: 'www-data', stopLimit: 1500 }, 'unit')).toBe(`# Written by Slipway; replaced by the next release.
[Unit]
Description=shop web
After=network.target
StartLimitIntervalSec=0

[Service]
Type=simple
User=www-data
WorkingDirectory=/srv/shop/current/api
EnvironmentFile=-/srv/shop/current/.env
EnvironmentFile=-/srv/shop/.slipway/services/web/env
ExecStart=/bin/sh "/srv/shop/.slipway/services/web/launch"
Restart=always
RestartSec=2
TimeoutStopSec=2
KillMode=mixed
MemoryMax=1024

[Install]
WantedBy=multi-user.target
`);
  });

  test('of a user has no User and another target', () => {
    const unit = file({ manager: 'systemd', scope: 'user' }, 'unit');
    expect(unit).not.toContain('User=');
    expect(unit).toContain('WantedBy=default.target');
  });

  test('takes paths as they are', () => {
    const unit = file({ manager: 'systemd', directory: 'a b/100%' }, 'unit', { ...context, root: '/srv/50%$x"\\' });
    expect(unit).toContain('WorkingDirectory=/srv/50%%$x"\\/current/a b/100%%\n');
    expect(unit).toContain('ExecStart=/bin/sh "/srv/50%%$$x\\"\\\\/.slipway/services/web/launch"\n');
  });
});

describe('what the host is told of a service', () => {
  test('passes through the quoting function, and means the same to the shell', () => {
    const text = file({ directory: "it's $HOME", health: { kind: 'http', path: '/h?a=`id`"', port: 80, status: [200, 204], headers: { 'X-A': `"q" \\ 'x'`, 'X-B': '$HOME' }, within: 1500, successes: 3, interval: 250 } }, 'service');
    const { stdout } = spawnSync('dash', ['-c', `${text}printf "%s\\0" "$name" "$full" "$directory" "$health_path" "$health_status" "$health_headers" "$health_within" "$health_interval" "$health_host" "$env_path"`], { encoding: 'utf8' });
    expect(stdout.split('\0').slice(0, -1)).toEqual(['web', 'shop-web', "it's $HOME", '/h?a=`id`"', '200 204', `X-A: "q" \\ 'x'\nX-B: $HOME\n`, '2', '0.25', 'shop.example.com', '.env']);
  });

  test('has values of its own for its owner alone', () => {
    const web = service({ port: 3000, env: { A: "$B's" } });
    const definition = renderService(web, instance(web), (name) => (name === 'B' ? 'b' : undefined));
    expect(definition['env']).toEqual({ content: `A="b's"\nPORT='3000'\n`, mode: 0o600 });
  });
});
