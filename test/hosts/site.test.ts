import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Host, startHost } from './harness.js';
import { runAction, runCli, type Ran } from './run-action.js';
import { current, expectNothingLeft, listing, releases } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

const FILE = '/etc/nginx/sites-available/slipway-tiny-production.conf';
let host: Host;
let work: Workspace;
let others: string;

beforeAll(async () => {
  host = await startHost({ publish: [80] });
  work = await workspace(host, {
    kind: 'tiny',
    changes: {
      'services.web.health': { path: '/health', within: '10s', interval: '100ms', successes: 1 },
      'services.docs': { manager: 'static', directory: 'docs' },
      'release.keep': 3,
      site: { domains: ['www.example.com'], routes: { '/': 'web', '/docs': 'docs' }, drain: '1s' },
    },
  });
  await work.commit({ 'docs/index.html': 'how to' });
  others = await listing(host, '/etc/nginx ! -name slipway-tiny-production.conf', 'f');
}, 180_000);
afterAll(async () => {
  await host.stop();
  await work.remove();
});
afterEach(async () => {
  await expectNothingLeft(host, work);
  expect((await host.run('find /etc/nginx -name "*.new"; cd /srv/tiny/.slipway; ls site.new site.unproven site.said 2>/dev/null')).stdout).toBe('');
  expect((await host.run('nginx -t')).code).toBe(0);
});

