import { fingerprints } from '../../../src/checks/settings.js';
import type { Case } from '../support.js';

/** 256 bits made for these tests. */
const RANDOM = '9f3c7a1e5b8d2046c1f7e83b6a90d5247e1c8f0a3b6d9e25407f1a8c3e6b92d5'; // slipway:allow
const OTHER = '1b8e5d2f7c4a90e36d8b1f5a7c2e9046b3d8f1a5c7e209463b8d5f1a7c2e9d04'; // slipway:allow
const STRONG = 'preflight: { env: { strong: [JWT_SECRET, SESSION_SECRET] } }';
const UPLOADS = "services: { api: { manager: pm2, start: node server.js, port: 3001 } }\nsite: { domains: [app.example.com], routes: { '/': api } }";
const variable = (name: string, when: string, env: Record<string, string>, says: Case['says'], rest: Partial<Case> = {}): Case =>
  ({ id: `preflight.variables.${name}`, when, env, says, ...rest });
const print = (value: string): Record<string, string> => fingerprints('demo', [{ name: 'JWT_SECRET', value, source: 'app-env' }], ['JWT_SECRET']);

export const variableCases: Case[] = [
  variable('required', 'all are set', { A: '1', B: '2' }, 'pass', { config: 'preflight: { env: { required: [A, B] } }' }),
  variable('required', 'one is empty', { A: '1', B: ' ' }, 'fail', { config: 'preflight: { env: { required: [A, B] } }', words: /missing or empty: B/ }),
  variable('required', 'a strong one is missing', {}, 'fail', { config: STRONG, words: /JWT_SECRET/ }),
  variable('required', 'a service has it', {}, 'pass', { config: 'preflight: { env: { required: [PORT] } }\nservices: { api: { manager: pm2, start: node a.js, env: { PORT: 3001 } } }' }),
  variable('required', 'the host makes it', {}, 'pass', { config: 'preflight: { env: { required: [KEY] } }\nrelease: { generate: [KEY] }' }),
  variable('required', 'nothing is required', {}, 'nothing'),
  variable('references', 'all have values', { HOST: 'db' }, 'pass', { config: 'services: { api: { manager: pm2, start: node a.js, env: { DB_HOST: $HOST } } }' }),
  variable('references', 'one has none', {}, 'fail', { config: 'services: { api: { manager: pm2, start: node a.js, env: { DB_HOST: $HOST } } }', words: /services\.api\.env\.DB_HOST: the variable `HOST`/ }),
  variable('placeholders', 'all values are real', { COMPANY: 'your-company', KEY: 'x', LIST: '["https://a.example.com"]' }, 'pass'),
  variable('placeholders', 'a template value is left', { SMTP_PASS: 'your-smtp-password' }, 'fail', { words: /SMTP_PASS \(your-…\)/, hides: 'your-smtp-password' }),
  variable('example-domains', 'the domain is real', { URL: 'https://gonxt.tech' }, 'pass'),
  variable('example-domains', 'the domain is reserved', { URL: 'https://api.example.com/x' }, 'fail', { words: /URL/ }),
  variable('example-domains', 'it is only staging', { URL: 'https://api.example.com/x' }, 'nothing', { environment: 'staging' }),
  variable('sample-passwords', 'none is well known', { DB_PASSWORD: 'tR7!kq0Zs_v2' }, 'pass'),
  variable('sample-passwords', 'the password is that of a sample', { DB_PASSWORD: 'App_Password!' }, 'fail', { words: /DB_PASSWORD \(sample password\)/, hides: 'App_Password' }),
  variable('sample-passwords', 'it hides in a connection string', { DATABASE_URL: 'postgresql+asyncpg://app:p%40ssw0rd@db:25060/axis?ssl=require' }, 'fail', { words: /DATABASE_URL \(sample password in a URL\)/, hides: 'p%40ssw0rd' }),
  variable('sample-passwords', 'the word is no password', { DB_USER: 'admin', DB_NAME: 'test' }, 'pass'),
  variable('weak-passwords', 'it is long and mixed', { DB_PASSWORD: 'tR7!kq0Zs_v2Mx' }, 'pass'),
  variable('weak-passwords', 'it is a word with a number', { DB_PASSWORD: 'Summer2026' }, 'fail', { words: /about \d+ bits/, hides: 'Summer' }),
  variable('weak-passwords', 'a weak one hides in a connection string', { MONGODB_URI: 'mongodb+srv://app:Summer2026@c0.example.net/x' }, 'fail', { words: /in a URL/, hides: 'Summer' }),
  variable('strong', 'they are random', { JWT_SECRET: RANDOM, SESSION_SECRET: OTHER }, 'pass', { config: STRONG }),
  variable('strong', 'one is words', { JWT_SECRET: 'my-super-secret-jwt-key-for-production-use', SESSION_SECRET: OTHER }, 'fail', { config: STRONG, words: /JWT_SECRET about \d+ bits \(42 characters\)/, hides: 'super' }),
  variable('strong', 'one repeats', { JWT_SECRET: 'abcd1234'.repeat(8), SESSION_SECRET: OTHER }, 'fail', { config: STRONG }),
  variable('distinct', 'all differ', { JWT_SECRET: RANDOM, SESSION_SECRET: OTHER }, 'pass', { config: STRONG, elsewhere: { staging: print(OTHER) } }),
  variable('distinct', 'two are the same', { JWT_SECRET: RANDOM, SESSION_SECRET: RANDOM }, 'fail', { config: STRONG, words: /JWT_SECRET = SESSION_SECRET/, hides: RANDOM }),
  variable('distinct', 'staging has the same', { JWT_SECRET: RANDOM }, 'fail', { config: STRONG, elsewhere: { staging: print(RANDOM) }, words: /the same as in staging: JWT_SECRET/, hides: RANDOM }),
  variable('types', 'all are of their types', { PORT: '3001', TZ: 'Africa/Lagos', CUR: 'NGN' }, 'pass', { config: 'preflight: { env: { types: { PORT: port, TZ: timezone, CUR: currency } } }' }),
  variable('types', 'one is not', { PORT: '70000' }, 'fail', { config: 'preflight: { env: { types: { PORT: port } } }', words: /PORT is not a port 1–65535/, hides: '70000' }),
  variable('values', 'they are as declared', { SESSION_TIMEOUT_MINUTES: '30' }, 'pass', { config: 'preflight: { env: { values: { SESSION_TIMEOUT_MINUTES: 30 } } }' }),
  variable('values', 'one is not', { SESSION_TIMEOUT_MINUTES: '9000' }, 'fail', { config: 'preflight: { env: { values: { SESSION_TIMEOUT_MINUTES: 30 } } }', words: /SESSION_TIMEOUT_MINUTES/, hides: '9000' }),
  variable('forbidden', 'none has one', { LOG_LEVEL: 'info' }, 'pass', { config: 'preflight: { env: { forbid: { LOG_LEVEL: [debug] } } }' }),
  variable('forbidden', 'one has one', { LOG_LEVEL: 'debug' }, 'fail', { config: 'preflight: { env: { forbid: { LOG_LEVEL: [debug] } } }', words: /LOG_LEVEL/ }),
  variable('production-mode', 'it is on', { NODE_ENV: 'production', VITE_ENV: 'production' }, 'pass'),
  variable('production-mode', 'it is off', { NODE_ENV: 'development' }, 'fail', { words: /not production: NODE_ENV/ }),
  variable('production-mode', 'this is staging', { NODE_ENV: 'staging' }, 'nothing', { environment: 'staging' }),
  variable('debug', 'it is off', { DEBUG: 'False' }, 'pass'),
  variable('debug', 'it is on', { DEBUG: 'express:*' }, 'fail', { words: /on: DEBUG/ }),
  variable('cors', 'only https origins are listed', { CORS_ORIGINS: 'https://a.example.com,https://www.a.example.com:8443' }, 'pass'),
  variable('cors', 'everybody is allowed', { CORS_ORIGIN: '*' }, 'fail', { words: /CORS_ORIGIN holds \*/ }),
  variable('cors', 'an origin is http', { CORS_ORIGIN: 'https://a.example.com,http://b.example.com' }, 'fail', { words: /http:\/\/ instead of https/ }),
  variable('cors', 'an origin ends in a slash', { CORS_ORIGIN: 'https://a.example.com/' }, 'fail', { words: /trailing slash/ }),
  variable('cors', 'a variable of the team\'s is named', { FRONTENDS: '*' }, 'fail', { config: 'preflight: { env: { cors: [FRONTENDS] } }' }),
  variable('upload-size', 'nginx takes as much', { MAX_UPLOAD_SIZE_MB: '10', MAX_FILE_SIZE: '5242880' }, 'pass', { config: UPLOADS }),
  variable('upload-size', 'a route takes more', { MAX_FILE_SIZE: '20mb' }, 'pass', { config: UPLOADS.replace("'/': api", "'/': api, '/files': { service: api, upload: 20MB }") }),
  variable('upload-size', 'nginx would refuse some', { MAX_UPLOAD_SIZE_MB: '25' }, 'fail', { config: UPLOADS, words: /MAX_UPLOAD_SIZE_MB 25 MB\nat most 10 MB/ }),
  variable('upload-size', 'the value is no size', { BODY_LIMIT: 'none' }, 'nothing', { config: UPLOADS }),
];
