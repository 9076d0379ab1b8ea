import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { deploy } from '../../src/commands/deploy.js';
import { rollback } from '../../src/commands/rollback.js';
import type { RunContext } from '../../src/commands/run-context.js';
import { environmentOf } from '../../src/config/environment.js';
import { loadConfig } from '../../src/config/load.js';
import type { Evidence } from '../../src/evidence/record.js';
import { Redactor } from '../../src/evidence/redact.js';
import { plainReporter } from '../../src/evidence/reporters.js';
import { startEmbeddedHost, type EmbeddedHost } from '../support/embedded-host.js';

const ROOT = '/srv/slipway-cleanup-test';

let server: EmbeddedHost;
let workspace: string;
/** Programs of this host that hide those of the system. */
let bin: string;
let clock: number;

beforeEach(async () => {
  workspace = mkdtempSync(join(tmpdir(), 'slipway-cleanup-'));
  bin = join(workspace, 'bin');
  mkdirSync(bin);
  server = await startEmbeddedHost({ root: ROOT, path: `${bin}:${process.env['PATH'] ?? ''}` });
  clock = Date.parse('2026-11-21T00:00:00Z');
});
afterEach(async () => {
  await server.stop();
  rmSync(workspace, { recursive: true, force: true });
});

interface Told { readonly context: RunContext; readonly records: Evidence[]; readonly log: string[] }

function run(release: string, budget = '10m'): Told {
  const config = loadConfig(`app: cleanup
environments: { production: { root: ${ROOT}, rollback-budget: ${budget}, hosts: [{ address: "${server.user}@${server.address}:${server.port}", host-key: ${server.hostKeyLine} }] } }
release: { include: [index.html], ${release} }
`, 'slipway.yml');
  const [records, log]: [Evidence[], string[]] = [[], []];
  const context: RunContext = {
    config, environmentName: 'production', environment: environmentOf(config, 'production'), excluded: [], credentials: { privateKey: server.clientKey }, appEnv: undefined,
    phase: 'deploy', runnerEnv: { PATH: process.env['PATH'] ?? '' }, lookup: () => undefined, workspace, redactor: new Redactor(), signal: new AbortController().signal,
    reporter: { ...plainReporter((text) => void log.push(text)), evidence: (record) => void records.push(record) }, author: { actor: 'ann', run: 'a test' },
    plan: false, leaseToken: `token-${clock}`, keepLease: false, outputs: { hosts: new Map() }, now: () => new Date((clock += 1000)),
  };
  return { context, records, log };
}

/** A release of its own, good at once, as nothing is to be proven by smoke. */
async function deployed(release = 'keep: 2'): Promise<Told & { id: string }> {
  writeFileSync(join(workspace, 'index.html'), String(clock), { mode: 0o644 });
  const told = run(release);
  await deploy(told.context, {});
  return { ...told, id: told.context.outputs.release ?? '' };
}
const below = (...path: string[]): string => join(server.home, 'app', ...path);
const live = (): string => readlinkSync(below('current')).replace('releases/', '');
const confirmed = ({ records }: Told): Evidence | undefined => records.find(({ id }) => id === 'deploy.confirm');

