import { messageOf, UserError } from '../evidence/errors.js';
import type { Member } from '../release/fleet.js';
import { runDataCommand, schemaVersion } from './data-command.js';
import { noteData, schemaText } from './data-journal.js';
import { dataSites, refuseHalfRestored } from './data-places.js';
import { lossText } from './losses.js';
import { pause, resume } from './pause.js';
import { bringBack, saveForSafety } from './restore-data.js';
import { downsFor, reachable, restoresFor, sayFit, type Move, type RestoreDatabase } from './rollback-moves.js';
import { noted, type RunContext } from './run-context.js';

/** The data's part of a rollback. Everything that can be found out before the first change is found out in `prepare`. */
export class DataRollback {
  readonly #context: RunContext;
  readonly #members: readonly Member[];
  readonly #target: string;
  readonly #moves: readonly Move[];
  /** Database → what holds the data as it was when the rollback began. */
  readonly #safeties = new Map<string, string>();
  #closed = false;
  readonly #touched = new Set<Move>();

  private constructor(context: RunContext, members: readonly Member[], target: string, moves: readonly Move[]) {
    this.#context = context;
    this.#members = members;
    this.#target = target;
    this.#moves = moves;
  }

  /** @throws UserError when the data does not fit the target, or cannot be made to. Nothing was changed. */
  static async prepare(context: RunContext, members: readonly Member[], target: string, choice: RestoreDatabase | undefined, key: string | undefined): Promise<DataRollback> {
    const sites = dataSites(context, members);
    if (choice === undefined || choice === 'false') {
      await refuseHalfRestored(context, reachable(context, sites));
      sayFit(context, sites, target, choice);
      return new DataRollback(context, members, target, []);
    }
    const moves = choice === 'true' ? await restoresFor(context, sites, target, key) : downsFor(context, sites, target);
    if (moves.length === 0) {
      throw new UserError(choice === 'true' ? `no backup was made when ${target} was left: there is nothing to bring back` : `nothing was migrated since ${target} was live: there is nothing to take back`, {
        remedy: 'Nothing was changed. Roll back without `restore-database`: the data stays as it is.',
      });
    }
    await refuseHalfRestored(context, moves.map(({ place }) => place));
    return new DataRollback(context, members, target, moves);
  }

  /** Whether the data is changed at all. */
  get moves(): boolean {
    return this.#moves.length > 0;
  }

  /** What would be done, for a plan. */
  get plan(): { readonly host: string; readonly text: string }[] {
    if (!this.moves) return [];
    const page = this.#context.config.site === undefined ? '' : ', the site answers 503 with Retry-After';
    return [
      ...this.#members.map(({ name }) => ({ host: name, text: `stop all services${page}` })),
      ...this.#moves.flatMap((move) => {
        const host = move.place.member.name;
        const what = move.kind === 'restore'
          ? `bring ${move.place.name} back from ${move.backup.id} (${schemaText(move.before, move.after)}): ${lossText(move.losses)}`
          : `take ${move.place.name} back by \`${move.command}\` in ${move.leaving} (${schemaText(move.before, move.after)})`;
        return [{ host, text: `back up ${move.place.name} as it is (safety backup)` }, { host, text: what }];
      }),
    ];
  }

  /**
   * Closes the site, saves the data as it is, and makes it what the target knows.
   * @throws UserError; the data is as it was then, and the services run again.
   */
  async bring(key: string | undefined): Promise<void> {
    if (!this.moves) return;
    const context = this.#context;
    await context.reporter.group('Data', async () => {
      await pause(context, this.#members, `rollback to ${this.#target} with its data`);
      this.#closed = true;
      try {
        // Once nobody writes any more: then the safety backup has every row.
        for (const { place, leaving, before } of this.#moves) this.#safeties.set(place.name, await saveForSafety(context, place, leaving, before));
        for (const move of this.#moves) await this.#one(move, key);
      } catch (error) {
        throw await this.back(error, key);
      }
    });
  }

  async #one(move: Move, key: string | undefined): Promise<void> {
    const context = this.#context;
    const { place, leaving, before, after } = move;
    const undo = this.#safeties.get(place.name);
    const towards = this.#target;
    if (undo === undefined) return;
    this.#touched.add(move);
    if (move.kind === 'restore') {
      await bringBack(context, place, { release: leaving, backup: move.backup.id, undo, towards, before, after, quiet: true, key });
      noted(context, {
        id: 'rollback.data.lost', phase: 'rollback', title: 'What was written since the backup', subject: place.name, status: 'pass', observed: `${lossText(move.losses)}; it is in the safety backup ${undo}`,
        data: { backup: move.backup.id, safety: undo, tables: move.losses },
      });
      return;
    }
    await noteData(context, place, leaving, { outcome: 'begun', backup: undo, undo, towards, before });
    await runDataCommand(context, place, 'rollback', move.command, { release: leaving, which: 'live', schemaTo: after });
    const reached = await schemaVersion(context, place, { release: leaving, which: 'live' });
    if (after !== undefined && reached !== undefined && reached !== after) {
      throw new UserError(`${place.name}: \`${move.command}\` ended at schema ${reached}, not at ${after}`, { remedy: 'The version to reach is in SLIPWAY_SCHEMA_TO.' });
    }
    await noteData(context, place, leaving, { outcome: 'reverted', backup: move.undoes.backup, undo, towards, before, after: reached ?? after });
  }

  /** The rollback has failed: the data as it was goes back, and what was live serves again. Returns the error that ends the run. */
  async back(cause: unknown, key: string | undefined): Promise<unknown> {
    const context = this.#context;
    if (!this.#closed || !(cause instanceof Error)) return cause;
    const said: string[] = [];
    try {
      // What the target has started must not write into what is brought back.
      await pause(context, this.#members, 'the data of before the rollback is brought back');
      for (const { place, leaving, before, after } of this.#touched) {
        const safety = this.#safeties.get(place.name) ?? '';
        await bringBack(context, place, { release: leaving, backup: safety, undo: safety, towards: this.#target, before: after, after: before, quiet: true, key });
        said.push(`${place.name}: as it was before the rollback, from ${safety}`);
      }
      this.#touched.clear();
      await resume(context, this.#members);
      this.#closed = false;
    } catch (error) {
      const why = messageOf(error);
      const ways = [...this.#safeties].map(([name, id]) => `slipway backup restore ${context.environmentName} --database ${name} --id ${id}`);
      return new UserError([cause.message, ...said, `THE DATA COULD NOT BE PUT BACK: ${why}`].join('\n'), { cause: error, remedy: `The next run tries again. By hand: ${ways.join('; ')}` });
    }
    return new UserError([cause.message, ...said, 'what was live before serves again'].join('\n'), { cause, remedy: cause instanceof UserError && cause.remedy !== undefined ? cause.remedy : 'Run the rollback again, or choose another release.' });
  }

  /** The target is live and healthy everywhere: opens the site. Returns what became of the data, in words. */
  async settle(): Promise<string> {
    if (!this.moves) return '';
    const context = this.#context;
    this.#closed = false;
    for (const { place, leaving } of this.#moves) await noteData(context, place, leaving, { outcome: 'settled' });
    await resume(context, this.#members);
    return this.#moves.map((move) => {
      const safety = `what it was is in ${this.#safeties.get(move.place.name) ?? ''}`;
      return move.kind === 'restore' ? `; ${move.place.name} is as in ${move.backup.id}: ${lossText(move.losses)}; ${safety}` : `; ${move.place.name} was taken back (${schemaText(move.before, move.after)}); ${safety}`;
    }).join('');
  }
}
