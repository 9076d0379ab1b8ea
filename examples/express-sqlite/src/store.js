import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDatabase } from './database.js';

/**
 * Opens the store of items in `folder`. The tables are made by the migrations (`npm run migrate`).
 * A Node without SQLite keeps the items in a plain file, so that the app can still be tried out there.
 */
export async function openStore(folder) {
  const database = await openDatabase(folder);
  return database === undefined ? fileStore(join(folder, 'app.jsonl')) : sqliteStore(database);
}

function sqliteStore(database) {
  const insert = database.prepare('INSERT INTO items (name, created_at) VALUES (?, ?) RETURNING id, name, created_at, done');
  const all = database.prepare('SELECT id, name, created_at, done FROM items ORDER BY id');
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
      const item = { id: list().length + 1, name, created_at: new Date().toISOString(), done: 0 };
      appendFileSync(file, `${JSON.stringify(item)}\n`);
      return item;
    },
    list,
    close: () => undefined,
  };
}
