import { parseSchedule } from '../schedule.js';
import { ValueError } from '../value-error.js';
import { isMapping, mapping } from './loose.js';
import { within } from './release.js';
import { looksSecret } from './secrets.js';
import type { Complain, Loose } from './section.js';

const SERVER = ['url', 'host', 'port', 'user', 'password', 'database', 'tls', 'ca'];
/** The keys by which each engine is reached. */
const REACHED_BY: Readonly<Record<string, readonly string[]>> = {
  sqlite: ['path'],
  files: ['path'],
  postgres: SERVER,
  mysql: SERVER,
  mongodb: [...SERVER, 'whole'],
  command: ['dump', 'restore', 'check', 'rows'],
};
/** A variable and nothing else. */
const ONE_VARIABLE = /^\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\})$/;

/** What the keys of a database say about one another. */
export function databaseRules(value: Loose, complain: Complain): void {
  const engine = value['engine'];
  if (typeof engine === 'string' && REACHED_BY[engine] !== undefined) engineKeys(engine, REACHED_BY[engine], value, complain);
  variableOnly(value['password'], ['password'], complain);
  // The address itself is never repeated: this message stands in public logs.
  if (typeof value['url'] === 'string' && holdsPassword(value['url'])) complain(['url'], 'holds a password; put the address into app-env and write $DATABASE_URL');
  for (const key of ['pending', 'rollback']) if (value[key] !== undefined && value['migrate'] === undefined) complain([key], 'needs `migrate`');
  if (isMapping(value['backup'])) backupRules(value['backup'], complain);
  if (value['on-failure'] === 'restore' && mapping(value['backup'])['beforeDeploy'] === false) complain(['on-failure'], 'needs the backup before the deploy: `backup.before-deploy` is false');
}

function engineKeys(engine: string, taken: readonly string[], value: Loose, complain: Complain): void {
  for (const key of new Set(Object.values(REACHED_BY).flat())) {
    if (value[key] !== undefined && !taken.includes(key)) complain([key], `must be left out for ${engine}, which takes ${taken.join(', ')}`);
  }
  const required = (key: string): void => {
    if (value[key] === undefined) complain([key], `is required for ${engine}`);
  };
  if (engine === 'command') ['dump', 'restore'].forEach(required);
  if (taken.includes('path')) required('path');
  if (!taken.includes('url')) return;
  const whole = value['whole'] === true;
  if (whole && value['database'] !== undefined) complain(['database'], 'must be left out beside `whole`, which takes all databases');
  if (value['url'] !== undefined) {
    for (const key of ['host', 'port']) if (value[key] !== undefined) complain([key], 'must be left out beside `url`, which names the server');
  } else if (value['host'] === undefined) {
    complain(['url'], `is required for ${engine}; or \`host\` and \`database\``);
  } else if (value['database'] === undefined && !whole) {
    complain(['database'], `is required for ${engine} beside \`host\``);
  }
}

function backupRules(backup: Loose, complain: Complain): void {
  const { age, passphrase, schedule, folder, copy } = backup;
  variableOnly(passphrase, ['backup', 'passphrase'], complain);
  if (passphrase !== undefined && age !== undefined) complain(['backup', 'passphrase'], 'must be left out beside `age`: one of the two encrypts');
  if (passphrase !== undefined && schedule !== undefined) {
    complain(['backup', 'passphrase'], 'must be left out beside `schedule`: the host would have to keep it; encrypt with `age`, whose key stays elsewhere');
  }
  if (typeof schedule === 'string') scheduleRule(schedule, complain);
  if (typeof folder === 'string' && !/^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._@+-]+)+\/?$/.test(folder)) complain(['backup', 'folder'], `must be absolute, of letters, digits and ._@+-, as /var/backups/app; is \`${folder}\``);
  if (!Array.isArray(copy)) return;
  for (const [index, target] of copy.entries()) if (isMapping(target)) copyRules(target, (path, message) => complain(['backup', 'copy', index, ...path], message));
}

function scheduleRule(schedule: string, complain: Complain): void {
  try {
    parseSchedule(schedule);
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    complain(['backup', 'schedule'], error.message);
  }
}

const BUCKET = { endpoint: 'endpoint', region: 'region', accessKey: 'access-key', secretKey: 'secret-key' };
const SERVED = { hostKey: 'host-key', folder: 'folder' };

/** A copy goes into a bucket or to a server. */
function copyRules(target: Loose, complain: Complain): void {
  const { s3, host, accessKey, secretKey } = target;
  variableOnly(secretKey, ['secret-key'], complain);
  if (typeof accessKey === 'string' && looksSecret(accessKey)) complain(['access-key'], 'looks like a secret; put it into app-env and write $NAME');
  if (s3 === undefined && host === undefined) return complain([], 'must have `s3`, or `host` with `host-key` and `folder`');
  if (s3 !== undefined && host !== undefined) return complain(['host'], 'must be left out beside `s3`: a copy goes to one place; write another entry');
  const [here, others] = s3 === undefined ? ['host', BUCKET] : ['s3', SERVED];
  for (const [key, word] of Object.entries(others)) if (target[key] !== undefined) complain([word], `must be left out beside \`${here}\``);
  if (host !== undefined) {
    for (const [key, word] of Object.entries(SERVED)) if (target[key] === undefined) complain([word], 'is required beside `host`');
  } else if ((accessKey === undefined) !== (secretKey === undefined)) {
    complain([accessKey === undefined ? 'access-key' : 'secret-key'], 'is required: the two parts of a key go together');
  }
}

/** A secret may not stand in a file under version control. */
function variableOnly(value: unknown, path: readonly string[], complain: Complain): void {
  if (typeof value === 'string' && !ONE_VARIABLE.test(value)) complain(path, 'must be a variable, as $NAME, whose value is in app-env');
}

/** Whether an address has a literal password: before the last @, or among the parameters. */
function holdsPassword(url: string): boolean {
  const password = /^[a-z][a-z0-9+.:-]*:\/\/[^/?#:@]*:(.*)@/i.exec(url)?.[1] ?? /[?&;](?:password|pwd)=([^&;]*)/i.exec(url)?.[1] ?? '';
  return password !== '' && !ONE_VARIABLE.test(password);
}

/** What databases and the release say about one another. */
export function databaseReleaseRules(value: Loose, complain: Complain): void {
  const { shared, maintenance } = mapping(value['release']);
  const kept = Array.isArray(shared) ? shared.filter((path): path is string => typeof path === 'string') : [];
  for (const [name, database] of Object.entries(mapping(value['databases']))) {
    if (!isMapping(database)) continue;
    const { path, migrations } = database;
    if (migrations === 'breaking' && maintenance !== true) {
      complain(['databases', name, 'migrations'], 'needs `release.maintenance: true`: the old code does not run on the new schema, so the site is closed meanwhile');
    }
    if (typeof path === 'string') pathRule(name, path, kept, complain);
  }
}

function pathRule(name: string, path: string, shared: readonly string[], complain: Complain): void {
  const where = ['databases', name, 'path'];
  if (/(?:^|\/)\.{1,2}(?:\/|$)/.test(path)) complain(where, `must have no . or .. in it, is \`${path}\``);
  else if (!path.startsWith('/') && !shared.some((folder) => within(path, folder))) {
    const known = shared.length === 0 ? 'there is none' : shared.join(', ');
    complain(where, `must be absolute or lie in a path of release.shared (${known}), else the data would go with its release; is \`${path}\``);
  }
}
