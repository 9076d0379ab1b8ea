import type { DataRecord, History } from '../host/history.js';

/** Steps that have changed the schema, and what the data was like when each backup was made. */
interface Fold {
  readonly applied: readonly DataRecord[];
  readonly last: DataRecord | undefined;
}

/**
 * The migrations that a database carries now, oldest first: those that a restore or a way back has undone are not among them.
 */
export function appliedMigrations(history: History, database: string): readonly DataRecord[] {
  return fold(history, database).applied;
}

/** The last step on a database's data, or undefined when there was none. */
export function lastDataStep(history: History, database: string): DataRecord | undefined {
  return fold(history, database).last;
}

/** The migrations that have run since `release` was last made live: what it would find when it became live again. */
export function migrationsSince(history: History, database: string, release: string): readonly DataRecord[] {
  const since = lastSwitchTo(history, release);
  return appliedMigrations(history, database).filter(({ switches }) => switches >= since);
}

/**
 * The step whose backup holds the data as `release` left it when it was last live: the last one before the next switch.
 */
export function leftData(history: History, database: string, release: string): DataRecord | undefined {
  const since = lastSwitchTo(history, release);
  return history.data
    .filter((step) => step.database === database && step.switches === since && step.backup !== undefined && step.release !== release && BEFORE_SWITCH.has(step.outcome))
    .at(-1);
}

const BEFORE_SWITCH: ReadonlySet<DataRecord['outcome']> = new Set<DataRecord['outcome']>(['saved', 'migrated']);

/** How many switches had come to their end once `release` was live for the last time. */
function lastSwitchTo({ switches }: History, release: string): number {
  return switches.lastIndexOf(release) + 1;
}

function fold(history: History, database: string): Fold {
  const states = new Map<string, readonly DataRecord[]>();
  let applied: readonly DataRecord[] = [];
  let last: DataRecord | undefined;
  for (const step of history.data) {
    if (step.database !== database) continue;
    last = step;
    switch (step.outcome) {
      case 'begun':
      case 'saved':
        for (const backup of [step.backup, step.undo]) if (backup !== undefined && !states.has(backup)) states.set(backup, applied);
        break;
      case 'restoring':
        // A step that is undone was like this when it began; its own undoing says nothing of that.
        if (step.undo !== undefined && step.undo !== step.backup) states.set(step.undo, applied);
        break;
      case 'migrated':
      // What a failed migration has left behind counts as one: nobody knows better.
      // eslint-disable-next-line no-fallthrough
      case 'failed':
        if (step.outcome === 'migrated' || step.before === undefined || step.before !== step.after) applied = [...applied, step];
        break;
      case 'restored':
      case 'reverted':
        // Of a backup that no deploy has made nobody knows; what was applied is then taken to be there still, which is the careful guess.
        applied = states.get(step.backup ?? '') ?? applied;
        break;
      case 'settled':
        break;
    }
  }
  return { applied, last };
}
