import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyBackup, type CopyTarget } from '../../src/commands/backup-copy.js';
import type { DataPlace } from '../../src/commands/backup-places.js';
import type { RunContext } from '../../src/commands/run-context.js';
import { loadConfig } from '../../src/config/load.js';
import { HostData, type Backup } from '../../src/databases/host-data.js';
import type { Evidence } from '../../src/evidence/record.js';
import { Redactor } from '../../src/evidence/redact.js';
import { silentReporter } from '../../src/evidence/reporters.js';
import { scriptText } from '../../src/host/script.js';
import { startEmbeddedHost, type EmbeddedHost } from '../support/embedded-host.js';
import { OWNER, startGround, type Ground } from '../support/host-fixture.js';
import { startMoto, type Moto } from '../support/moto.js';

/** Ours alone: other tests run beside these, and the command lines of the whole machine are looked at. */
const KEYS = { id: 'AKIAEXAMPLE', secret: `EXAMPLE/${randomBytes(20).toString('hex')}` };
const CONFIG = `
app: shop
environments: { production: { hosts: [{ address: deploy@203.0.113.10 }] } }
release: { include: ['.'], shared: [data] }
databases: { main: { engine: sqlite, path: data/app.db, backup: { compress: none } } }
`;

let ground: Ground;
let folder: string;
let place: DataPlace;
let backup: Backup;
let evidence: Evidence[];
let context: RunContext;

beforeAll(async () => {
  ground = await startGround();
  folder = mkdtempSync(join(tmpdir(), 'slipway-copies-'));
  const host = await ground.host({ path: [join(folder, 'bin')] });
  await host.take('token', OWNER, false);
  mkdirSync(join(ground.root, 'shared/data'), { recursive: true });
  // Random, so that the archive has more than one part of an upload.
  const made = spawnSync('sqlite3', [join(ground.root, 'shared/data/app.db')], { input: 'CREATE TABLE files (content BLOB); INSERT INTO files VALUES (randomblob(6000000)), (randomblob(6000000)), (randomblob(6000000));', encoding: 'utf8' });
  expect(made).toMatchObject({ status: 0, stderr: '' });
  const config = loadConfig(CONFIG, 'slipway.yml');
  const values: Record<string, string> = { KEY_ID: KEYS.id, KEY_SECRET: KEYS.secret };
  const base = { config, environmentName: 'production', lookup: (name: string) => values[name], redactor: new Redactor(), signal: new AbortController().signal, now: () => new Date(), credentials: { privateKey: ground.server.clientKey } };
  const reporter = { ...silentReporter(), evidence: (record: Evidence) => void evidence.push(record) };
  context = { ...base, reporter } as unknown as RunContext;
  const database = config.databases['main']!;
  place = { name: 'main', database, host, data: HostData.of(context, host, database) };
  backup = await place.data.create({ why: 'manual' });
  expect(backup.state).toBe('good');
});

afterAll(async () => {
  await ground.end();
  rmSync(folder, { recursive: true, force: true });
});

const copy = (target: CopyTarget): Promise<void> => {
  evidence = [];
  return copyBackup(context, place, backup, target);
};
const sumOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const copies = async (): Promise<string[]> => (await place.data.list()).backups.flatMap((one) => one.copies.map(({ target }) => target));
const manifest = (): string => readFileSync(join(ground.root, '.slipway/backups/main', backup.id, 'manifest'), 'utf8');
const backups = (): string[] => readdirSync(join(ground.root, '.slipway/backups/main')).sort();

/** Which of these words stood in a command line of this machine while `body` was under way. */
async function inCommandLines(words: readonly string[], body: () => Promise<void>): Promise<string[]> {
  const seen = new Set<string>();
  const timer = setInterval(() => {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        for (const word of words) if (line.includes(word)) seen.add(word);
      } catch {
        // It has ended.
      }
    }
  }, 20);
  await body().finally(() => clearInterval(timer));
  return [...seen];
}

