import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.js';
import { calendarOf, cronOf, parseSchedule } from '../../src/config/schedule.js';

/** What the loader says against a configuration with this database. */
function complaints(database: Record<string, unknown>, release: Record<string, unknown> = { shared: ['data'] }): string {
  try {
    loadConfig(JSON.stringify({ app: 'shop', environments: { production: { hosts: [{ address: 'deploy@203.0.113.10', roles: ['db'] }] } }, release, databases: { main: database } }), 'slipway.yml');
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const sqlite = { engine: 'sqlite', path: 'data/app.db' };
const postgres = { engine: 'postgres', url: '$DATABASE_URL' };

describe('a database is refused', () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ['without the place its engine needs', { engine: 'sqlite' }, /databases\.main\.path: is required for sqlite/],
    ['with the place of another engine', { ...postgres, path: 'data/app.db' }, /main\.path: must be left out for postgres/],
    ['when its file would go with the release', { ...sqlite, path: 'other/app.db' }, /must be absolute or lie in a path of release\.shared \(data\)/],
    ['without a server', { engine: 'mysql', user: 'app' }, /main\.url: is required for mysql; or `host` and `database`/],
    ['with a server that is named twice', { ...postgres, host: 'db.example.com' }, /main\.host: must be left out beside `url`/],
    ['with a password that stands in the file', { engine: 'postgres', host: 'db.example.com', database: 'shop', password: 'hunter2' }, /password: must be a variable, as \$NAME/],
    ['with a password in its url', { engine: 'postgres', url: 'postgres://app:hunter2@db.example.com/shop' }, /holds a password; put the address into app-env and write \$DATABASE_URL/],
    ['of one’s own commands without a way back', { engine: 'command', dump: 'dump' }, /main\.restore: is required for command/],
    ['with a way down and no way up', { ...sqlite, rollback: 'down' }, /main\.rollback: needs `migrate`/],
    ['with breaking migrations and no maintenance', { ...sqlite, migrate: 'up', migrations: 'breaking' }, /needs `release\.maintenance: true`/],
    ['when a failure is to restore what nobody saved', { ...sqlite, migrate: 'up', 'on-failure': 'restore', backup: { 'before-deploy': false } }, /needs the backup before the deploy/],
    ['with two kinds of encryption', { ...sqlite, backup: { age: 'age1x', passphrase: '$P' } }, /passphrase: must be left out beside `age`/],
    ['with a passphrase the host would have to keep', { ...sqlite, backup: { passphrase: '$P', schedule: '02:00' } }, /passphrase: must be left out beside `schedule`/],
    ['with a passphrase in the file', { ...sqlite, backup: { passphrase: 'secret' } }, /passphrase: must be a variable/],
    ['with a folder that is no plain path', { ...sqlite, backup: { folder: 'var/backups' } }, /folder: must be absolute/],
    ['with a copy to nowhere', { ...sqlite, backup: { copy: { region: 'eu' } } }, /must have `s3`, or `host`/],
    ['with a copy to a server nobody can prove', { ...sqlite, backup: { copy: { host: 'backup@192.0.2.1', folder: '/srv/b' } } }, /host-key: is required/],
    ['with half a key', { ...sqlite, backup: { copy: { s3: 's3://b', 'access-key': '$A' } } }, /the two parts of a key go together/],
    ['with a schedule that is none', { ...sqlite, backup: { schedule: '25:00' } }, /must be HH:MM \(UTC\) or five fields of cron/],
    ['with a minute that is none', { ...sqlite, backup: { schedule: '61 * * * *' } }, /the minute must be \* or numbers 0–59/],
    ['with a role that no host has', { ...sqlite, roles: ['dbs'] }, /databases\.main\.roles\[0\]: must be a role of a host/],
  ])('%s', (_, database, message) => {
    expect(complaints(database)).toMatch(message);
  });

  test('and one that is right is not', () => {
    expect(complaints({ ...sqlite, roles: ['db'], migrate: 'up', migrations: 'breaking', backup: { schedule: '*/15 2-4 * * 1,3', age: 'age1x' } }, { shared: ['data'], maintenance: true })).toBe('');
    expect(complaints({ engine: 'postgres', url: 'postgres://app:$DB_PASSWORD@db.example.com/shop' })).toBe('');
    expect(complaints({ ...sqlite, path: '/var/lib/shop/app.db' })).toBe('');
  });
});

describe('a schedule', () => {
  test.each([
    ['02:00', '0 2 * * *', '*-*-* 2:0:00 UTC'],
    ['0 */6 * * *', '0 */6 * * *', '*-*-* 0/6:0:00 UTC'],
    ['30 1,13 1-7 */2 *', '30 1,13 1-7 */2 *', '*-1/2-1..7 1,13:30:00 UTC'],
    ['0 3 * * 1-5', '0 3 * * 1-5', 'Mon,Tue,Wed,Thu,Fri *-*-* 3:0:00 UTC'],
    ['0 3 * * 7', '0 3 * * 7', 'Sun *-*-* 3:0:00 UTC'],
    ['0 3 1 * 0', '0 3 1 * 0', 'Sun *-*-* 3:0:00 UTC;*-*-1 3:0:00 UTC'],
  ])('%s means the same to cron and to systemd', (text, cron, calendar) => {
    expect(cronOf(text)).toBe(cron);
    expect(calendarOf(text)).toBe(calendar);
  });

  test('has fields', () => {
    expect(parseSchedule('7:05')).toMatchObject({ hour: '7', minute: '5' });
  });
});
