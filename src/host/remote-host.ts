import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../evidence/errors.js';
import type { Connection, ExecResult, Session } from '../ssh/types.js';
import type { Activation, SwitchLines, SwitchOptions } from './activation.js';
import { EXIT, HostError, lastLines } from './failure.js';
import { readFindings, splitNul, type Findings } from './findings.js';
import { journalLine, type JournalEvent } from './journal.js';
import { LEASE_TIMES, Lease, type LeaseTimes } from './lease.js';
import { scriptText } from './script.js';

/** Which app's folder on a host is meant. */
export interface Place {
  readonly root: string;
  readonly app: string;
  readonly environment: string;
  /** Where the environment file stands below a release. */
  readonly envFile: string;
}

/** One service as its manager has it now; an empty text where the manager does not tell. */
export interface ServiceStatus {
  readonly name: string;
  readonly manager: string;
  readonly pids: string;
  readonly restarts: string;
  /** The folder the first process really works in. */
  readonly folder: string;
  readonly health: string;
  /** Empty when it runs in place. */
  readonly slot: string;
  /** In a slot: whether it is the one that answers; the other is kept warm. */
  readonly live: boolean;
}

/** What became of the site on one host. */
export interface SiteChange {
  /** False when nginx had it already. */
  readonly installed: boolean;
  /** Whether it is served over https: the certificate is on the host. */
  readonly secure: boolean;
  /** The release has none. */
  readonly none: boolean;
  readonly warnings: readonly string[];
}

/** One upload of a release. */
export interface Staging {
  readonly release: string;
  /** The release on the host whose files it shares, where it shares any. */
  readonly base: string | undefined;
  /** The release itself, or what the host has asked for once more. */
  readonly part: 'first' | 'more';
  readonly begin: JournalEvent;
  readonly staged: JournalEvent;
}

/** A command of the team's, and where it runs. */
export interface ReleaseCommand {
  readonly release: string;
  /** Whether the release is not live yet, or must be. */
  readonly which: 'staged' | 'live';
  /** Below the release; `.` is the release itself. */
  readonly folder: string;
  readonly command: string;
  /** Milliseconds. */
  readonly limit: number;
  /** The version of the schema that is to be reached: what it finds in SLIPWAY_SCHEMA_TO. */
  readonly schemaTo?: string | undefined;
}

type Line = (text: string) => void;

const OUTCOMES = new Map([[EXIT.stayed, 'stayed'], [EXIT.wentBack, 'went-back'], [EXIT.stopped, 'stopped']] as const) as ReadonlyMap<number, 'stayed' | 'went-back' | 'stopped'>;
const SAYS_GONE: ReadonlySet<JournalEvent['event']> = new Set<JournalEvent['event']>(['removed', 'undone']);
/** No word from a script for this long, in milliseconds, is a failure. */
const SILENCE = 300_000;
/** The switch is silent while a service takes its time to become healthy. */
const SWITCH_SILENCE = 1_800_000;

/** One host as the protocol sees it: each method is one exec call (DESIGN §4). */
export class RemoteHost {
  readonly connection: Connection;
  readonly place: Place;
  readonly #sudoPassword: string;
  readonly #times: LeaseTimes;
  #lease: Lease | undefined;

  constructor(connection: Connection, place: Place, sudoPassword = '', times = LEASE_TIMES) {
    this.connection = connection;
    this.place = place;
    this.#sudoPassword = sudoPassword;
    this.#times = times;
  }

  get name(): string {
    return this.connection.name;
  }

  get lease(): Lease | undefined {
    return this.#lease;
  }

  /** Reads what is on the host and changes nothing. */
  async look(wantManifest: boolean): Promise<Findings> {
    const session = await this.#open('look', '', '', wantManifest);
    const findings = await readFindings(session, this.name);
    await session.end();
    return findings;
  }

