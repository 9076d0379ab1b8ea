/** 1, 10 and 50 hosts at once: time of the whole command and memory of its process. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { until } from './machine.mjs';
import { makePayload } from './payload.mjs';
import { run } from './process.mjs';
import { openLink } from './proxy.mjs';

const RTT = 50;
const FIRST_PORT = 22_000;

/**
 * Many hosts in one container: an OpenSSH server each, in a mount namespace of its own, so that each has its own /srv.
 * No PAM: fifty hosts have fifty login managers, and these would share one.
 */
const START = `
usermod -p '*' deploy
for number in $(seq 1 "$1"); do
  install -d -o deploy -g deploy "/hosts/$number"
  # shellcheck disable=SC2016
  setsid unshare --mount --propagation private sh -c 'mount --bind "/hosts/$1" /srv && exec /usr/sbin/sshd -D -p "$2" -o PidFile=none -o UsePAM=no -o LogLevel=ERROR -o MaxStartups=200' \
    sh "$number" "$((${FIRST_PORT} + number))" > /dev/null 2>&1 < /dev/null &
done
`;

/**
 * @returns {Promise<{ samples: { hosts: number, what: string, rtt: number, ms: number, peak: number, cpu: number, hostCpu: number, sent: number, received: number, connections: number }[], cores: number, payload: { files: number, bytes: number } }>}
 */
export async function hostsPart({ host, scratch, say, dist, node }, { quick }) {
  const sizes = [1, 10, 50];
  const most = Math.max(...sizes);
  await host.sh(`set -- ${most}\n${START}`);
  await until('the hosts listen', async () => Number(await host.sh(`ss -Hltn | grep -c ':${FIRST_PORT / 1000}[0-9][0-9][0-9]'`, { codes: [0, 1] })) >= most, 30_000);
  const links = await Promise.all(Array.from({ length: most }, (_, index) => openLink({ host: host.address, port: FIRST_PORT + index + 1 }, { rtt: RTT })));

  const files = join(scratch, 'small-payload');
  mkdirSync(files);
  const payload = makePayload(join(import.meta.dirname, '..', 'node_modules'), files, 300);
  const samples = [];
  const work = (size) => join(scratch, `fleet-${size}`);
  for (const size of sizes) {
    mkdirSync(work(size));
    writeFileSync(join(work(size), 'slipway.yml'), [
      `app: fleet-${size}`, 'environments:', '  production:', '    hosts:',
      ...links.slice(0, size).flatMap(({ port }) => [`      - address: deploy@127.0.0.1:${port}`, `        host-key: ${host.hostKey}`]),
      'release:', '  include: ["."]', '  keep: 50', '',
    ].join('\n'));
    await run('git', ['-C', work(size), 'init', '--quiet']);
    await run('git', ['-C', work(size), '-c', 'user.name=Bench', '-c', 'user.email=bench@example.com', 'commit', '--quiet', '--allow-empty', '--message', 'Bench']);
  }
  const measure = async (size, what, command, ...options) => {
    const used = links.slice(0, size);
    for (const link of used) link.reset();
    const before = host.cpu();
    const { ms, peak, cpu } = await run(node, [join(dist, 'slipway.cjs'), command, 'production', '--identity', host.keys.ed25519, '--evidence', join(scratch, 'evidence.jsonl'), ...options],
      { cwd: work(size), env: { ...process.env, SSH_AUTH_SOCK: '' }, memory: true });
    const sum = (name) => used.reduce((total, { counters }) => total + counters[name], 0);
    samples.push({ hosts: size, what, rtt: RTT, ms, peak, cpu, hostCpu: host.cpu() - before, sent: sum('sent'), received: sum('received'), connections: sum('connections') });
    say(`  ${size} hosts, ${what}: ${Math.round(ms)} ms, ${(peak / 1e6).toFixed(0)} MB, processor time ${(cpu / 1000).toFixed(1)} s here, ${(samples.at(-1).hostCpu / 1000).toFixed(1)} s there`);
  };
  for (const size of sizes) await measure(size, 'first', 'deploy', '--artifact', files);
  // Fewer rounds on a slow machine.
  const enough = performance.now() + 60_000;
  for (let round = 1; round <= (quick ? 2 : 5) && (round <= 2 || performance.now() < enough); round += 1) {
    payload.change(round);
    for (const size of sizes) await measure(size, 'delta', 'deploy', '--artifact', files);
  }
  for (const size of sizes) await measure(size, 'rollback', 'rollback', '--reason', 'bench');
  return { samples, cores: cpus().length, payload: { files: payload.files.length, bytes: payload.bytes } };
}
