import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.js';
import { mysql } from '../../src/databases/mysql.js';
import { readMysqlUrl } from '../../src/databases/mysql-url.js';
import { UserError } from '../../src/evidence/errors.js';

describe('the URL of a MariaDB or MySQL database', () => {
  test.each([
    ['mysql://app:secret@db.example.com:3307/shop', { host: 'db.example.com', port: '3307', user: 'app', password: 'secret', database: 'shop' }],
    ['mariadb://app@db.example.com/shop', { host: 'db.example.com', user: 'app', database: 'shop' }],
    ['mysql+pymysql://app:s@db.example.com/shop?charset=utf8mb4', { host: 'db.example.com', user: 'app', password: 's', database: 'shop' }],
    ['mariadb+mariadbconnector://app:s@127.0.0.1/shop', { host: '127.0.0.1', user: 'app', password: 's', database: 'shop' }],
    ['mysql2://app:s@localhost/shop', { host: 'localhost', user: 'app', password: 's', database: 'shop' }],
    ['jdbc:mysql://db.example.com/shop?user=app&password=a%26b&useSSL=false', { host: 'db.example.com', user: 'app', password: 'a&b', database: 'shop', tls: 'disable' }],
    ['mysql://a%40b:p%3Aa%2Fs%5Cs%25%27%22%20%23%C3%A9@[2001:db8::5]:3306/my%20shop', { host: '2001:db8::5', port: '3306', user: 'a@b', password: 'p:a/s\\s%\'" #é', database: 'my shop' }],
    ['mysql://app:100%!:x@db.example.com/shop', { host: 'db.example.com', user: 'app', password: '100%!:x', database: 'shop' }],
    ['mysql://app:s@localhost/shop?unix_socket=/run/mysqld/mysqld.sock', { host: '/run/mysqld/mysqld.sock', user: 'app', password: 's', database: 'shop' }],
    ['mysql://app@db.example.com/shop?ssl-mode=REQUIRED', { host: 'db.example.com', user: 'app', database: 'shop', tls: 'require' }],
    ['mysql://app@db.example.com/shop?ssl-mode=VERIFY_IDENTITY&ssl-ca=%2Fetc%2Fca.pem', { host: 'db.example.com', user: 'app', database: 'shop', tls: 'verify-full', ca: '/etc/ca.pem' }],
    ['mysql://app@db.example.com/shop?tls=skip-verify', { host: 'db.example.com', user: 'app', database: 'shop', tls: 'require' }],
    ['mysql://app@db.example.com/shop?ssl={"rejectUnauthorized":true}', { host: 'db.example.com', user: 'app', database: 'shop' }],
  ])('%s', (url, meaning) => {
    expect(readMysqlUrl(url)).toEqual(meaning);
  });

  test.each([
    ['postgresql://app:secret@db.example.com/shop', /mysql:\/\/ or mariadb:\/\//],
    ['mysql://app:to/psecret@db.example.com/shop', /port/],
    ['mysql://app:topsecret@db.example.com/shop?ssl-mode=maybe', /TLS mode `maybe`/],
  ])('is refused without being quoted: %s', (url, reason) => {
    expect(() => readMysqlUrl(url)).toThrow(UserError);
    expect(() => readMysqlUrl(url)).toThrow(reason);
    expect(() => readMysqlUrl(url)).not.toThrow(/secret/);
  });
});

describe('the parameters of a MariaDB or MySQL database', () => {
  const variables: Record<string, string> = { DATABASE_URL: 'mysql+asyncmy://app:p%3Aw@db.example.com/shop?ssl-mode=required', PASSWORD: 'other\\"#', LINES: 'a\nhost=evil' };
  const parameters = (yaml: string) => {
    const text = `app: shop\nenvironments: { production: { url: https://www.example.com, hosts: [deploy@203.0.113.1] } }\nservices: {}\ndatabases:\n  main: { engine: mysql, backup: { keep: 5 }, ${yaml} }\n`;
    const main = loadConfig(text, 'slipway.yml').databases['main'];
    if (main === undefined) throw new Error('no database');
    return mysql.parameters(main, { root: '/srv/shop', shared: [], lookup: (name) => variables[name] });
  };

  test('come from a URL in a variable', () => {
    expect(parameters('url: $DATABASE_URL')).toEqual({ host: 'db.example.com', user: 'app', password: 'p:w', database: 'shop', tls: 'require' });
  });

  test('come from settings first where a URL says something else, the authority from the live release', () => {
    expect(parameters('url: $DATABASE_URL, password: $PASSWORD, tls: verify-full, ca: certs/ca.pem')).toEqual({
      ...{ host: 'db.example.com', user: 'app', password: 'other\\"#', database: 'shop', tls: 'verify-full', ca: '/srv/shop/current/certs/ca.pem' },
    });
  });

  test.each([
    ['user: app, host: db.example.com', /database: is required for mysql beside `host`/],
    ['database: shop, host: db.example.com', /account is missing/],
    ['url: $DATABASE_URL, password: $LINES', /password holds a line break/],
    ['url: $NOWHERE', /NOWHERE/],
  ])('are refused: %s', (yaml, reason) => {
    expect(() => parameters(yaml)).toThrow(reason);
    expect(() => parameters(yaml)).toThrow(Error);
  });
});
