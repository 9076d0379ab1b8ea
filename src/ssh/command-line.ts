import { gzipSync } from 'node:zlib';
import { quote } from './quote.js';
import { announce, elevate } from './sudo.js';

/** One exec request: the command line, and what its input must begin with. */
export interface CommandLine {
  readonly text: string;
  readonly prefix: string;
  /** Set when the command runs as root: what it says on stderr, with its process id, before anything of its own. */
  readonly marker: string | undefined;
}

/** Puts "$1" before PATH, then runs the script in "$2" with the remaining arguments as its own "$1", "$2" … */
const WITH_PATH = 'PATH="$1${PATH:+:$PATH}"; export PATH; slipway_script=$2; shift 2; exec /bin/sh -c "$slipway_script" slipway "$@"';

/** Unpacks the script in "$1", then runs it with the remaining arguments as its own "$1", "$2" … */
const UNPACK = 'slipway_script=$(printf %s "$1" | base64 -d | gzip -dc) || exit 5; shift; exec /bin/sh -c "$slipway_script" slipway "$@"';

/**
 * Some servers (Dropbear, ssh2) refuse a packet of more than 35,000 bytes, the most that RFC 4253, section 6.1, asks for:
 * a longer script is packed for its way. Below this length, in bytes, it is not worth the unpacking.
 */
const PACK_ABOVE = 20_000;

/** Linux refuses a single argument of more than 128 KiB (MAX_ARG_STRLEN), and sshd passes the whole line as one. */
const LONGEST = 128 * 1024 - 1;

/**
 * The command line that runs `script` under /bin/sh with `args` as "$1", "$2" …
 * @throws {Error} when an argument has a NUL in it, or when all of it is longer than Linux allows.
 */
export function commandLine(script: string, args: readonly string[], how: {
  readonly path: readonly string[];
  /** Through sudo, or as the root one is logged in as; `undefined` for any other user. */
  readonly root?: { readonly sudo: boolean; readonly password?: string | undefined } | undefined;
}): CommandLine {
  const packed = Buffer.byteLength(script) > PACK_ABOVE;
  if (packed) return commandLine(UNPACK, [gzipSync(script).toString('base64'), ...args], how);
  const words = how.path.length === 0 ? ['/bin/sh', '-c', script, 'slipway', ...args]
    : ['/bin/sh', '-c', WITH_PATH, 'slipway', how.path.join(':'), script, ...args];
  const elevated = how.root === undefined ? undefined : how.root.sudo ? elevate(words, how.root.password) : announce(words);
  const [shell, option, ...rest] = elevated?.words ?? words;
  // `exec`: without it some login shells stay in between, and turn the end by a signal into an exit code.
  const text = ['exec', shell, option, ...rest.map(quote)].join(' ');
  const bytes = Buffer.byteLength(text);
  if (bytes > LONGEST) throw new Error(`The remote command line is ${bytes} bytes long; ${LONGEST} are allowed. Send data on standard input.`);
  return { text, prefix: elevated?.prefix ?? '', marker: elevated?.marker };
}
