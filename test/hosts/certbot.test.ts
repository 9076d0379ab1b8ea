import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Host, OPERATOR_PASSWORD, startHost } from './harness.js';
import { startPebble, type Pebble } from './pebble.js';
import { runAction, runCli, type Ran } from './run-action.js';
import { expectNothingLeft, listing } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

// Real certbot, real nginx, and pebble, an authority that comes to port 80 of the host as Let's Encrypt does.
let host: Host;
let work: Workspace;
let pebble: Pebble;
/** Commands of the team's, which certbot runs as root. */
const DNS = { authenticate: '/usr/local/bin/dns-add', 'clean-up': '/usr/local/bin/dns-remove' };
const SITE = { domains: ['www.example.com'], routes: { '/': 'web' }, drain: '1s', tls: { email: 'ops@example.com', server: 'https://localhost:14000/dir', ca: '/etc/ssl/acme.pem' } };

beforeAll(async () => {
  host = await startHost();
  [pebble, work] = await Promise.all([
    startPebble(host),
    workspace(host, {
      kind: 'tiny',
      changes: {
        'services.web.health': { path: '/health', within: '10s', interval: '100ms', successes: 1 },
        site: SITE,
        // The names are made up: their addresses are told, and only the way to port 80 is asked.
        preflight: { dns: { addresses: [host.innerAddress] }, severity: { dns: 'off' } },
        server: { admins: { alice: host.clientPublicKey }, updates: false, harden: false },
      },
    }),
  ]);
  await narrow();
  // The bundle may have to be built for it.
}, 400_000);
afterAll(async () => {
  await host.stop();
  await work.remove();
});

/**
 * From here on `deploy` has narrow sudo, as on any host with people who have a login: all that is asked of root goes through
 * as-root. It is told of the commands for the DNS, which are used at the end. nginx and the timer are as a host has them before.
 */
async function narrow(): Promise<void> {
  await host.run("sed -i '/^deploy /d' /etc/sudoers.d/slipway; rm /etc/systemd/system/logrotate.timer; systemctl daemon-reload");
  await work.configure({ 'site.tls': { ...SITE.tls, mode: 'dns', dns: DNS }, 'site.domains': [...SITE.domains, 'dns.example.com'] });
  const made = await runCli(['server', 'production', '--login', 'root', '--identity', work.identity], { workspace: work.folder });
  if (made.code !== 0) throw new Error(`server failed: ${made.stdout}${made.stderr}`);
  await work.configure({ 'site.tls': SITE.tls, 'site.domains': SITE.domains });
  await host.run('systemctl disable --quiet --now nginx.service certbot.timer');
}

const certbot = (inputs: Record<string, string> = {}): Promise<Ran> => runAction('certbot', { workspace: work.folder, inputs: { ...work.inputs, ...inputs } });
const out = async (command: string): Promise<string> => (await host.run(command)).stdout.trim();
const serial = (name = 'www.example.com'): Promise<string> => out(`openssl x509 -noout -serial -in /etc/letsencrypt/live/${name}/cert.pem`);
const names = (): Promise<string> => out('openssl x509 -noout -ext subjectAltName -in /etc/letsencrypt/live/www.example.com/cert.pem');
const served = (name = 'www.example.com'): Promise<string> => out(`openssl s_client -connect 127.0.0.1:443 -servername ${name} </dev/null 2>/dev/null | openssl x509 -noout -serial`);
/** The host's own timer does its work on the day this certificate is due. */
const timerRenews = (name: string): Promise<string> =>
  out(`conf=/etc/letsencrypt/renewal/${name}.conf; sed -i '1i renew_before_expiry = 3650 days' $conf; systemctl start certbot.service; sed -i '/^renew_before_expiry/d' $conf`);
const status = (ran: Ran, id: string): string | undefined => ran.evidence.filter((record) => record.id === id).map((record) => `${record.status} ${record.observed ?? ''}`).at(-1);
/** What lies in nginx's folders. */
const sites = (): Promise<string> => listing(host, '/etc/nginx', 'f');
const everything = (): Promise<string> => listing(host, '/etc/nginx /etc/letsencrypt /etc/systemd/system', 'f');

