import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { JournalEvent } from '../../src/host/journal.js';
import type { LeaseTimes } from '../../src/host/lease.js';
import type { SwitchLines } from '../../src/host/activation.js';
import type { Findings } from '../../src/host/findings.js';
import { RemoteHost } from '../../src/host/remote-host.js';
import { scriptText } from '../../src/host/script.js';
import { compareManifests, readManifest, type Manifest } from '../../src/release/manifest.js';
import { selection } from '../../src/release/select.js';
import { packFiles, packRelease } from '../../src/release/upload.js';
import type { Definition } from '../../src/services/definition.js';
import { connect } from '../../src/ssh/connect.js';
import type { Connection, ExecResult } from '../../src/ssh/types.js';
import { startEmbeddedHost, type EmbeddedHost, type EmbeddedHostOptions } from './embedded-host.js';

export const AT = '2026-11-21T00:27:14.000Z';
export const OWNER = 'octocat https://example.com/run/1';

/** A real folder of releases behind a real connection to an embedded host. */
export interface Ground {
  readonly server: EmbeddedHost;
  readonly root: string;
  /** A new connection, and the host behind it; closed at the end. */
  host(changes?: { root?: string; app?: string; environment?: string; times?: LeaseTimes; path?: string[] }): Promise<RemoteHost>;
  journal(): Promise<string[]>;
  end(): Promise<void>;
}

export async function startGround(options: EmbeddedHostOptions & { folder?: string } = {}): Promise<Ground> {
  const server = await startEmbeddedHost(options);
  const base = await mkdtemp(join(options.folder ?? tmpdir(), 'slipway-root-'));
  const root = join(base, 'app');
  const connections: Connection[] = [];
  return {
    server,
    root,
    async host(changes = {}) {
      const connection = await connect(server.hostAddress({ path: changes.path ?? [] }), { privateKey: server.clientKey });
      connections.push(connection);
      const place = { root: changes.root ?? root, app: changes.app ?? 'shop', environment: changes.environment ?? 'production', envFile: '.env' };
      return new RemoteHost(connection, place, '', changes.times);
    },
    async journal() {
      return (await readFile(join(root, '.slipway/journal'), 'utf8')).split('\n').slice(0, -1);
    },
    async end() {
      await Promise.all(connections.map((connection) => connection.close()));
      await server.stop();
      await rm(base, { recursive: true, force: true });
    },
  };
}

export interface Shipment {
  readonly env?: string;
  readonly shared?: readonly string[];
  readonly services?: Readonly<Record<string, Definition>>;
  readonly include?: readonly string[];
}

/** Sends `folder` as `release`, as commands/deploy.ts does: a delta to what the host has. */
export async function ship(host: RemoteHost, findings: Findings, release: string, folder: string, shipment: Shipment = {}): Promise<{ manifest: Manifest; sent: string[]; linked: string[]; again: string[] }> {
  const { shared = [], services = {} } = shipment;
  const manifest = await readManifest(folder, selection({ include: shipment.include ?? ['.'], exclude: [], shared }));
  const delta = compareManifests(manifest, findings.base, findings.rewritten);
  const begin: JournalEvent = { event: 'begin', release, at: AT };
  const staged: JournalEvent = { event: 'staged', release, at: AT, digest: manifest.digest, files: manifest.files, bytes: manifest.bytes };
  const tar = packRelease(folder, { manifest, revert: scriptText('revert'), shared, env: shipment.env, services }, delta, () => undefined);
  const again = await host.stage({ release, base: findings.base?.release, part: 'first', begin, staged }, tar);
  if (again.length > 0) {
    const files = manifest.entries.filter((entry) => entry.type === 'file').filter((entry) => again.includes(entry.path));
    await host.stage({ release, base: undefined, part: 'more', begin, staged }, packFiles(folder, files, () => undefined));
  }
  return { manifest, sent: delta.send.map(({ path }) => path), linked: [...delta.link], again: [...again] };
}

/** The journal lines of a switch. */
export function switchLines(release: string, previous: string): SwitchLines {
  return {
    switching: { event: 'switching', release, at: AT, previous: previous === '-' ? '' : previous, why: 'deploy' },
    active: { event: 'active', release, at: AT },
    bad: { event: 'bad', release, at: AT, reason: 'a service did not become healthy' },
    back: previous === '-' ? undefined : { event: 'active', release: previous, at: AT },
  };
}

/** Everything below a folder with type, mode, content or target: equal text means equal folders, byte for byte. */
export function inventory(folder: string): string {
  const script = `cd "$1" && find . -mindepth 1 \\( -type l -printf '%P -> %l\\0' -o -printf '%y %m %P\\0' \\) | sort -z && find . -type f -print0 | sort -z | xargs -0 -r sha256sum -z --`;
  const { stdout, stderr, status } = spawnSync('bash', ['-euo', 'pipefail', '-c', script, 'inventory', folder], { encoding: 'latin1', env: { ...process.env, LC_ALL: 'C' }, maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0) throw new Error(stderr);
  return stdout.replaceAll('\0', '\n');
}

/** The same protocol without SSH: scripts run here, by the shell that is named. For hosts whose /bin/sh is another one. */
export function localHost(shell: readonly string[], root: string): RemoteHost {
  const run = (script: string, args: readonly string[]): ChildProcessWithoutNullStreams =>
    spawn(shell[0] ?? 'sh', [...shell.slice(1), '-c', script, 'slipway', ...args], { detached: true });
  const result = async (child: ChildProcessWithoutNullStreams): Promise<ExecResult> => {
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), new Promise<number>((resolve) => { child.on('exit', (value) => resolve(value ?? -1)); })]);
    return { code, stdout, stderr };
  };
  const connection: Connection = {
    name: shell.join(' '),
    user: 'deploy',
    calls: 0,
    traffic: { sent: 0, received: 0 },
    timeline: [],
    forward: () => Promise.reject(new Error('no forwarding here')),
    close: () => Promise.resolve(),
    async exec(script, args = [], { input } = {}) {
      const child = run(script, args);
      child.stdin.on('error', () => undefined);
      if (input instanceof Readable) pipeline(input, child.stdin).catch(() => undefined);
      else child.stdin.end(input);
      return result(child);
    },
    open(script, args = []) {
      const child = run(script, args);
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const stderr = text(child.stderr);
      const ended = new Promise<ExecResult>((resolve) => { child.on('close', (code) => void stderr.then((said) => resolve({ code: code ?? -1, stdout: '', stderr: said }))); });
      return Promise.resolve({
        ended,
        async nextLine() {
          const next = await lines.next();
          if (next.done === true) throw new Error('the command ended');
          return next.value;
        },
        write: (words: string) => void child.stdin.write(words),
        end: () => {
          child.stdin.end();
          return ended;
        },
      });
    },
  };
  return new RemoteHost(connection, { root, app: 'shop', environment: 'production', envFile: '.env' });
}
