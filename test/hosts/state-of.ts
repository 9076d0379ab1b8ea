import { expect } from '@jest/globals';
import { get } from 'node:http';
import type { HostStatus } from '../../src/commands/status.js';
import type { ReleaseRecord } from '../../src/host/history.js';
import type { Host } from './harness.js';
import { runCli } from './run-action.js';
import type { Workspace } from './workspace.js';

/** The release that `current` names on the host, or ''. */
export async function current(host: Host, { root }: Pick<Workspace, 'root'>): Promise<string> {
  return (await host.run(`readlink ${root}/current || true`)).stdout.trim().replace(/^releases\//, '');
}

/** The journal's releases through `slipway releases --json`, newest first. */
export async function releases(work: Workspace): Promise<ReleaseRecord[]> {
  const ran = await runCli(['releases', 'production', '--identity', work.identity, '--json'], { workspace: work.folder });
  expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 0, stderr: '' });
  return (JSON.parse(ran.stdout) as { releases: ReleaseRecord[] }[])[0]!.releases;
}

/** `slipway status --json` of the one host. */
export async function status(work: Workspace): Promise<HostStatus> {
  const ran = await runCli(['status', 'production', '--identity', work.identity, '--json'], { workspace: work.folder });
  expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 0, stderr: '' });
  return (JSON.parse(ran.stdout) as HostStatus[])[0]!;
}

/** The state of each release by its id. */
export async function states(work: Workspace): Promise<Record<string, string>> {
  return Object.fromEntries((await releases(work)).map(({ id, state, present }) => [id, present ? state : `${state}, removed`]));
}

/** Nothing of a run is left on the host: no lease, no staging, no script of ours, no half-made file. */
export async function expectNothingLeft(host: Host, { root }: Pick<Workspace, 'root'>): Promise<void> {
  const found = await host.run(`cd ${root}/.slipway || exit 0
    ls -d lease lease.new staging/* app.new.* current.new services/*/.new 2>/dev/null
    ps -eo pid,args | grep -F 'slipway ${root} ' | grep -v grep | cut -c 1-200 || true`);
  expect(found.stdout).toBe('');
}

/** What the app answers on its published port: `{ release, … }`. */
export async function answer(host: Host, port: number, path = '/version'): Promise<Record<string, unknown>> {
  const text = await new Promise<string>((resolve, reject) => {
    // A connection of its own: one that is kept open may lead to a process that is gone.
    const request = get({ host: '127.0.0.1', port: host.published[port], path, agent: false, timeout: 10_000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk)).on('error', reject);
      response.on('end', () => (response.statusCode === 200 ? resolve(body) : reject(new Error(`${path}: status ${response.statusCode ?? 0}: ${body}`))));
    });
    request.on('timeout', () => request.destroy(new Error(`${path}: no answer within 10 s`))).on('error', reject);
  });
  return JSON.parse(text) as Record<string, unknown>;
}

/**
 * Every path below some folders with kind, mode, owner, size and times: equal lists mean untouched.
 * @param timesOf `f`: the times of files only, since a folder's change with what comes and goes in it.
 */
export async function listing(host: Host, folders: string, timesOf?: 'f'): Promise<string> {
  const line = (times: string): string => `-printf '%y %m %u:%g ${times} %p -> %l\\n'`;
  const every = line('%s %T@ %C@');
  return (await host.run(`find ${folders} ${timesOf === undefined ? every : `\\( -type d ${line('')} -o ${every} \\)`} | sort -k 4`)).stdout;
}
