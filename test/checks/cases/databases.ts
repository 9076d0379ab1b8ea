import { parseDatabaseFacts, type DatabaseVisit } from '../../../src/checks/database-facts.js';
import { NOW, type Case } from '../support.js';

const HOUR = 3_600_000;

/** One database in slipway.yml, each line of `settings` below it. */
const config = (...settings: string[]): string => ['databases:', '  main:', ...settings.map((line) => `    ${line}`)].join('\n');
const POSTGRES = ['engine: postgres', 'url: $DATABASE_URL'];
const MYSQL = ['engine: mysql', 'url: $DATABASE_URL'];
const MONGODB = ['engine: mongodb', 'url: $DATABASE_URL'];
const SQLITE = ['engine: sqlite', 'path: /srv/data/app.db'];
const FILES = ['engine: files', 'path: /srv/data/uploads'];
const COMMAND = ['engine: command', 'dump: bin/dump', 'restore: bin/load'];

/** What a healthy host says; each case changes the lines it is about, an empty text leaves one out. */
const HEALTHY_LINES: Readonly<Record<string, string>> = {
  live: 'r7', version: '16.4\t16.4', size: '500000000', encrypted: 'yes', anonymous: 'refused', connections: '12 97', privileges: 'shop, owns the database',
  scratch: 'yes', table: 'users', replica: 'no', latency: '3.1', integrity: 'ok', row: '7\tusers', free: '80000000000',
  backup: `20261121-000000\t${(NOW.getTime() - 2 * HOUR) / 1000}\t400000000\t100000000\t61000\tschedule`, drill: '20261121-000000\t2026-11-20T03:00:00Z\tok\t',
};
/** Nothing of a server that did not answer. */
const SILENT = { version: '', size: '', encrypted: '', anonymous: '', connections: '', privileges: '', scratch: '', table: '', replica: '', latency: '', integrity: '', row: '' };
/** Neither a release nor a backup. */
const FIRST = { live: '', backup: '', drill: '' };
const none = '';

function said(changes: Record<string, string> = {}): DatabaseVisit['facts'] {
  const lines = Object.entries({ ...HEALTHY_LINES, ...changes }).filter(([, value]) => value !== '').flatMap(([key, value]) => value.split('\n').map((text) => `${key}\t${text}`));
  return parseDatabaseFacts(`${lines.join('\n')}\nend\tok\n`);
}

type Says = Case['says'];
function at(check: string, says: Says, when: string, settings: readonly string[], changes: Record<string, string> | Partial<DatabaseVisit>, words?: RegExp): Case {
  const plain = Object.values(changes).every((value) => typeof value === 'string');
  return {
    id: `preflight.databases.${check}`, says, when, config: config(...settings),
    visited: plain ? { facts: said(changes as Record<string, string>)! } : changes, ...(words === undefined ? {} : { words }),
  };
}

const timer = (changes: Partial<NonNullable<DatabaseVisit['timer']>> = {}): Partial<DatabaseVisit> => ({ facts: said()!, timer: { manager: 'user', active: true, ...changes } });
const SCHEDULE = 'backup: { schedule: "02:00", max-age: 25h }';

