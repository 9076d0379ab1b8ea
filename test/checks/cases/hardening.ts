import type { Firewall } from '../../../src/checks/firewall-facts.js';
import type { HardeningFacts, SshdFacts } from '../../../src/checks/hardening-facts.js';
import type { HostFacts } from '../../../src/checks/facts.js';
import { HEALTHY, HOST, NOW, type Case } from '../support.js';

const on = { active: true, enabled: 'enabled' };
const UFW: Firewall = { tool: 'ufw', incoming: 'deny', openings: ['22', '80', '443'].map((port) => ({ port, protocol: 'tcp' })) };
const SSHD: SshdFacts = {
  by: 'effective', unread: [],
  values: { port: ['22'], permitrootlogin: ['no'], passwordauthentication: ['no'], kbdinteractiveauthentication: ['no'], usepam: ['yes'], permitemptypasswords: ['no'], maxauthtries: ['4'], x11forwarding: ['no'] },
};
const APT: NonNullable<HardeningFacts['apt']> = {
  unattended: true, lists: NOW.getTime() - 3_600_000, pending: { all: 0, security: 0, names: [] },
  config: ['APT::Periodic::Update-Package-Lists "1";', 'APT::Periodic::Unattended-Upgrade "1";', 'Unattended-Upgrade::Origins-Pattern:: "origin=Debian,codename=${distro_codename}-security,label=Debian-Security";'],
};

/** A host as `slipway server` leaves it. */
const CLOSED: HardeningFacts = {
  rootBy: 'sudo', login: { from: '192.0.2.7', port: 22 }, firewall: UFW, sshd: SSHD, apt: APT, pm2Saved: true,
  jails: { by: 'effective', names: ['sshd'], banUs: [] },
  units: { 'fail2ban.service': on, 'nginx.service': on, 'logrotate.timer': on, 'apt-daily-upgrade.timer': on, 'pm2-deploy.service': on },
  nginx: { test: 'ok', lines: [{ file: '/etc/nginx/nginx.conf', text: 'server_tokens off;' }, { file: '/etc/nginx/sites-enabled/default', text: 'server_name _;' }, { file: '/etc/nginx/sites-enabled/slipway-demo-production.conf', text: 'server_name app.example.com;' }] },
  logs: { logrotate: true, cron: true, paths: ['/var/log/nginx/*.log', '/srv/demo/.slipway/logs/*.log'], pm2Module: false, journal: { SystemMaxUse: '500M' } },
};

const SITE = `services: { api: { manager: pm2, start: node server.js, port: 3001 } }
site: { domains: [app.example.com], routes: { '/': api } }
`;
const hard = (changed: Partial<HardeningFacts> = {}, rest: Partial<HostFacts> = {}): { facts: Partial<HostFacts> } => ({ facts: { ...rest, hardening: { ...CLOSED, ...changed } } });
const without = (name: keyof HardeningFacts): { facts: Partial<HostFacts> } => ({ facts: { hardening: Object.fromEntries(Object.entries(CLOSED).filter(([key]) => key !== name)) as unknown as HardeningFacts } });
const ssh = (values: Record<string, string>, rest: Partial<SshdFacts> = {}): { facts: Partial<HostFacts> } =>
  hard({ sshd: { ...SSHD, ...rest, values: { ...SSHD.values, ...Object.fromEntries(Object.entries(values).map(([name, value]) => [name, [value]])) } } });
const open = (...openings: NonNullable<Firewall['openings']>): { facts: Partial<HostFacts> } => hard({ firewall: { ...UFW, openings: [...(UFW.openings ?? []), ...openings] } });
const withUnit = (name: string, state?: { active: boolean; enabled: string }): { facts: Partial<HostFacts> } => hard({
  units: { ...Object.fromEntries(Object.entries(CLOSED.units).filter(([id]) => id !== name)), ...(state === undefined ? {} : { [name]: state }) },
});
const logs = (changed: Partial<HardeningFacts['logs']>, rest: Partial<HostFacts> = {}): { facts: Partial<HostFacts> } => hard({ logs: { ...CLOSED.logs, ...changed } }, rest);
const of = (name: string) => (when: string, says: Case['says'], rest: Partial<Case> = {}): Case => ({ id: `preflight.hardening.${name}`, when, says, ...hard(), ...rest });

const firewall = of('firewall');
const byDefault = of('firewall-default');
const ports = of('firewall-ports');
const rootPassword = of('root-password');
const passwords = of('passwords');
const bans = of('bans');
const updates = of('updates');
const pending = of('updates-pending');
const nginx = of('nginx');
const names = of('nginx-names');
const rotation = of('log-rotation');
const coverage = of('log-coverage');
const journal = of('journal');
const pm2 = of('pm2-startup');

