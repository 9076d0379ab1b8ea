import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/free-port.js';
import { CONTAINER_LABEL, docker, finish, type Finished, hostsAvailable, imageName } from './docker.js';

export { hostsAvailable } from './docker.js';
export { linkTo, type Cut, type Link, type LinkOptions } from './link.js';

/** The password `operator` has to give to sudo. */
export const OPERATOR_PASSWORD = 'operator-password';

/** The users of a host: `deploy` has sudo without a password, `operator` with one, `plain` none. */
export type HostUser = 'root' | 'deploy' | 'operator' | 'plain';

export interface HostOptions {
  /** Further public keys (lines of authorized_keys) that may log in beside `clientKey`. */
  readonly authorizedKeys?: readonly string[];
  /** Folders that are file systems of their own, with their size: `{ '/srv': '20m' }`. */
  readonly tmpfs?: Readonly<Record<string, string>>;
  /** Ports of the host to reach from here: see `Host.published`. */
  readonly publish?: readonly number[];
  /** Lines for sshd's configuration, such as `MaxSessions 1`. */
  readonly sshd?: readonly string[];
  /** Runs Docker with Compose 2, which `deploy` may use, and gives it the image `slipway-test-node:1`: Node and a shell. No registry can be reached. */
  readonly docker?: boolean;
  /** A host as it comes from a provider (image-bare/): systemd, OpenSSH, root's key, and nothing else, no `deploy` either. */
  readonly bare?: boolean;
}

/** One real server: systemd, OpenSSH, sudo, Node, PM2, Python. Every user but root has the shell bash. */
export interface Host {
  /** The port of sshd on 127.0.0.1. */
  readonly port: number;
  /** `deploy@127.0.0.1:<port>`, as a config names the host. */
  readonly address: string;
  /** The host's Ed25519 key as a config pins it: `ssh-ed25519 AAAA…`. */
  readonly hostKeyLine: string;
  /** Its keys of all types, likewise. */
  readonly hostKeys: readonly string[];
  /** known_hosts text for all of them. */
  readonly knownHosts: string;
  /** The private key (OpenSSH form, no passphrase) that root, deploy, operator and plain log in with. */
  readonly clientKey: string;
  readonly clientPublicKey: string;
  /** Container port → port on 127.0.0.1, for what `publish` named. */
  readonly published: Readonly<Record<number, number>>;
  /** The host's address among containers: what a jump host connects to, on port 22. */
  readonly innerAddress: string;
  /** The container's id, for `docker …`. */
  readonly container: string;
  /** Runs a shell command on the host without SSH; any exit code resolves. Default user: root. */
  run(command: string, options?: { user?: HostUser; input?: string | Buffer; limit?: number }): Promise<Finished>;
  /** Restarts the server, as a reboot does; ports and keys stay. */
  restart(): Promise<void>;
  /** Takes its power away and gives it back: no process is told; ports and keys stay. */
  powerCut(): Promise<void>;
  /** Freezes every process of the server: connections stay open and nothing answers. */
  pause(): Promise<void>;
  unpause(): Promise<void>;
  /** Ends and removes the server; twice does no harm. */
  stop(): Promise<void>;
}

/** How the container gets a systemd of its own without `--privileged` (DESIGN.md, section 7). */
const SYSTEMD = [
  ...['--cap-add', 'SYS_ADMIN', '--cap-add', 'NET_ADMIN'],
  ...['--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined'],
  ...['--tmpfs', '/run', '--tmpfs', '/run/lock'],
  ...['--cgroupns', 'host', '--volume', '/sys/fs/cgroup:/sys/fs/cgroup:rw'],
];

/** The server is up when systemd says so and deploy's own systemd answers; before, logins are refused. */
const WAIT_FOR_BOOT = `
while ! systemctl is-system-running 2>/dev/null | grep -qE '^(running|degraded)$'; do sleep 0.1; done
while ! systemctl is-active --quiet user@1000.service ssh.service; do sleep 0.1; done
`;

