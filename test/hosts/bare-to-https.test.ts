import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { Evidence } from '../../src/evidence/record.js';
import { bundles } from './bundle.js';
import { docker, finish } from './docker.js';
import { type Host, startHost } from './harness.js';
import { startPebble } from './pebble.js';

// Two machines: a server as it comes from a provider, and the computer of whoever types what the README prints. The second
// one also plays the certificate authority and the DNS. Every port is the real one: 22, 80, 443.
const ROOT = join(fileURLToPath(new URL('.', import.meta.url)), '..', '..');
const NAME = 'shop.example.com';

/** The commands in the README, as they stand there. */
const script = /<!-- bare server:.*?-->\n```sh\n(.*?)```/s.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))?.[1] ?? '';

let server: Host;
let desk: Host;

beforeAll(async () => {
  [server, desk] = await Promise.all([startHost({ bare: true }), startHost()]);
  const pebble = await startPebble(desk);
  await pebble.lie(NAME, server.innerAddress);
  await desk.run(`echo '${server.innerAddress} ${NAME}' >> /etc/hosts`);
  await server.run(`echo '${desk.innerAddress} acme.example.com' >> /etc/hosts`);
  await server.run('cat > /opt/acme.pem', { input: (await desk.run('cat /root/acme/ca.pem')).stdout });
  // Nothing can be fetched from there: each new user finds in its home what npm would fetch.
  await server.run('cp -r /opt/mirror/npm /etc/skel/.npm');
  await desk.run('install -d -o deploy -g deploy /home/deploy/shop /home/deploy/slipway && install -m 0644 /root/issuer.pem /home/deploy/issuer.pem');
  await copy(await bundles(), '/home/deploy/slipway/dist');
  await copy(join(ROOT, 'examples', 'express-sqlite'), '/home/deploy/shop');
  await desk.run('umask 077; cat > /home/deploy/.ssh/id_ed25519 && chown deploy /home/deploy/.ssh/id_ed25519', { input: desk.clientKey });
  await desk.run('cat > /home/deploy/shop/slipway.yml', { input: configuration() });
  await desk.run('cat > /home/deploy/shop/production.env', { input: `JWT_SECRET=${'x9Kq'.repeat(12)}\nADMIN_EMAIL=admin@example.com\nADMIN_PASSWORD=correct-horse-battery\n` });
  await desk.run('chown -R deploy:deploy /home/deploy/shop /home/deploy/slipway');
}, 900_000);
afterAll(async () => {
  await Promise.all([server.stop(), desk.stop()]);
});

