import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Opens the store of items in `folder`, which outlives releases.
 * SQLite comes with Node from 22.5 on; native modules are no choice, since install scripts are off. An older Node
 * keeps the items in a plain file, and says so, so that the app can still be tried out there.
 */
export async function openStore(folder) {
  mkdirSync(folder, { recursive: true });
  const sqlite = await import('node:sqlite').catch(() => undefined);
  if (sqlite === undefined) {
    console.warn(`Node ${process.versions.node} has no node:sqlite (22.5 and later do): items go to ${folder}/app.jsonl.`);
    return fileStore(join(folder, 'app.jsonl'));
  }
  return sqliteStore(new sqlite.DatabaseSync(join(folder, 'app.db')));
}

function sqliteStore(database) {
  // Several cluster instances, and for a moment two releases, write to the same file. Waiting comes first: a second
  // instance that turns on WAL at the same moment would otherwise fail as locked.
  database.exec('PRAGMA busy_timeout = 5000');
  database.exec('PRAGMA journal_mode = WAL');
  database.exec('CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY, name TEXT NOT NULL, created_at TEXT NOT NULL)');
  const insert = database.prepare('INSERT INTO items (name, created_at) VALUES (?, ?) RETURNING id, name, created_at');
  const all = database.prepare('SELECT id, name, created_at FROM items ORDER BY id');
  const one = database.prepare('SELECT 1 AS ok');
  return {
    engine: 'sqlite',
    check: () => one.get().ok === 1,
    add: (name) => insert.get(name, new Date().toISOString()),
    list: () => all.all(),
    close: () => database.close(),
  };
}

function fileStore(file) {
  const list = () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)) : []);
  return {
    engine: 'file',
    check: () => Array.isArray(list()),
    add: (name) => {
      const item = { id: list().length + 1, name, created_at: new Date().toISOString() };
      appendFileSync(file, `${JSON.stringify(item)}\n`);
      return item;
    },
    list,
    close: () => undefined,
  };
}
