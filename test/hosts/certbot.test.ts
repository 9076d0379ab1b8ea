import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Host, startHost } from './harness.js';
import { startPebble, type Pebble } from './pebble.js';
import { runAction, runCli, type Ran } from './run-action.js';
import { listing } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

// Real certbot, real nginx, and pebble, an authority that comes to port 80 of the host as Let's Encrypt does.
let host: Host;
let work: Workspace;
let pebble: Pebble;

beforeAll(async () => {
  host = await startHost();
  [pebble, work] = await Promise.all([
    startPebble(host),
    workspace(host, {
      kind: 'tiny',
      changes: {
        'services.web.health': { path: '/health', within: '10s', interval: '100ms', successes: 1 },
        site: { domains: ['www.example.com'], routes: { '/': 'web' }, drain: '1s', tls: { email: 'ops@example.com', server: 'https://localhost:14000/dir', ca: '/etc/ssl/acme.pem' } },
        // The names are made up: their addresses are told, and only the way to port 80 is asked.
        preflight: { dns: { addresses: [host.innerAddress] }, severity: { dns: 'off' } },
      },
    }),
  ]);
}, 180_000);
afterAll(async () => {
  await host.stop();
  await work.remove();
});

const certbot = (inputs: Record<string, string> = {}): Promise<Ran> => runAction('certbot', { workspace: work.folder, inputs: { ...work.inputs, ...inputs } });
const out = async (command: string): Promise<string> => (await host.run(command)).stdout.trim();
const serial = (): Promise<string> => out('openssl x509 -noout -serial -in /etc/letsencrypt/live/www.example.com/cert.pem');
const served = (name = 'www.example.com'): Promise<string> => out(`openssl s_client -connect 127.0.0.1:443 -servername ${name} </dev/null 2>/dev/null | openssl x509 -noout -serial`);
const status = (ran: Ran, id: string): string | undefined => ran.evidence.filter((record) => record.id === id).map((record) => `${record.status} ${record.observed ?? ''}`).at(-1);
/** What lies in nginx's folders and certbot's. */
const files = (): Promise<string> => listing(host, '/etc/nginx /etc/letsencrypt', 'f');

describe('before the first deploy', () => {
  test('a plan says what would be asked, and changes nothing', async () => {
    const before = await files();
    const ran = await runCli(['certbot', 'production', '--identity', work.identity, '--plan'], { workspace: work.folder });
    expect(ran.stdout).toMatch(/would ask https:\/\/localhost:14000\/dir for www.example.com \(mode webroot\): there is no certificate yet/);
    expect(ran.stdout).toMatch(/would put right: the hook that reloads nginx/);
    expect(ran.code).toBe(0);
    expect(await files()).toBe(before);
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
    const before = await files();
    await pebble.lie('www.example.com', '192.0.2.1');
    const ran = await certbot();
    expect(ran.code).toBe(1);
    expect(ran.log).toMatch(/the authority cannot connect to port 80 of www.example.com \(connection\)/);
    expect((await files()).split('\n').filter((line) => line.startsWith('/etc/nginx'))).toEqual(before.split('\n').filter((line) => line.startsWith('/etc/nginx')));
    await pebble.lie('www.example.com', '127.0.0.1');
  }, 60_000);

  test('a certificate is issued, and its renewal is proven', async () => {
    const ran = await certbot();
    expect(ran.summary).toContain('issued: www.example.com');
    expect(ran.code).toBe(0);
    expect(status(ran, 'certbot.reach')).toMatch(/^pass .*this nginx/);
    expect(status(ran, 'certbot.certificate')).toMatch(/^pass issued/);
    expect(status(ran, 'certbot.renewal')).toMatch(/^pass/);
    expect(status(ran, 'certbot.timer')).toMatch(/^pass certbot.timer; put right/);
    expect(await out('systemctl is-enabled certbot.timer; openssl x509 -noout -text -in /etc/letsencrypt/live/www.example.com/cert.pem | grep -o id-ecPublicKey')).toBe('enabled\nid-ecPublicKey');
    expect(await out(`find /srv/tiny/.slipway/acme -type f`)).toBe('');
  }, 120_000);

  test('a second run does nothing', async () => {
    const [before, orders, was] = [await serial(), await pebble.orders(), await files()];
    const ran = await certbot();
    expect(ran.code).toBe(0);
    expect(ran.summary).toMatch(/nothing to do: valid for \d+ days more/);
    expect([await serial(), await pebble.orders(), await files()]).toEqual([before, orders, was]);
  }, 60_000);
});

