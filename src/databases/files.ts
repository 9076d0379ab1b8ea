import { dataPath, type Engine } from './engine.js';

/** Folders of files, such as uploads. See scripts/engine-files.sh. */
export const files: Engine = {
  name: 'files',
  parameters: ({ path = '' }, place) => ({ path: dataPath(path, place) }),
};
