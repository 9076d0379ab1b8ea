import { readHistory, type ReleaseRecord, type Unfinished } from '../../src/host/history.js';
import type { FaultManager } from './fault-matrix.js';
import { type Host, type HostOptions, type Link, linkTo, startHost } from './harness.js';
import { type Load, startLoad } from './load.js';
import { workspace, type Changes, type Workspace } from './workspace.js';

/** Everything about a host that must agree, and everything that may be left over. */
export interface Facts {
  readonly current: string;
  /** The slots whose marker the live release carries. */
  readonly markers: readonly string[];
  /** Slot → the release that runs in it. */
  readonly slots: Readonly<Record<string, string>>;
  /** What nginx says on /.slipway/slot. */
  readonly nginx: string;
  /** The release that answers through nginx. */
  readonly answers: string;
  /** Releases in which a process works. */
  readonly works: readonly string[];
  /** Ports of the app's on which something listens. */
  readonly ports: readonly string[];
  /** What is installed below .slipway/services. */
  readonly services: readonly string[];
  readonly folders: readonly string[];
  readonly manifests: readonly string[];
  readonly releases: readonly ReleaseRecord[];
  readonly unfinished: readonly Unfinished[];
  /** Half-made files, leases, timers, processes of ours: nothing, once a run has ended well. */
  readonly left: readonly string[];
}

export const PORTS = { blue: 3001, green: 13_001 } as const;
const DOMAIN = '127.0.0.1';

/** A host with an app behind nginx, users on it, and a link that can be cut. */
export interface FaultHost {
  readonly host: Host;
  readonly link: Link;
  readonly load: Load;
  readonly work: Workspace;
  /** A script of ours will stop at this step, once. */
  arm(step: string): Promise<void>;
  /** Waits until a script has come to the step; returns its process id. Rejects when none has within `limit` ms. */
  reached(limit?: number): Promise<string>;
  /** Lets the script go on; of a host that was started anew nothing is left to let go. */
  letGo(): Promise<void>;
  /** Kills the script, its children, and the shell sshd gave it. */
  killScript(pid: string): Promise<void>;
  /** Starts the host anew without a warning, and waits until the site answers or 30 s have passed: nobody helps it. */
  powerCut(): Promise<void>;
  /** Waits until no script of ours is at work on the host. */
  settled(): Promise<void>;
  facts(): Promise<Facts>;
  stop(): Promise<void>;
}

export interface FaultHostOptions extends Pick<HostOptions, 'tmpfs' | 'docker'> {
  readonly changes?: Changes;
  /** Files beside the app's own. */
  readonly files?: Readonly<Record<string, string>>;
  /** What a team does once on a new server. */
  readonly prepare?: (host: Host) => Promise<unknown>;
}

/** Starts a host, and an app of one service behind the site and one in place, both under `manager`. */
export async function faultHost(manager: FaultManager, { changes = {}, files = {}, prepare, ...options }: FaultHostOptions = {}): Promise<FaultHost> {
  const host = await startHost({ ...options, publish: [80] });
  const link = await linkTo(host);
  const work = await workspace(host, {
    kind: 'tiny',
    changes: {
      'environments.production.hosts.0.address': link.address,
      'environments.production.url': `http://127.0.0.1:${host.published[80] ?? 0}`,
      'release.keep': 2,
      'site.domains': [DOMAIN],
      'site.routes': { '/': 'web' },
      'site.drain': '1s',
      'services.web.manager': manager,
      'services.web.install': ['true'],
      'services.web.health': { path: '/health', within: '10s', interval: '100ms', successes: 1 },
      'services.worker': { start: 'node worker.cjs', manager, health: { command: 'grep -q well worker-is', within: '2s', interval: '100ms', successes: 1 } },
      ...changes,
    },
  });
  await work.commit({ 'worker-is': 'well', ...files });
  await prepare?.(host);
  // Some hundred requests per second: enough that a gap of 20 ms is met, and the small machine has time for the rest.
  const load = startLoad({ port: host.published[80] ?? 0, host: DOMAIN, lanes: 8, pace: 80 });
  await load.pause();
  load.mark();
  const root = work.root;
  const must = async (command: string, limit = 60_000): Promise<string> => {
    const { code, stdout, stderr } = await host.run(command, { limit });
    if (code !== 0) throw new Error(`on the test host (${code}): ${stderr}${stdout}\n${command}`);
    return stdout;
  };
  return {
    host, link, load, work,
    arm: async (step) => {
      await must(`rm -rf /run/slipway-fault && mkdir -m 777 /run/slipway-fault && echo ${step} > /run/slipway-fault/step`);
    },
    reached: async (limit = 20_000) => {
      const { stdout } = await host.run(`for _ in $(seq ${Math.ceil(limit / 20)}); do [ -e /run/slipway-fault/pid ] && break; sleep 0.02; done; cat /run/slipway-fault/pid`);
      if (stdout.trim() === '') throw new Error(`no script came to the step within ${limit} ms`);
      return stdout.trim();
    },
    letGo: async () => {
      await must('rm -rf /run/slipway-fault');
    },
    killScript: async (pid) => {
      await must(`pkill -KILL --session "$(ps -o sid= -p ${pid} | tr -d ' ')"; rm -rf /run/slipway-fault`);
    },
    powerCut: async () => {
      await load.pause();
      await host.powerCut();
      await host.run(`for _ in $(seq 150); do curl -sf -o /dev/null -H 'Host: ${DOMAIN}' http://127.0.0.1/version && break; sleep 0.2; done`);
      load.resume();
    },
    settled: async () => {
      await must(`for _ in $(seq 300); do pgrep -f '${OURS(root)}' >/dev/null || exit 0; sleep 0.05; done; pgrep -af '${OURS(root)}' | cut -c 1-200 >&2; exit 1`);
    },
    facts: async () => readFacts(await must(factsScript(root)), root),
    stop: async () => {
      await load.stop();
      await link.close();
      await host.stop();
      await work.remove();
    },
  };
}