  /**
   * Takes the lease and reads what is on the host. When another run holds it and still beats, fails; when it has stopped
   * beating, waits for it to expire. `adopt` is the token of a lease that an earlier step of the same run left in force.
   * @throws UserError naming the owner of the lease, or what the host lacks.
   */
  async take(token: string, owner: string, wantManifest: boolean, signal?: AbortSignal, say: Line = () => undefined): Promise<Findings> {
    let lastBeat: string | undefined;
    const { seconds, beat } = this.#times;
    const deadline = Date.now() + (seconds + 30) * 1000;
    for (;;) {
      const session = await this.#open('take', token, owner, wantManifest);
      const findings = await readFindings(session, this.name);
      if (findings.held === undefined) {
        this.#lease = new Lease(this.name, token, session, beat);
        return findings;
      }
      await session.end();
      const { held } = findings;
      const live = lastBeat !== undefined && held.beat !== lastBeat;
      // A lease that outlives any beat was left in force on purpose, between the steps of a run.
      if (live || held.secondsLeft > seconds || Date.now() > deadline) {
        throw new UserError(`${this.name}: another run has the lease: ${held.owner} (expires in ${held.secondsLeft} s)`, {
          remedy: `Wait for it to end. If you know that it is dead: slipway unlock ${this.place.environment}. Nothing was changed.`,
        });
      }
      if (lastBeat === undefined) say(`waiting: the lease is held by ${held.owner}; it expires in ${held.secondsLeft} s unless its run is alive`);
      lastBeat = held.beat;
      await sleep(Math.min(3000, beat), undefined, signal === undefined ? {} : { signal });
    }
  }