const deploy = (): Promise<Ran> => runAction('deploy', { workspace: work.folder, inputs: work.inputs });
/** Head and body of an answer on the host itself. */
const curl = async (path: string, options = ''): Promise<string> => (await host.run(`curl -ksi -m 5 -H 'Host: www.example.com' ${options} '${path.startsWith('http') ? path : `http://127.0.0.1${path}`}'`)).stdout;
const live = async (): Promise<unknown> => (JSON.parse((await curl('/version')).split('\r\n\r\n')[1] ?? '{}') as { release?: string }).release;
const sites = (ran: Ran): string[] => ran.evidence.filter(({ id }) => id === 'deploy.site').map(({ status, observed }) => `${status} ${observed ?? ''}`);
const workers = async (): Promise<string> => (await host.run('pgrep -P "$(systemctl show --value -p MainPID nginx)" | sort')).stdout;

describe('a deploy of an app with a site', () => {
  test('starts nginx where it does not run, and is served through it', async () => {
    const ran = await deploy();
    expect(ran.log).toContain('is live');
    expect(ran).toMatchObject({ code: 0, outputs: { switched: 'true' } });
    expect(sites(ran)).toEqual(['pass nginx tested and reloaded: http']);
    expect(await live()).toBe(ran.outputs['release']);
    expect(await curl('/docs/')).toContain('how to');
    expect(await curl('/.slipway/slot')).toContain(`blue /srv/tiny/releases/${ran.outputs['release']!}`);
    expect((await host.run('systemctl is-enabled nginx; stat -c "%U %a" /etc/nginx/sites-enabled/slipway-tiny-production.conf; readlink /etc/nginx/sites-enabled/slipway-tiny-production.conf')).stdout).toBe('enabled\nroot 777\n../sites-available/slipway-tiny-production.conf\n');
  }, 120_000);

  test('leaves nginx alone when its site is as it was: the switch needs no reload', async () => {
    const before = await workers();
    const ran = await deploy();
    expect(ran.code).toBe(0);
    expect(sites(ran)).toEqual([]);
    expect(await live()).toBe(ran.outputs['release']);
    expect(await curl('/.slipway/slot')).toContain('green ');
    expect(await workers()).toBe(before);
  }, 120_000);

  test('says in its plan that nginx would be reloaded, and does it before the switch', async () => {
    await work.configure({ 'site.headers': { 'X-Site': 'second' } });
    const plan = await runAction('deploy', { workspace: work.folder, inputs: { ...work.inputs, plan: 'true' } });
    expect(plan.log).toMatch(/renew the site in nginx \(www.example.com\)/);
    expect(await curl('/version')).not.toContain('X-Site');
    const ran = await deploy();
    expect(sites(ran)).toEqual(['pass nginx tested and reloaded: http']);
    expect(await curl('/version')).toContain('X-Site: second');
  }, 120_000);

  test('touches no file of nginx but its own', async () => {
    const now = await listing(host, '/etc/nginx ! -name slipway-tiny-production.conf', 'f');
    expect(now).toBe(others);
    expect(now).toContain('/etc/nginx/sites-enabled/default');
  });

  test('starts nginx again when somebody has stopped it', async () => {
    await host.run('systemctl disable --now nginx');
    const ran = await deploy();
    expect(ran.code).toBe(0);
    expect(await live()).toBe(ran.outputs['release']);
    expect((await host.run('systemctl is-enabled nginx')).stdout).toBe('enabled\n');
  }, 120_000);

  test('warns of another site that has taken the name', async () => {
    await host.run("printf 'server { listen 80; server_name www.example.com; }' > /etc/nginx/conf.d/aaa.conf; nginx -s reload");
    await work.configure({ 'site.headers': { 'X-Site': 'third' } });
    const ran = await deploy();
    expect(ran.log).toMatch(/another site has the name "www.example.com" on 0.0.0.0:80: \/etc\/nginx\/conf.d\/aaa.conf/);
    // It is the other one that answers: the new release was never seen through nginx.
    expect(ran.code).toBe(1);
    await host.run('rm /etc/nginx/conf.d/aaa.conf; nginx -s reload; sleep 0.5');
    expect(await live()).toBe(await current(host, work));
    expect(await curl('/version')).toContain('X-Site: second');
  }, 120_000);
});

describe('what nginx does not take', () => {
  const unchanged = async (body: () => Promise<Ran>): Promise<Ran> => {
    const before = [await current(host, work), (await host.run(`sha256sum < ${FILE}`)).stdout];
    const ran = await body();
    expect(ran).toMatchObject({ code: 1, outputs: { switched: 'false', result: 'failure' } });
    expect([await current(host, work), (await host.run(`sha256sum < ${FILE}`)).stdout]).toEqual(before);
    expect(await live()).toBe(before[0]);
    // The release that was not switched to is gone again.
    expect((await releases(work)).some(({ id, present }) => id === ran.outputs['release'] && present)).toBe(false);
    return ran;
  };

  test('for the fault of another site is said with its file, and changes nothing', async () => {
    await host.run("printf 'server { nonsense; }' > /etc/nginx/sites-enabled/other");
    await work.configure({ 'site.headers': { 'X-Site': 'fourth' } });
    const ran = await unchanged(deploy);
    expect(ran.log).toMatch(/nginx's configuration on this host was broken before Slipway touched it/);
    expect(ran.log).toContain('/etc/nginx/sites-enabled/other:1');
    await host.run('rm /etc/nginx/sites-enabled/other');
  }, 120_000);

  test('for a fault of the site itself leaves the file before it', async () => {
    await host.run('echo rubbish > /etc/ssl/site.pem; echo rubbish > /etc/ssl/site.key');
    await work.configure({ 'site.tls': { email: 'ops@example.com', certificate: '/etc/ssl/site.pem', key: '/etc/ssl/site.key' } });
    const ran = await unchanged(deploy);
    expect(ran.log).toMatch(/cannot load certificate "\/etc\/ssl\/site.pem"/);
    expect(ran.log).toMatch(/nginx does not take the site; the file before it is back/);
  }, 120_000);

  test('for a port that a stranger holds shows at the reload alone: back as well', async () => {
    await host.run('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=www.example.com -keyout /etc/ssl/site.key -out /etc/ssl/site.pem');
    await host.run('systemd-run --unit stranger python3 -m http.server 443; for _ in $(seq 50); do ss -Hltn sport = :443 | grep -q . && break; sleep 0.1; done');
    const ran = await unchanged(deploy);
    expect(ran.log).toMatch(/bind\(\) to 0.0.0.0:443 failed \(98: Address already in use\)/);
    expect(ran.log).toMatch(/nginx did not load the site; the file before it is back/);
    await host.run('systemctl stop stranger');
  }, 120_000);
});

describe('what a dead run left', () => {
  test('is tested and loaded by the next one', async () => {
    await work.configure({ 'site.tls': undefined });
    await deploy();
    // The file is in place, broken even, and nginx has not seen it.
    await host.run(`sed -i '2,$d' ${FILE}; echo 'server {' >> ${FILE}; chmod 644 ${FILE}`);
    await host.run('touch /srv/tiny/.slipway/site.unproven', { user: 'deploy' });
    const ran = await deploy();
    expect([ran.code, sites(ran)]).toEqual([0, ['pass nginx tested and reloaded: http']]);
    expect(await live()).toBe(ran.outputs['release']);
  }, 120_000);

  test('or what somebody has changed by hand, is as the configuration has it again', async () => {
    await host.run(`sed -i 's/fourth/by hand/' ${FILE}; nginx -s reload`);
    const ran = await deploy();
    expect([ran.code, sites(ran)]).toEqual([0, ['pass nginx tested and reloaded: http']]);
    expect(await curl('/version')).toContain('X-Site: fourth');
    await work.configure({ 'site.tls': { email: 'ops@example.com', certificate: '/etc/ssl/site.pem', key: '/etc/ssl/site.key' } });
  }, 120_000);
});

describe('a certificate', () => {
  test('makes the site https as soon as its files are there', async () => {
    await host.run('mkdir /root/away && mv /etc/ssl/site.pem /etc/ssl/site.key /root/away');
    const before = await deploy();
    expect(sites(before)).toEqual(['pass nginx has it already: http, as there is no certificate on the host yet']);
    await host.run('mv /root/away/* /etc/ssl/');
    const ran = await deploy();
    expect(sites(ran)).toEqual(['pass nginx tested and reloaded: https']);
    expect(await curl('/version')).toMatch(/^HTTP\/1.1 301 [^]*Location: https:\/\/www.example.com\/version/);
    const secure = await curl('https://127.0.0.1/version');
    expect(secure).toMatch(/^HTTP\/2 200 [^]*strict-transport-security: max-age=31536000; includeSubDomains/);
    expect(secure).toContain(ran.outputs['release']);
    const next = await deploy();
    expect([next.code, sites(next)]).toEqual([0, []]);
  }, 180_000);
});

describe('going back', () => {
  test('from a release that does not become healthy takes its site along', async () => {
    await work.configure({ 'site.headers': { 'X-Site': 'never' }, 'services.web.health.within': '2s' });
    await work.commit({ sick: 'on purpose' });
    const ran = await deploy();
    expect(ran.code).toBe(1);
    expect(sites(ran)).toEqual(['pass nginx tested and reloaded: https']);
    expect(await curl('https://127.0.0.1/version')).toMatch(/x-site: fourth/);
    await work.commit({ sick: undefined });
    await work.configure({ 'services.web.health.within': '10s' });
  }, 120_000);

  test('by a rollback brings the site of the release', async () => {
    await work.configure({ 'site.headers': { 'X-Site': 'fifth' } });
    const ran = await deploy();
    expect(ran.code).toBe(0);
    expect(await curl('https://127.0.0.1/version')).toMatch(/x-site: fifth/);
    const back = await runAction('rollback', { workspace: work.folder, inputs: work.inputs });
    expect(back.code).toBe(0);
    expect(await curl('https://127.0.0.1/version')).toMatch(/x-site: fourth/);
  }, 120_000);
});

test('a user who may not become root is told so, and nothing is switched', async () => {
  await host.run('chown -R plain /srv/tiny');
  await work.configure({ 'environments.production.hosts.0.address': host.address.replace('deploy@', 'plain@'), 'site.headers': { 'X-Site': 'sixth' } });
  const before = await current(host, work);
  const ran = await runCli(['deploy', 'production', '--identity', work.identity], { workspace: work.folder });
  expect(ran.code).toBe(1);
  expect(ran.stderr + ran.stdout).toMatch(/plain may not become root, which nginx's files need/);
  expect(await current(host, work)).toBe(before);
}, 120_000);