/** A folder of this machine into the desk, for `deploy`. */
async function copy(from: string, to: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-desk-'));
  try {
    await finish('tar', ['--create', '--file', join(folder, 'all.tar'), '--exclude', 'node_modules', '--directory', from, '.']);
    await desk.run(`install -d -o deploy -g deploy ${to}`);
    await docker(['cp', join(folder, 'all.tar'), `${desk.container}:/root/all.tar`]);
    await desk.run(`tar --extract --file /root/all.tar --directory ${to} && chown -R deploy:deploy ${to} && rm /root/all.tar`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What the README shows, for the example app. */
function configuration(): string {
  const base = readFileSync(join(ROOT, 'examples', 'express-sqlite', 'slipway.yml'), 'utf8');
  return base
    .replace(/^ {4}url: .*$/m, `    url: https://${NAME}`)
    .replace(/^ {6}- address: .*\n {8}host-key: .*$/m, `      - { address: deploy@${NAME}, host-key: "${server.hostKeyLine}", sudo: true }`)
    .concat(stringify({
      server: { node: 24, 'node-mirror': 'http://127.0.0.1:8099', keys: desk.clientPublicKey.split(' ').slice(0, 2).join(' ') },
      site: { domains: [NAME], routes: { '/': 'web' }, 'content-security-policy': "default-src 'self'", tls: { email: 'ops@example.com', server: 'https://acme.example.com:14000/dir', ca: '/opt/acme.pem' } },
    }))
    .replace('  disk-free: 5%', `  disk-free: 5%\n  dns: { addresses: [${server.innerAddress}] }\n  severity: { dns: 'off' }`);
}

const atTheDesk = (commands: string): ReturnType<Host['run']> =>
  desk.run(`cd ~/shop && eval "$(ssh-agent -s)" >/dev/null && ssh-add -q ~/.ssh/id_ed25519 && export NODE_EXTRA_CA_CERTS=~/issuer.pem
slipway() { node ../slipway/dist/slipway.cjs "$@"; }
trap 'ssh-agent -k >/dev/null' EXIT
set -e
${commands}`, { user: 'deploy', limit: 580_000 });

describe('a bare server', () => {
  test('serves an app over HTTPS after what the README prints, and not more', async () => {
    expect(script.split('\n').filter((line) => line.startsWith('slipway '))).toHaveLength(6);
    const timed = script.trim().split('\n').map((line) => `began=$(date +%s); ${line.replace(/\s+#.*$/, '')}; echo "TOOK $(($(date +%s) - began)) s: ${line.replace(/\s+#.*$/, '')}"`).join('\n');
    const ran = await atTheDesk(timed);
    process.stderr.write(`${ran.stdout.split('\n').filter((line) => line.startsWith('TOOK ')).join('\n')}\n`);
    if (ran.code !== 0) process.stderr.write(`${ran.stdout}\n${ran.stderr}\n`);
    expect(ran.code).toBe(0);
    const [, again = ''] = ran.stdout.split('TOOK').slice(1, 4);
    expect(ran.stdout).toMatch(/Server of express-sqlite to production: success: nothing to change/);
    expect(again).not.toBe('');

    const page = await desk.run(`curl -sS --cacert /home/deploy/issuer.pem -o /dev/null -w '%{http_code} %{ssl_verify_result}' https://${NAME}/health`);
    expect(page.stdout).toBe('200 0');
    const redirect = await desk.run(`curl -sS -o /dev/null -w '%{http_code} %{redirect_url}' http://${NAME}/health`);
    expect(redirect.stdout).toBe(`301 https://${NAME}/health`);
  }, 600_000);

  test('is closed to everybody else: root and passwords are refused, no other port answers', async () => {
    const root = await atTheDesk(`ssh -o BatchMode=yes -o StrictHostKeyChecking=no root@${NAME} true || echo refused`);
    expect(root.stdout.trim()).toBe('refused');
    const port = await desk.run(`timeout 3 bash -c 'exec 3<>/dev/tcp/${NAME}/3001' && echo open || echo closed`);
    expect(port.stdout.trim()).toBe('closed');
  }, 60_000);

  test('has the grade the public graders call A+: every TLS check passes, and what is spoiled on purpose is the one that is red', async () => {
    const file = `/etc/nginx/sites-available/slipway-express-sqlite-production.conf`;
    /** The TLS checks that do not pass, while `spoil` holds. */
    const red = async (spoil = 'true'): Promise<string[]> => {
      const spoiled = await server.run(`cp ${file} /root/site.conf && ${spoil} && nginx -t && nginx -s reload && sleep 1`);
      expect(`${spoiled.code} ${spoiled.stderr}`).toMatch(/^0 /);
      await atTheDesk('slipway preflight production --part hosts --app-env production.env --evidence ~/tls.jsonl || true');
      const records = (await desk.run('cat /home/deploy/tls.jsonl; rm /home/deploy/tls.jsonl')).stdout.trim().split('\n').map((line) => JSON.parse(line) as Evidence);
      await server.run(`cp /root/site.conf ${file} && nginx -s reload`);
      const tls = records.filter(({ id }) => id.startsWith('preflight.tls.'));
      expect(tls.length).toBeGreaterThan(20);
      return tls.filter(({ status }) => status === 'fail' || status === 'warn').map(({ id }) => id.replace('preflight.tls.', ''));
    };
    expect(await red()).toEqual([]);
    expect(await red(`sed -i 's/ssl_protocols .*/ssl_protocols TLSv1 TLSv1.2 TLSv1.3;/; s/ssl_ciphers .*/ssl_ciphers DEFAULT:@SECLEVEL=0;/' ${file}`)).toContain('version-1-0');
    expect(await red(`sed -i '/Strict-Transport-Security/d' ${file}`)).toContain('hsts');
    expect(await red(`openssl x509 -in /etc/letsencrypt/live/${NAME}/cert.pem -out /root/leaf.pem && sed -i 's,ssl_certificate "*/etc/letsencrypt[^;]*;,ssl_certificate /root/leaf.pem;,' ${file}`)).toContain('chain');
  }, 120_000);
});