describe('with a release', () => {
  test('TRY caa', async () => {
    await pebble.caa('www.example.com', 'other.example');
    const ran = await certbot({'force-renewal': 'true'});
    console.log(ran.code, ran.log);
    await work.configure({ 'site.tls.server': 'https://localhost:14001/dir' });
    const ran2 = await certbot();
    console.log(ran2.code, ran2.log);
    await work.configure({ 'site.tls.account': { 'key-id': '$ACME_KEY_ID', key: '$ACME_KEY' } });
    const ran3 = await certbot({ 'app-env': 'ACME_KEY_ID=kid-1\nACME_KEY=zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W' });
    console.log(ran3.code, ran3.log);
    console.log(await out('grep -r zWNDZM6eQGH /var/log /etc/letsencrypt /srv/tiny /tmp /run 2>/dev/null | cut -c1-200; journalctl -o cat | grep -c zWNDZM6'));
    await work.configure({ 'site.tls.account': undefined, 'site.tls.mode': 'dns', 'site.tls.dns': { authenticate: 'curl -fsS -d "{\\"host\\":\\"_acme-challenge.$CERTBOT_DOMAIN.\\",\\"value\\":\\"$CERTBOT_VALIDATION\\"}" http://127.0.0.1:8055/set-txt' }, 'site.tls.server': 'https://localhost:14000/dir' });
    const ran4 = await certbot();
    console.log(ran4.code, ran4.log);
    await work.configure({ 'site.tls.mode': undefined, 'site.tls.dns': undefined});
  }, 100_000);

  test('the first deploy serves it over https, and its chain leads to the authority', async () => {
    const ran = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
    expect(ran.code).toBe(0);
    expect(status(ran, 'deploy.site')).toBe('pass nginx tested and reloaded: https');
    expect(await out('curl -sS --cacert /root/issuer.pem --resolve www.example.com:443:127.0.0.1 https://www.example.com/version')).toContain(ran.outputs['release']);
  }, 120_000);

  test('an added name extends the certificate, though the live site does not know it yet', async () => {
    const before = await serial();
    await work.configure({ 'site.domains': ['www.example.com', 'api.example.com'] });
    const ran = await certbot();
    expect(ran.summary).toContain('extended: www.example.com, api.example.com');
    expect(ran.code).toBe(0);
    expect(await serial()).not.toBe(before);
    expect(await served()).toBe(await serial());
    expect(await out('openssl x509 -noout -ext subjectAltName -in /etc/letsencrypt/live/www.example.com/cert.pem')).toContain('DNS:api.example.com, DNS:www.example.com');
    expect(await listing(host, '/etc/nginx -name "*acme*"', 'f')).toBe('');
  }, 120_000);

  test('what the authority refuses leaves the old certificate in place, served', async () => {
    const before = await serial();
    await work.configure({ 'site.domains': ['www.example.com', 'api.example.com', 'shop.example.com'] });
    await pebble.lie('shop.example.com', '192.0.2.1');
    const ran = await certbot();
    expect(ran.code).toBe(1);
    expect(ran.log).toMatch(/the authority cannot connect to port 80 of shop.example.com/);
    expect(ran.log).toContain('The certificate before goes on being served.');
    expect([await serial(), await served()]).toEqual([before, before]);
    expect(await listing(host, '/etc/nginx -name "*acme*"', 'f')).toBe('');
  }, 60_000);
});
