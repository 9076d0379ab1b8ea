import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { docker, finish, type Finished } from './docker.js';
import { type Host, linkTo, OPERATOR_PASSWORD, startHost } from './harness.js';

const EXAMPLES = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'examples');

let host: Host;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-harness-'));
  host = await startHost({ tmpfs: { '/srv': '20m' }, publish: [3001] });
  await writeFile(join(folder, 'key'), host.clientKey, { mode: 0o600 });
  await writeFile(join(folder, 'known_hosts'), host.knownHosts);
}, 120_000);

afterAll(async () => {
  await host.stop();
  await rm(folder, { recursive: true });
});

/** Logs in with the real OpenSSH client, the host's key pinned. */
function ssh(user: string, command: string, { port = host.port, input = '', options = [] as string[] } = {}): Promise<Finished> {
  const settings = ['BatchMode=yes', 'StrictHostKeyChecking=yes', `UserKnownHostsFile=${join(folder, 'known_hosts')}`, 'IdentitiesOnly=yes', 'LogLevel=ERROR'];
  return finish('ssh', [
    ...['-F', 'none', '-p', String(port), '-i', join(folder, 'key')],
    ...[...settings, ...options].flatMap((setting) => ['-o', setting]),
    ...[`${user}@127.0.0.1`, command],
  ], { input });
}

describe('a test host', () => {
  test.each(['root', 'deploy', 'operator', 'plain'])('lets %s log in with the key, its own key pinned', async (user) => {
    expect(await ssh(user, 'id -un')).toEqual({ code: 0, stdout: `${user}\n`, stderr: '' });
  });

  test('runs systemd as process 1, for the system and for deploy', async () => {
    expect((await host.run('systemctl is-system-running')).stdout).toMatch(/^(running|degraded)$/m);
    expect((await host.run('cat /proc/1/comm')).stdout).toBe('systemd\n');
    expect(await ssh('deploy', 'systemctl --user is-system-running')).toMatchObject({ code: 0, stdout: 'running\n' });
  });

  test('has the tools that apps need, nginx and the database servers switched off', async () => {
    const tools = await ssh('deploy', 'set -e; node --version; npm --version; command -v pm2 sqlite3 rsync curl busybox dash; python3 -m venv /tmp/venv; /tmp/venv/bin/python --version');
    expect(tools).toMatchObject({ code: 0, stdout: expect.stringMatching(/^v24\.[\s\S]*Python 3\.11/) });
    expect((await host.run('systemctl is-enabled nginx; systemctl is-active nginx')).stdout).toBe('disabled\ninactive\n');
    expect((await host.run('systemctl is-active postgresql mariadb.service mariadb.socket; pgrep -l "postgres|mariadbd"; pg_lsclusters -h')).stdout).toBe('inactive\n'.repeat(3));
    expect(await ssh('deploy', 'command -v pg_dump mariadb-dump age aws zstd openssl')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^(.+\n){6}$/) });
    expect((await host.run('/usr/sbin/nginx -t')).code).toBe(0);
  });

  test('gives sudo to deploy without and to operator with a password, and to plain not at all', async () => {
    expect(await ssh('deploy', 'sudo -n id -u')).toMatchObject({ code: 0, stdout: '0\n' });
    expect(await ssh('operator', 'sudo -n id -u')).toMatchObject({ code: 1, stderr: expect.stringContaining('a password is required') });
    expect(await ssh('operator', 'sudo -S -p "" id -u', { input: `${OPERATOR_PASSWORD}\n` })).toMatchObject({ code: 0, stdout: '0\n' });
    expect((await ssh('plain', 'sudo -n id -u')).code).toBe(1);
  });

  test('installs what the examples lock, without a network', async () => {
    const packed = await finish('tar', ['-C', EXAMPLES, '-cf', join(folder, 'examples.tar'), '--exclude', 'node_modules', '--exclude', '.venv', 'express-sqlite', 'flask']);
    expect(packed.code).toBe(0);
    await docker(['cp', join(folder, 'examples.tar'), `${host.container}:/tmp/examples.tar`]);
    const install = 'set -e; mkdir /tmp/e; cd /tmp/e; tar -xf /tmp/examples.tar; (cd express-sqlite; npm ci --omit=dev); cd flask; python3 -m venv .venv; .venv/bin/pip install -r requirements.txt';
    expect(await ssh('deploy', install)).toMatchObject({ code: 0 });
    expect(await ssh('deploy', 'cd /tmp/e/flask && .venv/bin/gunicorn --check-config app:app')).toMatchObject({ code: 0 });
  }, 60_000);

  test('publishes a port on loopback', async () => {
    await host.run("systemd-run --unit web node -e 'require(\"http\").createServer((q, s) => s.end(\"here\")).listen(3001)'");
    const answer = await ssh('deploy', 'curl -sS --retry 20 --retry-connrefused --retry-delay 1 http://127.0.0.1:3001/');
    expect(answer).toMatchObject({ code: 0, stdout: 'here' });
    expect(await (await fetch(`http://127.0.0.1:${host.published[3001]}/`)).text()).toBe('here');
  });

  test('has a /srv that can run full', async () => {
    const written = await host.run('head -c 30m /dev/zero > /srv/full');
    expect(written).toMatchObject({ code: 1, stderr: expect.stringContaining('No space left') });
    await host.run('rm /srv/full');
  });

  test('keeps its port and keys over a restart', async () => {
    await host.restart();
    expect(await ssh('deploy', 'systemctl --user is-system-running')).toMatchObject({ code: 0, stdout: 'running\n' });
  }, 60_000);

  test('answers nothing while it is paused', async () => {
    await host.pause();
    const paused = await ssh('deploy', 'true', { options: ['ConnectTimeout=2'] });
    await host.unpause();
    expect(paused.code).toBe(255);
    expect((await ssh('deploy', 'true')).code).toBe(0);
  });

  test('leaves no container when it stops', async () => {
    const other = await startHost();
    await other.stop();
    await other.stop();
    expect(await docker(['ps', '--all', '--quiet', '--no-trunc', '--filter', `id=${other.container}`])).toBe('');
  }, 60_000);
});

