import { UserError } from '../evidence/errors.js';
import { readHardening, type HardeningFacts } from './hardening-facts.js';

/** One listening TCP socket of a host. */
export interface Listener {
  /** Without brackets; `*` when it listens on all addresses of both families. */
  readonly address: string;
  readonly port: number;
  readonly uid: number;
  /** Absent where the login may not see it. */
  readonly pid?: number;
  readonly process?: string;
  readonly unit?: string;
  /** Whether the process, one of its children or its unit runs from below the app's root. */
  readonly own: 'yes' | 'no' | 'unknown';
}

/** What `preflight.sh` tells about one host. Sizes are bytes, times epoch milliseconds. */
export interface HostFacts {
  readonly os: { readonly id: string; readonly version: string; readonly name: string };
  /** As `uname -m` says: `x86_64`, `aarch64`. */
  readonly architecture: string;
  readonly kernel: string;
  readonly hostname: string;
  readonly init: string;
  readonly login: {
    readonly user: string; readonly uid: number; readonly groups: readonly string[]; readonly home: string; readonly shell: string;
    /** `yes`, `missing`, or `no: <reason>`; absent when not asked. */
    readonly sudo?: string;
  };
  readonly cpus: number;
  readonly memory: { readonly total: number; readonly available: number };
  readonly swap: { readonly total: number; readonly free: number };
  /** 1, 5 and 15 minutes. */
  readonly load: readonly number[];
  readonly disk?: { readonly total: number; readonly free: number };
  readonly inodes?: { readonly total: number; readonly free: number };
  readonly mountOptions: readonly string[];
  /** What the last release that came to the host holds, installs apart; absent before the first. */
  readonly lastRelease?: { readonly files: number; readonly bytes: number };
  readonly root: RootFacts;
  /** By command; `unknown` when it is there but does not say. */
  readonly versions: Readonly<Record<string, string>>;
  /** Folders outside PATH in which a command was found. */
  readonly elsewhere: Readonly<Record<string, readonly string[]>>;
  readonly tools: Readonly<Record<string, boolean>>;
  readonly features: Readonly<Record<string, boolean>>;
  readonly clock: { readonly begin: number; readonly end: number; readonly timezone: string; readonly synchronised: 'yes' | 'no' | 'unknown' };
  readonly listeners: readonly Listener[];
  readonly envFiles: readonly { readonly path: string; readonly mode: string; readonly user: string }[];
  readonly monitors: Readonly<Record<string, string>>;
  /** Epoch milliseconds of the last change; `undefined` when there is no such file. */
  readonly logs: Readonly<Record<string, number | undefined>>;
  /** By `host:port`: `ok`, `timeout`, `refused`, `dns`, `unreachable`, `failed`, `untried`. */
  readonly reach: Readonly<Record<string, string>>;
  /** Absent when not asked for. */
  readonly hardening?: HardeningFacts;
}

export interface RootFacts {
  readonly path: string;
  readonly exists: 'yes' | 'no' | 'not-a-folder';
  /** The root itself, or its nearest existing parent. */
  readonly parent: string;
  readonly parentReal: string;
  readonly parentWritable: boolean;
  readonly owner?: string;
  /** Content of `.slipway/app`: whose folder it is. */
  readonly app?: string;
  readonly environment?: string;
  /** The first few names in it. */
  readonly content: string;
  /** `ok`, or the step that failed and why; absent when the root does not exist. */
  readonly probe?: string;
  /** Folders of releases the login may not write. */
  readonly unwritable: readonly string[];
}

/**
 * Reads the output of `src/host/scripts/preflight.sh`. Lines without a tab (a banner of the host) are ignored.
 * @throws UserError when the output is not whole.
 */
