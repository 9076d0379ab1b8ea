/**
 * The schema: `node src/migrate.js up | to <version> | pending | version`.
 * Versions are the numbers that the files in migrations/ begin with; 0 is an empty database.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Postgrator from 'postgrator';
import { openDatabase } from './database.js';

if (existsSync('.env')) {
  process.loadEnvFile('.env');
}

const database = await openDatabase(process.env.DATABASE_FOLDER ?? 'database');
// A plain file has no schema.
if (database !== undefined) {
  await run(database, ...process.argv.slice(2));
  database.close();
}

async function run(database, command, version) {
  const postgrator = new Postgrator({
    driver: 'sqlite3',
    migrationPattern: join(import.meta.dirname, '..', 'migrations', '*.sql'),
    execQuery: async (query) => ({ rows: database.prepare(query).all() }),
    execSqlScript: async (script) => database.exec(script),
  });
  postgrator.on('migration-started', ({ version: number, action, name }) => console.log(`${number} ${name}: ${action}`));
  const now = await postgrator.getDatabaseVersion();
  if (command === 'version') {
    console.log(now);
  } else if (command === 'pending') {
    const newest = await postgrator.getMaxVersion();
    if (newest > now) {
      for (const migration of postgrator.getRunnableMigrations(now, newest)) console.log(`${migration.version} ${migration.name}`);
    }
  } else if (command === 'up') {
    await whole(database, () => postgrator.migrate('max'));
  } else if (command === 'to' && /^\d+$/.test(version)) {
    await whole(database, () => postgrator.migrate(version));
  } else {
    throw new Error('Say up, to <version>, pending or version.');
  }
}

/** All of it or nothing. Who fails in between ends, and with it the transaction. */
async function whole(database, work) {
  database.exec('BEGIN IMMEDIATE');
  await work();
  database.exec('COMMIT');
}
