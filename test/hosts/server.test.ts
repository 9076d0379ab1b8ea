import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Host, startHost } from './harness.js';
import { Job, runCli } from './run-action.js';
import { current, listing } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

/** A server as it comes from a provider, until an app answers on it: with a person who has a login, so the deploy user has narrow sudo. */
let host: Host;
let work: Workspace;
const ENV = 'JWT_SECRET=9f1c2f6e0a7b4d3c8e5f6a7b8c9d0e1f\nADMIN_EMAIL=admin@example.com\nADMIN_PASSWORD=correct-horse-battery\n';
const FOREIGN = { '/etc/logrotate.d/team': '/var/log/team.log { weekly }\n', '/etc/sudoers.d/team': '# ours\n', '/etc/apt/apt.conf.d/99team': 'APT::Install-Suggests "0";\n' };

beforeAll(async () => {
  host = await startHost({ bare: true, publish: [80] });
  work = await workspace(host, {
    kind: 'express',
    app: 'shop',
    changes: {
      'environments.production.url': `http://127.0.0.1:${host.published[80]}`,
      'services.web.health.interval': '200ms',
      'services.web.instances': 1,
      // A unit of the system's, which only root can bring: beside PM2, to show both.
      'services.clock': { start: 'sleep infinity', manager: 'systemd' },
      site: { domains: ['www.example.com'], routes: { '/': 'web' }, drain: '1s' },
      smoke: [{ name: 'release', get: '/version', expect: { status: 200, release: '$.release' } }],
      server: { node: 24, 'node-mirror': 'http://127.0.0.1:8099', admins: { alice: host.clientPublicKey }, timezone: 'Europe/Berlin', folders: ['/var/uploads'], harden: false },
    },
    root: false,
  });
  for (const [file, text] of Object.entries(FOREIGN)) await host.run(`mkdir -p "$(dirname ${file})"; cat > ${file}; chmod 0440 ${file}`, { input: text });
}, 120_000);
afterAll(async () => {
  await host.stop();
  await work.remove();
});

const server = (...args: string[]) => runCli(['server', 'production', '--identity', work.identity, ...args], { workspace: work.folder });
/** All that says what a host is, byte for byte, with the times of files. */
const everything = async (): Promise<string> =>
  (await host.run(`find /etc /usr/local /srv /home /var/uploads /var/lib/slipway /var/lib/systemd/linger /var/spool/cron -not -path '/home/*/.pm2/*' -not -name lock \\( -type f -printf '%p %m %u:%g %s %T@ %C@\\n' -o -printf '%p %m %u:%g %l\\n' \\) 2>/dev/null | sort; getent passwd; getent group; dpkg-query --list; systemctl list-unit-files --no-legend`)).stdout;
const deployer = (command: string) => host.run(command, { user: 'deploy' });