export function parseHostFacts(output: string): HostFacts {
  const values = new Map<string, string[]>();
  for (const line of output.split('\n')) {
    const tab = line.indexOf('\t');
    if (tab < 0) continue;
    const key = line.slice(0, tab);
    values.set(key, [...(values.get(key) ?? []), unescapeValue(line.slice(tab + 1))]);
  }
  const all = (key: string): string[] => values.get(key) ?? [];
  const text = (key: string): string => all(key)[0] ?? '';
  const number = (key: string): number => Number(text(key) || Number.NaN);
  const pair = (total: string, free: string): { total: number; free: number } | undefined =>
    values.has(total) ? { total: number(total), free: number(free) } : undefined;

  if (text('slipway-preflight') !== '1' || text('end') !== 'ok') {
    throw new UserError('The host\'s answer to the preflight questions is not whole.', {
      remedy: 'Log in by hand and run `sh -c true`: a login script that prints, waits or ends the shell is the usual cause.',
    });
  }

  const disk = pair('disk-total', 'disk-free');
  const inodes = pair('inodes-total', 'inodes-free');
  const [, files, bytes] = /^(\d+) (\d+)$/.exec(text('last-release')) ?? [];
  const last = files === undefined ? undefined : { files: Number(files), bytes: Number(bytes) };
  const hardening = readHardening(all);
  return {
    os: { id: text('os-id'), version: text('os-version'), name: text('os-name') },
    architecture: text('arch'),
    kernel: text('kernel'),
    hostname: text('hostname'),
    init: text('init'),
    login: {
      user: text('user'), uid: number('uid'), groups: words(text('groups')), home: text('home'), shell: text('login-shell'),
      ...(values.has('sudo') ? { sudo: text('sudo') } : {}),
    },
    cpus: number('cpus'),
    memory: { total: number('memory-total'), available: number('memory-available') },
    swap: { total: number('swap-total'), free: number('swap-free') },
    load: words(text('load')).map(Number),
    ...(disk ? { disk } : {}),
    ...(inodes ? { inodes } : {}),
    ...(last ? { lastRelease: last } : {}),
    mountOptions: text('mount-options').split(',').filter(Boolean),
    root: rootFacts(values, text),
    versions: Object.fromEntries([...values].filter(([key]) => key.startsWith('version-')).map(([key, found]) => [key.slice(8), found[0] ?? ''])),
    elsewhere: grouped(all('elsewhere')),
    tools: Object.fromEntries(all('tool').map(cut).map(([state, name]) => [name, state === 'yes'])),
    features: Object.fromEntries(all('feature').map(cut).map(([state, name]) => [name, state === 'yes'])),
    clock: {
      begin: number('time-begin'), end: number('time-end'), timezone: text('timezone'),
      synchronised: text('clock-synchronised') === 'yes' ? 'yes' : text('clock-synchronised') === 'no' ? 'no' : 'unknown',
    },
    listeners: all('listen').map(listener),
    envFiles: all('env-mode').map((line) => {
      const [mode, rest] = cut(line);
      const [user, path] = cut(rest);
      return { path, mode, user };
    }),
    monitors: Object.fromEntries(all('monitor').map(cut).map(([state, name]) => [name, state])),
    logs: Object.fromEntries(all('log').map(cut).map(([changed, path]) => [path, changed === '-' ? undefined : Number(changed) * 1000])),
    reach: Object.fromEntries(all('reach').map(cut).map(([result, target]) => [target, result])),
    ...(hardening === undefined ? {} : { hardening }),
  };
}

function rootFacts(values: Map<string, string[]>, text: (key: string) => string): RootFacts {
  const exists = text('root-exists');
  return {
    path: text('root'),
    exists: exists === 'yes' || exists === 'not-a-folder' ? exists : 'no',
    parent: text('root-parent'),
    parentReal: text('root-parent-real'),
    parentWritable: text('root-parent-writable') === 'yes',
    content: text('root-content'),
    unwritable: values.get('unwritable') ?? [],
    ...(values.has('root-owner') ? { owner: text('root-owner') } : {}),
    ...(values.has('root-app') ? ownerOf(text('root-app')) : {}),
    ...(values.has('probe') ? { probe: text('probe') } : {}),
  };
}

/** `.slipway/app` holds the app and its environment. */
function ownerOf(line: string): Pick<RootFacts, 'app' | 'environment'> {
  const [app, environment] = cut(line);
  return { app, ...(environment === '' ? {} : { environment }) };
}

/** `port address uid pid own unit name`; address and port in hexadecimal where they come from /proc/net/tcp. */
function listener(line: string): Listener {
  const [port = '', address = '', uid = '', pid = '-', own = '', unit = '-', ...name] = line.split(' ');
  const process = name.join(' ');
  return {
    address: address.startsWith('hex=') ? decodeAddress(address.slice(4)) : address.replace(/%.*$/, ''),
    port: port.startsWith('hex=') ? Number.parseInt(port.slice(4), 16) : Number(port),
    uid: Number(uid),
    own: own === 'yes' || own === 'no' ? own : 'unknown',
    ...(pid === '-' ? {} : { pid: Number(pid) }),
    ...(unit === '-' ? {} : { unit }),
    ...(process === '-' || process === '' ? {} : { process }),
  };
}

/** The kernel prints each 32-bit word of an address in the host's byte order (little endian on every supported host). */
export function decodeAddress(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse().map((byte) => Number.parseInt(byte, 16)));
  if (bytes.length === 4) return bytes.join('.');
  const groups: string[] = [];
  for (let index = 0; index < bytes.length; index += 2) groups.push((((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0)).toString(16));
  const mapped = groups.slice(0, 5).every((group) => group === '0') && groups[5] === 'ffff';
  if (mapped) return `::ffff:${bytes.slice(12).join('.')}`;
  // The longest form is as good as the short one, but for the two addresses people look for.
  return groups.join(':').replace(/^0(:0){7}$/, '::').replace(/^0(:0){6}:1$/, '::1');
}

function unescapeValue(value: string): string {
  const plain: Record<string, string> = { n: '\n', t: '\t', r: '\r', '\\': '\\' };
  return value.replace(/\\([ntr\\])/g, (_, letter: string) => plain[letter] ?? letter);
}

function cut(line: string): [first: string, rest: string] {
  const space = line.indexOf(' ');
  return space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)];
}

function words(text: string): string[] {
  return text.split(/\s+/).filter(Boolean);
}

function grouped(lines: readonly string[]): Record<string, string[]> {
  const groups: Record<string, string[]> = {};
  for (const [name, folder] of lines.map(cut)) groups[name] = [...(groups[name] ?? []), folder];
  return groups;
}
