import type { DataStep } from '../host/journal.js';
import type { DataSite } from './data-places.js';
import type { RunContext } from './run-context.js';

/** Writes down what is done to a database's data, on its host: the next run must be able to go on from there. */
export async function noteData(context: RunContext, { name, database, member }: DataSite, release: string, step: Pick<DataStep, 'outcome'> & { readonly [K in 'backup' | 'undo' | 'towards' | 'before' | 'after']?: string | undefined }): Promise<void> {
  const { outcome, backup, undo, towards, before, after } = step;
  await member.host.finish([{
    event: 'data', release, at: context.now().toISOString(), by: context.author, database: name, outcome, migrations: database.migrations,
    ...(backup === undefined ? {} : { backup }), ...(undo === undefined ? {} : { undo }), ...(towards === undefined ? {} : { towards }),
    ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }),
  }]);
}

/** `3 → 4`, for people. */
export function schemaText(before: string | undefined, after: string | undefined): string {
  if (before === undefined && after === undefined) return 'schema not known (`schema-version` is not set)';
  if (before === after) return `schema ${before ?? ''}, as before`;
  return `schema ${before ?? 'not known'} → ${after ?? 'not known'}`;
}