describe('before the first deploy', () => {
  test('a plan says what would be asked, and changes nothing', async () => {
    const before = await everything();
    const ran = await runCli(['certbot', 'production', '--identity', work.identity, '--plan'], { workspace: work.folder });
    expect(ran.stdout).toMatch(/would ask https:\/\/localhost:14000\/dir for www.example.com \(mode webroot\): there is no certificate yet/);
    expect(ran.stdout).toMatch(/would put right: the hook that reloads nginx/);
    expect(ran.code).toBe(0);
    expect(await everything()).toBe(before);
  }, 60_000);

  test('a stranger on port 80 is named, and the authority is not asked', async () => {
    await host.run('systemd-run --unit stranger python3 -m http.server 80; for _ in $(seq 50); do ss -Hltn sport = :80 | grep -q . && break; sleep 0.1; done');
    const ran = await certbot();
    expect(ran.code).toBe(1);
    expect(ran.log).toMatch(/python3 \(process \d+, stranger.service\) holds port 80, not nginx/);
    expect(ran.log).toContain('sudo systemctl disable --now stranger.service');
    expect(await pebble.orders()).toBe(0);
    await host.run('systemctl stop stranger');
  }, 60_000);

  test('a name that leads elsewhere is explained, and nginx is as it was', async () => {
    const before = await sites();
    await pebble.lie('www.example.com', '192.0.2.1');
    const ran = await certbot();
    expect(ran.code).toBe(1);
    expect(ran.log).toMatch(/the authority cannot connect to port 80 of www.example.com \(connection\)/);
    expect(await sites()).toBe(before);
    await pebble.lie('www.example.com', '127.0.0.1');
  }, 60_000);

  test('a port 80 that does not lead to this nginx is told, and the authority is not asked', async () => {
    const [before, orders] = [await sites(), await pebble.orders()];
    await work.configure({ 'preflight.dns.addresses': ['127.0.0.1'] });
    const ran = await certbot();
    await work.configure({ 'preflight.dns.addresses': [host.innerAddress] });
    expect(ran.code).toBe(1);
    expect(status(ran, 'certbot.reach')).toMatch(/^fail www.example.com at 127.0.0.1: /);
    expect([await sites(), await pebble.orders()]).toEqual([before, orders]);
  }, 60_000);

  test('a name that another site of the host answers for is left to it: that one is named, and the authority is not asked', async () => {
    await host.run("printf 'server { listen 80; server_name www.example.com; }' > /etc/nginx/conf.d/team.conf");
    const [before, orders] = [await sites(), await pebble.orders()];
    const ran = await certbot();
    expect(ran.code).toBe(1);
    expect(ran.log).toMatch(/another site of this host answers for www.example.com \(\/etc\/nginx\/conf.d\/team.conf\)/);
    expect([await sites(), await pebble.orders()]).toEqual([before, orders]);
    await host.run('rm /etc/nginx/conf.d/team.conf');
  }, 60_000);

  test('a certificate is issued, and its renewal is proven', async () => {
    const ran = await certbot();
    expect(ran.log).not.toContain('::error');
    expect(ran.summary).toContain('issued: www.example.com');
    expect(ran.code).toBe(0);
    expect(status(ran, 'certbot.reach')).toMatch(/^pass .*: this nginx$/);
    expect(status(ran, 'certbot.certificate')).toMatch(/^pass issued, as there is no certificate yet; by .*Pebble/);
    expect(status(ran, 'certbot.renewal')).toMatch(/^pass/);
    expect(status(ran, 'certbot.timer')).toMatch(/^pass certbot.timer; put right: the hook/);
    expect((await host.run('sudo -n true', { user: 'deploy' })).stderr).toContain('a password is required');
    expect(await out('systemctl is-enabled certbot.timer; openssl x509 -noout -text -in /etc/letsencrypt/live/www.example.com/cert.pem | grep -o id-ecPublicKey')).toBe('enabled\nid-ecPublicKey');
    expect(await out('find /srv/tiny/.slipway/acme -type f; ls -d /tmp/slipway-certbot*')).toBe('');
    await expectNothingLeft(host, work);
  }, 120_000);

  test('a second run does nothing', async () => {
    const before = [await pebble.orders(), await everything()];
    const ran = await certbot();
    expect(ran.code).toBe(0);
    expect(ran.summary).toMatch(/nothing to do: valid for \d+ days more/);
    expect([await pebble.orders(), await everything()]).toEqual(before);
  }, 60_000);
});