  /** Sends a release, or the rest of one. Returns the paths the host wants again because they differ there. */
  async stage({ release, base, part, begin, staged }: Staging, tar: Readable, signal?: AbortSignal): Promise<readonly string[]> {
    const result = await this.#run(
      'stage',
      [release, base ?? '', part, journalLine(begin), journalLine(staged), this.place.envFile],
      { input: tar, signal },
      'receiving the release',
      [EXIT.again],
    );
    if (result.code === 0) return [];
    const encoded = /^again (.*)$/m.exec(result.stdout)?.[1] ?? '';
    return splitNul(Buffer.from(encoded, 'base64')).map((path) => path.toString('utf8'));
  }

  /**
   * Runs a command of the team's; that it fails is no error here. It is ended with all its children when the link is lost,
   * when `signal` aborts, or after its limit.
   */
  async runCommand({ release, which, folder, command, limit, schemaTo = '' }: ReleaseCommand, onLine: Line, signal?: AbortSignal): Promise<ExecResult> {
    this.#lease?.assertHeld();
    return this.connection.exec(scriptText('run'), [this.place.root, this.#token(), release, folder, command, this.place.envFile, which, schemaTo], {
      label: 'run', holdInput: true, limit, onStdout: onLine, onStderr: onLine, signal,
    });
  }

  /**
   * The switch: `current` to `release` ('' for none), its services started and healthy; the host goes back to `previous`
   * by itself when they are not ('' stops everything, '-' leaves things as they are).
   * @throws HostError with EXIT.moved when another release than `previous` is live.
   */
  async activate(
    release: string,
    previous: string,
    lines: SwitchLines,
    options: SwitchOptions,
    onLine: Line,
  ): Promise<Activation> {
    const { revert, siteMustAnswer } = options;
    const reasons: string[] = [];
    const logs: string[] = [];
    const result = await this.#run(
      'activate',
      [release, previous, journalLine(lines.switching), journalLine(lines.active), journalLine(lines.bad), lines.back === undefined ? '' : journalLine(lines.back),
        String(revert?.seconds ?? 0), revert?.target ?? '', siteMustAnswer ? 'must' : 'may', options.paused ?? 'none'],
      {
        input: this.#password(),
        idleLimit: SWITCH_SILENCE,
        onStdout: (line) => {
          if (line.startsWith('log ')) logs.push(line.slice('log '.length));
          else {
            if (line.startsWith('unhealthy ')) reasons.push(line.slice('unhealthy '.length));
            onLine(line);
          }
        },
      },
      'the switch',
      [EXIT.wentBack, EXIT.stuck, EXIT.stopped, EXIT.stayed],
    );
    if (result.code === 0) return { outcome: 'active' };
    const reason = reasons[0] ?? 'a service did not start';
    const detail = [...logs, ...lastLines(result.stderr, 15)];
    const outcome = OUTCOMES.get(result.code) ?? 'stuck';
    return { outcome, reason, logs: detail };
  }

  /**
   * Appends journal lines and deletes releases. Returns the ids that could not be deleted, and what else there is to warn of.
   * @param options `confirmed`: the release that must be live, else nothing is written; `retire`: what is live is there to
   *   stay: the timer is stopped, and all that runs beside it, once its connections have ended.
   * @throws HostError with EXIT.moved when another release than `confirmed` is live.
   */
  async finish(events: readonly JournalEvent[], remove: readonly string[] = [], options: { readonly confirmed?: string; readonly retire?: boolean } = {}): Promise<{ readonly stuck: readonly string[]; readonly warnings: readonly string[] }> {
    // What says that a release is gone is written once it is.
    const goodbyes = new Map(events.filter(({ event, release }) => SAYS_GONE.has(event) && remove.includes(release)).map((event) => [event.release, event]));
    const first = events.filter((event) => goodbyes.get(event.release) !== event);
    const deletions = remove.flatMap((id) => [id, journalLine(goodbyes.get(id) ?? { event: 'removed', release: id, at: new Date().toISOString() })]);
    const result = await this.#run(
      'finish',
      [options.confirmed ?? '', options.retire === true ? 'retire' : 'keep', String(first.length), ...first.map(journalLine), ...deletions],
      { input: this.#password() },
      'writing the journal',
    );
    return { stuck: said(result, 'stuck'), warnings: said(result, 'warn') };
  }

  /**
   * Brings the site that `release` has to nginx: tested with everything else on the host before nginx is reloaded.
   * @throws HostError with nginx's words; what was there before is back then.
   */
  async site(release: string): Promise<SiteChange> {
    const result = await this.#run('site', [release], { input: this.#password() }, 'bringing the site to nginx');
    const [outcome = 'none', kind = ''] = said(result, 'site')[0]?.split(' ') ?? [];
    return { installed: outcome === 'installed', secure: kind === 'tls', none: outcome === 'none', warnings: said(result, 'warn') };
  }

  /**
   * Stops every service until `resume`, with `page` behind nginx's page. What cannot be stopped is an error: it may still write.
   * @returns what there is to warn of.
   */
  async pause(why: string, page: boolean): Promise<readonly string[]> {
    const result = await this.#run('pause', [page ? 'page' : 'no-page', why.replace(/\s+/g, ' ').slice(0, 200)], { input: this.#password() }, 'stopping the services');
    return said(result, 'warn');
  }

  /** Starts what `pause` stopped, in the release that is live now, and opens the site. Without a pause it does nothing. */
  async resume(onLine: Line): Promise<Activation> {
    const result = await this.#run('resume', [], { input: this.#password(), idleLimit: SWITCH_SILENCE, onStdout: (line) => {
      if (!line.startsWith('log ')) onLine(line);
    } }, 'starting the services again', [EXIT.stuck]);
    if (result.code === 0) return { outcome: 'active' };
    return { outcome: 'stuck', reason: said(result, 'unhealthy')[0] ?? 'a service did not start', logs: [...said(result, 'log'), ...lastLines(result.stderr, 15)] };
  }

  /** Begins the time in which `release` must be confirmed anew. */
  async rearm(release: string): Promise<void> {
    await this.#run('rearm', [release], { input: this.#password() }, 'waiting for the confirmation');
  }

  /** Does what the host's own timer should have done. Needs no lease: it is the host's decision. */
  async revert(): Promise<void> {
    await this.#run('revert', [], {}, 'going back without a confirmation', [EXIT.stuck], false);
  }

  /** The first of `ids` whose files are proven whole, and why those before it are not. */
  async prove(ids: readonly string[]): Promise<{ whole: string | undefined; broken: readonly { id: string; reason: string }[] }> {
    const result = await this.connection.exec(scriptText('prove'), [this.place.root, this.place.envFile, ...ids], { label: 'prove', idleLimit: SILENCE });
    if (result.code !== 0 && !result.stdout.includes('broken ')) throw new HostError(this.name, 'proving the target', result);
    const broken = [...result.stdout.matchAll(/^broken (\S+) (.+)$/gm)].map((match) => ({ id: match[1] ?? '', reason: match[2] ?? '' }));
    return { whole: /^whole (\S+)$/m.exec(result.stdout)?.[1], broken };
  }

  /** What runs now. */
  async status(): Promise<readonly ServiceStatus[]> {
    const result = await this.#run('status', [], {}, 'reading the state', [], false);
    return result.stdout
      .split('\n')
      .filter((line) => line.startsWith('service\t'))
      .map((line) => {
        const [, name = '', manager = '', pids = '', restarts = '', folder = '', health = '', slot = '', live = ''] = line.split('\t');
        return { name, manager, pids, restarts, folder, health, slot, live: live === 'live' };
      });
  }

  /** Makes the root folder as root and gives it to the login user; only for hosts with `sudo: true`. */
  async makeRoot(): Promise<void> {
    const result = await this.connection.exec(scriptText('make-root'), [this.place.root, this.connection.user], { label: 'make-root', sudo: true });
    if (result.code !== 0) throw new HostError(this.name, 'making the root folder', result);
  }

  /**
   * Removes the lease: the one with this token, or without a token whoever holds it.
   * @returns its owner, or undefined when there was none to remove.
   */
  async unlock(token = ''): Promise<string | undefined> {
    const result = await this.#run('unlock', [token], {}, 'removing the lease', [], false);
    return /^freed (.*)$/m.exec(result.stdout)?.[1];
  }

  async #open(mode: 'take' | 'look', token: string, owner: string, wantManifest: boolean): Promise<Session> {
    const { root, app, environment } = this.place;
    return this.connection.open(scriptText('open'), [
      root,
      app,
      environment,
      mode,
      token,
      owner.replace(/[\r\n]+/g, ' ').slice(0, 200),
      String(this.#times.seconds),
      wantManifest ? 'manifest' : 'none',
    ], { label: 'open' });
  }

  /** The line for sudo that some scripts read first. Without a password there is no input at all: that spares a round trip. */
  #password(): string {
    return this.#sudoPassword === '' ? '' : `${this.#sudoPassword}\n`;
  }

  #token(): string {
    if (this.#lease === undefined) throw new Error(`${this.name}: a changing step without the lease`);
    return this.#lease.token;
  }

  async #run(
    name: Parameters<typeof scriptText>[0],
    args: readonly string[],
    options: Parameters<Connection['exec']>[2],
    step: string,
    accepted: readonly number[] = [],
    leased = true,
  ): Promise<ExecResult> {
    this.#lease?.assertHeld();
    const own = leased ? [this.place.root, this.#token()] : [this.place.root];
    const result = await this.connection.exec(scriptText(name), [...own, ...args], { label: name, idleLimit: SILENCE, ...options });
    if (result.code !== 0 && !accepted.includes(result.code)) throw new HostError(this.name, step, result);
    return result;
  }
}

/** What follows a word at the beginning of a script's lines. */
function said({ stdout }: ExecResult, word: string): string[] {
  return stdout.split('\n').flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []));
}
