import { describe, expect, test } from '@jest/globals';
import { ConfigError } from '../../src/config/config-error.js';
import { inEnvironment } from '../../src/config/environment.js';
import { describeConfig } from '../../src/config/describe.js';
import { loadConfig } from '../../src/config/load.js';
import type { SiteConfig } from '../../src/config/schema.js';

const HEAD = 'app: shop\nenvironments: { production: { hosts: [deploy@203.0.113.10] } }\n';
const SERVICES = `services:
  backend: { manager: pm2, start: node a.js, port: 3001 }
  web: { manager: static, directory: dist, fallback: index.html }
`;
const file = (site: string, services = SERVICES): string => `${HEAD}${services}site: ${site}\n`;

function siteOf(text: string): SiteConfig {
  const { site } = loadConfig(file(text), 'slipway.yml');
  if (site === undefined) throw new Error('no site');
  return site;
}

/** What is wrong with a file, without its name and the places. */
function mistakes(text: string): string[] {
  try {
    loadConfig(text, 'slipway.yml');
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path.join('.')}: ${message}`);
    throw error;
  }
  return [];
}

test.each([
  ['shop.example.com', []], ['a-1.example.com', []],
  ['Shop.example.com', ['must be a host name in lower case (as the DNS has it: shop.example.com), is `Shop.example.com`']],
  ['bücher.example.com', ['must be a host name in lower case (as the DNS has it: xn--bcher-kva.example.com), is `bücher.example.com`']],
  ['"*.example.com"', ['must be a host name in lower case (a wildcard is no site: name each host), is `*.example.com`']],
  ['a..b', ['must be a host name in lower case, is `a..b`']],
  ['-a.example.com', ['must be a host name in lower case, is `-a.example.com`']],
  [`${'a'.repeat(64)}.example.com`, [`must be a host name in lower case, is \`${'a'.repeat(64)}.example.com\``]],
])('the domain %s', (name, complaints) => {
  expect(mistakes(file(`{ domains: [${name}], routes: { /: web } }`)).map((line) => line.replace(/^site\.domains\.0: /, ''))).toEqual(complaints);
});

const routes = (text: string, services?: string): string[] => mistakes(file(`{ domains: [a.example.com, b.example.com], routes: ${text} }`, services));

describe('a site', () => {
  test('needs names and routes, the rest has defaults', () => {
    const route = { log: true, buffering: true };
    expect(siteOf('{ domains: [a.example.com], routes: { /: web, /api: backend } }')).toEqual({
      domains: ['a.example.com'],
      routes: { '/': { service: 'web', ...route }, '/api': { service: 'backend', ...route } },
      headers: {},
      hsts: { maxAge: 31_536_000_000, includeSubdomains: true, preload: false },
      gzip: true,
      upload: 10_000_000,
      cache: {},
      limits: {},
      timeouts: { connect: 60_000, send: 60_000, read: 60_000, keepalive: 1_000 },
      trustedProxies: [],
      drain: 30_000,
    });
  });

  test('takes headers as texts, numbers, or false for none', () => {
    const { headers } = siteOf('{ domains: [a.example.com], routes: { /: web }, headers: { X-Frame-Options: DENY, X-XSS-Protection: 0, Referrer-Policy: false, X-Empty: "" } }');
    expect(headers).toEqual({ 'X-Frame-Options': 'DENY', 'X-XSS-Protection': '0', 'Referrer-Policy': '', 'X-Empty': '' });
  });

  test('takes HSTS as a duration, a mapping or false', () => {
    const hsts = (text: string): SiteConfig['hsts'] => siteOf(`{ domains: [a.example.com], routes: { /: web }, hsts: ${text} }`).hsts;
    expect(hsts('730d')).toEqual({ maxAge: 63_072_000_000, includeSubdomains: true, preload: false });
    expect(hsts('{ include-subdomains: false }')).toEqual({ maxAge: 31_536_000_000, includeSubdomains: false, preload: false });
    expect(hsts('false')).toBe(false);
  });

  test('takes a policy over several lines as one', () => {
    expect(siteOf("\n  domains: [a.example.com]\n  routes: { /: web }\n  content-security-policy: |\n    default-src 'self';\n    img-src *\n").contentSecurityPolicy).toBe("default-src 'self'; img-src *");
  });

  test('printed by `slipway config` means the same', () => {
    const config = loadConfig(file('{ domains: [a.example.com], routes: { /: { service: backend, timeout: 2m, log: false } }, hsts: false, headers: { X-Frame-Options: false }, limits: { api: { rate: 60/m } }, cache: { /assets: 365d }, trusted-proxies: 10.0.0.0/8, tls: { email: a@example.com } }'), 'slipway.yml');
    expect(loadConfig(describeConfig(config), 'printed.yml')).toEqual(config);
  });
});

