import type { Engine } from './engine.js';

/** A team's own commands. See scripts/engine-command.sh. */
export const command: Engine = {
  name: 'command',
  parameters: ({ dump = '', restore = '', check = '', rows = '' }) =>
    Object.fromEntries(Object.entries({ dump, restore, check, rows }).map(([name, text]) => [`${name}_b64`, Buffer.from(text).toString('base64')])),
};
