import { gunzipSync } from 'node:zlib';
import type { ExecResult, Session } from '../ssh/types.js';
import { EXIT, HostError } from './failure.js';
import { readHistory, type History } from './history.js';

/** The manifest of the newest whole release on the host: raw bytes, see release/manifest.ts. */
export interface RemoteManifest {
  readonly release: string;
  readonly sums: Buffer;
  readonly tree: Buffer;
}

/** What a host tells when it is first spoken to. */
export interface Findings {
  /** False when nothing of Slipway's is on the host yet. */
  readonly exists: boolean;
  /** The release `current` names, or '' when there is none. */
  readonly current: string;
  readonly history: History;
  /** Paths that an app was once seen to rewrite in place: never hard-linked, always sent. */
  readonly rewritten: ReadonlySet<string>;
  readonly base: RemoteManifest | undefined;
  /** Whether the live release has an environment file. */
  readonly hasEnv: boolean;
  /** Room on the file system of the root for the login user; undefined where it does not say (no inodes on btrfs). */
  readonly free: { readonly bytes: number | undefined; readonly inodes: number | undefined };
  /** Somebody else's lease, seen when only looking. */
  readonly held: Held | undefined;
  /** The sum of the text that nginx's site was made from; undefined when there is none, or nginx has not loaded it. */
  readonly site: string | undefined;
  /** The live release waits for its confirmation: without one the host goes back by itself. */
  readonly armed: Armed | undefined;
  /** Its services are stopped for a while, and nobody has started them again. */
  readonly paused: Paused | undefined;
}

/** Since when (ISO 8601) the services of a host are stopped, and why; `page`: whether nginx says so meanwhile. */
export interface Paused {
  readonly since: string;
  readonly why: string;
  readonly page: boolean;
}

/** What a host does by itself, and when; less than 0 seconds when its timer has not done it. */
export interface Armed {
  readonly release: string;
  readonly target: string;
  readonly secondsLeft: number;
}

/** Somebody else's lease: how long it is good for, a number that changes with every beat, and whose it is. */
export interface Held {
  readonly secondsLeft: number;
  readonly beat: string;
  readonly owner: string;
}

/** Milliseconds without a line from open.sh; its own longest wait is two minutes. */
const SILENCE = 150_000;

/**
 * Reads what open.sh says up to `ready`, or up to its end when somebody else holds the lease.
 * @throws HostError with what the script said; SshError when it said nothing for too long, or the link was lost.
 */
export async function readFindings(session: Session, host: string): Promise<Findings> {
  const lines: string[] = [];
  for (;;) {
    let line: string;
    try {
      line = await session.nextLine(SILENCE);
    } catch (error) {
      // It has ended before `ready`; or it hangs, and would do so for ever if it were not ended.
      const result = await session.end().catch(() => {
        throw error;
      });
      if (result.code !== 0) throw openingError(host, result);
      if (lines.some((said) => said.startsWith('held '))) break;
      throw error;
    }
    if (line === 'ready') break;
    lines.push(line);
  }
  return findingsIn(lines);
}

function findingsIn(said: readonly string[]): Findings {
  const { release, encoded, lines } = takeManifest(said);
  const all = (word: string): string[] => lines.flatMap((line) => (line === word ? [''] : line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []));
  const fields = (word: string): string[] | undefined => all(word)[0]?.split(' ');
  const held = fields('held');
  const armed = fields('armed');
  const paused = fields('paused');
  return {
    exists: all('absent').length === 0,
    current: all('current')[0] ?? '',
    history: readHistory(all('j')),
    rewritten: new Set(splitNul(Buffer.from(all('rewritten')[0] ?? '', 'base64')).map((path) => path.toString('utf8'))),
    base: release === undefined ? undefined : decodeManifest(release, encoded),
    hasEnv: all('has-env').length > 0,
    free: readFree(all('free')[0] ?? ''),
    held: held === undefined ? undefined : { secondsLeft: Number(held[0]), beat: held[1] ?? '', owner: held.slice(2).join(' ') },
    site: all('site')[0],
    armed: armed === undefined ? undefined : { release: armed[0] ?? '', target: armed[1] ?? '', secondsLeft: Number(armed[2]) },
    paused: paused === undefined ? undefined : { since: paused[0] ?? '', page: paused[1] !== 'no-page', why: paused.slice(2).join(' ') },
  };
}

/** The manifest stands between the line `base <release>` and a line with a dot; the other lines are words of their own. */
function takeManifest(said: readonly string[]): { release: string | undefined; encoded: readonly string[]; lines: readonly string[] } {
  const from = said.findIndex((line) => line.startsWith('base '));
  if (from === -1) return { release: undefined, encoded: [], lines: said };
  const to = said.indexOf('.', from);
  const end = to === -1 ? said.length : to;
  return { release: said[from]?.slice('base '.length), encoded: said.slice(from + 1, end), lines: [...said.slice(0, from), ...said.slice(end + 1)] };
}

/** df's columns avail and iavail; a file system without fixed inodes says 0 or -. */
function readFree(text: string): Findings['free'] {
  const [bytes = Number.NaN, inodes = Number.NaN] = text.trim().split(/\s+/).map(Number);
  return { bytes: Number.isNaN(bytes) ? undefined : bytes, inodes: Number.isNaN(inodes) || inodes === 0 ? undefined : inodes };
}

function openingError(host: string, result: ExecResult): HostError {
  return new HostError(
    host,
    'opening the host',
    result,
    result.code === EXIT.unwritable
      ? 'Make the folder once as root and give it to the deploy user: `install -d -o <user> -g <user> <root>`; or set `sudo: true` for the host in slipway.yml.'
      : undefined,
  );
}

/** `sums` and `tree` are lists of NUL-ended records; an empty record stands between them. */
function decodeManifest(release: string, encoded: readonly string[]): RemoteManifest {
  const bytes = gunzipSync(Buffer.from(encoded.join(''), 'base64'));
  const double = bytes.indexOf(Buffer.from([0, 0]));
  const border = bytes[0] === 0 ? 0 : double + 1;
  return { release, sums: bytes.subarray(0, border), tree: bytes.subarray(border + 1) };
}

/** Splits NUL-ended records. */
export function splitNul(bytes: Buffer): Buffer[] {
  const records: Buffer[] = [];
  let start = 0;
  for (let end = bytes.indexOf(0); end !== -1; end = bytes.indexOf(0, start)) {
    records.push(bytes.subarray(start, end));
    start = end + 1;
  }
  if (start < bytes.length) records.push(bytes.subarray(start));
  return records;
}