describe('a bare server', () => {
  test('of a system whose packages are not known is refused by name, and stays as it is', async () => {
    const before = await everything();
    await host.run("cp /etc/os-release /tmp/os-release; printf 'ID=alpine\\nVERSION_ID=3.20\\nPRETTY_NAME=\"Alpine Linux v3.20\"\\n' > /tmp/fake; mount --bind /tmp/fake /usr/lib/os-release");
    const ran = await server();
    await host.run('umount /usr/lib/os-release');
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/runs Alpine Linux v3.20: `server` knows Debian 12 and 13, Ubuntu 22.04 and 24.04/);
    expect(await everything()).toBe(before);
  }, 400_000);

  test('has a plan that shows what would be changed, and changes nothing', async () => {
    const before = await everything();
    const ran = await server('--plan');
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/\+ package curl[^]*\+ user deploy, shell \/bin\/bash[^]*\+deploy ALL=\(root\) NOPASSWD: \/usr\/local\/lib\/slipway\/as-root[^]*\+ folder \/srv\/shop, of deploy[^]*\+ node v24/);
    expect(ran.stdout).toMatch(/would change \d+ steps: packages, time-zone, user, admins, sudo, folders/);
    expect(await everything()).toBe(before);
  }, 60_000);

  test('with another web server on port 80 is prepared up to nginx, and told who is there and what to do', async () => {
    await host.run('systemd-run --quiet --unit apache2 busybox httpd -f -p 80 -h /mnt');
    const ran = await server();
    await host.run('systemctl stop apache2');
    expect(ran.stdout + ran.stderr).toMatch(/does not know deploy yet: logged in as root/);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/nginx \(nginx\): port 80 is held by busybox \(process \d+, apache2.service\)[^]*systemctl disable --now apache2.service[^]*run `slipway server` again \(`--login alice`\)/);
    expect((await host.run('passwd -S deploy | cut -d " " -f 2; ls -d /etc/nginx /etc/letsencrypt /usr/local/bin/* /usr/local/lib/slipway/* 2>/dev/null; dpkg-query --list | grep -c " nginx"')).stdout).toBe('L\n/usr/local/lib/slipway/as-root\n0\n');
  }, 400_000);

  test('is finished by the next run, once that one is gone', async () => {
    const ran = await server('--login', 'alice');
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    expect(ran.stdout).toMatch(/changed \d+ steps: nginx, node, /);
    expect((await host.run('date +%Z; node --version; pm2 --version 2>/dev/null | tail -1; nginx -T 2>/dev/null | grep -cE "^\\s*server_tokens off"; ls /etc/nginx/sites-enabled; passwd -S deploy | cut -d " " -f 2; stat -c "%U %a" /srv/shop /var/uploads; cat /proc/swaps | wc -l')).stdout).toMatch(
      /^CES?T\nv24\.\d+\.\d+\n7\.\d+\.\d+\n1\nL\ndeploy 755\ndeploy 755\n/,
    );
  }, 400_000);

  test('is left alone by the second run, by a person with a login: not one file is written', async () => {
    const before = await everything();
    const ran = await server('--login', 'alice');
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    expect(ran.stdout).toContain('nothing to change');
    expect(await everything()).toBe(before);
    for (const [file, text] of Object.entries(FOREIGN)) expect((await host.run(`cat ${file}`)).stdout).toBe(text);
  }, 60_000);

  test.each([
    { bad: 'whose sum is another', sums: 'echo more >> $name.tar.xz', says: /node-v22.1.0-linux-\w+.tar.xz is not what http:\/\/127.0.0.1:8099\/latest-v22.x\/SHASUMS256.txt says: nothing was unpacked/ },
    { bad: 'that is cut off on the mirror itself', sums: 'truncate -s -40 $name.tar.xz; sha256sum $name.tar.xz > SHASUMS256.txt', says: /cannot be unpacked, though its sum is right[^]*nothing in the path was changed/ },
    { bad: 'that does not run here', sums: 'true', says: /GLIBC_9 not found[^]*holds no v22.1.0 that runs on this host; nothing in the path was changed/ },
  ])('keeps its Node.js when the wanted one is an archive $bad', async ({ sums, says }) => {
    await host.run(`mkdir -p /opt/mirror/node/latest-v22.x && cd /opt/mirror/node/latest-v22.x && name=node-v22.1.0-linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/') && mkdir -p $name/bin
      for one in node npm npx; do printf '#!/bin/sh\\necho GLIBC_9 not found >&2; exit 1\\n' > $name/bin/$one; chmod 755 $name/bin/$one; done
      tar -cJf $name.tar.xz $name && rm -r $name && sha256sum $name.tar.xz > SHASUMS256.txt && ${sums}`);
    await work.configure({ 'server.node': 22 });
    const before = await everything();
    const ran = await server('--login', 'alice');
    await work.configure({ 'server.node': 24 });
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(says);
    expect(await everything()).toBe(before);
    expect((await host.run('node --version; npm --version')).stdout).toMatch(/^v24[^]*\n\d/);
  }, 60_000);

  test('is not prepared by the deploy user any more, who is told whom to ask', async () => {
    const ran = await server();
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/has narrow sudo[^]*--login alice/);
  }, 60_000);
});