export const databaseCases: readonly Case[] = [
  at('reachable', 'pass', 'PostgreSQL answers', POSTGRES, {}, /3\.1|3 ms/),
  at('reachable', 'pass', 'SQLite has its file', SQLITE, { version: '3.40.1\t3.40.1' }),
  at('reachable', 'pass', 'the file comes with the first release', SQLITE, { ...SILENT, ...FIRST, empty: 'yes', absent: 'yes' }, /first release/),
  at('reachable', 'fail', 'the file is gone under a live release', SQLITE, { ...SILENT, empty: 'yes' }, /\/srv\/data\/app\.db.*r7 is live/),
  at('reachable', 'fail', 'the folder is gone under a live release', FILES, { ...SILENT, empty: 'yes' }, /databases\.main\.path/),
  at('reachable', 'fail', 'PostgreSQL refuses the account', POSTGRES, { ...SILENT, unreachable: 'password authentication failed for user "shop"' }, /password authentication failed/),
  at('reachable', 'fail', 'the server does not answer before the first deploy either', MYSQL, { ...SILENT, ...FIRST, unreachable: "Can't connect to server" }, /Can't connect/),
  at('reachable', 'skip', 'the certificate comes with the first release', [...POSTGRES, 'ca: certs/db.pem'], { ...SILENT, ...FIRST, unreachable: 'no such file' }, /certs\/db\.pem/),
  at('reachable', 'skip', 'the client is missing', MONGODB, { ...SILENT, lacking: 'mongodump (package mongodb-database-tools, from MongoDB)' }),
  at('reachable', 'fail', 'a variable has no value', POSTGRES, { error: { message: 'databases.main.url: $DATABASE_URL has no value', remedy: 'Add it to app-env.' } }, /Add it to app-env/),
  at('reachable', 'pass', 'a way of the team\'s own is not asked for a server', COMMAND, { ...SILENT, version: 'own\town' }),
  at('reachable', 'nothing', 'nothing is known', POSTGRES, { doors: [] }),

  at('tools', 'pass', 'all are there', MYSQL, {}),
  at('tools', 'fail', 'two are missing', SQLITE, { lacking: 'sqlite3 (package sqlite3) zstd (package zstd)' }, /sqlite3 \(package sqlite3\) zstd/),

  at('version', 'pass', 'it lies in the range', [...POSTGRES, 'expect: { version: ">=15" }'], {}),
  at('version', 'fail', 'it is too old', [...MYSQL, 'expect: { version: ">=11" }'], { version: '10.11.6-MariaDB-0+deb12u1\tmariadb-dump 10.11.6' }, /10\.11\.6/),
  at('version', 'fail', 'MongoDB is another than expected', [...MONGODB, 'expect: { version: 6.x }'], { version: '7.0.14\tmongodump 100.10.0' }),
  at('version', 'skip', 'MongoDB cannot tell without its shell', [...MONGODB, 'expect: { version: 6.x }'], { version: 'unknown\tmongodump 100.10.0', untold: 'mongosh: size cannot be read without it' }, /mongosh/),
  at('version', 'nothing', 'none is expected', POSTGRES, {}),

  at('tables', 'pass', 'they are there', [...POSTGRES, 'expect: { tables: [users, tenants] }'], { table: 'tenants\nusers' }),
  at('tables', 'pass', 'the rows of a way of the team\'s own name them', [...COMMAND, 'expect: { tables: [users] }'], { table: none, version: 'own\town' }),
  at('tables', 'fail', 'one is missing', [...SQLITE, 'expect: { tables: [users, tenants] }'], {}, /missing: tenants/),
  at('tables', 'fail', 'there are none under a live release', [...MYSQL, 'expect: { tables: [users] }'], { table: none, row: none }, /missing: users/),
  at('tables', 'fail', 'the database of a first deploy is somebody else\'s', [...POSTGRES, 'expect: { tables: [users] }'], { ...FIRST, table: 'wp_posts', row: none }),
  at('tables', 'skip', 'the first release makes them', [...POSTGRES, 'expect: { tables: [users] }'], { ...FIRST, table: none, row: none }, /first release/),
  at('tables', 'skip', 'the shell of MongoDB is missing', [...MONGODB, 'expect: { tables: [users] }'], { table: none, row: none, untold: 'mongosh: not there' }, /mongosh/),
  at('tables', 'nothing', 'it does not answer', [...POSTGRES, 'expect: { tables: [users] }'], { ...SILENT, unreachable: 'no' }),

  at('rows', 'pass', 'there are enough', [...POSTGRES, 'expect: { rows: { users: 7 } }'], {}, /users 7/),
  at('rows', 'fail', 'there are too few', [...SQLITE, 'expect: { rows: { users: 8 } }'], {}, /users 8 or more/),
  at('rows', 'fail', 'the table is not there', [...MONGODB, 'expect: { rows: { tenants: 1 } }'], {}, /tenants is not there/),
  at('rows', 'skip', 'they were not counted in time', [...MYSQL, 'expect: { rows: { users: 1 } }'], { row: none, uncounted: 'not counted within 60 s' }, /60 s/),
  at('rows', 'skip', 'the first release fills it', [...POSTGRES, 'expect: { rows: { users: 1 } }'], { ...FIRST, table: none, row: none }),
  at('rows', 'nothing', 'none are expected', POSTGRES, {}),

  at('anonymous', 'pass', 'PostgreSQL refuses', POSTGRES, {}),
  at('anonymous', 'pass', 'MariaDB refuses', MYSQL, {}),
  at('anonymous', 'fail', 'PostgreSQL trusts everybody', POSTGRES, { anonymous: 'accepted' }, /pg_hba\.conf/),
  at('anonymous', 'fail', 'MongoDB runs without authorization', MONGODB, { anonymous: 'accepted' }, /security\.authorization/),
  at('anonymous', 'skip', 'it could not be tried', MONGODB, { anonymous: 'unknown' }),
  at('anonymous', 'nothing', 'it is a file', SQLITE, {}),

  at('encrypted', 'pass', 'it is', POSTGRES, {}),
  at('encrypted', 'pass', 'it does not leave the host', MYSQL, { encrypted: 'local' }),
  at('encrypted', 'fail', 'it goes to another machine in the clear', MONGODB, { encrypted: 'no' }, /tls: require/),
  at('encrypted', 'fail', 'it must be on the host too', [...POSTGRES, 'expect: { encrypted: true }'], { encrypted: 'local' }),
  at('encrypted', 'nothing', 'it need not be', [...POSTGRES, 'expect: { encrypted: false }'], { encrypted: 'no' }),
  at('encrypted', 'nothing', 'it is a folder', FILES, { encrypted: 'local' }),

  at('public', 'pass', 'nothing answers the runner', POSTGRES, { facts: said()!, doors: [{ place: 'port 5432 of db.example.com', answer: 'silent' }] }, /does not answer/),
  at('public', 'fail', 'one of the members is open', MONGODB, { doors: [{ place: 'port 27017', answer: 'refused' }, { place: 'port 27018', answer: 'open' }] }, /27018 open/),
  at('public', 'nothing', 'it is on the host', POSTGRES, { doors: [] }),

  at('sample-password', 'pass', 'it is none that is known', POSTGRES, { password: { sample: false, bits: 20 } }),
  at('sample-password', 'fail', 'it stands in every tutorial', MYSQL, { password: { sample: true, bits: 20 } }),
  at('sample-password', 'nothing', 'there is none', SQLITE, {}),
  at('weak-password', 'pass', 'it is long and random', POSTGRES, { password: { sample: false, bits: 128 } }, /128 bits/),
  at('weak-password', 'fail', 'it is short', MONGODB, { password: { sample: false, bits: 40.7 } }, /about 40 bits/),
  at('weak-password', 'nothing', 'the other check says so already', POSTGRES, { password: { sample: true, bits: 20 } }),

  at('privileges', 'pass', 'it has its own data only', POSTGRES, {}, /owns the database/),
  at('privileges', 'fail', 'it is a superuser', POSTGRES, { excess: 'superuser, makes roles' }, /superuser/),
  at('privileges', 'fail', 'it may do anything anywhere', MYSQL, { excess: 'ALL PRIVILEGES ON *.*' }),
  at('privileges', 'fail', 'everybody may write to the file', SQLITE, { privileges: 'deploy:deploy 666', excess: 'everybody may write to the file' }, /mode 640/),
  at('privileges', 'nothing', 'nothing was told', MONGODB, { privileges: none }),

  at('connections', 'pass', 'the pool leaves a fifth free', [...POSTGRES, 'expect: { connections: 77 }'], {}, /97 allowed, 12 in use/),
  at('connections', 'fail', 'it does not', [...MYSQL, 'expect: { connections: 78 }'], {}, /20 % free/),
  at('connections', 'pass', 'less is to stay free', [...POSTGRES, 'expect: { connections: 97, headroom: 0% }'], {}),
  at('connections', 'skip', 'the server did not say', [...MONGODB, 'expect: { connections: 20 }'], { connections: none, untold: 'mongosh is not there' }, /mongosh/),
  at('connections', 'nothing', 'no pool is declared', POSTGRES, {}),

  at('space', 'pass', 'there is plenty', POSTGRES, {}, /500 MB of data, 80 GB free; the last took 1 min 1 s/),
  at('space', 'fail', 'not even the compressed dump fits', POSTGRES, { free: '150000000' }),
  at('space', 'pass', 'the compressed dump fits', POSTGRES, { free: '200000000' }),
  at('space', 'fail', 'SQLite needs room for its copy', SQLITE, { free: '200000000' }),
  at('space', 'fail', 'nobody knows how far the first can be compressed', FILES, { backup: none, free: '500000000' }, /about 533\.6 MB/),
  at('space', 'nothing', 'nobody knows the size', COMMAND, { size: none }),

  at('integrity', 'pass', 'it is sound', SQLITE, {}),
  at('integrity', 'fail', 'a page is broken', SQLITE, { integrity: 'Tree 2 page 3: btreeInitPage() returns error code 11' }, /page 3/),
  at('integrity', 'nothing', 'it was not asked', POSTGRES, { integrity: 'not asked' }),

  at('half-restored', 'pass', 'there was none', MYSQL, {}),
  at('half-restored', 'fail', 'one was killed', MYSQL, { restoring: '20261120-020000\t20261121-010000' }, /backup restore production --database main --id 20261120-020000 \(what was there before is in 20261121-010000\)/),

  at('backup-age', 'pass', 'it is two hours old', [...POSTGRES, SCHEDULE], {}, /2 h/),
  at('backup-age', 'fail', 'it is two days old', [...POSTGRES, SCHEDULE], { backup: `20261119-000000\t${(NOW.getTime() - 50 * HOUR) / 1000}\t1\t1\t1\tschedule` }, /2 d 2 h/),
  at('backup-age', 'fail', 'there is none', SQLITE, { backup: none }, /no good backup/),
  at('backup-age', 'nothing', 'every deploy makes one and no schedule does', [...POSTGRES, 'migrate: bin/migrate'], { backup: none }),
  at('backup-age', 'nothing', 'there is nothing to lose yet', SQLITE, { ...FIRST, empty: 'yes' }),

  at('backup-good', 'pass', 'the newest is good', POSTGRES, {}, /100 MB/),
  at('backup-good', 'fail', 'one since is bad', POSTGRES, { bad: '20261121-010000\tthe dump has shrunk by more than 50 %' }, /20261121-010000: the dump has shrunk/),
  at('backup-good', 'fail', 'its archive was cut', FILES, { damaged: 'its archive has 10 bytes instead of 100000000' }, /10 bytes/),
  at('backup-good', 'nothing', 'there is none', POSTGRES, { backup: none }),

  at('schedule', 'pass', 'the timer is active', [...POSTGRES, SCHEDULE], timer({ ran: { at: '2026-11-21T00:00:00Z', ok: true, text: 'in 61 s' } }), /in 61 s/),
  at('schedule', 'pass', 'it has not run yet', [...SQLITE, SCHEDULE], timer(), /not run yet/),
  at('schedule', 'fail', 'there is none', [...POSTGRES, SCHEDULE], timer({ manager: 'none', active: false }), /backup schedule/),
  at('schedule', 'fail', 'somebody stopped it', [...POSTGRES, SCHEDULE], timer({ active: false }), /not active/),
  at('schedule', 'fail', 'its last run failed', [...POSTGRES, SCHEDULE], timer({ ran: { at: '2026-11-21T00:00:00Z', ok: false, text: 'create: no room' } }), /no room/),
  at('schedule', 'fail', 'it fires only while somebody is logged in', [...POSTGRES, SCHEDULE], timer({ active: false, trouble: 'the timer fires only while its user is logged in' }), /logged in/),
  at('schedule', 'nothing', 'none is configured', POSTGRES, timer({ manager: 'none', active: false })),
  at('schedule', 'fail', 'none is configured any more', POSTGRES, { scheduled: 'yes' }, /as it once was told.*backup schedule/s),
  at('schedule-current', 'pass', 'it runs what would be installed now', [...POSTGRES, SCHEDULE], timer({ stale: '' })),
  at('schedule-current', 'fail', 'Slipway was updated', [...POSTGRES, SCHEDULE], timer({ stale: 'the scripts are those of another version of Slipway' }), /another version.*backup schedule/s),
  at('schedule-current', 'nothing', 'it could not be compared', [...POSTGRES, SCHEDULE], timer()),

  at('drill-result', 'pass', 'it was restored', POSTGRES, {}),
  at('drill-result', 'fail', 'a table was lost', POSTGRES, { drill: '20261121-000000\t2026-11-20T03:00:00Z\tfailed\tthe table users is not there' }, /the table users/),
  at('drill-result', 'nothing', 'there was none', POSTGRES, { drill: none }),
  at('drill-age', 'pass', 'it was yesterday', [...POSTGRES, 'drill: { max-age: 7d }'], {}, /23 h ago/),
  at('drill-age', 'fail', 'it is too long ago', [...POSTGRES, 'drill: { max-age: 12h }'], {}),
  at('drill-age', 'fail', 'there was none', [...SQLITE, 'drill: { max-age: 7d }'], { drill: none }, /none/),
  at('drill-age', 'nothing', 'no limit is configured', POSTGRES, { drill: none }),
  at('drill-rights', 'pass', 'it may', [...POSTGRES, 'drill: { max-age: 7d }'], {}),
  at('drill-rights', 'fail', 'it may not', [...POSTGRES, 'drill: { max-age: 7d }'], { scratch: 'no: ALTER ROLE shop CREATEDB;' }, /ALTER ROLE shop CREATEDB/),
  at('drill-rights', 'nothing', 'nobody drills', POSTGRES, { scratch: 'no: ALTER ROLE shop CREATEDB;' }),

  at('pending', 'pass', 'the list says nothing', [...POSTGRES, 'migrate: m', 'pending: l'], { pending: '0', schema: '42' }, /schema is 42/),
  at('pending', 'fail', 'one was never run', [...POSTGRES, 'migrate: m', 'pending: l'], { pending: '0', 'pending-line': '041_users\n042_orders' }, /2 lines: 041_users; 042_orders/),
  at('pending', 'skip', 'the command fails', [...POSTGRES, 'migrate: m', 'pending: l'], { pending: '127', 'pending-line': 'l: command not found' }, /127: l: command not found/),
  at('pending', 'skip', 'the command does not end', [...POSTGRES, 'migrate: m', 'pending: l'], { pending: '124' }),
  at('pending', 'nothing', 'there is no live release', [...POSTGRES, 'migrate: m', 'pending: l'], FIRST),

  at('replica', 'pass', 'it is the primary', [...POSTGRES, 'migrate: m'], {}),
  at('replica', 'fail', 'PostgreSQL is in recovery', [...POSTGRES, 'migrate: m'], { replica: 'yes' }, /primary/),
  at('replica', 'fail', 'MariaDB is read-only', [...MYSQL, 'migrate: m'], { replica: 'yes' }),
  at('replica', 'nothing', 'it is a member of a set of MongoDB, whose drivers find the primary', [...MONGODB, 'migrate: m'], { replica: 'yes' }),
  at('replica', 'nothing', 'nothing is migrated', POSTGRES, { replica: 'yes' }),
];