/** On a bare host there is no user whose systemd could answer. */
const WAIT_FOR_BARE_BOOT = WAIT_FOR_BOOT.replace('user@1000.service ', '');

/** Puts the keys on standard input where sshd looks for them. */
const AUTHORIZE = `
keys=$(cat)
for user in root deploy operator plain; do
  getent passwd "$user" >/dev/null || continue
  home=$(getent passwd "$user" | cut -d: -f6)
  install -d -m 700 -o "$user" -g "$(id -gn "$user")" "$home/.ssh"
  printf '%s\\n' "$keys" | install -m 600 -o "$user" -g "$(id -gn "$user")" /dev/stdin "$home/.ssh/authorized_keys"
done
`;

/**
 * Docker, back after each boot, and an image to build on, made of the host's own Node. Its data lies in a volume: one
 * overlay on another is refused by the kernel.
 */
const START_DOCKER = `
systemctl enable --quiet --now docker.service
cd /
set -- usr/local/bin/node bin/busybox
tar --create --dereference --transform 's,^bin/busybox$,bin/sh,' "$@" $(ldd "$@" | grep -o '/[^ :]*\\.so[^ ]*' | sort -u | cut -c 2-) \
  | docker import --change 'ENV PATH=/usr/local/bin:/bin' - slipway-test-node:1
`;

let clientKeys: Promise<{ privateKey: string; publicKey: string }> | undefined;