describe('narrow sudo', () => {
  let first: string;

  test('is enough to deploy an app with PM2, a unit of the system’s and a site, and to go back', async () => {
    await host.run('cp -rT /opt/mirror/npm /home/deploy/.npm && chown -R deploy: /home/deploy/.npm');
    const inputs = { ...work.inputs, 'app-env': ENV };
    const deploy = async (): Promise<string> => {
      const job = await Job.begin(work.folder, { inputs });
      const ran = await job.run('deploy');
      expect(ran.log).toContain('is live');
      const smoke = await job.run('smoke');
      await job.end();
      expect([ran.code, smoke.code]).toEqual([0, 0]);
      return ran.outputs['release']!;
    };
    first = await deploy();
    await work.configure({ 'site.headers': { 'X-Site': 'second' } });
    await deploy();
    expect(await site()).toContain('X-Site: second');
    const back = await runCli(['rollback', 'production', '--identity', work.identity], { workspace: work.folder, env: { SLIPWAY_APP_ENV: ENV } });
    expect([back.code, back.stderr]).toEqual([0, '']);
    expect(await current(host, work)).toBe(first);
    expect(await site()).toContain(first);
    expect((await host.run('systemctl show --value -p User,ActiveState shop-clock.service')).stdout.trim().split('\n').sort()).toEqual(['active', 'deploy']);
  }, 120_000);

  const site = async (): Promise<string> => (await host.run("curl -si -m 5 -H 'Host: www.example.com' http://127.0.0.1/version")).stdout;

  test('refuses everything else', async () => {
    const gate = 'sudo -n /usr/local/lib/slipway/as-root';
    await deployer(`printf '[Service]\\nExecStart=/bin/sh -c id\\nUser=root\\n' > root.service; printf '[Service]\\nUser=deploy\\nExecStart=+/bin/sh -c id\\n' > plus.service
      head -n 1 /etc/nginx/sites-available/slipway-shop-production.conf > log.conf; printf 'server { "error_log"\\n/etc/cron.d/x; }\\n' >> log.conf`);
    const put = `'install -m 0644 "$1" "$2.new" && mv -f x' slipway`;
    const bad = [
      'sudo -n cat /etc/shadow', 'sudo -n sh -c id', ...[
        'cat /etc/shadow', 'sh -c id', `sh -c 'id' slipway a b c`, 'systemctl stop ssh.service', 'systemctl restart nginx.service', 'systemctl enable --now shop-x.service /tmp/y.service', 'systemctl edit shop-clock.service',
        'nginx -c /tmp/other.conf', 'nginx -s stop', 'install -m 0644 root.service /etc/systemd/system/shop-x.service', 'install -m 0644 plus.service /etc/systemd/system/shop-x.service',
        'install -m 4755 /bin/sh /usr/local/bin/sh', 'install -m 0644 plus.service /etc/systemd/system/../../cron.d/shop-x.service', 'rm -f /etc/passwd', 'rm -f /etc/systemd/system/pm2-deploy.service',
        `sh -c ${put} log.conf /etc/nginx/sites-available/slipway-shop-production.conf ''`, `sh -c ${put} log.conf /etc/nginx/nginx.conf ''`,
        'journalctl -u ssh.service --since @0 -n 60 --no-pager -o cat', 'readlink /root/x', 'certbot certonly --manual --manual-auth-hook id', `certbot renew --pre-hook id`, 'test -f /root/.bashrc', 'env A=1 id', 'ufw disable',
      ].map((command) => `${gate} ${command}`),
    ];
    const codes = await deployer(bad.map((command) => `${command} >out 2>&1; code=$?; [ $code -ne 0 ] && grep -qE 'as-root does not do this|a password is required|as-root: ' out || printf '%s: %s\\n' "$code" ${JSON.stringify(command).replaceAll('$', '\\$').replaceAll('`', '\\`')}`).join('\n'));
    expect(codes.stdout + codes.stderr).toBe('');
    expect((await host.run('ls /etc/systemd/system/shop-x.service /etc/cron.d/x 2>/dev/null; systemctl is-active ssh nginx')).stdout).toBe('active\nactive\n');
  }, 60_000);

  test('and the app outlives a restart of the server', async () => {
    await host.restart();
    let answer = '';
    for (const until = Date.now() + 30_000; Date.now() < until && !answer.includes(first); ) answer = await site();
    expect(answer).toContain(first);
  }, 90_000);

  test('and backs up by itself: `server` brings the timer of `backup.schedule`, once', async () => {
    const unit = 'slipway-backup-shop-production-main';
    const there = `${work.root}/.slipway/backups /home/deploy/.config/systemd`;
    const timer = async (): Promise<string> => (await deployer(`systemctl --user is-enabled ${unit}.timer; systemctl --user is-active ${unit}.timer; systemctl --user cat ${unit}.timer | grep OnCalendar`)).stdout;
    await work.configure({ 'databases.main.backup.schedule': '02:00' });
    const before = [await listing(host, there, 'f'), await everything()];
    const plan = await server('--login', 'alice', '--plan');
    expect([plan.code, plan.stdout]).toEqual([0, expect.stringMatching(/\+OnCalendar=\*-\*-\* 0?2:0?0[^]*would change 1 step: backup-timer/)]);
    expect([await listing(host, there, 'f'), await everything()]).toEqual(before);
    const ran = await server('--login', 'alice');
    expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining('changed 1 step: backup-timer')]);
    expect(await timer()).toMatch(/^enabled\nactive\nOnCalendar=\*-\*-\* 0?2:0?0/);

    const after = [await listing(host, there, 'f'), await everything()];
    const again = await server('--login', 'alice');
    expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('nothing to change')]);
    expect([await listing(host, there, 'f'), await everything()]).toEqual(after);

    expect((await deployer(`systemctl --user start ${unit}.service`)).code).toBe(0);
    const list = await runCli(['backup', 'list', 'production', '--json', '--identity', work.identity], { workspace: work.folder });
    expect((JSON.parse(list.stdout) as { backups: unknown[] }).backups.at(-1)).toMatchObject({ database: 'main', state: 'good', why: 'schedule' });
  }, 90_000);
});