describe('a copy in S3', () => {
  let moto: Moto | undefined;
  let missing = '';
  const target = (changes: Partial<CopyTarget> = {}): CopyTarget => ({ s3: 's3://acme-backups/shop/', endpoint: moto!.endpoint, accessKey: '$KEY_ID', secretKey: '$KEY_SECRET', ...changes });
  const object = (name: string): Buffer => moto!.aws('s3', 'cp', '--quiet', `s3://acme-backups/shop/production/main/${backup.id}/${name}`, '-').stdout;
  const bin = (): string => join(folder, 'bin');

  beforeAll(async () => {
    const started = await startMoto(KEYS);
    if (typeof started === 'string') {
      missing = started;
      console.warn(`Copies to S3 were not tried: ${missing}`);
      return;
    }
    moto = started;
    mkdirSync(bin(), { recursive: true });
    // The AWS CLI may be in a venv that is on nobody's PATH.
    useAws('exec "$aws" "$@"');
    expect(moto.aws('s3', 'mb', 's3://acme-backups').status).toBe(0);
  }, 500_000);
  afterAll(() => moto?.stop());

  /** Puts a program called `aws` in front of the real one, which it knows as $aws. */
  function useAws(body: string): void {
    const real = spawnSync('sh', ['-c', 'command -v aws'], { env: { PATH: [...moto!.path, process.env['PATH'] ?? ''].join(':') }, encoding: 'utf8' }).stdout.trim();
    writeFileSync(join(bin(), 'aws'), `#!/bin/sh\naws=${real}\n${body}\n`);
    chmodSync(join(bin(), 'aws'), 0o755);
  }

  /** Where no packages of Python's can be had, this was said once, above. */
  const testS3 = (name: string, body: () => Promise<void>): void => test(name, async () => {
    if (moto !== undefined) await body();
  });

  testS3('is the backup, byte for byte, in several parts, with its manifest; no secret is in a command line or left on the disk', async () => {
    const seen = await inCommandLines([backup.id, KEYS.secret], () => copy(target()));
    expect(sumOf(object('archive'))).toBe(backup.sum);
    expect(object('manifest').toString()).toBe(manifest());
    expect(moto!.aws('s3api', 'head-object', '--bucket', 'acme-backups', '--key', `shop/production/main/${backup.id}/archive`, '--query', 'ETag', '--output', 'text').stdout.toString()).toMatch(/-3"$/m);
    expect(evidence).toMatchObject([{ id: 'backup.copy', status: 'pass', subject: 'main', data: { id: backup.id, target: 's3://acme-backups/shop/', bytes: backup.stored } }]);
    expect(await copies()).toEqual(['s3://acme-backups/shop/']);
    expect(seen).toEqual([backup.id]);
    expect(backups()).not.toContain('.work');
  });

  testS3('that is there already is not made again, and one that was deleted is', async () => {
    await copy(target());
    expect(evidence[0]!.observed).toContain('already');
    expect(moto!.aws('s3', 'rm', '--recursive', 's3://acme-backups/shop').status).toBe(0);
    await copy(target());
    expect(evidence[0]!.observed).toContain('read back');
    expect(sumOf(object('archive'))).toBe(backup.sum);
    expect(await copies()).toHaveLength(1);
  });

  testS3('that comes back other than it went up does not count', async () => {
    // Of the right size, and another: what a broken disk or service would give.
    useAws('case "$*" in *" - "*|*" -") "$aws" "$@" | tr a b ;; *) exec "$aws" "$@" ;; esac');
    await expect(copy(target({ s3: 's3://acme-backups/flipped' }))).rejects.toThrow('was read back and is not the backup');
    // Only half of it arrives.
    useAws('case "$*" in *archive*s3://*/archive) for from in "$@"; do case $from in */archive) break ;; esac; done; head -c 1000 "$from" >"$from.half"; "$aws" --endpoint-url "$2" s3 cp --quiet "$from.half" s3://acme-backups/half/production/main/$(basename "$(dirname "$from")")/archive; code=$?; rm "$from.half"; exit $code ;; *) exec "$aws" "$@" ;; esac');
    await expect(copy(target({ s3: 's3://acme-backups/half' }))).rejects.toThrow(`has 1000 bytes instead of ${backup.stored}`);
    useAws('exec "$aws" "$@"');
    expect(await copies()).toEqual(['s3://acme-backups/shop/']);
    expect(evidence).toMatchObject([{ id: 'backup.copy', status: 'fail' }]);
  });

  testS3('is refused in the words of the service: no such bucket', async () => {
    await expect(copy(target({ s3: 's3://no-such-bucket/x' }))).rejects.toThrow(/NoSuchBucket|does not exist/);
  });
});

describe('a copy on another server', () => {
  let other: EmbeddedHost;
  let shelf: string;
  const target = (changes: Partial<CopyTarget> = {}): CopyTarget => ({ host: `deploy@127.0.0.1:${other.port}`, hostKey: [other.hostKeyLine], folder: shelf, ...changes });

  beforeAll(async () => {
    other = await startEmbeddedHost({ clientKey: ground.server.clientKey });
    shelf = join(folder, 'shelf');
  });
  afterAll(() => other.stop());

  test('is the backup, byte for byte, with its manifest, and nothing of it is kept here in between', async () => {
    await copy(target());
    const kept = join(shelf, 'production/main', backup.id);
    expect(sumOf(readFileSync(join(kept, 'archive')))).toBe(backup.sum);
    expect(readFileSync(join(kept, 'manifest'), 'utf8')).toBe(manifest());
    expect(readdirSync(join(shelf, 'production/main'))).toEqual([backup.id]);
    expect((await copies()).at(-1)).toBe(`deploy@127.0.0.1:${other.port}:${shelf}`);
    const calls = other.commands.length;
    await copy(target());
    expect(evidence[0]!.observed).toContain('already');
    expect(other.commands.length).toBe(calls + 1);
  });

  test('is not made on a server whose key is not the pinned one', async () => {
    await expect(copy(target({ hostKey: [ground.server.hostKeyLine], folder: join(folder, 'elsewhere') }))).rejects.toThrow(/host key/);
  });

  test('that was cut off, or has changed on its way, leaves nothing that could be taken for one', async () => {
    const host = await ground.host();
    const place = join(folder, 'broken');
    const send = (size: number, sum: string, archive: string): ReturnType<typeof host.connection.exec> =>
      host.connection.exec(scriptText('backup-receive'), [place, 'production', 'main', '20261121-020000', 'take'], { input: `size=${size}\nsum=${sum}\nmanifest_b64=\n.\n${archive}` });
    const sum = sumOf(Buffer.from('whole'));
    expect(await send(5, sum, 'who')).toMatchObject({ code: 31, stderr: expect.stringContaining('only 3 of 5 bytes') });
    expect(await send(5, sum, 'whale')).toMatchObject({ code: 31, stderr: expect.stringContaining('its sum differs') });
    expect(await send(10 ** 15, sum, 'whole')).toMatchObject({ code: 36 });
    expect(readdirSync(join(place, 'production/main'))).toEqual([]);
    expect(await send(5, sum, 'whole')).toMatchObject({ code: 0 });
  });

  test.each(['/', '/srv', 'backups', '/srv/../etc'])('is not put into %s', async (wrong) => {
    const host = await ground.host();
    expect(await host.connection.exec(scriptText('backup-receive'), [wrong, 'production', 'main', '20261121-020000', 'take'], { input: 'size=1\n.\nx' })).toMatchObject({ code: 3 });
  });
});
