import type { Backup } from '../databases/host-data.js';
import { messageOf, UserError } from '../evidence/errors.js';
import type { Member } from '../release/fleet.js';
import { KEY_VARIABLE, keyOfStep } from './backup-key.js';
import { savedByDeploy, saveData } from './data-backup.js';
import { runDataCommand, schemaVersion } from './data-command.js';
import { noteData, schemaText } from './data-journal.js';
import { dataSites, placeOf, refuseHalfRestored, type DataPlace } from './data-places.js';
import { throwIfStopped } from './fleet-session.js';
import { losses, lossText } from './losses.js';
import { pause, resume } from './pause.js';
import { bringBack, saveForSafety } from './restore-data.js';
import { noted, type RunContext } from './run-context.js';

/** What a deploy has done to one database. */
interface Done {
  readonly place: DataPlace;
  readonly backup: Backup | undefined;
  readonly before: string | undefined;
  after: string | undefined;
  migrated: boolean;
}

/**
 * The data's part of a deploy: saved, then migrated, once for all hosts and before anything is switched. `expand`
 * migrations run while the release before serves. For `breaking` ones the site is closed first, so that nobody writes from
 * the backup on: whatever fails before it is opened again takes the data back without losing anything.
 */
export class DataDeploy {
  readonly #context: RunContext;
  readonly #members: readonly Member[];
  readonly #places: readonly DataPlace[];
  readonly #done: Done[] = [];
  /** Those that have no data yet. */
  readonly #first = new Set<DataPlace>();
  #closed = false;

  private constructor(context: RunContext, members: readonly Member[], places: readonly DataPlace[]) {
    this.#context = context;
    this.#members = members;
    this.#places = places;
  }

  /** @throws UserError when the data is in a state, or configured in a way, that forbids a deploy. Nothing was changed. */
  static async begin(context: RunContext, members: readonly Member[]): Promise<DataDeploy> {
    const sites = dataSites(context, members, ({ migrate }) => migrate !== undefined);
    const places = sites.filter(({ database }) => database.migrate !== undefined || savedByDeploy({ database })).map((site) => placeOf(context, site));
    for (const { name, database } of places) refuseUnsafe(context, name, database);
    await refuseHalfRestored(context, places);
    return new DataDeploy(context, members, places);
  }

  /** The site is closed and services are stopped, on every host. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether the migrations may turn out to be ones with which the site has to be closed. */
  get mayClose(): boolean {
    return this.#places.some(({ database }) => database.migrate !== undefined && database.migrations === 'breaking');
  }

