import type { Host } from './harness.js';

/** The rights a role of an app has at least, and those of a drill. */
export interface PostgresRole {
  readonly name: string;
  readonly password: string;
  /** May make databases, as a drill needs. Default: no. */
  readonly createdb?: boolean;
}

/** One cluster of Debian's PostgreSQL, on the host's own port 5432, with TLS as Debian sets it up. */
const START = `
set -e
pg_createcluster 15 main -- -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
printf '%s\\n' 'fsync = off' 'max_wal_size = 4GB' >>/etc/postgresql/15/main/conf.d/test.conf
systemctl start postgresql@15-main
`;

/**
 * Starts PostgreSQL on a test host, with these roles and, for each database, its owner. Without fsync: a test takes the
 * power of nothing. SQL as the superuser: `postgresAdmin`.
 */
export async function startPostgres(host: Host, roles: readonly PostgresRole[], databases: Readonly<Record<string, string>>): Promise<void> {
  const started = await host.run(START, { limit: 60_000 });
  if (started.code !== 0) throw new Error(`PostgreSQL does not start: ${started.stderr}`);
  const sql = [
    ...roles.map(({ name, password, createdb }) => `CREATE ROLE "${name}" LOGIN ${createdb === true ? 'CREATEDB ' : ''}PASSWORD '${password.replaceAll("'", "''")}';`),
    ...Object.entries(databases).map(([name, owner]) => `CREATE DATABASE "${name}" OWNER "${owner}";`),
  ];
  await postgresAdmin(host, 'postgres', sql.join('\n'));
}

/** Runs SQL as the superuser and gives what it printed: unaligned, only rows. */
export async function postgresAdmin(host: Host, database: string, sql: string): Promise<string> {
  const result = await host.run(`runuser -u postgres -- psql -XqAt -v ON_ERROR_STOP=1 -d '${database}' -f -`, { input: sql, limit: 120_000 });
  if (result.code !== 0) throw new Error(`psql: ${result.stderr}`);
  return result.stdout.trim();
}