export const hardeningCases: Case[] = [
  firewall('ufw is active', 'pass', { words: /ufw/ }),
  firewall('none is', 'fail', hard({ firewall: 'none' })),
  firewall('only root could tell', 'skip', { ...hard({ firewall: 'unseen' }), words: /needs root/ }),
  firewall('the team wants none', 'nothing', { config: 'server: { harden: { firewall: false } }' }),
  firewall('the host was not asked', 'nothing', { facts: {} }),
  byDefault('it denies', 'pass'),
  byDefault('it lets everything in', 'fail', { ...hard({ firewall: { ...UFW, incoming: 'allow' } }), words: /allows by default/ }),
  ports('three are open', 'pass', { words: /22\/tcp, 80\/tcp, 443\/tcp/ }),
  ports('a database is open too', 'fail', { ...open({ port: '5432', protocol: 'tcp' }), words: /also open: 5432\/tcp\n/ }),
  ports('everything is open on a public device', 'fail', { ...open({ port: 'any', protocol: 'any', device: 'eth0' }), words: /everything on eth0/ }),
  ports('a database is open to one address, and all to a private network', 'pass', open({ port: '5432', protocol: 'tcp', from: '203.0.113.9' }, { port: 'any', protocol: 'any', device: 'wg0' })),
  ports('the port that a router forwards is open as well', 'pass', { ...open({ port: '2200', protocol: 'tcp' }), visit: { host: { ...HOST, port: 2200 } } }),
  ports('another port is declared', 'pass', { ...open({ port: '51820', protocol: 'udp' }), config: 'server: { harden: { allow: [51820/udp] } }' }),
  ports('SSH listens where nothing is open', 'fail', { ...hard({ login: { port: 2222 } }), words: /2222\) is not let in[^]*ufw allow 2222\/tcp/ }),
  ports('a range holds the port of SSH', 'fail', { ...hard({ firewall: { ...UFW, openings: [{ port: '20:30', protocol: 'tcp' }] } }), words: /also open: 20:30\/tcp/ }),
  ports('only root may see the rules', 'skip', { ...hard({ firewall: { tool: 'ufw', incoming: 'deny' } }), words: /sudo ufw status verbose/ }),
  rootPassword('root does not log in', 'pass'),
  rootPassword('root may, by password', 'fail', ssh({ permitrootlogin: 'yes', passwordauthentication: 'yes' })),
  rootPassword('root may, by a password that PAM asks for', 'fail', ssh({ permitrootlogin: 'yes', kbdinteractiveauthentication: 'yes' })),
  rootPassword('root may, and there are only keys', 'pass', ssh({ permitrootlogin: 'yes' })),
  of('root-login')('only with a key', 'pass', ssh({ permitrootlogin: 'without-password' })),
  of('root-login')('as everybody', 'fail', { ...ssh({ permitrootlogin: 'yes' }), words: /PermitRootLogin yes/ }),
  passwords('all are off', 'pass'),
  passwords('nothing is said, and the default is yes', 'fail', { ...hard({ sshd: { by: 'files', unread: [], values: {} } }), words: /PasswordAuthentication yes.*as its files say/ }),
  passwords('a file of sshd may not be read', 'skip', { ...ssh({}, { by: 'files', unread: ['/etc/ssh/sshd_config.d/x.conf'] }), words: /sshd -T/ }),
  passwords('there is no sshd', 'nothing', without('sshd')),
  of('auth-tries')('there are few', 'pass', ssh({ maxauthtries: '6' })),
  of('auth-tries')('there are many', 'fail', { ...ssh({ maxauthtries: '20' }), words: /MaxAuthTries 20/ }),
  of('x11-forwarding')('it is off', 'pass'),
  of('x11-forwarding')('it is on, as Debian has it', 'fail', ssh({ x11forwarding: 'yes' })),
  bans('fail2ban watches sshd', 'pass', { words: /jails: sshd/ }),
  bans('fail2ban watches nginx alone', 'fail', { ...hard({ jails: { by: 'files', names: ['nginx-http-auth'], banUs: [] } }), words: /nginx-http-auth/ }),
  bans('it is installed and does not run', 'fail', { ...withUnit('fail2ban.service', { active: false, enabled: 'disabled' }), words: /does not run/ }),
  bans('crowdsec does it', 'pass', hard({ units: { 'crowdsec.service': on } })),
  of('runner-banned')('it is free', 'pass'),
  of('runner-banned')('the jail of nginx holds it', 'fail', { ...hard({ jails: { by: 'effective', names: ['sshd'], banUs: ['nginx-http-auth'] } }), words: /192\.0\.2\.7 is banned by nginx-http-auth[^]*unban 192\.0\.2\.7/ }),
  updates('they do', 'pass'),
  updates('it is installed and off', 'fail', { ...hard({ apt: { ...APT, config: ['APT::Periodic::Unattended-Upgrade "0";'] } }), words: /not switched on/ }),
  updates('it is not installed', 'fail', hard({ apt: { ...APT, unattended: false } })),
  updates('the archive of security updates is missing', 'fail', { ...hard({ apt: { ...APT, config: APT.config.slice(0, 2) } }), words: /origins/ }),
  updates('the timer is masked', 'fail', { ...withUnit('apt-daily-upgrade.timer', { active: false, enabled: 'masked' }), words: /masked/ }),
  updates('the team looks after them itself', 'nothing', { config: 'server: { updates: false }' }),
  updates('the host has no apt', 'nothing', without('apt')),
  pending('none is', 'pass'),
  pending('some are', 'fail', { ...hard({ apt: { ...APT, pending: { all: 20, security: 11, names: ['openssl', 'libc6'] } } }), words: /11: openssl, libc6 and 9 more/ }),
  pending('the lists are a month old', 'fail', { ...hard({ apt: { ...APT, lists: NOW.getTime() - 30 * 86_400_000 } }), words: /30d old|30 d/ }),
  pending('there never were lists', 'skip', hard({ apt: { config: APT.config, unattended: true } })),
  of('restart')('none is due', 'pass'),
  of('restart')('the kernel was replaced', 'fail', { ...hard({ reboot: 'linux-image-6.1.0-28-amd64' }), words: /linux-image/ }),
  nginx('it does', 'pass', { config: SITE }),
  nginx('it is not enabled', 'fail', { ...withUnit('nginx.service', { active: true, enabled: 'disabled' }), config: SITE, words: /disabled at boot/ }),
  nginx('it does not run', 'fail', { ...withUnit('nginx.service'), config: SITE, words: /does not run/ }),
  nginx('it is not installed', 'fail', { ...hard({}, { versions: {} }), config: SITE, words: /not installed/ }),
  nginx('there is no site', 'nothing'),
  of('nginx-test')('its test succeeds', 'pass', { config: SITE }),
  of('nginx-test')('a file is broken', 'fail', { ...hard({ nginx: { ...CLOSED.nginx, test: 'nginx: [emerg] unknown directive "liston" in /etc/nginx/sites-enabled/x:2' } }), config: SITE, words: /liston/ }),
  of('nginx-test')('only root may test', 'skip', { ...hard({ nginx: { lines: [] } }), config: SITE, words: /nginx -t/ }),
  of('nginx-version')('it is off for all', 'pass', { config: SITE, words: /nginx\.conf/ }),
  of('nginx-version')('one site alone is quiet', 'fail', { ...hard({ nginx: { test: 'ok', lines: [{ file: '/etc/nginx/sites-enabled/other', text: 'server_tokens off;' }] } }), config: SITE }),
  names('no other does', 'pass', { config: SITE }),
  names('the default site has our name', 'fail', { ...hard({ nginx: { test: 'ok', lines: [{ file: '/etc/nginx/sites-enabled/default', text: 'server_name _ APP.example.com;' }] } }), config: SITE, words: /app\.example\.com in \/etc\/nginx\/sites-enabled\/default/ }),
  rotation('the timer does it', 'pass', { words: /logrotate\.timer/ }),
  rotation('logrotate is missing', 'fail', logs({ logrotate: false })),
  rotation('the timer is masked, and cron leaves it to the timer', 'fail', { ...withUnit('logrotate.timer', { active: false, enabled: 'masked' }), words: /masked/ }),
  rotation('cron does it, without systemd', 'pass', { facts: { init: 'other', hardening: { ...CLOSED, units: { 'cron.service': { active: true, enabled: '-' } } } } }),
  coverage('both have rules', 'pass', { config: SITE }),
  coverage('pm2-logrotate looks after those of PM2', 'pass', { ...logs({ paths: ['/var/log/nginx/*.log'], pm2Module: true }), config: SITE }),
  coverage('nobody looks after those of PM2', 'fail', { ...logs({ paths: ['/var/log/nginx/*.log'] }), config: SITE, words: /not rotated: \/srv\/demo\/\.slipway\/logs\n/ }),
  coverage('the app writes to the journal', 'nothing'),
  journal('one is set', 'pass', { words: /500M/ }),
  journal('none is', 'fail', { ...logs({ journal: {} }), words: /4 GB/ }),
  journal('it lives in memory, with a limit', 'pass', logs({ journal: { Storage: 'volatile', RuntimeMaxUse: '32M' } })),
  pm2('both are as they should be', 'pass', { config: SITE }),
  pm2('the unit is missing', 'fail', { ...withUnit('pm2-deploy.service'), config: SITE, words: /pm2-deploy\.service is absent/ }),
  pm2('nothing was saved', 'fail', { ...hard({ pm2Saved: false }), config: SITE, words: /no list saved/ }),
  pm2('nothing was saved, before the first release', 'pass', { ...hard({ pm2Saved: false }, { root: { ...HEALTHY.root, content: '' } }), config: SITE }),
  pm2('no service is PM2\'s', 'nothing'),
];
