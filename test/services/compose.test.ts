import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { renderEnvFile } from '../../src/config/env-file.js';
import type { ServiceConfig } from '../../src/config/schema.js';
import { instancesOf, renderService } from '../../src/services/render.js';

const SCRIPTS = join(dirname(fileURLToPath(import.meta.url)), '../../src/host/scripts');
const PARTS = ['lib', 'services', 'compose'].map((name) => readFileSync(join(SCRIPTS, `${name}.sh`), 'utf8')).join('\n');
const RELEASE = '20261121T002714Z-3f9c2ab';
/** Writes down how it was called and what it was given; fails for what `fail` names. */
const DOCKER = `#!/bin/sh
home=$(dirname "$0")
printf '%s\\n' "$*" >>"$home/called"
if [ -f "$home/fail" ] && printf '%s' "$*" | grep -q -f "$home/fail"; then echo 'step 3: no such lib' >&2; exit 1; fi
case "$*" in
  *' up '*) env >"$home/env" ;;
  *'config --images') printf '%s\\n' shop-web-web redis:7 ;;
  'ps '*) echo c1 ;;
  inspect*Pid*) echo 4711 ;;
  inspect*) echo no web ;;
  'image ls --format {{.Repository}}:{{.Tag}} --filter reference=slipway/shop-production') printf 'slipway/shop-production:web.1.%s\\n' ${RELEASE} 20250101T000000Z-old ;;
  *'reference=*:20250101T000000Z-old'*) echo shop:20250101T000000Z-old ;;
esac
`;

let root: string;
let bin: string;

const service = (changes: Partial<ServiceConfig> = {}): ServiceConfig => ({ name: 'web', directory: 'app', install: [], manager: 'compose', instances: 1, env: { MODE: 'live' }, needs: [], scope: 'system', stopLimit: 3_000, port: 3000, ...changes });
const definition = (): string => join(root, '.slipway/manifests', RELEASE, 'services/01-web');
const called = (): string[] => (existsSync(join(bin, 'called')) ? readFileSync(join(bin, 'called'), 'utf8').trim().split('\n') : []);

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'slipway-compose-')));
  bin = join(root, 'bin');
  for (const folder of ['bin', '.slipway/logs', `releases/${RELEASE}/app`]) mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(bin, 'docker'), DOCKER);
  chmodSync(join(bin, 'docker'), 0o755);
  writeFileSync(join(root, '.slipway/app'), 'shop production\n');
  writeFileSync(join(root, `releases/${RELEASE}/.env`), renderEnvFile({ SECRET: "it's $5", PATH: '/nowhere', compose_dir: 'x', DOCKER_HOST: 'tcp://elsewhere' }));
  writeFileSync(join(root, `releases/${RELEASE}/app/docker-compose.yml`), 'services: {}\n');
  symlinkSync(`releases/${RELEASE}`, join(root, 'current'));
  define();
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function define(changes: Partial<ServiceConfig> = {}): void {
  const own = service(changes);
  const instance = instancesOf(own, { app: 'shop', root, envFile: '.env', user: 'deploy', publicHost: 'shop.example.com', drain: 0 }, undefined)[0]!;
  mkdirSync(definition(), { recursive: true });
  for (const [name, file] of Object.entries(renderService(own, instance, () => undefined))) writeFileSync(join(definition(), name), file.content);
}

/** Runs functions of the host's scripts, for the service as it is defined. */
function onHost(commands: string): { code: number | null; stdout: string; stderr: string } {
  const text = `${PARTS}\nat() { :; }\npassword=''\nenter "$1"\nload "$2"\n${commands}\n`;
  const ran = spawnSync('sh', ['-c', text, 'slipway', root, definition()], {
    encoding: 'utf8', env: { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: '/nonexistent', DOCKER_HOST: 'unix:///here' },
  });
  return { code: ran.status, stdout: ran.stdout, stderr: ran.stderr };
}

