import { afterEach, describe, expect, test } from '@jest/globals';
import { certbot } from '../../src/commands/certbot.js';
import { checkNames, issuerOf, refuse, requireHost } from '../../src/commands/certbot-checks.js';
import { readFindings, type CertificateFindings } from '../../src/commands/certbot-host.js';
import type { Place } from '../../src/commands/certbot-site.js';
import type { RunContext } from '../../src/commands/run-context.js';
import { environmentOf } from '../../src/config/environment.js';
import { loadConfig } from '../../src/config/load.js';
import { UserError } from '../../src/evidence/errors.js';
import type { Evidence } from '../../src/evidence/record.js';
import { Redactor } from '../../src/evidence/redact.js';
import { plainReporter } from '../../src/evidence/reporters.js';
import { startDns, type DnsServer } from '../support/dns-server.js';

let dns: DnsServer | undefined;
afterEach(async () => {
  await dns?.close();
  dns = undefined;
});

interface World {
  readonly context: RunContext;
  readonly place: Place;
  readonly records: Evidence[];
}

function world(options: { hosts?: string; tls?: string; preflight?: string; found?: Partial<CertificateFindings> } = {}): World {
  const config = loadConfig(`app: shop
environments: { production: { hosts: [${options.hosts ?? 'deploy@203.0.113.10'}] } }
services: { web: { start: node s.js, manager: pm2, port: 3001, health: { path: / } } }
site: { domains: [www.example.com, api.example.com], routes: { /: web }, tls: { email: ops@example.com${options.tls ?? ''} } }
preflight: { dns: { resolvers: [] ${options.preflight ?? ''} } }
`, 'slipway.yml');
  const records: Evidence[] = [];
  const context: RunContext = {
    config, environmentName: 'production', environment: environmentOf(config, 'production'), excluded: [], credentials: {}, appEnv: undefined,
    phase: 'certbot', runnerEnv: {}, lookup: () => undefined, workspace: '/nowhere', redactor: new Redactor(), signal: new AbortController().signal,
    reporter: { ...plainReporter(() => undefined), evidence: (record) => void records.push(record) }, author: { actor: 'ann', run: 'a test' },
    plan: false, leaseToken: 'token', keepLease: false, outputs: { hosts: new Map() }, now: () => new Date('2026-11-21T12:00:00Z'),
  };
  const { site } = config;
  if (site?.tls === undefined) throw new Error('no site');
  const found: CertificateFindings = { certbot: '2.1.0', nginx: '1.22.1', running: true, root: true, port80: [], certificate: undefined, key: undefined, keyMode: undefined, server: undefined, plugin: undefined, unmanaged: false, ...options.found };
  // Only its name and its root are looked at here.
  const place = { site, tls: site.tls, found, member: { name: 'deploy@203.0.113.10', host: { place: { root: '/srv/shop' } } } } as unknown as Place;
  return { context, place, records };
}

