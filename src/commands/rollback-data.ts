import type { Backup } from '../databases/host-data.js';
import { messageOf, UserError } from '../evidence/errors.js';
import { renderColumns } from '../evidence/columns.js';
import type { DataRecord } from '../host/history.js';
import type { Member } from '../release/fleet.js';
import { leftData, migrationsSince } from '../release/data-history.js';
import { runDataCommand, schemaVersion } from './data-command.js';
import { noteData, schemaText } from './data-journal.js';
import { dataSites, placeOf, refuseHalfRestored, type DataPlace, type DataSite } from './data-places.js';
import { ACCOUNTS_TOO, losses, lossTable, lossText, type Loss } from './losses.js';
import { pause, resume } from './pause.js';
import { bringBack, saveForSafety } from './restore-data.js';
import { noted, recorded, type RunContext } from './run-context.js';

/** What becomes of the data in a rollback: `true` brings back the backup from before, `down` runs the team's way back, `false` leaves it, whatever it is. */
export const RESTORE_DATABASE = ['true', 'down', 'false'] as const;
export type RestoreDatabase = (typeof RESTORE_DATABASE)[number];

/** What is done with one database. */
type Move = { readonly place: DataPlace; readonly leaving: string; readonly before: string | undefined; readonly after: string | undefined } & (
  | { readonly kind: 'restore'; readonly backup: Backup; readonly losses: readonly Loss[] | undefined }
  | { readonly kind: 'down'; readonly command: string; readonly undoes: DataRecord }
);

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

/** Says whether the target fits the data as it is, and refuses when it does not. */
function sayFit(context: RunContext, sites: readonly DataSite[], target: string, choice: RestoreDatabase | undefined): void {
  const misfits: string[] = [];
  for (const site of sites) {
    const since = changes(site, target);
    const [first] = since;
    if (first === undefined) {
      if (site.database.migrate !== undefined) context.reporter.step(site.member.name, `${site.name}: the schema is the one ${target} knows; the data is left alone`);
      continue;
    }
    const text = `${site.name}: migrated since ${target} was live (${schemaText(first.before, since.at(-1)?.after)})`;
    const breaking = since.some(({ migrations }) => migrations === 'breaking');
    if (!breaking) context.reporter.step(site.member.name, `${text}; ${target} runs on that too, as the migrations are \`expand\`; the data is left alone`);
    else if (choice === 'false') context.reporter.warn(`${text} by breaking migrations: ${target} may not run on it; the data is left alone, as asked for`);
    else misfits.push(`${text} by breaking migrations: ${target} does not run on that`);
  }
  if (misfits.length === 0) return;
  throw new UserError(misfits.join('\n'), {
    remedy: [
      'Nothing was changed. Choose what becomes of the data (input `restore-database`, on the command line --restore-database):',
      '  true   the backup from before those migrations goes back; what was written since is lost, a safety backup keeps it',
      '  down   the `rollback` command of the database takes the schema back',
      `  false  the data is left alone, whether or not ${target} runs on it`,
      `To see what each would do: slipway rollback ${context.environmentName} --restore-database true --plan`,
    ].join('\n'),
  });
}

/** Migrations since the target was live that have changed the schema, as far as that is known. */
function changes({ name, member }: DataSite, target: string): DataRecord[] {
  return migrationsSince(member.findings.history, name, target).filter(({ before, after }) => before === undefined || before !== after);
}

/** For each database the backup that was made when the target was left; proven, and compared with what is live. */
async function restoresFor(context: RunContext, sites: readonly DataSite[], target: string, key: string | undefined): Promise<Move[]> {
  const moves: Move[] = [];
  for (const site of sites) {
    const { name, member } = site;
    const step = leftData(member.findings.history, name, target);
    if (step?.backup === undefined) {
      if (changes(site, target).length === 0) continue;
      throw new UserError(`${name}: it was migrated since ${target} was live, and no backup from before is known`, { remedy: 'Nothing was changed. See `slipway backup list`; to choose one by hand: slipway backup restore.' });
    }
    const place = placeOf(context, site);
    const backup = (await place.data.list()).backups.find(({ id }) => id === step.backup);
    if (backup === undefined) {
      throw new UserError(`${name}: the backup ${step.backup}, made when ${target} was left, is not on ${member.name} any more`, {
        remedy: `Nothing was changed. Bring a copy back to its folder, or choose another backup (slipway backup list ${context.environmentName}), or go back without the data. \`backup.keep\` says how long backups stay.`,
      });
    }
    if (backup.state === 'bad') throw new UserError(`${name}: the backup ${backup.id} is bad: ${backup.reason ?? ''}`, { remedy: 'Nothing was changed.' });
    // The server may have been changed for another since.
    await place.data.fits(backup.id);
    const found = await recorded(
      context,
      { id: 'rollback.data.backup', phase: 'rollback', title: 'The backup of the target is whole', subject: name, expected: 'read back whole' },
      () => place.data.verify(backup.id, key),
      ({ id, level }) => ({ observed: `${id}: ${level === 'whole' ? 'read back whole' : 'encrypted, and not opened'}`, status: level === 'whole' ? 'pass' : 'fail' }),
    );
    if (found.level !== 'whole') throw new UserError(`${name}: ${backup.id} is encrypted, and there is no key to open it`, { remedy: 'Nothing was changed. Give it: `backup-key`, on the command line --key <file>.' });
    const lost = await place.data.rows().then((rows) => losses(rows, backup.rows), () => undefined);
    if (lost !== undefined && lost.length > 0) {
      const { head, rows } = lossTable(lost);
      context.reporter.block(renderColumns(head, rows));
    }
    context.reporter.step(member.name, `${name}: ${lossText(lost)}`);
    if (place.database.whole === true) context.reporter.warn(`${name}: ${ACCOUNTS_TOO}`);
    const since = changes(site, target);
    moves.push({ kind: 'restore', place, leaving: member.findings.current, backup, losses: lost, before: since.at(-1)?.after ?? step.after, after: backup.schema ?? step.before });
  }
  return moves;
}

/** For each database that was migrated since: the team's own command, in the release that is left. */
function downsFor(context: RunContext, sites: readonly DataSite[], target: string): Move[] {
  return sites.flatMap((site): Move[] => {
    const since = changes(site, target);
    const [first] = since;
    if (first === undefined) return [];
    const { rollback } = site.database;
    if (rollback === undefined) throw new UserError(`databases.${site.name} has no \`rollback\` command`, { remedy: 'Nothing was changed. `restore-database: true` brings the backup back.' });
    return [{ kind: 'down', place: placeOf(context, site), leaving: site.member.findings.current, command: rollback, undoes: first, before: since.at(-1)?.after, after: first.before }];
  });
}

/** A rollback must not fail for a variable: what cannot be reached cannot be asked either. */
function reachable(context: RunContext, sites: readonly DataSite[]): DataPlace[] {
  return sites.flatMap((site) => {
    try {
      return [placeOf(context, site)];
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      context.reporter.debug(`${site.name}: not asked for restores that were interrupted: ${error.message}`);
      return [];
    }
  });
}
