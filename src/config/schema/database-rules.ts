import type { Complain, Loose } from './section.js';

/** What the keys of a database say about one another. */
export function databaseRules(value: Loose, complain: Complain): void {
  const engine = value['engine'];
  if ((engine === 'sqlite' || engine === 'files') && value['path'] === undefined) complain(['path'], `is required for ${engine}`);
}
