import { describe, expect, it } from '@jest/globals';
import { readFirewall, type FirewallState } from '../../src/checks/firewall-facts.js';
import { readHardening } from '../../src/checks/hardening-facts.js';

/** Facts as `preflight.sh` prints them, by key. */
const factsOf = (facts: Readonly<Record<string, string>>) => (key: string): string[] => facts[key]?.split('\n').filter((line) => line.trim() !== '') ?? [];
const firewallOf = (facts: Readonly<Record<string, string>>): FirewallState => readFirewall(factsOf({ 'root-by': 'root', 'firewall-tool': 'nft', ...facts }));

const UFW = `Status: active
Logging: on (low)
Default: deny (incoming), allow (outgoing), deny (routed)
New profiles: skip
To                         Action      From
--                         ------      ----
80,443/tcp (Nginx Full)    ALLOW IN    Anywhere
22/tcp                     LIMIT IN    Anywhere                   # ssh
5432/tcp                   ALLOW IN    203.0.113.0/24
203.0.113.10 25/tcp        ALLOW IN    Anywhere
3000:3010/tcp              ALLOW IN    Anywhere                   (log)
Anywhere on eth1           ALLOW IN    Anywhere
9000/tcp                   DENY IN     Anywhere
53                         ALLOW OUT   Anywhere
80,443/tcp (Nginx Full (v6)) ALLOW IN    Anywhere (v6)
22/tcp (v6)                LIMIT IN    Anywhere (v6)             # ssh
Anywhere (v6) on eth1      ALLOW IN    Anywhere (v6)`;

const NFT = `	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iif "lo" accept
		meta l4proto ipv6-icmp accept
		tcp dport { 22, 80, 443 } accept
		ip saddr 203.0.113.0/24 tcp dport 5432 accept
		udp dport 60000-61000 accept
	}`;

describe('the firewall that is read', () => {
  it('is ufw with what it lets in, each once', () => {
    expect(firewallOf({ ufw: UFW })).toEqual({
      tool: 'ufw', incoming: 'deny', openings: [
        { port: '80', protocol: 'tcp' }, { port: '443', protocol: 'tcp' }, { port: '22', protocol: 'tcp' }, { port: '5432', protocol: 'tcp', from: '203.0.113.0/24' },
        { port: '25', protocol: 'tcp' }, { port: '3000:3010', protocol: 'tcp' }, { port: 'any', protocol: 'any', device: 'eth1' },
      ],
    });
    expect(firewallOf({ ufw: UFW.replace('deny (incoming)', 'allow (incoming)') })).toMatchObject({ incoming: 'allow' });
  });

  it('is ufw by its files where only root may ask for more', () => {
    expect(firewallOf({ 'root-by': 'none', 'ufw-file': 'ENABLED yes\nDEFAULT_INPUT_POLICY DROP' })).toEqual({ tool: 'ufw', incoming: 'deny' });
    expect(firewallOf({ 'root-by': 'none', 'ufw-file': 'ENABLED yes\nDEFAULT_INPUT_POLICY ACCEPT' })).toEqual({ tool: 'ufw', incoming: 'allow' });
  });

  it('is what nftables refuses and lets in', () => {
    const openings = [
      { port: '22', protocol: 'tcp' }, { port: '80', protocol: 'tcp' }, { port: '443', protocol: 'tcp' },
      { port: '5432', protocol: 'tcp', from: '203.0.113.0/24' }, { port: '60000:61000', protocol: 'udp' },
    ];
    expect(firewallOf({ ufw: 'Status: inactive', nft: NFT })).toEqual({ tool: 'nftables', incoming: 'deny', openings });
    expect(firewallOf({ nft: NFT.replace('policy drop', 'policy accept').replace('\n\t}', '\n\t\treject with icmpx type admin-prohibited\n\t}') })).toMatchObject({ tool: 'nftables', openings });
    // Where a rule leads on, the rest is not known.
    expect(firewallOf({ nft: NFT.replace('iif "lo" accept', 'jump services') })).toEqual({ tool: 'nftables', incoming: 'deny' });
    expect(firewallOf({ nft: NFT.replace('policy drop', 'policy accept') })).toBe('none');
  });

  it('is iptables or firewalld where these are', () => {
    const rules = '-P INPUT DROP\n-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -i lo -j ACCEPT\n-A INPUT -p tcp -m multiport --dports 22,80 -j ACCEPT\n-A INPUT -s 203.0.113.9/32 -j ACCEPT';
    expect(firewallOf({ iptables: rules })).toEqual({ tool: 'iptables', incoming: 'deny', openings: [{ port: '22', protocol: 'tcp' }, { port: '80', protocol: 'tcp' }, { port: 'any', protocol: 'any', from: '203.0.113.9/32' }] });
    expect(firewallOf({ iptables: `${rules}\n-A INPUT -j services` })).toEqual({ tool: 'iptables', incoming: 'deny' });
    expect(firewallOf({ iptables: '-P INPUT ACCEPT' })).toBe('none');
    expect(firewallOf({ firewalld: 'public (active)\n  target: default\n  services: dhcpv6-client ssh https\n  ports: 3000-3010/tcp' })).toEqual({
      tool: 'firewalld', incoming: 'deny', openings: [{ port: '22', protocol: 'tcp' }, { port: '443', protocol: 'tcp' }, { port: '3000:3010', protocol: 'tcp' }],
    });
  });

  it('is unknown, not absent, where nobody could ask', () => {
    expect(firewallOf({ 'root-by': 'none' })).toBe('unseen');
    expect(firewallOf({ 'root-by': 'none', 'firewall-tool': '' })).toBe('none');
    expect(firewallOf({ ufw: 'Status: inactive' })).toBe('none');
  });
});

describe('the facts of hardening', () => {
  it('are absent when the host was not asked', () => expect(readHardening(factsOf({}))).toBeUndefined());

  it('hold what sshd, apt, systemd and fail2ban say', () => {
    const facts = readHardening(factsOf({
      'root-by': 'sudo', 'ssh-connection': '192.0.2.7 50000 203.0.113.10 2222',
      'sshd-by': 'files', sshd: 'PasswordAuthentication no\nPasswordAuthentication yes\nChallengeResponseAuthentication no',
      unit: 'active enabled nginx.service\ninactive - pm2-deploy.service', 'unattended-upgrade': 'yes', 'apt-lists': '1795000000', updates: '5 2 openssl libssl3',
      'jails-by': 'effective', jail: 'sshd\nnginx-http-auth', 'jail-bans-us': 'nginx-http-auth', journald: 'SystemMaxUse 1G\nSystemMaxUse 500M',
    }));
    expect(facts).toMatchObject({
      login: { from: '192.0.2.7', port: 2222 }, sshd: { values: { passwordauthentication: ['no', 'yes'], kbdinteractiveauthentication: ['no'] } },
      units: { 'nginx.service': { active: true, enabled: 'enabled' }, 'pm2-deploy.service': { active: false } },
      apt: { lists: 1_795_000_000_000, pending: { all: 5, security: 2, names: ['openssl', 'libssl3'] } },
      jails: { names: ['sshd', 'nginx-http-auth'], banUs: ['nginx-http-auth'] }, logs: { journal: { SystemMaxUse: '500M' } },
    });
    expect(readHardening(factsOf({ 'root-by': 'none', 'unattended-upgrade': 'no', 'apt-lists': 'none' }))?.apt).toEqual({ config: [], unattended: false });
  });
});