describe('routes', () => {
  test.each([
    ['{ /: wep }', 'site.routes./: must be one of backend, web; is `wep` — did you mean `web`?'],
    ['{ /: { service: backand } }', 'site.routes./: must be one of backend, web; is `backand` — did you mean `backend`?'],
    ['{ /: web, c.example.com/: web }', 'site.routes.c.example.com/: must begin with one of the domains (a.example.com, b.example.com), begins with `c.example.com`'],
    ['{ /: web, api: web }', 'site.routes.api: must begin with / or with a domain and /, is `api`'],
    ['{ /: web, /api/: web }', 'site.routes./api/: must not end with /: `/api` holds for everything below it too'],
    ['{ "/a b": web }', 'site.routes./a b: must consist of letters, digits and ._~@+-/, is `/a b`'],
    ['{ "/a;{}": web }', 'site.routes./a;{}: must consist of letters, digits and ._~@+-/, is `/a;{}`'],
    ['{ /a/../b: web }', 'site.routes./a/../b: must not contain //, /./ or /../, is `/a/../b`'],
    ['{ /.slipway: web }', 'site.routes./.slipway: must not be below /.slipway, which Slipway answers itself'],
    ['{ /: { service: web, limit: api } }', 'site.routes./.limit: must name a limit, `site.limits` has none; is `api`'],
    ['{}', 'site.routes: must have a route, such as `/: backend`'],
  ])('%s is refused', (text, message) => {
    expect(routes(text)).toEqual([message]);
  });

  test('lead to services that have a port, or are static', () => {
    expect(routes('{ /: backend }', 'services: { backend: { manager: pm2, start: node a.js } }\n')).toEqual(['services.backend: needs a `port`: a route of the site leads to it']);
    expect(routes('{ /: web }', "services: { web: { manager: static, directory: 'a$b' } }\n")).toEqual([expect.stringMatching(/^services.web.directory: must not contain \$/)]);
    expect(routes('{ /: web }', '')).toEqual(['site.routes./: must name a service, there is none; is `web`']);
  });
});

