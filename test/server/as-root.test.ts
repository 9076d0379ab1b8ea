import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { scriptText } from '../../src/host/script.js';
import { siteText } from '../support/nginx.js';

/** The judgement of narrow sudo on files that it would put in place as root: the functions of the gate, as they are sent. */
const HEAD = '# Slipway: shop production /srv/shop';

function judged(name: 'plain_unit' | 'plain_site' | 'text_only', text: string, ...args: string[]): boolean {
  const body = new RegExp(`^${name}\\(\\) \\{(?:\\n[^]*?^\\}| .*\\})$`, 'm').exec(scriptText('as-root'))?.[0] ?? '';
  const directives = /^site_directives='[^']*'$/m.exec(scriptText('as-root'))?.[0] ?? '';
  const folder = mkdtempSync(join(tmpdir(), 'slipway-gate-'));
  try {
    const file = join(folder, 'file');
    writeFileSync(file, text);
    const { status, stderr } = spawnSync('sh', ['-c', `SUDO_USER=deploy service_users=www-data root=/srv/shop head_line='${HEAD}'\n${directives}\n${body}\n${name} "$@"`, 'sh', file, ...args], { encoding: 'utf8' });
    expect(stderr).toBe('');
    return status === 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const RUN = 'ExecStart=/bin/sh "/srv/shop/launch"\n';

test.each([
  ['as the deploy user', `[Service]\nUser=deploy\n${RUN}`, true],
  ['as the user of a service, with a file below the root', `[Service]\nUser=www-data\n${RUN}EnvironmentFile=-/srv/shop/current/.env\n`, true],
  ['as nobody in particular, which is root', `[Service]\n${RUN}`, false],
  ['as root', `[Service]\nUser=root\n${RUN}`, false],
  ['as the deploy user and then root', `[Service]\nUser=deploy\nUser=root\n${RUN}`, false],
  ['with a name that a blank hides', `[Service]\n User=root\nUser=deploy\n${RUN}`, false],
  ['with the privileges of root', `[Service]\nUser=deploy\nExecStart=+/bin/sh a\n`, false],
  ['with a command before it', `[Service]\nUser=deploy\nExecStartPre=+/bin/sh a\n${RUN}`, false],
  ['with a second command behind a semicolon', `[Service]\nUser=deploy\nType=oneshot\nExecStart=/bin/sh /dev/null ; +/bin/sh -c id\n`, false],
  ['with a second command in a line of its own', `[Service]\nUser=deploy\nType=oneshot\n${RUN}${RUN}`, false],
  ['with no command', '[Service]\nUser=deploy\n', false],
  ['with a file elsewhere', `[Service]\nUser=deploy\n${RUN}EnvironmentFile=/root/.env\n`, false],
  ['with a line that goes on', `[Service]\nUser=deploy\nExecStart=/bin/sh a \\\n b\n`, false],
  ['with a socket', `[Service]\nUser=deploy\n${RUN}[Socket]\nListenStream=22\n`, false],
])('a unit %s', (_, text, taken) => {
  expect(judged('plain_unit', text, 'shop-web.service')).toBe(taken);
});

test.each([
  ['plain words, with ä and a tab', '# ä\n\tx\n', true], ['a NUL byte, where systemd ends a line', '#\0ExecStartPre=+/bin/sh a\n', false],
  ['a carriage return', '#\rUser=root\n', false], ['an escape', 'a\x1b[0m\n', false], ['nothing', '', true],
])('a file with %s', (_, text, taken) => {
  expect(judged('text_only', text)).toBe(taken);
});

test('a timer may not start another unit', () => {
  expect(judged('plain_unit', '[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n', 'x.timer')).toBe(true);
  expect(judged('plain_unit', '[Timer]\nOnCalendar=daily\nUnit=reboot.target\n', 'x.timer')).toBe(false);
});

const SERVICES = '{ web: { manager: pm2, start: node a.js, port: 3001 }, pages: { manager: static, directory: dist, fallback: index.html }, manual: { manager: static, directory: manual } }';
const ROUTES = 'routes: { /: pages, /docs: manual, /api: { service: web, limit: api, upload: 5MB, timeout: 90s, buffering: false, log: false } }';
test.each([
  ['over http', '{ domains: [shop.example.com], routes: { /: web } }', false],
  ['with all there is', `{ domains: [shop.example.com], ${ROUTES}, limits: { api: { rate: 10/s, burst: 20 } }, trusted-proxies: [10.0.0.0/8], cache: { /assets: 365d },
    headers: { X-Frame-Options: DENY, X-Odd: "a; include \\"x\\" '{}' #" }, content-security-policy: "default-src 'self'", tls: { email: a@example.com } }`, true],
])('the site that Slipway renders %s is taken', (_, site, secure) => {
  const text = siteText(SERVICES, site, '/srv/shop', secure);
  expect(judged('plain_site', text)).toBe(true);
  expect(judged('plain_site', text.replaceAll(/listen (.*) http2;/g, 'listen $1;\n    http2 on;'))).toBe(true);
  // Cut off anywhere, or with something before its end, it is not.
  expect(judged('plain_site', text.slice(0, -3))).toBe(false);
  expect(judged('plain_site', `${text}include /etc/shadow;\n`)).toBe(false);
});

test.each([
  ['access_log /var/log/nginx/slipway-shop.access.log shop; error_log /var/log/nginx/a.error.log warn; location / { access_log off; } add_header X "a; includeSubDomains";', true],
  ['set $x ${host}y;', true],
  ['include /etc/shadow;', false],
  ['map $a $b { include /etc/shadow; }', false],
  ['"include" /etc/shadow;', false],
  ['error_log /etc/cron.d/x;', false],
  ['"error_log" /etc/cron.d/x;', false],
  ['error_log\n/etc/cron.d/x;', false],
  ['error_log # off\n/etc/cron.d/x;', false],
  ['error_log "off\\" /etc/cron.d/x;', false],
  ['add_header X "\\\\"; error_log /etc/cron.d/x;', false],
  ["add_header X 'a\";' ; error_log /etc/cron.d/x; add_header X '\";';", false],
  ['add_header X a#; error_log /etc/cron.d/x;\n;', false],
  ['set $a "$"{ error_log /etc/cron.d/x; }', false],
  ['access_log /var/log/nginx/../../../etc/x;', false],
  ['access_log syslog:server=203.0.113.1;', false],
  ['listen unix:/etc/x.sock;', false],
  ['ssl_certificate_key /etc/letsencrypt/live/a/privkey.pem;', true],
  ['ssl_certificate_key engine:/srv/shop/x.so:x;', false],
  ['ssl_certificate "engine:/srv/shop/x.so:x";', false],
  ['client_body_temp_path /etc/x;', false],
  ['xslt_stylesheet /etc/shadow;', false],
  ['location / { content_by_lua_block { x } }', false],
  ['\0 error_log /etc/cron.d/x;', false],
])('a site with %j', (text, taken) => {
  expect(judged('plain_site', `${HEAD}\nserver {${text}}\n`)).toBe(taken);
});

test('a site of another app is not taken', () => {
  expect(judged('plain_site', '# Slipway: other production /srv/other\nserver {}\n')).toBe(false);
});

test('a command for the DNS is run as root only while root alone can change it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-hook-'));
  try {
    const hook = join(folder, 'hook');
    writeFileSync(hook, '#!/bin/sh\n', { mode: 0o755 });
    symlinkSync('/bin/sh', join(folder, 'link'));
    const body = /^root_alone\(\) \{\n[^]*?^\}/m.exec(scriptText('as-root'))?.[0] ?? '';
    const taken = (command: string): boolean => spawnSync('sh', ['-c', `${body}\nroot_alone "$1"`, 'sh', command]).status === 0;
    expect(['/bin/sh', '/bin/sh -c /usr/bin/env', 'sh', '', '/nowhere/hook', hook, join(folder, 'link'), `/bin/sh ${hook}`].filter(taken)).toEqual(['/bin/sh', '/bin/sh -c /usr/bin/env']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the team's commands for the DNS prove the site's own names and no others", () => {
  const body = /^for_own_names\(\) \{\n[^]*?^\}/m.exec(scriptText('as-root'))?.[0] ?? '';
  const taken = (...words: string[]): boolean => spawnSync('sh', ['-c', `domains='shop.example.com www.example.com'\n${body}\nfor_own_names "$@"`, 'sh', ...words]).status === 0;
  expect(taken('certonly', '--cert-name', 'shop.example.com', '-d', 'shop.example.com', '-d', 'www.example.com')).toBe(true);
  for (const name of ['*.example.com', 'www.example.com.', 'example.com', '', 'shop.example.com www.example.com.evil']) expect([name, taken('certonly', '-d', 'shop.example.com', '-d', name)]).toEqual([name, false]);
});