describe('a link', () => {
  const anyPort = { options: ['HostKeyAlias=linked'] };

  beforeAll(async () => {
    await writeFile(join(folder, 'known_hosts'), `${host.knownHosts}linked ${host.hostKeyLine}\n`);
  });

  test('takes longer by its delay in each direction', async () => {
    const link = await linkTo(host, { delay: 100 });
    const start = Date.now();
    expect(await ssh('deploy', 'true', { ...anyPort, port: link.port })).toMatchObject({ code: 0 });
    // Version, key exchange, login and command are at least five round trips.
    expect(Date.now() - start).toBeGreaterThan(1_000);
    await link.close();
  });

  test('carries what is sent whole', async () => {
    const link = await linkTo(host, { delay: 5 });
    const sum = await ssh('deploy', 'wc -c', { ...anyPort, port: link.port, input: 'x'.repeat(12_000_000) });
    expect(sum).toMatchObject({ code: 0, stdout: '12000000\n' });
    expect(link.bytes.sent).toBeGreaterThan(12_000_000);
    await link.close();
  });

  test('breaks after so many bytes, and lets new connections through when restored', async () => {
    const link = await linkTo(host, { cutAfterBytes: 1_000_000 });
    const cut = await ssh('deploy', 'cat > /dev/null', { ...anyPort, port: link.port, input: 'x'.repeat(5_000_000) });
    expect(cut.code).toBe(255);
    expect((await ssh('deploy', 'true', { ...anyPort, port: link.port })).code).toBe(255);
    link.restore();
    expect((await ssh('deploy', 'true', { ...anyPort, port: link.port })).code).toBe(0);
    await link.close();
  });

  test('can fall silent, so that only keepalive notices', async () => {
    const link = await linkTo(host);
    const options = [...anyPort.options, 'ServerAliveInterval=1', 'ServerAliveCountMax=2'];
    const waiting = ssh('deploy', 'sleep 30', { options, port: link.port });
    while (link.bytes.received < 2_000) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    link.cut('silent');
    const start = Date.now();
    expect((await waiting).code).toBe(255);
    expect(Date.now() - start).toBeGreaterThan(1_500);
    await link.close();
  });
});
