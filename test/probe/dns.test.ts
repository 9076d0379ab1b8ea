import { afterEach, describe, expect, it } from '@jest/globals';
import type { Answer } from 'dns-packet';
import { gatherSite } from '../../src/checks/gather/site.js';
import { runPreflight } from '../../src/checks/run.js';
import { climb, probeDns, type DnsFacts } from '../../src/probe/dns.js';
import { readRecords } from '../../src/probe/dns-query.js';
import { loadConfig } from '../../src/config/load.js';
import { startDns, type DnsServer, type Zone } from '../support/dns-server.js';

const HOST = '203.0.113.10';
const a = (name: string, data = HOST, ttl = 300): Answer => ({ type: 'A', name, data, ttl });
const caa = (name: string, tag: 'issue' | 'iodef', value: string): Answer => ({ type: 'CAA', name, ttl: 300, data: { flags: 0, tag, value } });
const TRUE_ZONE: Zone = { 'ss.example.com A': [a('ss.example.com')], 'www.ss.example.com A': [a('www.ss.example.com')] };

describe('asking the DNS', () => {
  const servers: DnsServer[] = [];
  const serve = async (zone: Zone): Promise<string> => {
    const server = await startDns(zone);
    servers.push(server);
    return server.address;
  };
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });
  const ask = async (zone: Zone, name = 'ss.example.com', more: Zone[] = [], limit = 20_000): Promise<DnsFacts> =>
    probeDns(name, { system: [await serve(zone)], resolvers: await Promise.all(more.map(serve)), issuer: 'letsencrypt.org', limit });

  it('hears the addresses from each resolver, with their time to live', async () => {
    const { views } = await ask({ ...TRUE_ZONE, 'ss.example.com AAAA': [{ type: 'AAAA', name: 'ss.example.com', data: '2001:db8::10', ttl: 60 }] }, 'ss.example.com', [TRUE_ZONE]);
    expect(views).toMatchObject([
      { resolver: 'system', a: [{ address: HOST, ttl: 300 }], aaaa: [{ address: '2001:db8::10', ttl: 60 }] },
      { a: [{ address: HOST }], aaaa: 'no-record' },
    ]);
  });

  it.each([
    ['a name that is not there', {}, 'no-name'], ['SERVFAIL', { 'ss.example.com *': 'SERVFAIL' }, 'servfail'],
    ['a refusal', { 'ss.example.com *': 'REFUSED' }, 'refused'], ['silence', { 'ss.example.com *': 'silent' }, 'timeout'],
  ] as [string, Zone, string][])('tells %s apart', async (_, zone, fault) => {
    expect((await ask(zone, 'ss.example.com', [], fault === 'timeout' ? 300 : 20_000)).views[0]).toMatchObject({ a: fault, aaaa: fault });
  });

  it('measures a slow resolver', async () => {
    const { views } = await ask({ 'ss.example.com A': { after: 250, records: [a('ss.example.com')] } });
    expect(views[0]?.time).toBeGreaterThanOrEqual(240);
    expect(views[0]?.a).toHaveLength(1);
  });

  it.each([
    ['no record anywhere', {}, true, undefined], ['one for the issuer', { 'example.com CAA': [caa('example.com', 'issue', 'letsencrypt.org; validationmethods=http-01')] }, true, 'example.com'],
    ['one for another', { 'example.com CAA': [caa('example.com', 'issue', 'sectigo.com')] }, false, 'example.com'],
    ['the nearer one, which forbids all', { 'example.com CAA': [caa('example.com', 'issue', 'letsencrypt.org')], 'ss.example.com CAA': [caa('ss.example.com', 'issue', ';')] }, false, 'ss.example.com'],
    ['a mail address alone', { 'example.com CAA': [caa('example.com', 'iodef', 'mailto:ops@example.com')] }, true, 'example.com'],
    ['an error', { 'example.com CAA': 'SERVFAIL' }, false, undefined],
  ] as [string, Zone, boolean, string | undefined][])('climbs up to the CAA records and finds %s', async (_, zone, permits, at) => {
    const facts = await ask({ ...TRUE_ZONE, ...zone });
    expect(facts.caa?.permits).toBe(permits);
    expect(facts.caa?.at).toBe(at);
  });

  it('climbs label by label', () => {
    expect(climb('a.b.example.com')).toEqual(['a.b.example.com', 'b.example.com', 'example.com', 'com']);
  });

  it('sees what stands beside an alias, not what it points to', async () => {
    const alias: Answer = { type: 'CNAME', name: 'ss.example.com', data: 'lb.example.net', ttl: 300 };
    const good = await ask({ 'ss.example.com A': [alias, a('lb.example.net')], 'ss.example.com MX': [alias], 'ss.example.com SOA': [alias] });
    expect(good).toMatchObject({ cname: 'lb.example.net', besideCname: [] });
    expect(await ask({ 'ss.example.com A': [alias, a('ss.example.com')] })).toMatchObject({ cname: 'lb.example.net', besideCname: ['A'] });
  });

  it('is not caught in a name that points to itself', () => {
    const loop = Buffer.from([0, 0, 0x81, 0x80, 0, 0, 0, 1, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1]);
    expect(readRecords(loop)).toBeUndefined();
  });

  describe('in preflight', () => {
    const config = (extra = ''): ReturnType<typeof loadConfig> => loadConfig(`
app: demo
environments: { production: { url: "https://ss.example.com", hosts: [deploy@${HOST}] } }
services: { web: { manager: static, directory: public } }
site: { domains: [ss.example.com, www.ss.example.com], routes: { /: web } }
preflight: { dns: { resolvers: [], timeout: 20s ${extra} } }
`, 'slipway.yml');
    const red = async (zone: Zone, extra = ''): Promise<string[]> => {
      const loaded = config(extra);
      const site = await gatherSite({ config: loaded, environment: loaded.environments['production']!, workspace: '/nowhere', system: [await serve(zone)], families: ['dns'] });
      return runPreflight({ config: loaded, environment: 'production', hosts: [], site, now: new Date() })
        .filter(({ status, id }) => id.startsWith('preflight.dns.') && status !== 'pass')
        // How fast the answers come is this machine's.
        .filter(({ id }) => id !== 'preflight.dns.resolvers')
        .map(({ id, subject, remedy }) => `${subject} ${id} → ${remedy ?? ''}`);
    };

    it('is content when both names lead to the host', async () => {
      expect(await red(TRUE_ZONE)).toEqual([]);
    });

    it('says which record to add when www is missing', async () => {
      const [only, ...others] = await red({ 'ss.example.com A': [a('ss.example.com')] });
      expect(only).toBe(`www.ss.example.com preflight.dns.resolves → Add to the zone: www.ss.example.com. 300 IN A ${HOST}`);
      expect(others).toEqual([]);
    });

    it('says what to put in place of a wrong address', async () => {
      const found = await red({ ...TRUE_ZONE, 'ss.example.com A': [a('ss.example.com', '198.51.100.7')] });
      expect(found).toHaveLength(1);
      expect(found[0]).toMatch(/^ss\.example\.com preflight\.dns\.addresses → Put into the zone: ss\.example\.com\. 300 IN A 203\.0\.113\.10, in place of 198\.51\.100\.7/);
    });

    it('takes the addresses of a load balancer from the config', async () => {
      const zone = { 'ss.example.com A': [a('ss.example.com', '198.51.100.7')], 'www.ss.example.com A': [a('www.ss.example.com', '198.51.100.7')] };
      expect(await red(zone, ', addresses: [198.51.100.7]')).toEqual([]);
    });

    it('says which CAA record to add', async () => {
      const found = await red({ ...TRUE_ZONE, 'example.com CAA': [caa('example.com', 'issue', 'sectigo.com')] });
      expect(found.map((line) => line.split(' ')[1])).toEqual(['preflight.dns.caa', 'preflight.dns.caa']);
      expect(found[0]).toContain('Add: example.com. 300 IN CAA 0 issue "letsencrypt.org"');
    });

    it('asks nothing where the family is off', async () => {
      const loaded = loadConfig(`
app: demo
environments: { production: { url: "https://ss.example.com", hosts: [deploy@${HOST}] } }
preflight: { severity: { dns: off, tls: off } }
`, 'slipway.yml');
      expect(await gatherSite({ config: loaded, environment: loaded.environments['production']!, workspace: '/nowhere' })).toEqual({});
    });
  });
});