describe('with a release', () => {
  test('the first deploy serves it over https, and its chain leads to the authority', async () => {
    const ran = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
    expect(ran.code).toBe(0);
    expect(status(ran, 'deploy.site')).toBe('pass nginx tested and reloaded: https');
    expect(await out('curl -sS --cacert /root/issuer.pem --resolve www.example.com:443:127.0.0.1 https://www.example.com/version')).toContain(ran.outputs['release']);
  }, 120_000);

  test('an added name extends the certificate, though the live site does not know it yet', async () => {
    const [before, was] = [await serial(), await sites()];
    await work.configure({ 'site.domains': ['www.example.com', 'api.example.com'] });
    const ran = await certbot();
    expect(ran.log).not.toContain('::error');
    expect(ran.summary).toContain('extended: www.example.com, api.example.com');
    expect(await serial()).not.toBe(before);
    expect(await served()).toBe(await serial());
    expect(await names()).toContain('DNS:api.example.com');
    expect(await sites()).toBe(was);
  }, 120_000);

  test('the timer renews it when its time has come, and nginx serves the new one', async () => {
    const before = await served();
    await timerRenews('www.example.com');
    expect(await served()).not.toBe(before);
    expect(await served()).toBe(await serial());
  }, 60_000);

  test('a name that is taken away is said, and the certificate is left alone', async () => {
    await work.configure({ 'site.domains': ['www.example.com'] });
    const before = await serial();
    // A login whose sudo wants a password.
    await host.run('chown -R operator /srv/tiny');
    // A run that died has left this.
    await host.run('touch /etc/nginx/sites-enabled/zz-slipway-tiny-production-acme.conf');
    await work.configure({ 'environments.production.hosts.0.address': host.address.replace('deploy@', 'operator@') });
    const ran = await certbot({ 'sudo-password': OPERATOR_PASSWORD });
    await host.run('chown -R deploy /srv/tiny');
    await work.configure({ 'environments.production.hosts.0.address': host.address });
    expect(ran.code).toBe(0);
    expect(status(ran, 'certbot.removed')).toMatch(/^warn the certificate is also for api.example.com/);
    expect(status(ran, 'certbot.site')).toBe('pass nginx has it already');
    expect(await serial()).toBe(before);
    expect(await sites()).not.toContain('-acme.conf');
  }, 60_000);

  test.each([
    { type: 'rateLimited', status: 429, headers: { 'Retry-After': '7200' }, detail: 'too many certificates (5) already issued for this exact set of domains in the last 168h0m0s, retry after 2026-11-28 12:00:00 UTC: see https://letsencrypt.org/docs/rate-limits/', says: /\(rateLimited\):\s+too many certificates \(5\)[^]*Try again after 2026-11-28 12:00 UTC/ },
    { type: 'caa', status: 403, detail: 'Rechecking CAA for "shop.example.com" : CAA record for shop.example.com prevents issuance', says: /a CAA record forbids the authority to issue for .*\(caa\)[^]*300 IN CAA 0 issue/ },
  ])('$type of the authority is explained, and the old certificate is served on', async ({ says, ...answer }) => {
    const [before, was] = [await serial(), await sites()];
    await work.configure({ 'site.tls.server': 'https://localhost:14002/dir' });
    await pebble.refuse(answer);
    const ran = await certbot();
    await work.configure({ 'site.tls.server': SITE.tls.server });
    expect(ran.code).toBe(1);
    expect(ran.log).toMatch(says);
    expect(ran.log).toContain('The certificate before goes on being served.');
    expect([await serial(), await served(), await sites()]).toEqual([before, before, was]);
  }, 60_000);

  test('an authority that wants an account is told the key, and nobody else is', async () => {
    const key = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W';
    await work.configure({ 'site.tls.server': 'https://localhost:14001/dir' });
    const without = await certbot();
    expect(without.log).toMatch(/the authority wants an account that you have with it \(externalAccountRequired\)/);
    await work.configure({ 'site.tls.account': { 'key-id': '$ACME_KEY_ID', key: '$ACME_KEY' } });
    const ran = await certbot({ 'app-env': `ACME_KEY_ID=kid-1\nACME_KEY=${key}` });
    expect(status(ran, 'certbot.certificate')).toMatch(/^pass renewed, as it comes from https:\/\/localhost:14000\/dir, wanted is/);
    expect(await served()).toBe(await serial());
    expect(await names()).not.toContain('api.example.com');
    expect(ran.log + ran.summary).not.toContain(key);
    expect((await host.run(`grep -rlF ${key} /etc/letsencrypt /var/log /srv/tiny /tmp; journalctl -q | grep -F ${key}`)).stdout).toBe('');
    await work.configure({ 'site.tls.account': undefined });
  }, 120_000);

  test.each([
    { mode: 'nginx', plugin: 'nginx' },
    { mode: 'standalone', 'stop-nginx': true, plugin: 'standalone' },
    { mode: 'dns', dns: DNS, plugin: 'manual' },
  ])('mode $mode: a certificate is issued, the second run asks nobody, the site has it, and the timer renews it', async ({ plugin, ...tls }) => {
    const name = `${tls.mode}.example.com`;
    for (const [file, path, value] of [[DNS.authenticate, 'set-txt', '"value":"\'$CERTBOT_VALIDATION\'",'], [DNS['clean-up'], 'clear-txt', '']] as const) {
      await host.run(`cat > ${file}; chmod 755 ${file}`, { input: `#!/bin/sh\ncurl -fsS -d '{${value}"host":"_acme-challenge.'"$CERTBOT_DOMAIN"'."}' http://127.0.0.1:8055/${path}\n` });
    }
    await work.configure({ 'site.domains': [name], 'site.tls': { ...SITE.tls, ...tls } });
    const first = await certbot();
    expect(first.log).not.toContain('::error');
    expect([first.code, status(first, 'certbot.certificate'), status(first, 'certbot.renewal')]).toEqual([0, expect.stringMatching(/^pass issued, /), expect.stringMatching(/^pass /)]);
    expect(await out(`sed -n 's/^authenticator = //p' /etc/letsencrypt/renewal/${name}.conf`)).toBe(plugin);

    const before = [await pebble.orders(), await everything()];
    const second = await certbot();
    expect([second.code, second.summary]).toEqual([0, expect.stringMatching(/nothing to do: valid for \d+ days more/)]);
    expect([await pebble.orders(), await everything()]).toEqual(before);

    const { outputs } = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
    const site = async (): Promise<string> => out(`curl -sS --cacert /root/issuer.pem --resolve ${name}:443:127.0.0.1 https://${name}/version`);
    expect(await site()).toContain(outputs['release'] ?? 'a release');
    const was = await served(name);
    await timerRenews(name);
    expect(await served(name)).not.toBe(was);
    expect(await served(name)).toBe(await serial(name));
    expect(await site()).toContain(outputs['release']);
  }, 180_000);
});

describe('a certificate of the team', () => {
  const files = { certificate: '/etc/ssl/site.pem', key: '/etc/ssl/site.key' };

  test('that is self-signed, or for other names, is refused; nginx goes on with what it has', async () => {
    // An own certificate is another one than `server` was told of: plain sudo again.
    await host.run("echo 'deploy ALL=(ALL:ALL) NOPASSWD: ALL' > /etc/sudoers.d/slipway-user-deploy");
    const before = await served();
    await host.run(`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=other -addext subjectAltName=DNS:other.example.com -keyout ${files.key} -out ${files.certificate}`);
    await work.configure({ 'site.domains': ['www.example.com'], 'site.tls': { email: 'ops@example.com', ...files } });
    const orders = await pebble.orders();
    const ran = await certbot();
    expect(ran.code).toBe(1);
    expect(ran.log).toMatch(/site.pem: it is not for www.example.com \(it is for other.example.com\); it is self-signed, which no browser takes/);
    expect([await served(), await pebble.orders()]).toEqual([before, orders]);
  }, 60_000);
});
