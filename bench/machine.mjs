/** The one container everything is deployed to, and what this machine needs for it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { atEnd, output, run } from './process.mjs';

const HOSTS = join(import.meta.dirname, '..', 'test', 'hosts');

/** Debian's package for each command the bench starts here. */
const PACKAGES = { cap: 'capistrano', 'ansible-playbook': 'ansible', rsync: 'rsync', git: 'git', ssh: 'openssh-client', wrk: 'wrk', tar: 'tar' };

/** Installs with apt what is missing of the commands, as root; anyone else is told what to install. */
export async function needCommands(names) {
  const found = await Promise.all(names.map(async (name) => (await run('sh', ['-c', 'command -v "$1"', 'sh', name], { codes: [0, 1, 127] })).code === 0));
  const missing = names.filter((_, index) => !found[index]).map((name) => PACKAGES[name]);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) throw new Error(`missing here: apt-get install ${missing.join(' ')}`);
  console.error(`bench: installing ${missing.join(' ')}`);
  await run('apt-get', ['update', '-qq'], { limit: 120_000 });
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, limit: 300_000 });
}

/**
 * A started host.
 * @typedef {object} Host
 * @property {string} address the container's own, on Docker's network
 * @property {string} gateway this machine's address there
 * @property {string} hostKey `ssh-ed25519 AAAA…`
 * @property {{ ed25519: string, ecdsa: string }} keys files with the private keys that `deploy` logs in with
 * @property {(ports: readonly number[]) => void} trust adds ports of 127.0.0.1 to the known_hosts file
 * @property {string} knownHosts that file
 * @property {(command: string, options?: { user?: string, input?: string, limit?: number, codes?: number[] }) => Promise<string>} sh runs a command without SSH
 * @property {() => Promise<number>} sessions how many commands and subsystems sshd started since the last call
 * @property {() => number} cpu processor time of everything in it since its start, in milliseconds; NaN where the kernel does not tell
 * @property {string} id the container
 */

const SYSTEMD = ['--cap-add', 'SYS_ADMIN', '--cap-add', 'NET_ADMIN', '--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined',
  '--tmpfs', '/run', '--tmpfs', '/run/lock', '--cgroupns', 'host', '--volume', '/sys/fs/cgroup:/sys/fs/cgroup:rw'];

/** Waits until logins work; before, pam refuses them. */
const BOOTED = `
while ! systemctl is-system-running 2>/dev/null | grep -qE '^(running|degraded)$'; do sleep 0.1; done
while ! systemctl is-active --quiet user@1000.service ssh.service; do sleep 0.1; done
`;

/** Keys from standard input for `deploy`; sshd says what it starts; it is asked for many connections at once. */
const SET_UP = `
install -d -m 700 -o deploy -g deploy /home/deploy/.ssh
install -m 600 -o deploy -g deploy /dev/stdin /home/deploy/.ssh/authorized_keys
printf '%s\\n' 'LogLevel VERBOSE' 'MaxStartups 200' > /etc/ssh/sshd_config.d/000-bench.conf
`;

/** Starts the image of test/hosts/prepare.sh (which also starts an engine where none answers). @returns {Promise<Host>} */
export async function startHost(scratch) {
  const prepared = (await run('bash', [join(HOSTS, 'prepare.sh')], { limit: 900_000, codes: [0, 1] })).stdout.trim().split('\n').at(-1);
  if (!prepared.startsWith('image ')) throw new Error(`no host can be had: ${prepared}`);
  // The label of the tests' containers: test/hosts/cleanup.sh removes it should this process be killed.
  const id = await output('docker', ['run', '--detach', '--label', `slipway-test=${process.pid}`, '--hostname', 'bench', ...SYSTEMD, prepared.slice('image '.length)]);
  atEnd(() => run('docker', ['rm', '--force', '--volumes', id]));
  const sh = async (command, { user = 'root', ...options } = {}) => {
    const session = user === 'deploy' ? ['--env', 'XDG_RUNTIME_DIR=/run/user/1000', '--env', 'HOME=/home/deploy'] : [];
    return output('docker', ['exec', '--interactive', '--user', user, ...session, id, '/bin/bash', '-c', command], options);
  };
  const inspect = (what) => output('docker', ['inspect', '--format', `{{range .NetworkSettings.Networks}}{{.${what}}}{{end}}`, id]);
  const [address, gateway] = await Promise.all([inspect('IPAddress'), inspect('Gateway')]);

  const keys = {};
  let authorized = '';
  for (const type of ['ed25519', 'ecdsa']) {
    keys[type] = join(scratch, `id_${type}`);
    await run('ssh-keygen', ['-q', '-t', type, '-m', 'PEM', '-N', '', '-C', 'bench', '-f', keys[type]]);
    authorized += `${await output('cat', [`${keys[type]}.pub`])}\n`;
  }
  await sh(SET_UP, { input: authorized });
  await sh(BOOTED, { limit: 60_000 });
  await sh('systemctl restart ssh.service');
  const hostKeys = (await sh("cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub /etc/ssh/ssh_host_ecdsa_key.pub")).split('\n');
  const knownHosts = join(scratch, 'known_hosts');
  const trust = (ports) => writeFileSync(knownHosts, ports.flatMap((port) => hostKeys.map((key) => `[127.0.0.1]:${port} ${key}\n`)).join(''), { flag: 'a' });
  const sessions = async () => Number(await sh("journalctl --quiet --cursor-file=/run/bench.cursor -t sshd -o cat | grep -c 'Starting session: ' || true"));
  await sessions();
  return { id, cpu: () => processorTime(id), address, gateway, hostKey: hostKeys[0], keys, trust, knownHosts, sh, sessions };
}

