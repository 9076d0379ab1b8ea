import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.js';
import { readBackups } from '../../src/databases/backup.js';
import { mongodb } from '../../src/databases/mongodb.js';
import { UserError } from '../../src/evidence/errors.js';

const parameters = ({ url, ...settings }: Record<string, unknown>) => {
  // As it should be: the address stands in app-env.
  const address = typeof url === 'string' ? { url: '$URL' } : {};
  const text = `app: shop\nenvironments: { production: { url: https://www.example.com, hosts: [deploy@203.0.113.1] } }\nservices: {}\ndatabases:\n  main: ${JSON.stringify({ engine: 'mongodb', backup: { keep: 5 }, ...address, ...settings })}\n`;
  const main = loadConfig(text, 'slipway.yml').databases['main'];
  if (main === undefined) throw new Error('no database');
  return mongodb.parameters(main, { root: '/srv/shop', shared: [], lookup: (name) => ({ P: "p:w/'@", URL: typeof url === 'string' ? url : '' })[name] });
};

describe('a backup of all databases', () => {
  test('says by how many rows a restore may differ, since the oplog brings what was written meanwhile', () => {
    const [backup] = readBackups('backup\t1\nmanifest\tnote.oplog\t12\nmanifest\tnote.moved.shop.a b\t3\nmanifest\tnote.moved.shop.new\t*\n');
    expect([...(backup?.moved ?? [])]).toEqual([['shop.a b', 3], ['shop.new', Infinity]]);
    expect([...(backup?.notes ?? [])]).toEqual([['oplog', '12']]);
  });
});

describe('the address of a MongoDB database', () => {
  test.each([
    ['mongodb://localhost/shop', 'mongodb://localhost/', 'shop'],
    ['mongodb://app:s@db.example.com:27018/shop', 'mongodb://app:s@db.example.com:27018/?authSource=shop', 'shop'],
    ['mongodb://app:p%40%23@db.example.com/shop?authSource=admin', 'mongodb://app:p%40%23@db.example.com/?authSource=admin', 'shop'],
    ['mongodb://app:s@a.example.com:1,[2001:db8::5]:2/my%20shop?replicaSet=rs0', 'mongodb://app:s@a.example.com:1,[2001:db8::5]:2/?replicaSet=rs0&authSource=my%20shop', 'my shop'],
    ['mongodb+srv://app:s@cluster.example.com/shop?retryWrites=true&w=majority', 'mongodb+srv://app:s@cluster.example.com/?retryWrites=true&w=majority', 'shop'],
    ['mongodb://cn@db.example.com/shop?authMechanism=MONGODB-X509', 'mongodb://cn@db.example.com/?authMechanism=MONGODB-X509', 'shop'],
    ['mongodb://%2Frun%2Fmongodb.sock/shop', 'mongodb://%2Frun%2Fmongodb.sock/', 'shop'],
  ])('is passed on without its database, and says whom the account belongs to: %s', (url, uri, database) => {
    expect(parameters({ url })).toEqual({ uri, database });
  });

  test('is made of single settings', () => {
    expect(parameters({ host: 'db.example.com', port: 27018, user: 'app', password: '$P', database: 'shop', tls: 'verify-full', ca: 'ca.pem' })).toEqual({
      uri: "mongodb://app:p%3Aw%2F'%40@db.example.com:27018/?tls=true&tlsCAFile=%2Fsrv%2Fshop%2Fcurrent%2Fca.pem&authSource=admin",
      database: 'shop',
    });
  });

  test('of all databases says only whom the account belongs to', () => {
    expect(parameters({ url: 'mongodb://app:s@db.example.com/shop?replicaSet=rs0', whole: true })).toEqual({ uri: 'mongodb://app:s@db.example.com/?replicaSet=rs0&authSource=shop', whole: 'yes' });
    expect(parameters({ host: 'db.example.com', whole: true })).toEqual({ uri: 'mongodb://db.example.com:27017/', whole: 'yes' });
    expect(() => parameters({ host: 'db.example.com', whole: true, database: 'shop' })).toThrow(/main\.database: must be left out beside `whole`/);
    expect(() => parameters({ engine: 'postgres', url: 'x', whole: true })).toThrow(/main\.whole: must be left out for postgres/);
  });

  test.each([
    [{ url: 'mysql://app:secret@db.example.com/shop' }, /mongodb:\/\//],
    [{ url: 'mongodb://app:secret@db.example.com' }, /name of the database is missing/],
    [{ url: 'mongodb://app:secret/x@db.example.com/shop' }, /host that is none/],
    [{ url: 'mongodb://app:secret%zz@db.example.com/shop' }, /% that encodes nothing/],
  ])('is refused without being quoted: %j', (settings, reason) => {
    expect(() => parameters(settings)).toThrow(UserError);
    expect(() => parameters(settings)).toThrow(reason);
    expect(() => parameters(settings)).not.toThrow(/secret/);
  });
});
