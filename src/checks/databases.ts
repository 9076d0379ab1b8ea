import { formatBytes, formatCount, formatDuration } from '../evidence/format.js';
import { versionSatisfies } from '../config/version-range.js';
import type { DatabaseConfig } from '../config/schema.js';
import type { DatabaseFacts, DatabaseVisit } from './database-facts.js';
import { backupRoom } from './backup-room.js';
import { fail, pass, skip, verdict, type DatabaseCheck, type Outcome } from './model.js';

/** Below this an attacker who has the hashes guesses a password (as preflight.variables.weak-passwords has it). */
const PASSWORD_BITS = 60;

const SERVERS: ReadonlySet<DatabaseConfig['engine']> = new Set(['postgres', 'mysql', 'mongodb']);
const NEW_PASSWORD = 'Change the password at the server and in app-env. Make one with: openssl rand -hex 24 (nothing in it needs encoding in a URL)';

/** Messages name settings, tables and rights; no address and no password is ever repeated. */
export const databases: readonly DatabaseCheck[] = [
  {
    id: 'preflight.databases.reachable',
    title: 'The database answers from its host, with the app\'s own account',
    family: 'databases', scope: 'database', requirement: ['PF-42', 'PF-15', 'HC-04'], severity: 'block',
    remedy: 'See that the server runs, that its address and account in app-env are right, and that its firewall lets this host in.',
    run({ facts, error, database, host }) {
      const expected = `answers on ${host}`;
      if (facts === undefined) return error === undefined ? undefined : fail(error.message, expected, error.remedy === undefined ? {} : { remedy: error.remedy });
      if (facts.unreachable !== undefined) {
        // The authority's file lies in the release.
        if (facts.live === undefined && database.ca !== undefined) return skip(`its certificate cannot be verified before the first release, which brings ${database.ca}`, expected);
        return fail(facts.unreachable, expected);
      }
      if (facts.empty) {
        if (facts.live === undefined) return pass('no data yet: they come with the first release', expected);
        return fail(`there are no data at \`${database.path ?? ''}\`, and ${facts.live} is live`, expected, { remedy: `Correct databases.${database.name}.path, or bring the data back: slipway backup restore.` });
      }
      if (facts.version === undefined) return skip('not asked: client tools are missing', expected);
      return pass(facts.latency === undefined ? 'answers' : `answers in ${formatDuration(facts.latency)}`, expected);
    },
  },
  {
    id: 'preflight.databases.tools',
    title: 'The tools that backups need are on the host',
    family: 'databases', scope: 'database', requirement: ['BK-01'], severity: 'block',
    remedy: 'Install the packages on the host.',
    run({ facts, host }) {
      if (facts === undefined) return undefined;
      return verdict(facts.lacking === undefined, facts.lacking === undefined ? 'all there' : `missing: ${facts.lacking}`, `client, compression and encryption on ${host}`);
    },
  },
  {
    id: 'preflight.databases.version',
    title: 'The server has the expected version',
    family: 'databases', scope: 'database', requirement: ['PF-42'], severity: 'block',
    remedy: 'Upgrade the server, or change expect.version once the app is proven on this one.',
    run({ facts, database: { expect } }) {
      if (expect.version === undefined || facts?.version === undefined) return undefined;
      const { server, client } = facts.version;
      if (!/\d/.test(server)) return skip(`the server did not say (client: ${client})${facts.untold.length === 0 ? '' : `: ${facts.untold.join('; ')}`}`, expect.version.text);
      return verdict(versionSatisfies(expect.version, server), server, expect.version.text);
    },
  },
  {
    id: 'preflight.databases.tables',
    title: 'The expected tables are there',
    family: 'databases', scope: 'database', requirement: ['PF-43'], severity: 'block',
    remedy: 'See that the address names the right database; else run the migrations, or restore a backup.',
    run({ facts, database: { expect } }) {
      const wanted = [...new Set([...expect.tables, ...Object.keys(expect.rows)])];
      if (wanted.length === 0 || !answered(facts)) return undefined;
      const there = [...facts.tables, ...(facts.rows?.keys() ?? [])];
      const expected = wanted.join(', ');
      if (there.length === 0 && facts.untold.length > 0) return skip(facts.untold.join('; '), expected);
      const missing = wanted.filter((name) => !there.includes(name));
      // The first deploy's migrations make them.
      if (missing.length > 0 && facts.live === undefined && facts.tables.length === 0) return skip('an empty database: the first release makes them', expected);
      return verdict(missing.length === 0, missing.length === 0 ? `all ${wanted.length} of ${there.length === 0 ? wanted.length : new Set(there).size}` : `missing: ${missing.join(', ')}`, expected);
    },
  },
  {
    id: 'preflight.databases.rows',
    title: 'The reference data are there',
    family: 'databases', scope: 'database', requirement: ['PF-43'], severity: 'block',
    remedy: 'See that the address names the right database; else run what seeds it, or restore a backup.',
    run({ facts, database: { expect } }) {
      const wanted = Object.entries(expect.rows);
      if (wanted.length === 0 || !answered(facts)) return undefined;
      const expected = wanted.map(([table, least]) => `${table} ${least} or more`).join(', ');
      if (facts.rows === undefined) return skip(facts.uncounted ?? 'not counted', expected);
      if (facts.live === undefined && facts.rows.size === 0) return skip('an empty database: the first release fills it', expected);
      const found = wanted.map(([table, least]) => ({ table, least, rows: facts.rows?.get(table) }));
      const poor = found.filter(({ rows, least }) => rows === undefined || rows < least);
      return verdict(poor.length === 0, (poor.length === 0 ? found : poor).map(({ table, rows }) => `${table} ${rows ?? 'is not there'}`).join(', '), expected);
    },
  },
  {
    id: 'preflight.databases.anonymous',
    title: 'The database refuses who has no password',
    family: 'databases', scope: 'database', requirement: ['PF-45'], severity: 'block',
    remedy: 'Turn authentication on: scram-sha-256 instead of trust in pg_hba.conf; no account without a password in MariaDB; security.authorization in mongod.conf.',
    run({ facts, database }) {
      if (!SERVERS.has(database.engine) || facts?.anonymous === undefined) return undefined;
      if (facts.anonymous === 'unknown') return skip(`could not be tried${facts.untold.length === 0 ? '' : `: ${facts.untold.join('; ')}`}`, 'refused');
      return verdict(facts.anonymous === 'refused', facts.anonymous, 'refused');
    },
  },
  {
    id: 'preflight.databases.encrypted',
    title: 'The connection to the database is encrypted',
    family: 'databases', scope: 'database', requirement: ['PF-45'], severity: 'block',
    remedy: 'Set tls: require (or verify-full with ca) under the database, and see that the server offers TLS; in the address: sslmode=require, tls=true.',
    run({ facts, database: { engine, expect } }) {
      if (!SERVERS.has(engine) || expect.encrypted === false || facts?.encrypted === undefined) return undefined;
      const wanted = facts.encrypted === 'yes' || (facts.encrypted === 'local' && expect.encrypted !== true);
      return verdict(wanted, facts.encrypted === 'yes' ? 'encrypted' : facts.encrypted === 'local' ? 'not encrypted; does not leave the host' : 'not encrypted, to another machine',
        expect.encrypted === true ? 'encrypted' : 'encrypted, or on the host itself');
    },
  },
  {
    id: 'preflight.databases.public',
    title: 'The port of the database is closed to the public',
    family: 'databases', scope: 'database', requirement: ['PF-46'], severity: 'block',
    remedy: 'Let the firewall, or the provider\'s list of trusted sources, name the app\'s hosts only. Where the runner stands in the same network: preflight.severity { databases.public: off }.',
    run({ doors }) {
      if (doors === undefined || doors.length === 0) return undefined;
      const open = doors.filter(({ answer }) => answer === 'open');
      return verdict(open.length === 0, (open.length === 0 ? doors : open).map(({ place, answer }) => `${place} ${answer === 'silent' ? 'does not answer' : answer}`).join(', '), 'no connection from the runner');
    },
  },
  {
    id: 'preflight.databases.sample-password',
    title: 'The database has no password of a sample',
    family: 'databases', scope: 'database', requirement: ['PF-15'], severity: 'block',
    remedy: NEW_PASSWORD,
    run: ({ password }) => (password === undefined ? undefined : verdict(!password.sample, password.sample ? 'a well-known one' : 'none that is known', 'no well-known password')),
  },
  {
    id: 'preflight.databases.weak-password',
    title: 'The password of the database is hard to guess',
    family: 'databases', scope: 'database', requirement: ['PF-15'], severity: 'warn',
    remedy: NEW_PASSWORD,
    run: ({ password }) => (password === undefined || password.sample ? undefined : verdict(password.bits >= PASSWORD_BITS, `about ${Math.floor(password.bits)} bits`, `an estimate of ${PASSWORD_BITS} bits or more`)),
  },
  {
    id: 'preflight.databases.privileges',
    title: 'The app\'s account has no rights beyond its data',
    family: 'databases', scope: 'database', requirement: ['PF-44'], severity: 'warn',
    remedy: 'Give the app an account of its own that owns its database and nothing else; for a file: mode 640.',
    run({ facts }) {
      if (facts === undefined || (facts.excess.length === 0 && facts.privileges.length === 0)) return undefined;
      return verdict(facts.excess.length === 0, (facts.excess.length === 0 ? facts.privileges : facts.excess).join('; '), 'its own data only');
    },
  },
  {
    id: 'preflight.databases.connections',
    title: 'The app\'s connections fit into what the server allows',
    family: 'databases', scope: 'database', requirement: ['PF-50'], severity: 'block',
    remedy: 'Make the pool smaller or the processes fewer, raise the server\'s limit, or put a pooler between; then correct expect.connections.',
    run({ facts, database: { expect } }) {
      const { connections: wanted, headroom } = expect;
      if (wanted === undefined || !answered(facts)) return undefined;
      const expected = `${wanted} and ${Math.round(headroom * 100)} % free`;
      if (facts.connections === undefined) return unknownLimit(facts, expected);
      const { used, max } = facts.connections;
      return verdict(wanted <= max * (1 - headroom), `${max} allowed, ${used} in use`, expected);
    },
  },
  {
    id: 'preflight.databases.space',
    title: 'The next backup fits on the disk',
    family: 'databases', scope: 'database', requirement: ['PF-52', 'HC-04'], severity: 'block',
    remedy: 'Free the disk, keep fewer backups (backup.keep, slipway backup prune), or keep them on another disk (backup.folder).',
    run({ facts, database: { engine } }) {
      if (facts?.size === undefined || facts.free === undefined) return undefined;
      const { size, free, backup } = facts;
      const needed = backupRoom(facts, engine) ?? 0;
      const took = backup === undefined ? '' : `; the last took ${formatDuration(backup.duration)}`;
      return verdict(free >= needed, `${formatBytes(size)} of data, ${formatBytes(free)} free${took}`, `about ${formatBytes(needed)} free`, { data: { size, free, needed: Math.round(needed) } });
    },
  },
  {
    id: 'preflight.databases.integrity',
    title: 'The data are sound',
    family: 'databases', scope: 'database', requirement: ['BK-09'], severity: 'block',
    remedy: 'Do not deploy on it. Make a copy as it is, then restore the newest good backup: slipway backup list, slipway backup restore.',
    run({ facts }) {
      if (facts?.integrity === undefined || facts.integrity === 'not asked') return undefined;
      return verdict(facts.integrity === 'ok', facts.integrity, 'ok');
    },
  },
  {
    id: 'preflight.databases.half-restored',
    title: 'No restore was interrupted',
    family: 'databases', scope: 'database', requirement: ['BK-09', 'RB-03'], severity: 'block',
    remedy: 'Finish it first: slipway backup restore, with the same backup or with the safety backup.',
    run({ facts, database: { name } }, { environmentName }) {
      if (facts === undefined) return undefined;
      const { restoring } = facts;
      if (restoring === undefined) return pass('none', 'none');
      return fail(`the restore of ${restoring.id} has not ended: the data is half of one state and half of another`, 'none', {
        remedy: `Finish it first: slipway backup restore ${environmentName} --database ${name} --id ${restoring.id}${restoring.safety === '' ? '' : ` (what was there before is in ${restoring.safety})`}`,
      });
    },
  },
  {
    id: 'preflight.databases.backup-age',
    title: 'The newest good backup is recent',
    family: 'databases', scope: 'database', requirement: ['BK-05'], severity: 'block',
    remedy: 'Make one: slipway backup create. Then see why the schedule did not: slipway backup schedule.',
    run({ facts, database }, { now }) {
      if (!hasData(facts) || (database.backup.schedule === undefined && savedByDeploy(database))) return undefined;
      const expected = `not older than ${formatDuration(database.backup.maxAge)}`;
      if (facts.backup === undefined) return fail('there is no good backup', expected);
      const age = now.getTime() - facts.backup.at;
      return verdict(age <= database.backup.maxAge, `${facts.backup.id}, ${formatDuration(Math.max(age, 0))} old`, expected, { data: { age } });
    },
  },
  {
    id: 'preflight.databases.backup-good',
    title: 'No backup since the newest good one is bad',
    family: 'databases', scope: 'database', requirement: ['BK-05'], severity: 'block',
    remedy: 'See why (slipway backup list), mend the cause and make a good one: slipway backup create.',
    run({ facts }) {
      if (facts === undefined || (facts.backup === undefined && facts.bad.length === 0)) return undefined;
      const { backup, bad } = facts;
      if (backup?.damage !== undefined) return fail(`${backup.id}: ${backup.damage}`, 'the archive as it was written');
      if (bad.length > 0) return fail(bad.map(({ id, reason }) => `${id}: ${reason}`).join('; '), 'none bad');
      return pass(`${backup?.id ?? ''} of ${formatBytes(backup?.stored ?? 0)}`, 'none bad');
    },
  },
  {
    id: 'preflight.databases.schedule',
    title: 'The host makes the scheduled backups',
    family: 'databases', scope: 'database', requirement: ['BK-03', 'BK-05'], severity: 'warn',
    remedy: 'Install the timer: slipway backup schedule.',
    run({ facts, timer, database: { backup } }, { environmentName }) {
      if (backup.schedule === undefined) {
        if (facts?.scheduled !== true) return undefined;
        return fail('the host still has a timer, which makes backups as it once was told', 'no timer, as none is configured', { remedy: `Take it away, or configure backup.schedule: slipway backup schedule ${environmentName}` });
      }
      if (timer === undefined) return undefined;
      const expected = `a timer: ${backup.schedule} UTC`;
      if (timer.manager === 'none') return fail('no timer', expected);
      if (!timer.active) return fail(timer.trouble ?? `the timer (${timer.manager}) is not active`, expected);
      const { ran } = timer;
      if (ran?.ok === false) return fail(`its last run failed (${ran.at}): ${ran.text}`, expected, { remedy: 'Mend the cause, then make one by hand: slipway backup create.' });
      return pass(`${timer.manager}${ran === undefined ? ', has not run yet' : `, last run ${ran.at} ${ran.text}`}`, expected);
    },
  },
  {
    id: 'preflight.databases.schedule-current',
    title: 'The host\'s timer runs what this version and configuration would',
    family: 'databases', scope: 'database', requirement: ['BK-03'], severity: 'warn',
    remedy: 'Bring it up to date: slipway backup schedule.',
    run({ timer, database: { backup } }, { environmentName }) {
      if (backup.schedule === undefined || timer?.stale === undefined) return undefined;
      return verdict(timer.stale === '', timer.stale === '' ? 'as it would be installed now' : timer.stale, 'scripts, settings and times of now', { remedy: `Bring it up to date: slipway backup schedule ${environmentName}` });
    },
  },
  {
    id: 'preflight.databases.drill-result',
    title: 'The last restore drill succeeded',
    family: 'databases', scope: 'database', requirement: ['BK-08'], severity: 'block',
    remedy: 'Mend what it names, make a new backup and drill it: slipway backup create, slipway backup drill.',
    run({ facts }) {
      if (facts?.drill === undefined) return undefined;
      const { id, ok, reason } = facts.drill;
      return verdict(ok, ok ? `${id} was restored and proven` : `${id}: ${reason}`, 'restored and proven');
    },
  },
  {
    id: 'preflight.databases.drill-age',
    title: 'The last restore drill is recent',
    family: 'databases', scope: 'database', requirement: ['BK-08'], severity: 'warn',
    remedy: 'Drill the newest backup: slipway backup drill.',
    run({ facts, database: { drill } }, { now }) {
      if (drill.maxAge === undefined || !hasData(facts)) return undefined;
      const expected = `not older than ${formatDuration(drill.maxAge)}`;
      if (facts.drill === undefined) return fail('there was none', expected);
      const age = now.getTime() - facts.drill.at;
      return verdict(age <= drill.maxAge, `${facts.drill.id}, ${formatDuration(Math.max(age, 0))} ago`, expected, { data: { age } });
    },
  },
  {
    id: 'preflight.databases.drill-rights',
    title: 'The account may make the scratch database of a drill',
    family: 'databases', scope: 'database', requirement: ['BK-08'], severity: 'warn',
    remedy: 'Give it that right, or drill with another account.',
    run({ facts, database: { drill } }) {
      if ((drill.maxAge === undefined && drill.probes.length === 0) || facts?.scratch === undefined) return undefined;
      const [, command] = /^no: (.*)$/.exec(facts.scratch) ?? [];
      return verdict(facts.scratch === 'yes', facts.scratch === 'yes' ? 'it may' : 'it may not', 'it may', command === undefined ? {} : { remedy: `As an administrator of the server: ${command}` });
    },
  },
  {
    id: 'preflight.databases.pending',
    title: 'The live release has no migration left to run',
    family: 'databases', scope: 'database', requirement: ['DP-08'], severity: 'warn',
    remedy: 'The deploy runs what is pending in the new release; see that these are meant to run too, and why they have not.',
    run({ facts, database: { pending } }) {
      if (pending === undefined || facts?.pending === undefined) return undefined;
      const { code, lines } = facts.pending;
      const expected = `\`${pending}\` says nothing`;
      if (code === 124) return skip('it had not ended after 25 s', expected);
      if (code !== 0) return skip(`it ended with ${code}: ${lines.at(-1) ?? ''}`, expected);
      return verdict(lines.length === 0, lines.length === 0 ? `none${facts.schema === undefined ? '' : `; the schema is ${facts.schema}`}` : `${formatCount(lines.length, 'line')}: ${lines.slice(0, 5).join('; ')}`, expected);
    },
  },
  {
    id: 'preflight.databases.replica',
    title: 'Migrations go to a server that may be written to',
    family: 'databases', scope: 'database', requirement: ['DP-06'], severity: 'warn',
    remedy: 'Let the address name the primary.',
    run({ facts, database: { engine, migrate } }) {
      // Every member of a replica set of MongoDB says yes; its drivers find the primary.
      if (migrate === undefined || engine === 'mongodb' || !SERVERS.has(engine) || !answered(facts)) return undefined;
      return verdict(!facts.replica, facts.replica ? 'a replica, which only reads' : 'may be written to', 'the primary');
    },
  },
];

function answered(facts: DatabaseFacts | undefined): facts is DatabaseFacts {
  return facts?.version !== undefined;
}

/** Before the first release there is nothing to lose yet, but in a server that others have filled. */
function hasData(facts: DatabaseFacts | undefined): facts is DatabaseFacts {
  return facts !== undefined && !facts.empty && (facts.live !== undefined || facts.backup !== undefined);
}

/** Whether each deploy makes a backup of its own, as commands/data-backup.ts has it. */
function savedByDeploy({ backup, migrate }: DatabaseVisit['database']): boolean {
  return backup.beforeDeploy ?? migrate !== undefined;
}

function unknownLimit(facts: DatabaseFacts, expected: string): Outcome {
  return skip(`the server did not say${facts.untold.length === 0 ? '' : `: ${facts.untold.join('; ')}`}`, expected);
}
