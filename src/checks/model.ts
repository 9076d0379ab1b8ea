import type { Config, Environment, HostConfig } from '../config/schema.js';
import type { DatabaseVisit } from './database-facts.js';
import type { HostFacts } from './facts.js';
import type { PageFacts } from '../probe/page.js';
import type { TlsFacts } from '../probe/tls.js';
import type { GitHubFacts } from './github-facts.js';
import type { NameFacts } from './site-facts.js';

export type Severity = 'block' | 'warn';

/** The families of the catalogue; each is one file. */
export type Family =
  | 'window' | 'repository' | 'github' | 'runner' | 'quality' | 'bundle' | 'variables' | 'network' | 'dns' | 'tls' | 'resources' | 'tools' | 'permissions' | 'ports' | 'databases' | 'clock' | 'hardening' | 'monitors';

/** What one check found. `skip` is for questions the user asked that could not be answered. */
export interface Outcome {
  readonly result: 'pass' | 'fail' | 'skip';
  readonly expected?: string;
  readonly observed?: string;
  /** Overrides the check's own remedy when the finding allows a more exact one. */
  readonly remedy?: string;
  /** Overrides the subject (host, `runner`, environment) when the finding is about a file or a variable. */
  readonly subject?: string;
  /** Milliseconds, when the answer took time. */
  readonly duration?: number;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** What every check may look at besides its own facts. */
export interface CheckContext {
  readonly config: Config;
  readonly environmentName: string;
  readonly environment: Environment;
  readonly now: Date;
}

interface CheckBase {
  /** `preflight.<family>.<name>`. */
  readonly id: string;
  readonly title: string;
  readonly family: Family;
  /** Rows of the requirements this check answers. */
  readonly requirement: readonly string[];
  readonly severity: Severity;
  /** In smoke, where that differs: what a deploy itself would mend only warns before it. */
  readonly smoke?: Severity;
  readonly remedy: string;
}

/** A yes/no question to one host. `undefined`: the question does not arise. */
export interface HostCheck extends CheckBase {
  readonly scope: 'host';
  run(visit: HostVisit & { readonly facts: HostFacts }, context: CheckContext): Outcome | undefined;
}

/** A question about the way to a host: also asked when the connection failed. */
export interface VisitCheck extends CheckBase {
  readonly scope: 'visit';
  run(visit: HostVisit, context: CheckContext): Outcome | undefined;
}

export interface RunnerCheck extends CheckBase {
  readonly scope: 'runner';
  run(facts: RunnerFacts, context: CheckContext): Outcome | undefined;
}

export interface EnvironmentCheck extends CheckBase {
  readonly scope: 'environment';
  run(facts: Settings, context: CheckContext): Outcome | undefined;
}

/** A question to one database and its backups, on the host that looks after it. */
export interface DatabaseCheck extends CheckBase {
  readonly scope: 'database';
  run(visit: DatabaseVisit, context: CheckContext): Outcome | undefined;
}

/** A question to GitHub's API; asked only when configured, and failed when it could not be answered. */
export interface GitHubCheck extends CheckBase {
  readonly scope: 'github';
  run(facts: GitHubFacts, context: CheckContext): Outcome | undefined;
}

/** A question about one name of the site in the DNS. */
export interface NameCheck extends CheckBase {
  readonly scope: 'name';
  run(facts: NameFacts, context: CheckContext): Outcome | undefined;
}

/** A question about what one address does when it is asked for one name over TLS. */
export interface TlsCheck extends CheckBase {
  readonly scope: 'tls';
  run(facts: TlsFacts, context: CheckContext): Outcome | undefined;
}

/** Whether the environment may be deployed to now. */
export interface WindowCheck extends CheckBase {
  readonly scope: 'window';
  run(facts: WindowFacts, context: CheckContext): Outcome | undefined;
}

/** A question about what one name answers over http and https. */
export interface PageCheck extends CheckBase {
  readonly scope: 'page';
  run(facts: PageFacts, context: CheckContext): Outcome | undefined;
}

export type Check = HostCheck | VisitCheck | DatabaseCheck | RunnerCheck | EnvironmentCheck | GitHubCheck | NameCheck | TlsCheck | PageCheck | WindowCheck;

/** What an environment's window says now, in words. */
export interface WindowFacts {
  readonly open: boolean;
  readonly expected: string;
  readonly observed: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What came of visiting one host: its facts, or why there are none. */
export interface HostVisit {
  readonly host: HostConfig;
  readonly facts?: HostFacts;
  readonly error?: { readonly message: string; readonly remedy?: string };
  /** Milliseconds from dialling to being logged in. */
  readonly connectTime?: number;
  /** Runner's clock (epoch milliseconds) when the facts were asked for and when they had arrived. */
  readonly askedAt?: number;
  readonly answeredAt?: number;
  /** A password for sudo was given, so that `sudo -n` need not work. */
  readonly sudoPassword?: boolean;
  /** What a direct TCP connection from the runner met; probed only for hosts behind a jump host. */
  readonly direct?: DirectProbe;
  /** Bytes that the backups before migrations will take from the disk of the releases. */
  readonly backupRoom?: number;
}

export type DirectProbe = 'open' | 'refused' | 'silent' | 'unreachable';

/** One place in a file of the repository or the bundle. The value found is never kept. */
export interface Finding {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly kind: string;
}

export interface TagFacts {
  readonly name: string;
  readonly exists: boolean;
  readonly annotated: boolean;
  /** `none`: the repository has no remote named origin. */
  readonly remote: 'same' | 'absent' | 'different' | 'none' | 'unreadable';
  /** `unknown`: shallow clone or branch not fetched. */
  readonly onBranch: 'yes' | 'no' | 'unknown';
}

export interface RepositoryFacts {
  /** Changed or untracked paths; absent when not asked for. */
  readonly changed?: readonly string[];
  readonly credentials?: { readonly findings: readonly Finding[]; readonly files: number };
  readonly envFiles?: readonly string[];
  /** Absent when no ref was given; a string when the ref is not a tag. */
  readonly tag?: TagFacts | string;
  readonly changelog?: { readonly file: string; readonly exists: boolean; readonly hasEntry: boolean; readonly version?: string };
  /** The version that a file names, and the tag it is held against. */
  readonly version?: { readonly file: string; readonly exists: boolean; readonly named?: string; readonly tag?: string };
  /** Path of the Dependabot or Renovate configuration. */
  readonly updates?: string;
}

export interface CommandFacts {
  readonly command: string;
  /** `undefined`: ended by a signal or a limit. */
  readonly code: number | undefined;
  /** Last lines of both streams. */
  readonly tail: readonly string[];
  readonly duration: number;
}

export interface BundleFacts {
  readonly directory: string;
  readonly exists: boolean;
  readonly files: number;
  /** Bytes of scripts and styles, each compressed by itself with gzip. */
  readonly gzip: number;
  readonly sourceMaps: readonly string[];
  readonly consoleCalls: readonly Finding[];
  readonly unminified: readonly string[];
  readonly unfingerprinted: readonly string[];
  /** Origins (`https://api.example.com`) found in scripts, with the first file each was seen in. */
  readonly origins: Readonly<Record<string, string>>;
}

/** What is known about the machine that runs Slipway and the workspace on it. */
export interface RunnerFacts {
  /** Version of the `node` on PATH, which builds the release; absent when there is none. */
  readonly node?: string;
  /** Bytes. */
  readonly diskFree?: number;
  /** Commands that will be run here, and whether each exists. */
  readonly commands: Readonly<Record<string, boolean>>;
  readonly repository?: RepositoryFacts;
  readonly tests?: readonly CommandFacts[];
  /** Line coverage 0–1, or why it could not be read. */
  readonly coverage?: number | string;
  readonly audit?: CommandFacts;
  readonly bundle?: BundleFacts;
}

/** One value of one variable and where it comes from. */
export interface Setting {
  readonly name: string;
  readonly value: string;
  /** `app-env` or `services.<name>.env`. */
  readonly source: string;
}

/** What the app will be told through its environment. */
export interface Settings {
  readonly entries: readonly Setting[];
  /** Places in the config whose variables have no value, with the reason. */
  readonly unresolved: readonly string[];
  /** Whether an `app-env` was given at all. */
  readonly given: boolean;
  /** Fingerprints of this environment's secrets, as `fingerprints` makes them; absent when there is nothing to compare with. */
  readonly prints?: Readonly<Record<string, string>>;
  /** The same of other environments, by name. */
  readonly elsewhere?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** The answer is yes. */
export function pass(observed?: string, expected?: string, extra: Partial<Outcome> = {}): Outcome {
  return { result: 'pass', ...texts(observed, expected), ...extra };
}

/** The answer is no; how bad that is the severity of the check says. */
export function fail(observed?: string, expected?: string, extra: Partial<Outcome> = {}): Outcome {
  return { result: 'fail', ...texts(observed, expected), ...extra };
}

/** The question does not arise here, or nobody could answer it: `observed` says why. */
export function skip(observed: string, expected?: string, extra: Partial<Outcome> = {}): Outcome {
  return { result: 'skip', ...texts(observed, expected), ...extra };
}

/** `pass` when `ok`, else `fail`: for checks whose texts are the same both ways. */
export function verdict(ok: boolean, observed?: string, expected?: string, extra: Partial<Outcome> = {}): Outcome {
  return ok ? pass(observed, expected, extra) : fail(observed, expected, extra);
}

function texts(observed: string | undefined, expected: string | undefined): Partial<Outcome> {
  return { ...(observed === undefined ? {} : { observed }), ...(expected === undefined ? {} : { expected }) };
}