/** A pattern for the command lines of our scripts that does not match the one it stands in. */
const OURS = (root: string): string => `([s]lipway ${root} |${root}/[.]slipway/revert/script)`;

/** Prints one fact per line, its kind first. */
const factsScript = (root: string): string => `
cd ${root} || exit 1
echo "current $(readlink current | sed 's,.*/,,')"
for slot in blue green; do
  if [ -e current/.slipway-$slot ]; then echo "marker $slot"; fi
  if [ -L .slipway/slots/$slot ]; then echo "slot $slot $(readlink .slipway/slots/$slot | sed 's,.*/,,')"; fi
done
echo "nginx $(curl -s -m 5 -H 'Host: ${DOMAIN}' http://127.0.0.1/.slipway/slot | head -c 300 | tr '\\n' ' ')"
echo "answers $(curl -s -m 5 -H 'Host: ${DOMAIN}' http://127.0.0.1/version | head -c 300 | tr '\\n' ' ')"
ls .slipway/services | sed 's/^/service /'
ls releases | sed 's/^/folder /'
ls .slipway/manifests | sed 's/^/manifest /'
sed 's/^/journal /' .slipway/journal
ss -Hltn | grep -oE ':(${PORTS.blue}|${PORTS.green}) ' | sort -u | sed 's/^:/port /'
# In a container root may not see where other people's processes work; they may.
runuser -u deploy -- sh -c 'readlink /proc/[0-9]*/cwd' | grep '^${root}/releases/' | cut -d / -f 5 | sort -u | sed 's/^/works /'
{
  ls -A .slipway/staging
  cd .slipway
  ls -d lease *.new .new app.new.* folders.* health.* pm2.out site.unproven site.said site.record services/*/.new revert/armed revert/before revert/watcher revert/*.new
} 2>/dev/null | sed 's/^/left /'
find /etc/nginx -name '*.new' -o -name '*.slipway-*' | sed 's/^/left /'
systemctl list-units --plain --no-legend 'slipway-*-revert.timer' | sed 's/^/left /'
runuser -u deploy -- env XDG_RUNTIME_DIR=/run/user/1000 systemctl --user list-units --plain --no-legend 'slipway-*-revert.timer' | sed 's/^/left /'
pgrep -af '${OURS(root)}|[s]lipway-revert' | tr '\\n' ' ' | cut -c 1-200 | sed 's/^./left process &/'
true`;

function readFacts(text: string, root: string): Facts {
  const lines = text.split('\n').filter((line) => line !== '').map((line) => ({ kind: line.slice(0, line.indexOf(' ')), value: line.slice(line.indexOf(' ') + 1).trim() }));
  const all = (kind: string): string[] => lines.filter((line) => line.kind === kind).map(({ value }) => value);
  const one = (kind: string): string => all(kind)[0] ?? '';
  const history = readHistory(all('journal'));
  return {
    current: one('current'),
    markers: all('marker'),
    slots: Object.fromEntries(all('slot').map((value) => value.split(' ') as [string, string])),
    nginx: one('nginx').replace(`${root}/releases/`, ''),
    answers: /"release":"([^"]+)"/.exec(one('answers'))?.[1] ?? one('answers'),
    works: all('works'),
    ports: all('port'),
    services: all('service'),
    folders: all('folder'),
    manifests: all('manifest'),
    releases: history.releases,
    unfinished: history.unfinished,
    left: all('left'),
  };
}
