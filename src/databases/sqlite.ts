import { dataPath, type Engine } from './engine.js';

/** SQLite: a file. See scripts/engine-sqlite.sh. */
export const sqlite: Engine = {
  name: 'sqlite',
  parameters: ({ path = '' }, place) => ({ path: dataPath(path, place) }),
};