  /**
   * Saves and migrates, in the staged release.
   * @throws UserError saying in which state the data is; what was closed is open again then.
   */
  async run(release: string): Promise<void> {
    if (this.#places.length === 0) return;
    const context = this.#context;
    await context.reporter.group('Data', async () => {
      // Before any command of the team's runs: one that asks for the schema may make an empty database.
      for (const place of this.#places) if (await isFirst(context, place, place.member.findings.current)) this.#first.add(place);
      const pending = new Set<DataPlace>();
      for (const place of this.#places) if (await this.#isPending(place, release)) pending.add(place);
      const breaking = [...pending].filter(({ database }) => database.migrations === 'breaking');
      try {
        if (breaking.length > 0) await this.#close(`breaking migrations of ${breaking.map(({ name }) => name).join(', ')} for ${release}`);
        for (const place of this.#places) await this.#save(place, release);
        for (const done of this.#done) if (done.place.database.migrate !== undefined) await this.#migrate(done, done.place.database.migrate, release);
      } catch (error) {
        throw await this.#failed(release, error);
      }
    });
  }

  /**
   * Another step has failed before the site was open again: what was migrated while it was closed is taken back, and the
   * services of the release that is live are started.
   * @returns what there is to say about the data.
   */
  async takeBack(release: string): Promise<string[]> {
    const context = this.#context;
    const migrated = this.#done.filter(({ migrated: done }) => done);
    if (!this.#closed) {
      return migrated.filter(({ before, after }) => before === undefined || before !== after)
        .map(({ place, before, after }) => `${place.name}: stays migrated (${schemaText(before, after)}): the release before runs on it, as its migrations are \`expand\``);
    }
    return context.reporter.group('Bring the data back, open the site', async () => {
      // What the failed release has started must not write into what is brought back.
      await pause(context, this.#members, `the data is brought back after ${release}`);
      const said: string[] = [];
      for (const { place, backup, before, after } of migrated) {
        if (backup === undefined) continue;
        await bringBack(context, place, { release, backup: backup.id, undo: backup.id, towards: release, before: after, after: before, quiet: true, key: keyOfStep(context) });
        said.push(`${place.name}: brought back from ${backup.id} (${schemaText(after, before)}); nothing is lost: the site was closed since the backup`);
      }
      await this.open();
      return said;
    });
  }

  /** Starts what does not run yet and opens the site: the release that is live fits the data. */
  async open(): Promise<void> {
    if (!this.#closed) return;
    await resume(this.#context, this.#members);
    this.#closed = false;
  }

  /** The release is live and healthy on every host: what it has migrated stays, and the site is open again. */
  async settle(release: string): Promise<void> {
    if (!this.#closed) return;
    // Whatever happens from here on, the data belongs to what is live.
    this.#closed = false;
    for (const { place, migrated } of this.#done) if (migrated) await noteData(this.#context, place, release, { outcome: 'settled' });
    await resume(this.#context, this.#members);
  }

  async #close(why: string): Promise<void> {
    await pause(this.#context, this.#members, why);
    this.#closed = true;
  }

  /** Shows what `migrate` is about to do. A list that says nothing at all says that there is nothing to do. */
  async #isPending(place: DataPlace, release: string): Promise<boolean> {
    const { migrate, pending } = place.database;
    if (migrate === undefined) return false;
    if (pending === undefined) return true;
    const said = await runDataCommand(this.#context, place, 'pending', pending, { release, which: 'staged' });
    return said.trim() !== '';
  }

  async #save(place: DataPlace, release: string): Promise<void> {
    const context = this.#context;
    throwIfStopped(context.signal);
    const live = place.member.findings.current;

    const wanted = savedByDeploy(place) && !this.#first.has(place);
    const before = await schemaVersion(context, place, { release, which: 'staged' });
    const backup = wanted ? await saveData(context, place, 'deploy', { release: live, schema: before }) : undefined;
    this.#done.push({ place, backup, before, after: before, migrated: false });
    if (place.database.migrate === undefined && backup !== undefined) {
      await noteData(context, place, release, { outcome: 'saved', backup: backup.id, before, after: before });
    }
  }

  async #migrate(done: Done, command: string, release: string): Promise<void> {
    const context = this.#context;
    const { place, backup, before } = done;
    throwIfStopped(context.signal);
    // While the site is closed nobody writes: then the backup is what there was, to the last row.
    const step = { backup: backup?.id, before, ...(this.#closed ? { undo: backup?.id, towards: release } : {}) };
    await noteData(context, place, release, { ...step, outcome: 'begun' });
    done.migrated = true;
    await runDataCommand(context, place, 'migrate', command, { release, which: 'staged' });
    done.after = await schemaVersion(context, place, { release, which: 'staged' });
    await noteData(context, place, release, { ...step, after: done.after, outcome: 'migrated' });
    noted(context, {
      id: 'deploy.data.schema', phase: 'deploy', title: 'The schema fits the release', subject: place.name, status: 'pass', observed: schemaText(before, done.after),
      data: { before, after: done.after, migrations: place.database.migrations, backup: backup?.id },
    });
    context.reporter.step(place.member.name, `${place.name}: ${schemaText(before, done.after)}`);
  }

  /** Nothing was switched. Puts the data right as far as the configuration allows, and says what it is like. */
  async #failed(release: string, cause: unknown): Promise<Error> {
    const context = this.#context;
    if (!(cause instanceof Error)) return new Error(String(cause));
    const live = this.#members[0]?.findings.current ?? '';
    const failing = this.#done.findLast(({ migrated, place }) => migrated && place.database.migrate !== undefined);
    const said: string[] = [];
    try {
      if (this.#closed) said.push(...(await this.takeBack(release)), `the site is open again${live === '' ? '' : `, ${live} serves`}`);
      else if (failing !== undefined) said.push(...(await this.#leaveOpen(release, failing)));
    } catch (error) {
      const why = messageOf(error);
      const hint = failing?.backup === undefined ? '' : ` The backup from before is ${failing.backup.id}: slipway backup restore ${context.environmentName} --database ${failing.place.name} --id ${failing.backup.id}`;
      return new UserError([cause.message, ...said, `THE DATA COULD NOT BE PUT RIGHT: ${why}`].join('\n'), { cause: error, remedy: `Look at the data now; the next run tries again.${hint}` });
    }
    if (!(cause instanceof UserError)) return cause;
    return new UserError([cause.message, ...said].join('\n'), { cause, remedy: `${cause.remedy === undefined ? '' : `${cause.remedy}\n`}Nothing was switched${live === '' ? '' : `: ${live} is still live`}. Mend the migration, then deploy again.` });
  }

  /** The release before has served all the time, and goes on. */
  async #leaveOpen(release: string, failing: Done): Promise<string[]> {
    const context = this.#context;
    const { place, backup, before } = failing;
    const said = this.#done.filter((one) => one !== failing && one.migrated).map((one) => `${one.place.name}: was migrated before and stays so (${schemaText(one.before, one.after)})`);
    // A failed migration may have left a schema that even this command cannot read: that is no second failure.
    const after = await schemaVersion(context, place, { release, which: 'staged' });
    if (place.database.onFailure === 'keep' || backup === undefined) {
      await noteData(context, place, release, { outcome: 'failed', backup: backup?.id, before, after });
      const restore = backup === undefined ? 'there is no backup from before: it did not exist yet, or `before-deploy` is off' : `to bring it back: slipway backup restore ${context.environmentName} --database ${place.name} --id ${backup.id}`;
      return [...said, `${place.name}: the data is as the migration left it (${schemaText(before, after)}); ${restore}`];
    }
    const safety = await saveForSafety(context, place, release, after);
    const lost = await place.data.rows().then((rows) => losses(rows, backup.rows), () => undefined);
    await bringBack(context, place, { release, backup: backup.id, before: after, after: before, quiet: false, key: keyOfStep(context) });
    return [...said, `${place.name}: the data of before was brought back from ${backup.id} (${schemaText(after, before)}); what it replaced is in ${safety}: ${lossText(lost)}`];
  }
}

/** What is a file or folder of the app's: a server is there before the app is. */
const BY_FILES: ReadonlySet<string> = new Set(['sqlite', 'files']);

/**
 * Whether there is no data and never was any: the deploy makes it, be it the app's first or the one that brings a database with it.
 * @throws UserError when there was data and it is gone: a migration would put an empty database in its place.
 */
async function isFirst(context: RunContext, place: DataPlace, live: string): Promise<boolean> {
  const { name, member, data } = place;
  if (live !== '' && !BY_FILES.has(place.database.engine)) return false;
  if (await data.exists()) return false;
  if (live !== '' && (member.findings.history.data.some((step) => step.database === name && step.outcome === 'migrated') || (await data.list()).backups.length > 0)) {
    throw new UserError(`${name}: there was data on ${member.name}, and it is gone`, {
      remedy: `Nothing was changed. Bring it back (slipway backup restore ${context.environmentName} --database ${name}), or see why \`databases.${name}.path\` does not lead there any more.`,
    });
  }
  context.reporter.step(member.name, `${name}: there is no data yet, so there is nothing to back up`);
  return true;
}

function refuseUnsafe(context: RunContext, name: string, database: DataPlace['database']): void {
  const saved = savedByDeploy({ database });
  if (database.migrate !== undefined && database.migrations === 'breaking' && !context.config.release.maintenance) {
    throw new UserError(`databases.${name}: its migrations are breaking, which needs \`release.maintenance: true\``, {
      remedy: 'The release before does not run on the new schema: the site has to be closed meanwhile. Or make the migrations `expand`. Nothing was changed.',
    });
  }
  if (database.migrate === undefined || (database.migrations !== 'breaking' && database.onFailure !== 'restore')) return;
  const key = keyOfStep(context);
  if (database.backup.age !== undefined && (key ?? '') === '') {
    throw new UserError(`databases.${name}: its backups are encrypted by age, and a migration that fails needs the key to bring the data back`, {
      remedy: `Give the identity to the step: \`env: { ${KEY_VARIABLE}: \${{ secrets.${KEY_VARIABLE} }} }\`, not in app-env, which lies on the hosts. Or \`on-failure: keep\` with migrations that only expand. Nothing was changed.`,
    });
  }
  if (!saved) {
    throw new UserError(`databases.${name}: without \`backup.before-deploy\` there is nothing to bring back when its migration fails`, { remedy: 'Leave `before-deploy` out (it is the default with `migrate`). Nothing was changed.' });
  }
}
