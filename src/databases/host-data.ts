import { PassThrough, type Readable } from 'node:stream';
import type { Config, DatabaseConfig } from '../config/schema.js';
import { resolveVariables, type Lookup } from '../config/variables.js';
import { UserError } from '../evidence/errors.js';
import type { Redactor } from '../evidence/redact.js';
import { EXIT, HostError } from '../host/failure.js';
import type { RemoteHost } from '../host/remote-host.js';
import { scriptText, type ScriptName } from '../host/script.js';
import type { ExecOptions, ExecResult } from '../ssh/types.js';
import { readBackups, readRows, type Backup } from './backup.js';
import { engines } from './engines.js';
import { inputOf, type Parameters } from './input.js';

export type { Backup } from './backup.js';

/** What must be known of the world to work on a database. */
export interface DataContext {
  readonly config: Config;
  readonly lookup: Lookup;
  readonly redactor: Redactor;
}

export interface BackupList {
  /** Oldest first. */
  readonly backups: readonly Backup[];
  /** A restore of the live data that was interrupted: of which backup, and which one has what was there before. */
  readonly halfRestored?: { readonly id: string; readonly safety?: string };
}

/** How far the read-back of a backup went: `sealed` is encrypted and was not opened. */
export type Verified = Backup & { readonly level: 'whole' | 'sealed' };

export interface Drilled {
  readonly id: string;
  /** Of the restore, in milliseconds: what a recovery takes at least (RTO). */
  readonly duration: number;
  /** Seconds since the backup: what a recovery would have lost (RPO). */
  readonly age: number;
  readonly rows: ReadonlyMap<string, number>;
  /** What the probes answered. */
  readonly probes: readonly string[];
}

/** One script as the host's own timer runs it. */
export interface TimerStep {
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
  readonly input: string;
}

type Line = (text: string) => void;
type Keep = DatabaseConfig['backup']['keep'];

/** Beside the limit of the dump: reading back, bringing to the disk. */
const MORE = 900_000;

/** One database as one host reaches it: each method is one exec call. */
export class HostData {
  readonly #host: RemoteHost;
  readonly #database: DatabaseConfig;
  /** How the engine is reached. */
  readonly #connection: Parameters;
  /** What all scripts are told, without the connection. */
  readonly common: Parameters;

  private constructor(host: RemoteHost, database: DatabaseConfig, connection: Parameters, common: Parameters) {
    this.#host = host;
    this.#database = database;
    this.#connection = connection;
    this.common = common;
  }

  /**
   * Resolves the variables of the database's configuration; what is secret is told to the redactor.
   * @throws UserError naming what is missing.
   */
  static of(context: DataContext, host: RemoteHost, database: DatabaseConfig): HostData {
    const { config, lookup, redactor } = context;
    const where = `databases.${database.name}`;
    const connection = engines[database.engine].parameters(database, { root: host.place.root, shared: config.release.shared, lookup });
    const passphrase = database.backup.passphrase === undefined ? undefined : resolveVariables(database.backup.passphrase, lookup, `${where}.backup.passphrase`);
    for (const secret of [connection['password'], connection['uri'], passphrase, ...[database.url, database.password].map((text) => (text === undefined ? undefined : resolveVariables(text, lookup, where)))]) {
      if (secret !== undefined && secret !== '') redactor.add(secret);
    }
    const { backup } = database;
    return new HostData(host, database, { ...connection, engine: database.engine }, {
      ...(backup.folder === undefined ? {} : { folder: backup.folder }),
      compress: backup.compress,
      ...(backup.age === undefined ? {} : { recipients: backup.age.join(' ') }),
      ...(passphrase === undefined ? {} : { passphrase }),
      env_file: config.release.envFile,
      limit: String(Math.ceil(backup.limit / 1000)),
    });
  }