describe('values that nginx would read as something else', () => {
  test.each([
    ['headers: { X-A: "a\\nb" }', 'site.headers.X-A: must be one line of ASCII characters without $, is `a\nb`'],
    ['headers: { X-A: $host }', 'site.headers.X-A: must be one line of ASCII characters without $, is `$host`'],
    ['content-security-policy: "script-src $x"', 'site.content-security-policy: must consist of ASCII characters, without $'],
    ['trusted-proxies: [10.0.0.0/33]', 'site.trusted-proxies[0]: must be an IP address or a network such as 10.0.0.0/8, is `10.0.0.0/33`'],
    ['limits: { api: { rate: 10 } }', expect.stringMatching(/^site.limits.api.rate: must be a rate such as 10\/s or 60\/m/)],
    ['cache: { /assets: 365 }', expect.stringMatching(/^site.cache.\/assets: must have a unit/)],
    ['cache: { assets: 365d }', expect.stringMatching(/^site.cache.assets: must begin with \//)],
    ['tls: { email: ops }', 'site.tls.email: must be an e-mail address, is `ops`'],
    ['tls: { certificate: /a, key: /b }', 'site.tls.email: must be an e-mail address, such as ops@example.com'],
    ['tls: { email: a@example.com, key: /a }', 'site.tls.key: needs `certificate`, the certificate that belongs to it'],
    ['tls: { email: a@example.com, key: /a, certificate: "/b;" }', expect.stringMatching(/^site.tls.certificate: must be an absolute path/)],
  ])('%s is refused', (text, message) => {
    const found = mistakes(file(`{ domains: [a.example.com], routes: { /: web }, ${text} }`)).map((line) => line.replace(/trusted-proxies\.0/, 'trusted-proxies[0]'));
    expect(found).toEqual([message]);
  });
});

describe('ports of services in slots', () => {
  const site = '{ domains: [a.example.com], routes: { /: a } }';
  const service = (text: string): string => `{ manager: pm2, start: node a.js, ${text} }`;

  test.each([
    ['a: ' + service('port: 3001, green-port: 3002') + ', b: ' + service('port: 3002'), 'services.a.green-port: must differ from the port of `b`, is 3002 too'],
    ['a: ' + service('port: 3001') + ', b: ' + service('port: 13001'), 'services.a.port: leaves no room for the second port (13001, taken by `b`): name a free one as `green-port`'],
    ['a: ' + service('port: 3001, green-port: 3001'), 'services.a.green-port: must differ from `port`, is 3001 too'],
    ['a: ' + service('port: 60000') + ', b: ' + service('port: 50000'), 'services.a.port: leaves no room for the second port (50000, taken by `b`): name a free one as `green-port`'],
    ['a: ' + service('port: 3001') + ', b: ' + service('port: 3002, green-port: 3003'), 'services.b.green-port: must be left out: no route of the site leads to the service'],
    ['a: ' + service('port: 3001, health: { path: /, port: 9000 }'), 'services.a.health.port: must be left out: behind the site the service runs at 3001 or its second port, and is asked there; is 9000'],
    ['a: ' + service('port: 3001, health: { tcp: 9000 }'), 'services.a.health.tcp: must be left out: behind the site the service runs at 3001 or its second port, and is asked there; is 9000'],
  ])('%s', (services, message) => {
    const found = mistakes(file(site, `services: { ${services} }\n`));
    expect(found).toContain(message);
  });

  test('may be the same where a service does not stand behind the site', () => {
    expect(mistakes(file(site, `services: { a: ${service('port: 3001')}, b: ${service('port: 3002')}, c: ${service('port: 13002')} }\n`))).toEqual([]);
  });
});

describe('keys of one manager', () => {
  const one = (text: string): string[] => mistakes(`${HEAD}services: { a: { ${text} } }\n`);

  test.each([
    ['manager: static, start: node a.js', 'services.a.start: must be left out under static: nothing runs, nginx serves the folder'],
    ['manager: static, port: 80', 'services.a.port: must be left out under static: nothing runs, nginx serves the folder'],
    ['manager: pm2, start: a, fallback: index.html', 'services.a.fallback: must be left out: only the site serves files, for services with manager static'],
    ['manager: pm2, start: a, image: pull', 'services.a.image: must be left out: only compose has images'],
    ['manager: compose, image: load', 'services.a.image: needs `archive`, the file with the images that the release ships'],
    ['manager: compose, archive: a.tar', 'services.a.archive: needs `image: load`: otherwise nothing is loaded from it'],
  ])('%s is refused', (text, message) => {
    expect(one(text)).toEqual([message]);
  });
});

describe('an environment with names of its own', () => {
  const text = (domains: string): string =>
    `app: shop\nenvironments: { production: { hosts: [a@192.0.2.1] }, staging: { hosts: [a@192.0.2.2], domains: ${domains} } }\n${SERVICES}site: { domains: [www.example.com, api.example.com], routes: { /: web, api.example.com/v1: backend } }\n`;

  test('has them in place of the site\'s, routes of one domain too', () => {
    const config = loadConfig(text('[staging.example.com, api.staging.example.com]'), 'slipway.yml');
    expect(inEnvironment(config, 'production')).toBe(config);
    const { site } = inEnvironment(config, 'staging');
    expect(site?.domains).toEqual(['staging.example.com', 'api.staging.example.com']);
    expect(Object.keys(site?.routes ?? {})).toEqual(['/', 'api.staging.example.com/v1']);
  });

  test('names one for each', () => {
    expect(mistakes(text('[staging.example.com]'))).toEqual(['environments.staging.domains: must have as many names as site.domains, one for each of www.example.com, api.example.com']);
    expect(mistakes('app: shop\nenvironments: { p: { hosts: [a@192.0.2.1], domains: [a.example.com] } }\n')).toEqual(['environments.p.domains: needs `site`: these are its names']);
  });
});