/** From the control group, in its first and second version and with both of Docker's drivers. */
function processorTime(id) {
  for (const [file, pattern, perMs] of [
    [`cpuacct/docker/${id}/cpuacct.usage`, /(\d+)/, 1e6],
    [`cpuacct/system.slice/docker-${id}.scope/cpuacct.usage`, /(\d+)/, 1e6],
    [`docker/${id}/cpu.stat`, /usage_usec (\d+)/, 1e3],
    [`system.slice/docker-${id}.scope/cpu.stat`, /usage_usec (\d+)/, 1e3],
  ]) {
    try {
      return Number(pattern.exec(readFileSync(join('/sys/fs/cgroup', file), 'utf8'))[1]) / perMs;
    } catch {
      // The next place.
    }
  }
  return NaN;
}

/**
 * Installs Debian packages in the container, which has no network of its own: apt here, told what is installed there,
 * fetches exactly what is missing.
 */
export async function installOn(host, scratch, packages) {
  const folder = join(scratch, 'debs');
  mkdirSync(join(folder, 'partial'), { recursive: true });
  await run('docker', ['cp', `${host.id}:/var/lib/dpkg/status`, join(folder, 'status')]);
  await run('apt-get', ['install', '-y', '-qq', '--download-only', '--no-install-recommends', '-o', `Dir::State::status=${join(folder, 'status')}`,
    '-o', `Dir::Cache::archives=${folder}`, '-o', 'Debug::NoLocking=1', ...packages], { limit: 180_000 });
  await run('docker', ['cp', folder, `${host.id}:/root/debs`]);
  await host.sh('ls /root/debs/*.deb >/dev/null 2>&1 || exit 0; DEBIAN_FRONTEND=noninteractive dpkg -i /root/debs/*.deb && rm -rf /root/debs', { limit: 120_000 });
}

/** What the figures were made on, and with: nothing that names the machine. */
export async function describeMachine(host, node) {
  const version = async (pattern, program, ...args) => pattern.exec((await run(program, args, { codes: [0, 1, 2, 127] }).then(({ stdout, stderr }) => stdout + stderr, () => '')))?.[1];
  const inside = async (pattern, command) => pattern.exec(await host.sh(command))?.[1];
  const versions = {
    'Node (runner)': await version(/v([\d.]+)/, node, '--version'), 'Node (host)': await inside(/v([\d.]+)/, 'node --version'),
    OpenSSH: await inside(/OpenSSH_(\S+)/, 'ssh -V 2>&1'), rsync: await version(/version (\S+)/, 'rsync', '--version'), Capistrano: await version(/Version: ([\d.]+)/, 'cap', '--version'),
    'ansible-core': await version(/core ([\d.]+)/, 'ansible', '--version'), git: await version(/version (\S+)/, 'git', '--version'), wrk: await version(/wrk (?:debian\/)?(\d[\d.]*)/, 'wrk', '-v'),
    nginx: await inside(/nginx\/(\S+)/, 'nginx -v 2>&1'), PM2: await inside(/"version": "([^"]+)"/, 'cat /opt/tools/node_modules/pm2/package.json'),
  };
  return {
    cores: cpus().length, processor: cpus()[0]?.model.trim() || 'unknown', memory: totalmem(), kernel: /^[\d.]+/.exec(release())?.[0] ?? release(),
    versions: Object.fromEntries(Object.entries(versions).filter(([, text]) => text !== undefined)),
  };
}

/** Node 24, as GitHub runs actions: this process's own, or the one in the host's image. */
export async function node24(host, scratch) {
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  const place = join(scratch, 'node');
  await run('docker', ['cp', '--follow-link', `${host.id}:/usr/local/bin/node`, place]);
  return place;
}

/** Waits until something is so. `limit` in milliseconds; throws after it. */
export async function until(what, asked, limit = 10_000) {
  const end = Date.now() + limit;
  for (;;) {
    if (await asked()) return;
    if (Date.now() > end) throw new Error(`${what}: not within ${limit} ms`);
    await sleep(50);
  }
}