describe('old releases', () => {
  test('go by the order of the journal, whatever their times say; what is not ours lies there in peace and is no obstacle', async () => {
    const first = await deployed();
    const second = await deployed();
    // The oldest looks like the newest, and the newest like the oldest; and somebody has put things beside them.
    utimesSync(below('releases', first.id), new Date('2030-01-01'), new Date('2030-01-01'));
    utimesSync(below('releases', second.id), new Date('2000-01-01'), new Date('2000-01-01'));
    mkdirSync(below('releases/20990101T000000Z-fffffff'));
    mkdirSync(below('releases/old stuff'));
    writeFileSync(below('releases/notes.txt'), 'mine');
    const third = await deployed();
    expect(confirmed(third)).toMatchObject({ status: 'pass', observed: expect.stringContaining('removed 1 old release') });
    expect(readdirSync(below('releases')).sort()).toEqual([second.id, third.id, '20990101T000000Z-fffffff', 'notes.txt', 'old stuff'].sort());
    expect(live()).toBe(third.id);
  });

  test('that cannot be deleted are a warning that names them, and are tried again by the next deploy', async () => {
    const first = await deployed();
    await deployed();
    // As on a host where another user owns what is in there.
    const rm = join(bin, 'rm');
    writeFileSync(rm, `#!/bin/sh\ncase "$*" in *releases/${first.id}*) echo "rm: cannot remove '$1': Permission denied" >&2; exit 1 ;; esac\nPATH=$\{PATH#*:} exec rm "$@"\n`, { mode: 0o755 });
    const third = await deployed();
    expect(third.context.outputs.outcome).toBe(`${third.id} is live and good`);
    expect(confirmed(third)).toMatchObject({ status: 'warn', observed: expect.stringContaining(`could not delete ${first.id}`), remedy: expect.stringContaining(`releases/${first.id}`) });
    expect(existsSync(below('releases', first.id))).toBe(true);
    rmSync(rm);
    const fourth = await deployed();
    expect(confirmed(fourth)).toMatchObject({ status: 'pass' });
    expect(existsSync(below('releases', first.id))).toBe(false);
  });

  test('are not evicted by deploys that failed: the good ones stay, and what failed is gone', async () => {
    const [first, second] = [await deployed(), await deployed()];
    for (let count = 0; count < 3; count += 1) await expect(deployed('keep: 2, once: [exit 1]')).rejects.toThrow(/exit code 1/);
    expect(readdirSync(below('releases')).sort()).toEqual([first.id, second.id].sort());
    expect(live()).toBe(second.id);
  });
});

describe('a rollback', () => {
  test('passes over a good release that is not whole any more, and says so', async () => {
    const [first, second, third] = [await deployed('keep: 5'), await deployed('keep: 5'), await deployed('keep: 5')];
    writeFileSync(below('releases', second.id, 'index.html'), 'somebody was here');
    const { context, log } = run('keep: 5');
    await rollback(context, {});
    expect(live()).toBe(first.id);
    expect(context.outputs).toMatchObject({ release: first.id, previousRelease: third.id, switched: true });
    expect(log.join('\n')).toMatch(new RegExp(`passed over: .*${second.id}: changed or gone since it was deployed: index\\.html`));
  });

  test.each([['1ms', 'warn'], ['10m', 'pass']] as const)('that had %s to take is timed, and told with its budget: %s; the site is back in any case', async (budget, status) => {
    const [first] = [await deployed(), await deployed()];
    const { context, records } = run('keep: 2', budget);
    await rollback(context, {});
    expect(live()).toBe(first.id);
    const [told] = records.filter(({ id }) => id === 'rollback.budget');
    expect(told).toMatchObject({ status, expected: expect.stringMatching(/^at most /), observed: expect.stringMatching(/^[\d.]+ m?s$/) });
    expect(told?.duration).toBeGreaterThan(1);
  });

  test('to releases of which none is whole is red, and touches nothing that is live', async () => {
    const [first, second] = [await deployed(), await deployed()];
    rmSync(below('releases', first.id, 'index.html'));
    const journal = readFileSync(below('.slipway/journal'), 'utf8');
    const { context } = run('keep: 2');
    await expect(rollback(context, {})).rejects.toThrow(/no good release on the hosts is whole/);
    expect(context.outputs).toMatchObject({ switched: false });
    await expect(rollback(run('keep: 2').context, { release: first.id })).rejects.toThrow(/changed or gone since it was deployed/);
    expect(live()).toBe(second.id);
    expect(readFileSync(below('.slipway/journal'), 'utf8')).toBe(journal);
  });
});

test('nothing of ours is open for writing to everybody, whatever the umask of the login', async () => {
  const before = process.umask(0);
  try {
    await deployed('keep: 2, shared: [uploads]');
  } finally {
    process.umask(before);
  }
  const open = readdirSync(below('.'), { recursive: true, encoding: 'utf8' }).filter((path) => {
    const stats = lstatSync(below(path));
    return !stats.isSymbolicLink() && (stats.mode & 0o002) !== 0;
  });
  expect(open).toEqual([]);
});
