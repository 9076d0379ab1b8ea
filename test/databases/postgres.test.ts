import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.js';
import { postgres } from '../../src/databases/postgres.js';
import { readPostgresUrl } from '../../src/databases/postgres-url.js';
import { UserError } from '../../src/evidence/errors.js';

describe('the URL of a PostgreSQL database', () => {
  test.each([
    ['postgresql://app:secret@db.example.com:25060/shop', { host: 'db.example.com', port: '25060', user: 'app', password: 'secret', dbname: 'shop' }],
    ['postgres://app@db.example.com/shop', { host: 'db.example.com', user: 'app', dbname: 'shop' }],
    ['postgresql+asyncpg://app:s@db.example.com/axis?ssl=require', { host: 'db.example.com', user: 'app', password: 's', dbname: 'axis', sslmode: 'require' }],
    ['postgresql+psycopg2://app:s@db.example.com/axis', { host: 'db.example.com', user: 'app', password: 's', dbname: 'axis' }],
    ['jdbc:postgresql://db.example.com/shop?user=app&password=a%26b&ssl=true', { host: 'db.example.com', user: 'app', password: 'a&b', dbname: 'shop', sslmode: 'require' }],
    ['postgresql://a%40b:p%3Aa%2Fs%5Cs%25%C3%A9@[2001:db8::5]:5433/my%20shop', { host: '2001:db8::5', port: '5433', user: 'a@b', password: 'p:a/s\\s%é', dbname: 'my shop' }],
    ['postgresql://app:100%!:x@db.example.com/shop', { host: 'db.example.com', user: 'app', password: '100%!:x', dbname: 'shop' }],
    ['postgresql://app@%2Frun%2Fpostgresql/shop', { host: '/run/postgresql', user: 'app', dbname: 'shop' }],
    ['postgresql:///shop?host=/run/postgresql&user=app', { host: '/run/postgresql', user: 'app', dbname: 'shop' }],
    ['postgresql://app@one.example.com:5433,two.example.com/shop', { host: 'one.example.com,two.example.com', port: '5433,5432', user: 'app', dbname: 'shop' }],
    ['postgresql://app@db.example.com/shop?sslmode=verify-full&sslrootcert=/etc/ca.pem', { host: 'db.example.com', user: 'app', dbname: 'shop', sslmode: 'verify-full', sslrootcert: '/etc/ca.pem' }],
    ['postgresql://app@db.example.com/shop?sslmode=no-verify#a', { host: 'db.example.com', user: 'app', dbname: 'shop', sslmode: 'require' }],
  ])('%s', (url, meaning) => {
    expect(readPostgresUrl(url)).toEqual({ ...meaning, options: {} });
  });

  test('takes along what libpq knows, and leaves out what belongs to another driver', () => {
    const url = 'postgresql://app@db.example.com/shop?schema=public&connection_limit=5&connect_timeout=3&options=-c%20search_path%3Dapp&pgbouncer=true&sslcert=/k.crt';
    expect(readPostgresUrl(url).options).toEqual({ connect_timeout: '3', options: '-c search_path=app', sslcert: '/k.crt' });
  });

  test.each([
    ['mysql://app@db.example.com/shop', /postgresql:\/\//],
    ['postgresql://app:to/psecret@db.example.com/shop', /port/],
    ['postgresql://app:topsecret@db.example.com/shop?sslmode=maybe', /sslmode `maybe`/],
  ])('is refused without being quoted: %s', (url, reason) => {
    expect(() => readPostgresUrl(url)).toThrow(UserError);
    expect(() => readPostgresUrl(url)).toThrow(reason);
    expect(() => readPostgresUrl(url)).not.toThrow(/secret/);
  });
});

describe('the parameters of a PostgreSQL database', () => {
  const variables: Record<string, string> = { DATABASE_URL: 'postgresql+asyncpg://app:p%3Aw@db.example.com/shop?sslmode=require&connect_timeout=4', PASSWORD: 'other\\:', LINES: 'a\nhost=evil' };
  const parameters = (yaml: string) => {
    const text = `app: shop\nenvironments: { production: { url: https://www.example.com, hosts: [deploy@203.0.113.1] } }\nservices: {}\ndatabases:\n  main: { engine: postgres, backup: { keep: 5 }, ${yaml} }\n`;
    const main = loadConfig(text, 'slipway.yml').databases['main'];
    if (main === undefined) throw new Error('no database');
    return postgres.parameters(main, { root: '/srv/shop', shared: [], lookup: (name) => variables[name] });
  };

  test('come from a URL in a variable', () => {
    expect(parameters('url: $DATABASE_URL')).toEqual({
      ...{ host: 'db.example.com', user: 'app', password: 'p:w', database: 'shop', tls: 'require' },
      options_b64: Buffer.from('connect_timeout=4').toString('base64'),
    });
  });

  test('come from single settings, the authority from the live release', () => {
    expect(parameters('host: /run/postgresql, port: 5433, user: app, password: $PASSWORD, database: shop, tls: verify-full, ca: certs/ca.pem')).toEqual({
      ...{ host: '/run/postgresql', port: '5433', user: 'app', password: 'other\\:', database: 'shop', tls: 'verify-full', ca: '/srv/shop/current/certs/ca.pem' },
    });
  });

  test('come from settings first where a URL says something else', () => {
    expect(parameters('url: $DATABASE_URL, password: $PASSWORD, tls: verify-full')).toMatchObject({ host: 'db.example.com', password: 'other\\:', tls: 'verify-full' });
  });

  test.each([
    ['url: postgresql://app@db.example.com', /name of the database is missing/],
    ['url: postgresql://db.example.com/shop', /account is missing/],
    ['url: $DATABASE_URL, password: $LINES', /password holds a line break/],
    ['url: $NOWHERE', /NOWHERE/],
  ])('are refused: %s', (yaml, reason) => {
    expect(() => parameters(yaml)).toThrow(reason);
    expect(() => parameters(yaml)).toThrow(UserError);
  });
});
