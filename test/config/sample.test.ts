import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { describeConfig } from '../../src/config/describe.js';
import { loadConfig } from '../../src/config/load.js';
import type { Config } from '../../src/config/schema.js';
import type { VersionRange } from '../../src/config/version-range.js';

const sample = readFileSync(join(import.meta.dirname, 'sample.yml'), 'utf8');

const bare = { hostKeys: [], sudo: false, path: [], connectTimeout: 15_000, keepalive: 15_000 };
const request = { headers: {}, redirects: 0, timeout: 10_000, expect: {}, capture: {} };

const meaning: Config = {
  app: 'shop',
  environments: {
    staging: {
      root: '/srv/shop',
      domains: ['staging.example.com', 'api.staging.example.com'],
      rollbackBudget: 600_000,
      hosts: [{ name: 'deploy@192.0.2.1', user: 'deploy', address: '192.0.2.1', port: 22, ...bare }],
    },
    production: {
      url: 'https://www.example.com',
      root: '/srv/shop-live',
      batch: { unit: 'share', value: 0.25 },
      rollbackBudget: 300_000,
      hosts: [
        {
          name: 'deploy@[2001:db8::1]:2222',
          user: 'deploy',
          address: '2001:db8::1',
          port: 2222,
          hostKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2Z0m0mC9xYw1Xo6j8rVqv2zqz0W8n5m8v5k6y7u8i9'],
          jump: {
            name: 'jump@203.0.113.1',
            user: 'jump',
            address: '203.0.113.1',
            port: 22,
            ...bare,
            jump: { name: 'outer@203.0.113.2', user: 'outer', address: '203.0.113.2', port: 22, ...bare },
          },
          roles: ['web', 'jobs'],
          sudo: true,
          path: ['/opt/node/bin', '~/bin'],
          connectTimeout: 5_000,
          keepalive: 30_000,
        },
      ],
    },
  },
  release: {
    build: ['npm ci', 'npm run build'],
    include: ['dist', 'package*.json'],
    exclude: ['**/*.map'],
    keep: 3,
    shared: ['uploads', 'data'],
    envFile: 'config/.env',
    confirmWithin: 900_000,
    once: ['npm run migrate'],
    maintenance: true,
    afterSwitch: ['rm -rf cache/pages'],
    installLimit: 1_200_000,
  },
  services: {
    backend: {
      name: 'backend',
      directory: 'backend',
      install: ['npm ci --omit=dev'],
      start: 'node src/server.js',
      manager: 'pm2',
      instances: 'max',
      mode: 'cluster',
      memory: 536_870_912,
      port: 3001,
      greenPort: 3011,
      env: { PORT: '3001', VERSION: '1.10', DEBUG: 'false', TOKEN: '$API_TOKEN' },
      needs: [],
      scope: 'system',
      health: {
        kind: 'http',
        path: '/health',
        port: 3001,
        host: 'www.example.com',
        status: [200, 204],
        headers: { 'X-Probe': '1' },
        within: 30_000,
        successes: 3,
        interval: 500,
      },
      stopLimit: 20_000,
    },
    worker: {
      name: 'worker',
      directory: '.',
      install: ['python3 -m venv .venv', '.venv/bin/pip install .'],
      start: '.venv/bin/python worker.py',
      manager: 'systemd',
      instances: 1,
      env: {},
      roles: ['jobs'],
      needs: ['backend'],
      user: 'www-data',
      scope: 'system',
      health: { kind: 'tcp', port: 3002, within: 60_000, successes: 2, interval: 1_000 },
      stopLimit: 10_000,
    },
    cron: {
      name: 'cron',
      directory: '.',
      install: [],
      start: './cron',
      manager: 'systemd',
      instances: 1,
      env: {},
      needs: [],
      scope: 'user',
      health: { kind: 'command', command: './cron --check', within: 60_000, successes: 2, interval: 1_000 },
      stopLimit: 10_000,
    },
    queue: {
      name: 'queue',
      directory: 'queue',
      install: [],
      manager: 'compose',
      instances: 1,
      file: 'compose.production.yaml',
      image: 'load',
      archive: 'images.tar',
      env: {},
      needs: [],
      scope: 'system',
      stopLimit: 10_000,
    },
    web: {
      name: 'web',
      directory: 'dist',
      install: [],
      manager: 'static',
      instances: 1,
      fallback: 'index.html',
      env: {},
      needs: [],
      scope: 'system',
      stopLimit: 10_000,
    },
  },
  site: {
    domains: ['www.example.com', 'api.example.com'],
    routes: {
      '/': { service: 'web', log: true, buffering: true },
      '/api': { service: 'backend', limit: 'api', upload: 50_000_000, timeout: 120_000, log: false, buffering: false },
      'api.example.com/': { service: 'backend', log: true, buffering: true },
    },
    headers: { 'X-Frame-Options': 'DENY', 'X-XSS-Protection': '0', 'Referrer-Policy': '' },
    contentSecurityPolicy: "default-src 'self'",
    hsts: { maxAge: 63_072_000_000, includeSubdomains: false, preload: true },
    gzip: false,
    upload: 20_000_000,
    cache: { '/assets': 31_536_000_000 },
    limits: { api: { rate: { count: 10, per: 's' }, burst: 20 } },
    timeouts: { connect: 5_000, send: 30_000, read: 90_000, keepalive: 2_000 },
    trustedProxies: ['10.0.0.0/8', '2001:db8::/32'],
    drain: 45_000,
    tls: { email: 'ops@example.com', certificate: '/etc/ssl/site.pem', key: '/etc/ssl/site.key' },
  },
  databases: {
    main: {
      name: 'main',
      engine: 'postgres',
      url: '$DATABASE_URL',
      tls: 'verify-full',
      roles: ['jobs'],
      directory: 'backend',
      migrate: 'npm run migrate',
      pending: 'npm run migrate:pending',
      rollback: 'npm run migrate:down',
      schemaVersion: 'npm run --silent migrate:version',
      migrations: 'breaking',
      migrateLimit: 600_000,
      onFailure: 'restore',
      expect: { version: expect.objectContaining({ text: '>=15' }) as unknown as VersionRange, tables: ['users'], rows: { tenants: 1 }, connections: 40, headroom: 0.1 },
      backup: {
        keep: { count: 5, daily: 7 },
        compress: 'gzip',
        age: ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'],
        copy: [
          { s3: 's3://backups/shop', region: 'eu-central-1', accessKey: '$BACKUP_ID', secretKey: '$BACKUP_SECRET' },
          { host: 'backup@192.0.2.9', hostKey: ['ssh-ed25519 AAAA'], folder: '/srv/backups/shop' },
        ],
        schedule: '02:00',
        maxAge: 30 * 86_400_000,
        minSize: 10_000_000,
        shrink: 0.3,
        limit: 7_200_000,
      },
      drill: { probes: ['SELECT count(*) FROM users'], maxAge: 35 * 86_400_000, restoreWithin: 14_400_000, dataAge: 90_000_000 },
    },
    uploads: {
      name: 'uploads',
      engine: 'files',
      path: 'uploads',
      directory: '.',
      migrations: 'expand',
      migrateLimit: 600_000,
      onFailure: 'keep',
      expect: { tables: [], rows: {}, headroom: 0.2 },
      backup: { keep: { count: 3 }, compress: 'zstd', folder: '/var/backups/shop', copy: [], maxAge: 90_000_000, shrink: 0.5, limit: 7_200_000 },
      drill: { probes: [] },
    },
  },
  preflight: {
    node: { text: '>=18.20.8', intervals: [{ from: [18, 20, 8] }] },
    npm: { text: '10', intervals: [{ from: [10, 0, 0], below: [11, 0, 0] }] },
    python: { text: '~3.11', intervals: [{ from: [3, 11, 0], below: [3, 12, 0] }] },
    pm2: { text: '^5', intervals: [{ from: [5, 0, 0], below: [6, 0, 0] }] },
    nginx: { text: '1.x', intervals: [{ from: [1, 0, 0], below: [2, 0, 0] }] },
    tools: ['git'],
    cpu: 4,
    memory: 8_000_000_000,
    memoryFree: { unit: 'share', value: 0.25 },
    diskFree: { unit: 'bytes', value: 10_000_000_000 },
    inodesFree: { unit: 'count', value: 100_000 },
    load: 0.8,
    os: ['debian >=12', 'ubuntu'],
    architecture: ['x86_64'],
    clockDrift: 2_000,
    latency: 200,
    reachable: ['smtp.example.com:587'],
    listening: [22, 80, 443],
    monitors: ['datadog-agent'],
    logs: [{ path: '/var/log/app.log', within: 300_000 }],
    env: {
      required: ['JWT_SECRET'],
      strong: ['JWT_SECRET'],
      strongBits: 256,
      forbid: { NODE_ENV: ['development', 'test'], DEBUG: ['true'] },
      types: { PORT: 'port', TIMEZONE: 'timezone' },
      values: { NODE_ENV: 'production' },
      cors: ['CORS_ORIGIN'],
    },
    repository: {
      tag: true,
      branch: 'release',
      changelog: 'CHANGELOG.md',
      clean: true,
      secrets: true,
      secretsExcept: ['test/fixtures'],
    },
    github: {
      protected: true,
      reviewed: true,
      reviewedSince: 'v1.0.0',
      checks: true,
      checksExcept: ['docs / preview'],
      alerts: { secrets: true, code: 'high', dependencies: 'critical' },
      secretAge: 7_776_000_000,
      secretAgeExcept: ['KNOWN_HOSTS'],
    },
    tests: ['npm test'],
    coverage: { file: 'coverage/coverage-summary.json', lines: 0.8 },
    audit: { command: 'npm audit --audit-level=high' },
    bundle: {
      directory: 'dist',
      maxGzip: 500_000,
      publicUrls: ['https://api.example.com'],
      noSourceMaps: false,
      noConsole: true,
    },
    dns: { names: [], resolvers: ['1.1.1.1', '8.8.8.8'], addresses: [], issuer: 'letsencrypt.org', maxTtl: 86_400_000, timeout: 3000 },
    tls: { names: [], expiresBlock: 604_800_000, expiresWarn: 1_814_400_000, smoke: false, timeout: 5000 },
    severity: { 'preflight.resources.load': 'warn' },
  },
  smoke: [
    {
      name: 'health',
      retries: 0,
      retryDelay: 1_000,
      steps: [
        {
          ...request,
          method: 'GET',
          url: '/health',
          expect: { status: 200, within: 500, release: 'header:X-Release' },
        },
      ],
    },
    {
      name: 'orders',
      retries: 2,
      retryDelay: 5_000,
      steps: [
        {
          ...request,
          name: 'login',
          method: 'POST',
          url: '/api/login',
          headers: { 'X-Tenant': '$TENANT' },
          json: { email: '$EMAIL', remember: true, codes: [1, '$CODE'] },
          expect: {
            status: '2xx',
            notStatus: [201],
            json: {
              '$.user.id': { type: 'integer', min: 1 },
              '$.ok': true,
              '$.items': { length: { operator: '>=', value: 1, unit: 'number', text: '>= 1' } },
            },
          },
          capture: { TOKEN: '$.token' },
        },
        {
          ...request,
          method: 'PUT',
          url: 'https://api.example.com/orders',
          form: { a: '1' },
          redirects: 3,
          timeout: 20_000,
          expect: {
            headers: {
              'Content-Type': 'application/json',
              'X-Powered-By': { absent: true },
              Location: { matches: '^/orders/' },
            },
            text: { contains: ['id', 'total'], absent: ['error'], matches: ['\\d+'] },
            size: { operator: '<', value: 10_000, unit: 'bytes', text: '< 10KB' },
            type: 'application/json',
          },
        },
        {
          ...request,
          method: 'PATCH',
          url: '/photo',
          upload: { field: 'photo', file: 'test/photo.png', type: 'image/png', fields: { title: 'Cat' } },
        },
        {
          ...request,
          method: 'DELETE',
          url: '/orders/1',
          body: 'reason=$$5',
          expect: { text: { contains: ['gone'], absent: [], matches: [] } },
        },
      ],
    },
    {
      name: 'npx playwright test',
      retries: 0,
      retryDelay: 1_000,
      steps: [{ run: 'npx playwright test', timeout: 300_000, env: { BASE_URL: '$URL' } }],
    },
  ],
};

