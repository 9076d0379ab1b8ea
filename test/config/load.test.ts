import { describe, expect, test } from '@jest/globals';
import { ConfigError } from '../../src/config/config-error.js';
import { loadConfig } from '../../src/config/load.js';
import { UserError } from '../../src/evidence/errors.js';

/** The lines of the error that loading `text` ends with, without the file's name. */
function mistakes(text: string): string[] {
  try {
    loadConfig(text, 'slipway.yml');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split('\n').map((line) => line.replace(/^slipway\.yml:/, ''));
  }
  return [];
}

const HEAD = 'app: shop\nenvironments: { production: { hosts: [deploy@203.0.113.10] } }\n';
/** A service with further lines, which begin on line 6 at column 5. */
const service = (...lines: string[]): string =>
  `${HEAD}services:\n  backend:\n    manager: pm2\n${lines.map((line) => `    ${line}\n`).join('')}`;

describe('five different mistakes', () => {
  const text = `app: shop
environments:
  production:
    hosts:
      - address: 203.0.113.10
    root: /srv
services:
  backend:
    manager: pm3
    prot: 3001
    port: 70000
`;

  test('are five errors with line and column, in the order of the file', () => {
    expect(mistakes(text)).toEqual([
      '5:9: environments.production.hosts[0].address: must name the user to log in as, as in deploy@203.0.113.10, ' +
        'deploy@www.example.com:2222 or deploy@[2001:db8::1]:22; is `203.0.113.10`',
      '6:5: environments.production.root: must be a folder of this app alone, is `/srv` (such as /srv/my-app)',
      '9:5: services.backend.manager: must be one of pm2, systemd, compose, static; is `pm3` — did you mean `pm2`?',
      '10:5: services.backend.prot: unknown key; did you mean `port`? Allowed: directory, install, start, manager, ' +
        'instances, mode, memory, port, green-port, file, image, archive, fallback, env, roles, needs, user, scope, health, stop-limit',
      '11:5: services.backend.port: must be 1–65535, is 70000',
    ]);
  });

  test('are a UserError that also carries them one by one, for annotations', () => {
    const error = ((): unknown => {
      try {
        return loadConfig(text, 'conf/slipway.yml');
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(UserError);
    expect((error as ConfigError).problems).toHaveLength(5);
    expect((error as ConfigError).problems[4]).toEqual({
      file: 'conf/slipway.yml',
      path: ['services', 'backend', 'port'],
      line: 11,
      column: 5,
      message: 'must be 1–65535, is 70000',
    });
  });
});

describe('YAML that cannot be read', () => {
  test.each([
    ['', '1:1: is empty; must name the app and its environments'],
    ['# nothing\n', '1:1: is empty; must name the app and its environments'],
    ['- a\n', '1:1: must be a mapping, is a list'],
    ['shop', '1:1: must be a mapping, is `shop`'],
    ['app: shop\n\tenvironments: {}', '2:1: must be indented with spaces, not with a tab'],
    ['preflight:\n  node: >=18\n', '2:10: `>` and `|` begin a text of several lines; put the value into quotes'],
    ['a: b: c', '1:4: a second `: ` stands on this line; put the value into quotes if it is meant as text'],
    ['a: "b\n', '2:1: a double quote is opened and never closed'],
    ['a: [b\nc: d', '2:1: `[` is opened and not closed before the next line begins'],
    ['a: @b', '1:4: Plain value cannot start with reserved character @; put the value into quotes'],
    ['a:\n  b: 1\n c: 2', '3:1: is indented differently from the lines it belongs to'],
    ['---\na: 1\n---\nb: 2\n', '3:1: must be one document: take out the line `---` and what follows'],
    ['a: !!js x', '1:4: Unresolved tag: tag:yaml.org,2002:js; tags have no meaning here'],
    [
      'release: { include: [*.js] }',
      '1:22: there is no anchor `&.js` before this; put the value into quotes if it is meant as text',
    ],
    ['a: &a [*a]', '1:8: aliases are used more than 100 times, or inside themselves'],
    [
      'a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b]\nd: [*c, *c, *c]',
      '2:8: aliases are used more than 100 times, or inside themselves',
    ],
    [`#${'x'.repeat(1024 * 1024)}`, '1:1: must be smaller than 1 MiB'],
  ])('is told with line and column (case %#)', (text, line) => {
    expect(mistakes(text)).toEqual([line]);
  });

  test('with a key that stands twice is still checked for other mistakes', () => {
    expect(mistakes(`${HEAD}app: shop2\nrelease: { keep: 0 }\n`)).toEqual([
      '3:1: `app` stands twice in the same mapping',
      '4:12: release.keep: must be 1–1000, is 0',
    ]);
  });

  test('with Windows line ends and a byte order mark is fine', () => {
    expect(loadConfig(`\uFEFF${HEAD.replace(/\n/g, '\r\n')}`, 'slipway.yml').app).toBe('shop');
  });
});

describe('aliases and merge keys', () => {
  const text = `app: shop
environments:
  staging: &common
    hosts: [deploy@203.0.113.10]
    rollback-budget: 5m
  production:
    <<: *common
    rollback-budget: 3m
`;

  test('are followed', () => {
    const { environments } = loadConfig(text, 'slipway.yml');
    expect(environments['production']).toEqual({ ...environments['staging'], rollbackBudget: 180_000 });
  });

  test('lead to the line where the mistake stands', () => {
    expect(mistakes(text.replace('deploy@203', '203'))).toEqual([
      expect.stringMatching(/^4:13: environments\.staging\.hosts\[0\]: must name the user/),
      expect.stringMatching(/^4:13: environments\.production\.hosts\[0\]: must name the user/),
    ]);
  });
});

describe('what is not there or not known', () => {
  test('a required key is asked for where it belongs', () => {
    expect(mistakes('app: shop\n')).toEqual(['1:1: environments: is required']);
    expect(mistakes(`${HEAD}services:\n  web: { start: node a.js }\n`)).toEqual([
      '4:3: services.web.manager: is required',
    ]);
    expect(mistakes('app: shop\nenvironments: {}\n')).toEqual([
      '2:1: environments: must name at least one environment',
    ]);
    expect(mistakes('app: shop\nenvironments: { p: { hosts: [] } }\n')).toEqual([
      '2:22: environments.p.hosts: must not be empty',
    ]);
  });

  test('an empty value is told apart from a missing one', () => {
    expect(mistakes(service('port:'))).toEqual(['6:5: services.backend.port: must be a whole number, is empty']);
  });

  test('what a later version brings is announced as not supported yet', () => {
    expect(mistakes(`${HEAD}watch: {}\n`)).toEqual(['3:1: watch: `watch` is not supported by this version yet; take it out for now']);
  });

  test.each([
    ['release: { confirmWithin: 5m }', 'confirm-within'],
    ['release: { env_file: .env }', 'env-file'],
    ['enviroments: {}', 'environments'],
    ['preflight: { disk_free: 20% }', 'disk-free'],
    ['smoke: [{ gte: / }]', 'get'],
  ])('a misspelt key names the nearest right one: %s', (line, right) => {
    expect(mistakes(`${HEAD}${line}\n`).join('\n')).toContain(`unknown key; did you mean \`${right}\`? Allowed: `);
  });

  test('a key unlike any other only lists what is allowed', () => {
    expect(mistakes(`${HEAD}release: { zzzzzz: 1 }\n`)[0]).toMatch(/zzzzzz: unknown key; Allowed: build, include/);
  });

  test('no key is passed over, not even __proto__', () => {
    expect(mistakes(`${HEAD}services: { a: { manager: pm2, env: { __proto__: x } } }\n`)).toEqual([
      '3:39: services.a.env.__proto__: must not be used as a key',
    ]);
  });
});

describe('values of the wrong kind', () => {
  test.each([
    ['instances: many', 'instances: must be a whole number or `max`, is `many`'],
    ['instances: 1.5', 'instances: must be a whole number or `max`, is 1.5'],
    ['instances: 0', 'instances: must be 1–256, is 0'],
    ['port: "3001"', 'port: must be a whole number, is `3001` in quotes; leave them out'],
    ['needs: db', 'needs: must be a list of texts, is `db`'],
    ['install: { a: b }', 'install: must be a text or a list of texts, is a mapping'],
    ['start: [node, a.js]', 'start: must be a text, is a list'],
    ['start: ""', 'start: must not be empty'],
    ['memory: 512', 'memory: must have a unit, such as 512MB or 512MiB; is `512`'],
    ['stop-limit: 10', 'stop-limit: must have a unit, such as 10s or 10m; is `10`'],
    ['mode: cluter', 'mode: must be one of cluster, fork; is `cluter` — did you mean `cluster`?'],
    ['health: ok', 'health: must be a mapping, is `ok`'],
    ['directory: /srv', 'directory: must be relative, is `/srv`'],
    ['env: { A: [1] }', 'env.A: must be a text, is a list'],
    ['env: { A: }', 'env.A: must be a text, is empty; write "" for an empty one'],
  ])('%s', (line, message) => {
    expect(mistakes(service(line))).toEqual([expect.stringMatching(/^6:\d+: /)]);
    expect(mistakes(service(line))[0]).toContain(`: services.backend.${message}`);
  });
});

describe('what must fit together', () => {
  test.each([
    [['needs: [db]'], 'needs[0]: must name a service, there is no other; is `db`'],
    [['needs: [backend]'], 'needs[0]: must be another service'],
    [['mode: cluster'], 'mode: must be `node <script>` for mode cluster, is missing; mode fork runs any command'],
    [
      ['start: npm start', 'mode: cluster'],
      'start: must be `node <script>` for mode cluster, is `npm start`; mode fork runs any command',
    ],
    [['user: www-data'], 'user: must be left out under pm2: it runs as the user who logs in'],
    [['health: { path: /health }'], 'health.path: needs a port: give the service (or its health) a `port`'],
    [['health: { tcp: true }'], 'health.tcp: needs a port: give the service (or its health) a `port`'],
    [['health: {}'], 'health: must have one of path, tcp, command'],
    [['health: { tcp: 1, command: x }'], 'health.command: must not stand beside `tcp`: a service has one health check'],
    [['health: { command: x, status: 200 }'], 'health.status: needs `path`: it belongs to an HTTP check'],
  ])('inside a service: %j', (lines, message) => {
    const found = mistakes(service(...lines));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`: services.backend.${message}`);
  });

  test('under systemd there is one instance and no mode', () => {
    const text = `${HEAD}services:\n  a: { manager: systemd, instances: 2, mode: fork, user: x, scope: user }\n`;
    expect(mistakes(text)).toEqual([
      '4:26: services.a.instances: must be 1 under systemd, is 2; pm2 runs several',
      '4:40: services.a.mode: must be left out under systemd: cluster and fork are modes of pm2',
      '4:52: services.a.user: must be left out with scope user: the unit runs as the user who logs in',
    ]);
  });

  test('cluster mode takes node with options and arguments', () => {
    expect(mistakes(service('start: node --enable-source-maps dist/server.js --port 1', 'mode: cluster'))).toEqual([]);
  });

  test('services have ports of their own and do not need one another in a circle', () => {
    const text = `${HEAD}services:
  a: { manager: pm2, port: 3001, needs: [b] }
  b: { manager: pm2, port: 3002, needs: [c] }
  c: { manager: pm2, port: 3001, needs: [a, z] }
`;
    expect(mistakes(text)).toEqual([
      '4:34: services.a.needs: must not go round in a circle: a → b → c → a',
      '6:22: services.c.port: must differ from the port of `a`, is 3001 too',
      '6:45: services.c.needs[1]: must be one of a, b; is `z`',
    ]);
  });

  test('rules are checked even where other keys are wrong', () => {
    expect(mistakes(service('port: 70000', 'mode: cluster', 'x: 1')).map((line) => line.split(': ')[1])).toEqual([
      'services.backend.port',
      'services.backend.mode',
      'services.backend.x',
    ]);
  });

  test.each([
    ['shared: [/data]', 'release.shared[0]: must be relative, is `/data`'],
    ['shared: [../data]', 'release.shared[0]: must not contain `..`, is `../data`'],
    ['shared: ["~/data"]', 'release.shared[0]: must be relative and has no home folder to begin with, is `~/data`'],
    ['shared: [.]', 'release.shared[0]: must be a part of the release, is the whole'],
    ['shared: [data, data/uploads]', 'release.shared[1]: must not lie inside `data`, which is shared already'],
    ['shared: [data, ./data/]', 'release.shared[1]: must not lie inside `data`, which is shared already'],
    ['include: [dist/../..]', 'release.include[0]: must not contain `..`, is `dist/../..`'],
    ['include: []', 'release.include: must not be empty'],
    ['{ shared: [conf], env-file: conf/.env }', 'release.env-file: must not lie inside the shared path `conf`'],
    ['env-file: /etc/env', 'release.env-file: must be relative, is `/etc/env`'],
  ])('in the release: %s', (line, message) => {
    const found = mistakes(`${HEAD}release: ${line.startsWith('{') ? line : `{ ${line} }`}\n`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });

  test.each([
    '/',
    '/srv',
    '/srv/',
    '//srv',
    '/home',
    '/home/deploy',
    '/root',
    '/var',
    '/var/www',
    '/etc',
    '/usr',
    '/opt',
    '/tmp',
    '/srv/../etc',
    'srv/shop',
    '',
    '~/shop',
    '$HOME/shop',
    '/srv/my shop',
  ])('the root may not be %j', (root) => {
    const found = mistakes(`app: shop\nenvironments: { p: { hosts: [a@b], root: ${JSON.stringify(root)} } }\n`);
    expect(found).toEqual([expect.stringMatching(/^2:36: environments\.p\.root: must /)]);
  });

  test.each(['/srv/shop', '/home/deploy/shop', '/opt/shop/'])('the root may be %s', (root) => {
    const text = `app: shop\nenvironments: { p: { hosts: [a@b], root: ${root} } }\n`;
    expect(loadConfig(text, 'slipway.yml').environments['p']?.root).toBe(root.replace(/\/$/, ''));
  });
});

describe('names', () => {
  test.each(['Shop', '-shop', 'my_shop', 'my shop', 'a'.repeat(64), '42', 'all', ''])('no app is called %j', (name) => {
    expect(mistakes(HEAD.replace('shop', JSON.stringify(name)))).toEqual([expect.stringMatching(/^1:1: app: must /)]);
  });

  test.each(['Production', 'all', 'my.env'])('no environment is called %j', (name) => {
    expect(mistakes(HEAD.replace('production', name))).toEqual([expect.stringMatching(/^2:17: environments.*: must /)]);
  });

  test.each(['all', 'blue', 'green', '0', 'Back_end'])('no service is called %j', (name) => {
    expect(mistakes(`${HEAD}services:\n  ${name}: { manager: pm2 }\n`)).toEqual([
      expect.stringMatching(/^4:3: services\..*: must /),
    ]);
  });
});

describe('a wrong name', () => {
  test('hides no other mistake', () => {
    expect(mistakes(`${HEAD}services:\n  Web: { manager: pm3 }\n  api: { manager: pm2, needs: [Web] }\n`)).toEqual([
      '4:3: services.Web: must be 1–63 of a–z, 0–9 and -, beginning with a letter or digit; is `Web`',
      '4:10: services.Web.manager: must be one of pm2, systemd, compose, static; is `pm3` — did you mean `pm2`?',
    ]);
  });

  test('of a header is refused', () => {
    expect(mistakes(`${HEAD}smoke: [{ get: /, headers: { "X Y": 1 } }]\n`)).toEqual([
      '3:30: smoke[0].headers["X Y"]: must be the name of a header, is `X Y`',
    ]);
  });
});

describe('host keys', () => {
  const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2Z0m0mC9xYw1Xo6j8rVqv2zqz0W8n5m8v5k6y7u8i9';
  const host = (key: string): string =>
    `app: shop\nenvironments:\n  p:\n    hosts:\n      - address: a@b\n        host-key: ${JSON.stringify(key)}\n`;

  test('lose their comment', () => {
    const { environments } = loadConfig(host(`${KEY} root@web1`), 'slipway.yml');
    expect(environments['p']?.hosts[0]?.hostKeys).toEqual([KEY]);
  });

  test.each([
    ['ssh-ed25519', 'must have base64 after `ssh-ed25519`'],
    ['ssh-ed25519 AAAA', 'the base64 after it is cut off or of another type'],
    [KEY.replace('ssh-ed25519', 'ssh-rsa'), 'the base64 after it is cut off or of another type'],
    [`203.0.113.10 ${KEY}`, "must begin with the key's type: leave out `203.0.113.10` in front of it"],
    [`@cert-authority *.example.com ${KEY}`, '`@cert-authority` lines belong into the known-hosts input'],
    ['SHA256:abcdef', 'must be the key itself, not its fingerprint'],
    ['-----BEGIN OPENSSH PRIVATE KEY-----', 'is a private key'],
    ['rsa', 'must be a host key such as `ssh-ed25519 AAAA…`, is `rsa`'],
  ])('%j is refused', (key, message) => {
    expect(mistakes(host(key)).join('\n')).toContain(`6:9: environments.p.hosts[0].host-key: `);
    expect(mistakes(host(key)).join('\n')).toContain(message);
  });
});

describe('secrets among plain values', () => {
  test.each([
    '3f9c2ab04d5e6f708192a3b4c5d6e7f8',
    'zK3vQ9xT1mB7pW5rY8nL2cJ6hF4dS0aGzK3v',
    'ghp_0123456789abcdefghijABCDEFGHIJ012345',
    '-----BEGIN PRIVATE KEY-----',
  ])('are refused without being repeated (case %#)', (value) => {
    const [line, ...more] = mistakes(service(`env: { TOKEN: "${value}" }`));
    expect(line).toMatch(/^6:12: services\.backend\.env\.TOKEN: looks like a secret; put it into app-env/);
    expect(line).not.toContain(value);
    expect(more).toEqual([]);
  });

  test.each([
    'production',
    'https://www.example.com/some/long/path?with=query',
    '$JWT_SECRET',
    '${A_VERY_LONG_VARIABLE_NAME_WITH_1_DIGIT}',
    'my-company-production-uploads-eu-west-1',
    '123e4567-e89b-42d3-a456-426614174000',
    '/srv/Shared/Folder/With/A/Long/Path/2024',
    '00000000000000000000000000000000',
  ])('are not seen in %s', (value) => {
    expect(mistakes(service(`env: { VALUE: "${value}" }`))).toEqual([]);
  });
});

describe('the smoke section', () => {
  test.each([
    ['{ name: a }', ': must have one of get, post, put, patch, delete, head, options, run'],
    ['{ get: /, post: / }', '.post: must not stand beside `get`: a step is one request or one command'],
    ['{ post: /, json: 1, body: x }', '.body: must not stand beside `json`: a request has one body'],
    ['{ get: /, body: x }', '.body: must not stand beside `get`, which has no body'],
    ['{ run: x, expect: { status: 200 } }', '.expect: must not stand beside `run`: it belongs to a request'],
    ['{ get: /, env: { A: 1 } }', '.env: needs `run`: it is the environment of a command'],
    ['{ steps: [{ get: / }] }', ': must have a `name` when it has steps'],
    ['{ name: a, steps: [{ get: / }], get: / }', '.get: must stand inside one of the `steps`'],
    ['{ name: a, steps: [{ post: /, steps: [] }] }', '.steps[0].steps: unknown key; Allowed: name, get'],
    ['{ get: health }', '.get: must be a path that begins with / or an http(s) URL, is `health`'],
    ['{ get: /, expect: { status: 99 } }', '.expect.status: must be 100–599, is 99'],
    ['{ get: /, expect: { status: [200, 2] } }', '.expect.status[1]: must be 100–599, is 2'],
    ['{ get: /, expect: { json: { a: 1 } } }', '.expect.json.a: must be a JSONPath such as $.status, is `a`'],
    ['{ get: /, expect: { json: { $.a: { min: x } } } }', '.expect.json["$.a"].min: must be a number, is `x`'],
    ['{ get: /, expect: { text: { matches: "(" } } }', '.expect.text.matches: must be a regular expression'],
    ['{ get: /, expect: { size: "< 5s" } }', '.expect.size: must compare with a size such as 500KB, is `< 5s`'],
    ['{ get: /, expect: { size: } }', '.expect.size: must be a text, is empty'],
    ['{ get: /, capture: { a: token } }', '.capture.a: must be a JSONPath ($.token), header:Name'],
    ['{ get: /, capture: { a: "regex:/x/" } }', '.capture.a: must hold a group in parentheses'],
    ['{ get: /, capture: { a-b: $.x } }', ".capture.a-b: must be a variable's name"],
  ])('refuses %s', (item, message) => {
    const found = mistakes(`${HEAD}smoke:\n  - ${item}\n`);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^4:\d+: /);
    expect(found[0]).toContain(`smoke[0]${message}`);
  });
});

describe('the preflight section', () => {
  test.each([
    ['node: latest', 'node: must be a range of versions such as'],
    ['disk-free: 20', 'disk-free: must have a unit, such as 20% or 20GB; is `20`'],
    ['inodes-free: 4GB', 'inodes-free: must be a count or a percentage'],
    ['os: [Debian]', 'os[0]: must be a distribution with its versions, such as "debian >=12"; is `Debian`'],
    ['load: high', 'load: must be a number, is `high`'],
    ['load: 0', 'load: must be more than 0, is 0'],
    ['reachable: [smtp.example.com]', 'reachable[0]: must be host:port such as smtp.example.com:587'],
    ['severity: { a.b: blok }', 'severity["a.b"]: must be one of block, warn, off; is `blok` — did you mean `block`?'],
    ['audit: maybe', 'audit: must be true or false or a mapping, is `maybe`'],
    ['env: { types: { PORT: prot } }', 'is `prot` — did you mean `port`?'],
    ['env: { required: [A-B] }', "env.required[0]: must be a variable's name"],
    ['coverage: { file: c.json, lines: 80 }', 'coverage.lines: must be a percentage such as 20%; is `80` (write 80%)'],
    ['github: { alerts: { code: hihg } }', 'github.alerts.code: must be one of critical, high, medium, low; is `hihg` — did you mean `high`?'],
    ['github: { secret-age: 12h }', 'github.secret-age: must be a number of days such as 90d, is `12h`'],
    ['github: { secret-age: 90 }', 'github.secret-age: must be a number of days such as 90d, is `90`'],
    ['github: { review: true }', 'github.review: unknown key; did you mean `reviewed`?'],
    ['logs: [{ path: app.log, within: 5m }]', 'logs[0].path: must be an absolute path, is `app.log`'],
  ])('refuses %s', (line, message) => {
    const found = mistakes(`${HEAD}preflight: { ${line} }\n`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });
});