describe('containers on a host', () => {
  test('are made from the real folder of the release, with its environment, and no value of it is seen among the arguments', () => {
    expect(onHost('compose_start')).toMatchObject({ code: 0, stderr: '' });
    const project = `compose --env-file /dev/null --project-name shop-web --project-directory ${root}/releases/${RELEASE}/app --file ${root}/releases/${RELEASE}/app/docker-compose.yml`;
    expect(called().filter((line) => line.startsWith('compose'))).toEqual([
      `${project} build`,
      `${project} config --images`,
      `${project} up --detach --no-build --force-recreate --remove-orphans --timeout 3 --wait --wait-timeout 60`,
    ]);
    expect(called().join()).not.toContain("it's");
    const given = readFileSync(join(bin, 'env'), 'utf8').split('\n');
    for (const line of ["SECRET=it's $5", 'MODE=live', 'PORT=3000', `SLIPWAY_RELEASE=${RELEASE}`, 'DOCKER_HOST=unix:///here', 'compose_dir=x', `PATH=${bin}:${process.env['PATH'] ?? ''}`]) expect(given).toContain(line);
  });

  test.each<[Partial<ServiceConfig>, RegExp]>([
    [{ image: 'pull' }, / pull --quiet$/],
    [{ image: 'load', archive: 'images/it.tar' }, /^load --quiet --input \S+\/app\/images\/it\.tar$/],
  ])('have their images %j', (changes, first) => {
    define(changes);
    expect(onHost('compose_start').code).toBe(0);
    expect(called()[0]).toMatch(first);
  });

  test('take the file that is named, and say when there is none', () => {
    define({ file: 'live/compose.prod.yaml' });
    expect(onHost('compose_start')).toMatchObject({ code: 1, stderr: `there is no live/compose.prod.yaml in ${root}/releases/${RELEASE}/app\n` });
    expect(called()).toEqual([]);
  });

  test('start a second time from the images they had, under the names of their slot then', () => {
    expect(onHost('compose_start').code).toBe(0);
    expect(called()).toContain(`image tag shop-web-web slipway/shop-production:web.2.${RELEASE}`);
    rmSync(join(bin, 'called'));
    expect(onHost('full=shop-web-green; compose_start').code).toBe(0);
    expect(called()).toContain(`image tag slipway/shop-production:web.2.${RELEASE} shop-web-green-web`);
    expect(called().filter((line) => /build$/.test(line))).toEqual([]);
  });

  test('are built anew when an image is gone', () => {
    expect(onHost('compose_start').code).toBe(0);
    rmSync(join(bin, 'called'));
    writeFileSync(join(bin, 'fail'), '^image tag slipway\n');
    expect(onHost('compose_start').code).toBe(0);
    expect(called().filter((line) => /build$/.test(line))).toHaveLength(1);
  });

  test('that cannot be built are not started, and the reason is in their log until the next start', () => {
    writeFileSync(join(bin, 'fail'), 'build$\n');
    expect(onHost('compose_mark; compose_start || { compose_logs; exit 9; }')).toEqual({ code: 9, stdout: 'step 3: no such lib\n', stderr: '' });
    expect(called().filter((line) => line.includes(' up '))).toEqual([]);
    rmSync(join(bin, 'fail'));
    expect(onHost('compose_start; compose_logs').stdout).not.toContain('no such lib');
  });

  test('without a restart policy are warned of', () => {
    expect(onHost('compose_start').stdout).toMatch(/^warn web: the container web has no restart policy/);
  });

  test('are counted by their processes, and stopped by the name of the project alone', () => {
    expect(onHost('compose_pids; rm -rf "$root/current"; compose_stop')).toEqual({ code: 0, stdout: '4711\n', stderr: '' });
    expect(called().at(-1)).toBe('compose --project-name shop-web down --remove-orphans --timeout 3');
  });

  test('of releases that are gone leave no image behind', () => {
    expect(onHost('compose_forget').code).toBe(0);
    expect(called()).toEqual([]);
    expect(onHost('compose_start; compose_forget').code).toBe(0);
    expect(called().filter((line) => line.startsWith('image rm'))).toEqual(['image rm slipway/shop-production:web.1.20250101T000000Z-old', 'image rm shop:20250101T000000Z-old']);
  });
});