describe('a config with every key', () => {
  test('means what it says', () => {
    expect(loadConfig(sample, 'sample.yml')).toEqual(meaning);
  });

  test('printed by `slipway config` means the same', () => {
    const config = loadConfig(sample, 'sample.yml');
    expect(loadConfig(describeConfig(config), 'printed.yml')).toEqual(config);
  });
});

describe('the smallest config', () => {
  const config = loadConfig('app: files\nenvironments: { p: { hosts: [a@192.0.2.1] } }\n', 'slipway.yml');

  test('has no services, no scenarios and every default', () => {
    expect(config).toEqual({
      app: 'files',
      environments: {
        p: {
          root: '/srv/files',
          rollbackBudget: 600_000,
          hosts: [{ name: 'a@192.0.2.1', user: 'a', address: '192.0.2.1', port: 22, ...bare }],
        },
      },
      release: {
        build: [],
        include: ['.'],
        exclude: [],
        keep: 5,
        shared: [],
        envFile: '.env',
        confirmWithin: 600_000,
        once: [],
        maintenance: false,
        afterSwitch: [],
        installLimit: 900_000,
      },
      services: {},
      databases: {},
      preflight: {
        tools: [],
        os: [],
        architecture: [],
        clockDrift: 5_000,
        reachable: [],
        monitors: [],
        logs: [],
        env: { required: [], strong: [], strongBits: 128, forbid: {}, types: {}, values: {}, cors: [] },
        repository: { branch: 'main', secrets: true, secretsExcept: [] },
        tests: [],
        dns: { names: [], resolvers: ['1.1.1.1', '8.8.8.8'], addresses: [], issuer: 'letsencrypt.org', maxTtl: 86_400_000, timeout: 3000 },
        tls: { names: [], expiresBlock: 604_800_000, expiresWarn: 1_814_400_000, smoke: false, timeout: 5000 },
        severity: {},
      },
      smoke: [],
    });
  });

  test('is printed with its defaults filled in', () => {
    expect(describeConfig(config)).toMatchSnapshot();
  });
});