const thrown = async (body: () => unknown): Promise<UserError> => {
  try {
    await body();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('before anybody is dialled', () => {
  test('several hosts behind one name are refused, with what to do instead', async () => {
    const error = await thrown(() => certbot(world({ hosts: 'deploy@203.0.113.10, deploy@203.0.113.11' }).context, {}));
    expect(error.message).toMatch(/2 hosts stand behind www.example.com, api.example.com .*mode: webroot/);
    expect(error.remedy).toMatch(/mode: dns.*certificate of your own/);
  });
  test('a site without `tls` is told so', async () => {
    const { context } = world();
    const { tls: _, ...site } = context.config.site!;
    expect((await thrown(() => certbot({ ...context, config: { ...context.config, site } }, {}))).message).toMatch(/has no `site.tls`/);
  });
});

describe('what the authority would stumble over in the DNS', () => {
  const right = { 'www.example.com A': [{ type: 'A', name: 'www.example.com', data: '203.0.113.10', ttl: 300 }], 'api.example.com A': [{ type: 'A', name: 'api.example.com', data: '203.0.113.10', ttl: 300 }] } as const;
  const ask = async (zone: Parameters<typeof startDns>[0], options: Parameters<typeof world>[0] = {}): Promise<{ said: string; ids: string[] }> => {
    dns = await startDns(zone);
    const { context, place, records } = world(options);
    const { stumbles } = await checkNames(context, place, [dns.address]);
    return { said: stumbles.map(({ text, remedy }) => `${text} → ${remedy ?? ''}`).join('\n'), ids: records.filter(({ status }) => status === 'fail').map(({ id, subject }) => `${id} ${subject}`) };
  };

  test('is nothing when the names lead to the host', async () => {
    expect(await ask(right)).toEqual({ said: '', ids: [] });
  });
  test('is a name that does not exist: the record to add is printed', async () => {
    const { said, ids } = await ask({ 'www.example.com A': right['www.example.com A'] });
    expect(ids).toEqual(['certbot.dns.resolves api.example.com']);
    expect(said).toContain('Add to the zone: api.example.com. 300 IN A 203.0.113.10');
  });
  test('is a name that leads elsewhere, and a forgotten AAAA record', async () => {
    const { said, ids } = await ask({
      ...right, 'www.example.com A': [{ type: 'A', name: 'www.example.com', data: '198.51.100.1', ttl: 300 }], 'api.example.com AAAA': [{ type: 'AAAA', name: 'api.example.com', data: '2001:db8::9', ttl: 300 }],
    });
    expect(ids).toEqual(['certbot.dns.addresses www.example.com', 'certbot.dns.ipv6 api.example.com']);
    expect(said).toContain('Put into the zone: www.example.com. 300 IN A 203.0.113.10, in place of 198.51.100.1');
  });
  test('is a CAA record for another authority, which mode dns meets as well', async () => {
    const zone = { ...right, 'example.com CAA': [{ type: 'CAA', name: 'example.com', data: { flags: 0, tag: 'issue', value: 'sectigo.com', issuerCritical: false }, ttl: 300 }] } as Parameters<typeof startDns>[0];
    const { said, ids } = await ask(zone, { tls: ', mode: dns, dns: { authenticate: /bin/true }' });
    expect(ids).toEqual(['certbot.dns.caa www.example.com', 'certbot.dns.caa api.example.com']);
    expect(said).toContain('300 IN CAA 0 issue "letsencrypt.org"');
  });
  test('is the issuer of the authority that is asked, as far as that is known', () => {
    expect(issuerOf('https://acme-v02.api.letsencrypt.org/directory', 'letsencrypt.org')).toBe('letsencrypt.org');
    expect(issuerOf('https://acme.zerossl.com/v2/DV90', 'letsencrypt.org')).toBe('sectigo.com');
    expect(issuerOf('https://ca.example.com/acme', 'letsencrypt.org')).toBe(false);
    expect(issuerOf('https://ca.example.com/acme', 'ca.example.com')).toBe('ca.example.com');
    expect(issuerOf('https://acme-v02.api.letsencrypt.org/directory', false)).toBe(false);
  });
});

describe('what the host lacks', () => {
  const decision = { action: 'issue', why: '', added: [], removed: [] } as const;
  const ask = (options: Parameters<typeof world>[0]): string => {
    const { context, place } = world(options);
    return requireHost(context, place, decision).map(({ text, remedy }) => `${text} → ${remedy ?? ''}`).join('\n');
  };
  const nginx = { name: 'nginx', pid: '7', unit: 'nginx.service' };

  test('is named with the command that installs it', () => {
    expect(ask({ found: { certbot: undefined, nginx: undefined } })).toMatch(/certbot and nginx are not installed → On the host: sudo apt-get install certbot nginx; .*slipway server production/);
    expect(ask({})).toBe('');
  });
  test('is port 80, when a stranger holds it', () => {
    expect(ask({ found: { port80: [nginx] } })).toBe('');
    expect(ask({ found: { port80: [{ name: 'apache2', pid: '9', unit: 'apache2.service' }] } })).toMatch(/apache2 \(process 9, apache2.service\) holds port 80, not nginx.*disable --now apache2.service/);
    expect(ask({ found: { port80: [{ name: 'docker-proxy', pid: '9', unit: 'docker.service' }] } })).toMatch(/A container publishes port 80/);
    expect(ask({ found: { port80: [{ name: 'node', pid: '9', unit: 'session-1.scope' }] } })).toMatch(/ps -fp 9; sudo kill 9/);
  });
  test('is port 80 for mode standalone, unless nginx may be stopped', () => {
    expect(ask({ tls: ', mode: standalone', found: { port80: [nginx] } })).toMatch(/nginx \(process 7\) holds port 80.*stop-nginx: true/);
    expect(ask({ tls: ', mode: standalone, stop-nginx: true', found: { port80: [nginx] } })).toBe('');
  });
  test('is a folder that certbot does not know, of which it would make a second', () => {
    expect(ask({ found: { unmanaged: true } })).toMatch(/live\/www.example.com is there, but certbot does not know it/);
  });
  test('all stands in one message, each remedy once', async () => {
    const error = await thrown(() => refuse([{ text: 'one', remedy: 'do this' }, { text: 'two', remedy: 'do this' }]));
    expect([error.message, error.remedy]).toEqual(['the authority was not asked, since it would refuse:\n    one\n    two', 'do this']);
  });
});

test('what a host says is read, also where it has nothing and may do nothing', () => {
  expect(readFindings('nginx\t1.22.1\nnot-root\n')).toMatchObject({ certbot: undefined, nginx: '1.22.1', root: false, certificate: undefined });
  expect(readFindings('certbot\t2.1.0\nrunning\nport\tnginx 12 nginx.service\ncertificate\tbm90aGluZw==\nkey\tother\nmanaged\thttps://acme.example.com/dir\twebroot\n')).toMatchObject({
    certbot: '2.1.0', running: true, root: true, port80: [{ name: 'nginx', pid: '12', unit: 'nginx.service' }], certificate: undefined, key: 'other', server: 'https://acme.example.com/dir', unmanaged: false,
  });
});