async function makeClientKeys(): Promise<{ privateKey: string; publicKey: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-key-'));
  try {
    const made = await finish('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'slipway-test', '-f', join(folder, 'key')]);
    if (made.code !== 0) {
      throw new Error(`ssh-keygen failed: ${made.stderr}`);
    }
    return {
      privateKey: await readFile(join(folder, 'key'), 'utf8'),
      publicKey: (await readFile(join(folder, 'key.pub'), 'utf8')).trim(),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Docker's proxy accepts before sshd listens: only the banner says that sshd is there. */
async function sshdAnswers(port: number, limit: number): Promise<void> {
  const end = Date.now() + limit;
  while (Date.now() < end) {
    const socket = connect({ port, host: '127.0.0.1' });
    const banner = await Promise.race([
      once(socket, 'data').then(([data]: Buffer[]) => String(data)).catch(() => ''),
      once(socket, 'close').then(() => '').catch(() => ''),
      sleep(2_000, '', { ref: false }),
    ]);
    socket.destroy();
    if (banner.startsWith('SSH-2.0-')) {
      return;
    }
    await sleep(50);
  }
  throw new Error(`sshd does not answer on 127.0.0.1:${port} within ${limit} ms`);
}

async function create(options: HostOptions): Promise<{ container: string; ports: Map<number, number> }> {
  const inner = [22, ...(options.publish ?? [])];
  for (let attempt = 1; ; attempt += 1) {
    const ports = new Map<number, number>();
    for (const port of inner) {
      // Docker's own choice would change when a container restarts.
      ports.set(port, await freePort());
    }
    const args = [
      ...['run', '--detach', '--label', `${CONTAINER_LABEL}=${process.pid}`, '--hostname', 'slipway-test', ...SYSTEMD],
      ...Object.entries(options.tmpfs ?? {}).flatMap(([folder, size]) => ['--tmpfs', `${folder}:rw,exec,mode=755,size=${size}`]),
      ...(options.docker === true ? ['--volume', '/var/lib/docker'] : []),
      ...[...ports].flatMap(([from, to]) => ['--publish', `127.0.0.1:${to}:${from}`]),
      imageName(options.bare),
    ];
    const result = await finish('docker', args);
    if (result.code === 0) {
      return { container: result.stdout.trim(), ports };
    }
    // `run` leaves a created container behind when a port was taken in the meantime.
    const left = result.stdout.trim();
    if (left !== '') {
      await docker(['rm', '--force', '--volumes', left]);
    }
    if (attempt === 5 || !/port is already allocated|address already in use/.test(result.stderr)) {
      throw new Error(`The test host does not start: ${result.stderr.trim()}`);
    }
  }
}

/**
 * Starts a server of its own for a test and waits until people can log in. Stop it in `afterAll`.
 * Throws with the reason where test hosts cannot be had (see `hostsAvailable`).
 */
export async function startHost(options: HostOptions = {}): Promise<Host> {
  const { container, ports } = await create(options).catch((error: unknown) => {
    const state = hostsAvailable(options.bare);
    throw state.available ? error : new Error(`No test host: ${state.reason}`, { cause: error });
  });
  const port = ports.get(22) ?? 0;

  const run: Host['run'] = (command, { user = 'root', input, limit } = {}) => {
    const session = user === 'deploy' ? ['--env', 'XDG_RUNTIME_DIR=/run/user/1000', '--env', 'DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus'] : [];
    const home = user === 'root' ? '/root' : `/home/${user}`;
    return finish('docker', ['exec', '--interactive', '--user', user, '--workdir', home, ...session, container, '/bin/bash', '-c', command], {
      ...(input === undefined ? {} : { input }),
      ...(limit === undefined ? {} : { limit }),
    });
  };
  const must = async (command: string, input?: string): Promise<string> => {
    const result = await run(command, { limit: 60_000, ...(input === undefined ? {} : { input }) });
    if (result.code !== 0) {
      throw new Error(`Setting up the test host failed (${result.code}): ${result.stderr}`);
    }
    return result.stdout.trim();
  };
  const stop = async (): Promise<void> => {
    const removed = await finish('docker', ['rm', '--force', '--volumes', container]);
    if (removed.code !== 0 && !/No such container|already in progress/.test(removed.stderr)) {
      throw new Error(`docker rm failed: ${removed.stderr}`);
    }
  };
  const booted = async (): Promise<void> => {
    await must(options.bare === true ? WAIT_FOR_BARE_BOOT : WAIT_FOR_BOOT);
    await sshdAnswers(port, 30_000);
  };

  try {
    clientKeys ??= makeClientKeys();
    const { privateKey, publicKey } = await clientKeys;
    await must(AUTHORIZE, [publicKey, ...(options.authorizedKeys ?? [])].join('\n'));
    if (options.sshd !== undefined) {
      // Sorted before the image's own file: sshd takes the first value it reads.
      await must('cat > /etc/ssh/sshd_config.d/000-test.conf', `${options.sshd.join('\n')}\n`);
    }
    await booted();
    if (options.sshd !== undefined) {
      await must('systemctl restart ssh.service');
      await sshdAnswers(port, 30_000);
    }
    if (options.docker === true) {
      await must(`set -o pipefail; ${START_DOCKER}`);
    }
    const keys = await must("for type in ed25519 ecdsa rsa; do cut -d ' ' -f 1,2 \"/etc/ssh/ssh_host_${type}_key.pub\"; done");
    const hostKeys = keys.split('\n');
    const innerAddress = await docker(['inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', container]);
    return {
      port,
      address: `deploy@127.0.0.1:${port}`,
      hostKeyLine: hostKeys[0] ?? '',
      hostKeys,
      knownHosts: hostKeys.map((key) => `[127.0.0.1]:${port} ${key}\n`).join(''),
      clientKey: privateKey,
      clientPublicKey: publicKey,
      published: Object.fromEntries([...ports].filter(([from]) => from !== 22)),
      innerAddress,
      container,
      run,
      restart: async () => {
        await docker(['restart', '--time', '10', container]);
        await booted();
      },
      powerCut: async () => {
        await docker(['kill', container]);
        await docker(['start', container]);
        await booted();
      },
      pause: async () => {
        await docker(['pause', container]);
      },
      unpause: async () => {
        await docker(['unpause', container]);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
