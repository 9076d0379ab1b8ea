import { randomBytes } from 'node:crypto';
import { SshError, type Where } from './errors.js';

/**
 * How a command is run as root. Standard input carries, in this order: the password's line twice (only when there
 * is a password), a marker line, and then the command's own input.
 *
 * - The outer shell, still the login user, reads the first line and tries it with `sudo -v`, which gets that one line
 *   and nothing else: sudo asks three times, and would read the marker and the command's input as further passwords.
 * - The second line is for the sudo that runs the command. `-k` makes it ask even when an earlier answer is still
 *   remembered.
 * - sudo asks for nothing where the user needs no password. Whatever it left, the inner shell, already root, drops
 *   everything up to the marker: so no rule in sudoers can make the password part of the command's input.
 * - The inner shell says the marker on stderr. What sudo writes before it (lectures, complaints) is not the command's;
 *   when the marker never comes, the command never ran.
 *
 * The password is never an argument: `printf` is built into dash, bash and busybox sh.
 */
const OUTER = `
command -v sudo >/dev/null 2>&1 || exit 101
slipway_marker=$1
slipway_asks=$2
slipway_inner=$3
shift 3
if [ "$slipway_asks" = password ]; then
  IFS= read -r slipway_password || exit 102
  printf '%s\\n' "$slipway_password" | sudo -k -S -p '' -v || exit 103
  unset slipway_password
  exec sudo -k -S -p '' -- /bin/sh -c "$slipway_inner" slipway "$slipway_marker" "$@"
fi
exec sudo -n -- /bin/sh -c "$slipway_inner" slipway "$slipway_marker" "$@"
`;

/**
 * Says the marker and the process group (the fifth field of /proc/…/stat; proc(5)), then becomes the command. By its
 * group the command can be told to end, with all its children: sshd does not signal what runs as root ("session
 * signalling requires privilege separation", OpenSSH's session.c), and sudo passes a signal on to one process only.
 */
const SPEAK = `
slipway_group=$$
read -r slipway_x slipway_x slipway_x slipway_x slipway_group slipway_x < /proc/$$/stat
printf '%s %s\\n' "$1" "$slipway_group" >&2
unset slipway_group slipway_x
shift
exec "$@"
`;

const INNER = `
slipway_line=
while [ "$slipway_line" != "$1" ]; do
  IFS= read -r slipway_line || exit 104
done
unset slipway_line
${SPEAK}`;

/** A command line that runs as root, and what must come before the command's input. */
export interface Elevated {
  readonly words: readonly string[];
  readonly prefix: string;
  readonly marker: string;
}

/**
 * Wraps `words` so that they run as root.
 * @param password the login user's; `undefined` where sudo asks for none.
 * @throws {Error} when the password has a line break or a NUL, which sudo cannot be told.
 */
export function elevate(words: readonly string[], password: string | undefined): Elevated {
  if (password !== undefined && /[\n\r\0]/.test(password)) throw new Error('The sudo password has a line break or a NUL in it.');
  const marker = newMarker();
  return {
    words: ['/bin/sh', '-c', OUTER, 'slipway', marker, password === undefined ? 'nothing' : 'password', INNER, ...words],
    prefix: `${password === undefined ? '' : `${password}\n${password}\n`}${marker}\n`,
    marker,
  };
}

/** Wraps `words` for a login that is root already. */
export function announce(words: readonly string[]): Elevated {
  const marker = newMarker();
  return { words: ['/bin/sh', '-c', SPEAK, 'slipway', marker, ...words], prefix: '', marker };
}

const newMarker = () => `slipway-root-${randomBytes(12).toString('hex')}`;

/** Separates what sudo says from what the command says on stderr. */
export class SudoGate {
  /** Process group of the command on the host, once it runs. */
  group: number | undefined;
  private before = Buffer.alloc(0);

  constructor(private readonly marker: string) {}

  /** The part of `chunk` that is the command's own. */
  pass(chunk: Buffer): Buffer {
    if (this.group !== undefined) return chunk;
    this.before = Buffer.concat([this.before, chunk]);
    // A line of its own: sudo's complaint may repeat the command line, and the marker with it.
    const text = this.before.toString('latin1');
    const found = new RegExp(`(?:^|\\n)${this.marker} (\\d+)\\n`).exec(text);
    if (found === null) return Buffer.alloc(0);
    this.group = Number(found[1]);
    const end = found.index + found[0].length - 1;
    const rest = this.before.subarray(end + 1);
    this.before = Buffer.alloc(0);
    return rest;
  }

  /** What was said before the command began to speak, as long as it has not. */
  get said(): string {
    return this.before.toString('utf8');
  }

  /** The error for a command that ended with `code` before it ran; `undefined` when it did run. */
  error(code: number, where: Where, user: string): SshError | undefined {
    if (this.group !== undefined) return undefined;
    // What sudo repeats of the command line is of no use to anyone.
    const said = this.said.replace(/'\/bin\/sh -c [^]*'/, '/bin/sh').trim();
    const message = [MESSAGES[code]?.message(user) ?? `sudo did not run the command for ${user} (exit code ${code}).`,
      ...said.split('\n').filter((line) => line !== '').slice(-5).map((line) => `  sudo says: ${line}`)].join('\n');
    return new SshError('sudo', where, message, {
      remedy: MESSAGES[code]?.remedy ?? (/password is required|interactive authentication/i.test(said)
        ? `Give the password: input sudo-password, on a terminal SLIPWAY_SUDO_PASSWORD. Or let ${user} run sudo without one: \`${user} ALL=(ALL) NOPASSWD: ALL\` in /etc/sudoers.d/slipway.`
        : `Check what sudo allows with \`sudo -l -U ${user}\` on the server; Slipway runs /bin/sh through it.`),
    });
  }
}

const MESSAGES: Record<number, { readonly message: (user: string) => string; readonly remedy: string }> = {
  101: {
    message: () => 'sudo is not installed.',
    remedy: 'Install it (`apt-get install sudo`), or log in as root.',
  },
  103: {
    message: (user) => `sudo does not accept ${user} with the password given.`,
    remedy: 'Check sudo-password: it is the login user\'s own password, not root\'s. May the user run sudo at all?',
  },
};
