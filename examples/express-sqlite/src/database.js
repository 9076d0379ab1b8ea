import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Opens the SQLite database in `folder`, which outlives releases. Undefined on a Node without node:sqlite.
 * SQLite comes with Node from 22.5 on; native modules are no choice, since install scripts are off.
 */
export async function openDatabase(folder) {
  mkdirSync(folder, { recursive: true });
  const sqlite = await import('node:sqlite').catch(() => undefined);
  if (sqlite === undefined) {
    console.warn(`Node ${process.versions.node} has no node:sqlite (22.5 and later do): items go to ${folder}/app.jsonl.`);
    return undefined;
  }
  const database = new sqlite.DatabaseSync(join(folder, 'app.db'));
  // Several cluster instances, and for a moment two releases, write to the same file. Waiting comes first: a second
  // instance that turns on WAL at the same moment would otherwise fail as locked.
  database.exec('PRAGMA busy_timeout = 5000');
  database.exec('PRAGMA journal_mode = WAL');
  return database;
}