  /**
   * Makes a backup and reads it back.
   * @throws HostError with EXIT.suspicious when it was made and does not count, EXIT.notWhole, EXIT.noRoom, EXIT.dataBusy, EXIT.halfRestored.
   */
  async create(
    options: { readonly why: 'manual' | 'deploy' | 'safety'; readonly release?: string; readonly schema?: string; readonly identity?: string },
    onLine: Line = () => undefined,
    signal?: AbortSignal,
  ): Promise<Backup> {
    const { identity, ...about } = options;
    const result = await this.#run('backup-create', [], { ...this.#creation(about), ...this.#key(identity) }, 'the backup', {
      signal,
      onStdout: (line) => {
        if (line.startsWith('dumping ')) onLine(`${this.#database.name}: dumping, the live data have ${line.slice('dumping '.length)} bytes`);
      },
      onStderr: onLine,
    });
    return this.#one(result);
  }

  async list(): Promise<BackupList> {
    const { stdout } = await this.#run('backup-list', [], {}, 'listing the backups');
    const [, id, safety = ''] = /^restoring\t([^\t\n]*)\t?([^\t\n]*)$/m.exec(stdout) ?? [];
    return { backups: readBackups(stdout), ...(id === undefined ? {} : { halfRestored: { id, ...(safety === '' ? {} : { safety }) } }) };
  }

  /**
   * Reads a backup back whole, without an id the newest that is not bad.
   * @throws HostError with EXIT.notWhole saying what is wrong with it, or that the key does not open it.
   */
  async verify(id: string | undefined, key?: string): Promise<Verified> {
    const backup = this.#one(await this.#run('backup-verify', [id ?? ''], this.#key(key), 'reading the backup back'));
    return { ...backup, level: backup.verified?.level ?? 'sealed' };
  }

  /**
   * Restores a backup into a scratch database, without an id the newest good one, and proves it there.
   * @throws HostError with EXIT.drillFailed naming every problem.
   */
  async drill(id: string | undefined, options: { readonly probes: readonly string[]; readonly key?: string }): Promise<Drilled> {
    const probes = options.probes.map((probe) => `${encode(probe)}\n`).join('');
    const { stdout } = await this.#run('backup-drill', [id ?? ''], { ...this.#key(options.key), ...(probes === '' ? {} : { probes_b64: encode(probes) }) }, 'the drill');
    const field = (name: string): string => new RegExp(`^${name}\\t(.*)$`, 'm').exec(stdout)?.[1] ?? '';
    return {
      id: this.#oneOf(stdout).id, duration: Number(field('restored')), age: Number(field('age')),
      rows: readRows([...stdout.matchAll(/^row\t(.*)$/gm)].map((match) => match[1] ?? '')),
      probes: [...stdout.matchAll(/^probe\t(.*)$/gm)].map((match) => match[1] ?? ''),
    };
  }

  /** Whether there is any data yet: SQLite's file and folders come with the first release. */
  async exists(): Promise<boolean> {
    return (await this.#run('backup-rows', ['exists'], {}, 'looking for the data')).stdout.includes('exists');
  }

  /**
   * Whether the live server takes what is in a backup, as far as their versions tell.
   * @throws HostError with EXIT.unfit when it is older than the one that made it, or another kind, and no drill on it has succeeded.
   */
  async fits(id: string): Promise<void> {
    await this.#run('backup-rows', ['fits', id], {}, `asking whether ${id} fits`);
  }

  /** The rows of the live data, by table. */
  async rows(): Promise<Map<string, number>> {
    return readRows((await this.#run('backup-rows', [], {}, 'counting the rows')).stdout.split('\n'));
  }

  /**
   * Makes a backup the live data. Needs the lease; whoever calls it has stopped what writes and made the safety backup.
   * @param onLine hears what people should know of it, such as where a file is kept that was no database any more.
   * @throws HostError; with EXIT.halfRestored when the data is neither the old nor the new.
   */
  async restore(id: string, options: { readonly key?: string | undefined; readonly safety?: string | undefined } = {}, onLine: Line = () => undefined): Promise<{ readonly duration: number }> {
    const token = this.#host.lease?.token ?? '';
    this.#host.lease?.assertHeld();
    const { stdout } = await this.#run('backup-restore', [token, id, options.safety ?? ''], this.#key(options.key), `the restore of ${id}`, { onStderr: onLine });
    return { duration: Number(/^restored\t(\d+)$/m.exec(stdout)?.[1]) };
  }

  /** Deletes the backups that no rule wants; with `plan` only says which. */
  async prune(keep: Keep, plan: boolean): Promise<{ readonly removed: readonly string[]; readonly kept: number }> {
    const { stdout } = await this.#run('backup-prune', [plan ? 'plan' : 'apply'], policyOf(keep), 'deleting old backups');
    return { removed: [...stdout.matchAll(/^removed\t(.*)$/gm)].map((match) => match[1] ?? ''), kept: Number(/^kept\t(\d+)$/m.exec(stdout)?.[1]) };
  }

  /** What preflight asks, as the host says it: lines `key TAB value`. */
  async facts(parameters: Parameters): Promise<ExecResult> {
    return this.#exec('backup-facts', [], parameters, { limit: 120_000 });
  }

  /** The archive as it comes. `ended` rejects when not all of it came. */
  read(id: string, signal?: AbortSignal): { readonly stream: Readable; readonly ended: Promise<void> } {
    const stream = new PassThrough();
    const ended = this.#exec('backup-read', [id, 'archive'], {}, { output: stream, signal, limit: this.#database.backup.limit }).then((result) => {
      if (result.code !== 0) throw new HostError(this.#host.name, `reading the backup ${id}`, result);
    });
    ended.catch((error: unknown) => stream.destroy(error instanceof Error ? error : undefined));
    return { stream, ended };
  }

  /** The manifest's text. */
  async manifest(id: string): Promise<string> {
    return (await this.#run('backup-read', [id, 'manifest'], {}, `reading the manifest of ${id}`)).stdout;
  }

  /** A step of the host's own timer; its input holds the connection's secrets. */
  step(name: 'create' | 'prune', options: { readonly why?: string; readonly keep?: Keep } = {}): TimerStep {
    const script: ScriptName = name === 'create' ? 'backup-create' : 'backup-prune';
    const parameters = name === 'create' ? this.#creation({ why: options.why ?? 'schedule' }) : policyOf(options.keep ?? {});
    return {
      name,
      script: this.#text(script),
      args: [this.#host.place.root, this.#database.name, ...(name === 'prune' ? ['apply'] : [])],
      input: inputOf({ ...this.#connection, ...this.common, ...parameters }),
    };
  }

  #creation(about: { readonly why: string; readonly release?: string; readonly schema?: string }): Parameters {
    const { backup, expect } = this.#database;
    const rows = Object.entries(expect.rows).map(([table, least]) => `${least} ${table}\n`).join('');
    return {
      ...about,
      shrink: String(Math.round(backup.shrink * 100)),
      ...(backup.minSize === undefined ? {} : { min_size: String(backup.minSize) }),
      ...(rows === '' ? {} : { min_rows_b64: encode(rows) }),
    };
  }

  /** A key somebody gave: an identity of age, or the passphrase. */
  #key(key: string | undefined): Parameters {
    if (key === undefined || key === '') return {};
    return this.#database.backup.age === undefined ? { passphrase: key.replace(/\r?\n$/, '') } : { identity_b64: encode(key.endsWith('\n') ? key : `${key}\n`) };
  }

  #one({ stdout }: ExecResult): Backup {
    return this.#oneOf(stdout);
  }

  #oneOf(output: string): Backup {
    const [backup] = readBackups(output);
    if (backup === undefined) throw new UserError(`${this.#host.name}: the host did not say what became of the backup`, { remedy: 'Run again; if it stays: slipway backup list.' });
    return backup;
  }

  #text(name: ScriptName): string {
    return scriptText(name, this.#database.engine);
  }

  #exec(name: ScriptName, args: readonly string[], parameters: Parameters, options: ExecOptions = {}): Promise<ExecResult> {
    return this.#host.connection.exec(this.#text(name), [this.#host.place.root, this.#database.name, ...args], {
      input: inputOf({ ...this.#connection, ...this.common, ...parameters }), label: name, limit: this.#database.backup.limit * 2 + MORE, ...options,
    });
  }

  async #run(name: ScriptName, args: readonly string[], parameters: Parameters, step: string, options: ExecOptions = {}): Promise<ExecResult> {
    const result = await this.#exec(name, args, parameters, options);
    if (result.code !== 0) throw new HostError(this.#host.name, step, result, result.code === EXIT.refused ? 'Nothing was changed.' : undefined);
    return result;
  }
}

function policyOf(keep: Keep): Parameters {
  const { count, age, daily, weekly, monthly } = keep;
  const rules = { keep_count: count, keep_age: age === undefined ? undefined : Math.floor(age / 1000), keep_daily: daily, keep_weekly: weekly, keep_monthly: monthly };
  return Object.fromEntries(Object.entries(rules).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])));
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}
