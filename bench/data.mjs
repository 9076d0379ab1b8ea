/** Backups of 1 GB while the app writes: Slipway beside the engines' own tools and zstd, on the same host, taking turns. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { run } from './process.mjs';

const PASSWORD = 'bench-password';
const ROOT = '/srv/bench-data';
const LITE = `${ROOT}/shared/data/app.db`;

/** A row as shops have them: a little JSON, half of it words that come again, half of it not. About 280 bytes. */
const POSTGRES = (rows) => `
CREATE TABLE orders (id bigint PRIMARY KEY, customer int, status text, note text, placed timestamptz DEFAULT now());
INSERT INTO orders SELECT g, (random() * 50000)::int, (ARRAY['new','paid','sent','returned'])[1 + (random() * 3)::int],
  format('{"ref":"%s","items":[{"sku":"A-%s","count":%s,"price":%s},{"sku":"B-%s","count":1,"price":%s}],"address":"%s Street %s, 0%s","comment":"please ring the bell at the side entrance"}',
    md5(g::text), (random() * 9999)::int, (random() * 9)::int, round((random() * 1000)::numeric, 2), (random() * 9999)::int, round((random() * 1000)::numeric, 2),
    substr(md5(random()::text), 1, 9), (random() * 200)::int, 1000 + (random() * 8999)::int)
FROM generate_series(1, ${rows}) g;
CREATE INDEX ON orders (customer);
CREATE TABLE log (id bigserial PRIMARY KEY, what text);
VACUUM ANALYZE;
`;
const SQLITE = (rows) => `
PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER, status TEXT, note TEXT);
WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < ${rows})
INSERT INTO orders SELECT n, abs(random()) % 50000, CASE abs(random()) % 4 WHEN 0 THEN 'new' WHEN 1 THEN 'paid' WHEN 2 THEN 'sent' ELSE 'returned' END,
  '{"ref":"' || lower(hex(randomblob(16))) || '","items":[{"sku":"A-' || (abs(random()) % 9999) || '","count":' || (abs(random()) % 9) || ',"price":' || (abs(random()) % 100000) || '},{"sku":"B-' || (abs(random()) % 9999)
  || '","count":1,"price":' || (abs(random()) % 100000) || '}],"address":"' || lower(hex(randomblob(5))) || ' Street ' || (abs(random()) % 200) || ', 0' || (abs(random()) % 9999) || '","comment":"please ring the bell at the side entrance"}' FROM g;
CREATE INDEX orders_customer ON orders (customer);
CREATE TABLE log (id INTEGER PRIMARY KEY, what TEXT);
PRAGMA wal_checkpoint(TRUNCATE);
`;

const SERVER = `
pg_createcluster 15 main -- -E UTF8 --locale=C.UTF-8 --no-sync > /dev/null
printf '%s\\n' 'fsync = off' 'max_wal_size = 4GB' >> /etc/postgresql/15/main/conf.d/bench.conf
systemctl start postgresql@15-main
runuser -u postgres -- psql -Xqc "CREATE ROLE app LOGIN CREATEDB PASSWORD '${PASSWORD}'" -c 'CREATE DATABASE shop OWNER app'
printf '127.0.0.1:*:*:app:%s\\n' '${PASSWORD}' | install -m 600 -o deploy -g deploy /dev/stdin /home/deploy/.pgpass
install -d -o deploy -g deploy ${ROOT} /srv/plain
`;

/** What writes meanwhile: about twenty rows a second to each, until the file is gone. */
const WRITERS = `
touch /tmp/writing
(while [ -e /tmp/writing ]; do echo "INSERT INTO log (what) VALUES ('while a backup is made');"; sleep 0.05; done | psql -Xq -h 127.0.0.1 -U app shop) > /dev/null 2>&1 &
(while [ -e /tmp/writing ]; do [ -e /tmp/quiet ] || echo "INSERT INTO log (what) VALUES ('while a backup is made');"; sleep 0.05; done | sqlite3 -cmd '.timeout 10000' ${LITE}) > /dev/null 2>&1 &
`;

/** The ways beside Slipway, as deploy on the host. Their archives go where its archives go: the same disk. */
const PLAIN = {
  'pg-custom': { engine: 'postgres', title: 'pg_dump -Fc -Z0 \\| zstd', command: 'pg_dump -Fc -Z0 -h 127.0.0.1 -U app shop | zstd -q > /srv/plain/out' },
  'pg-plain': { engine: 'postgres', title: 'pg_dump \\| zstd', command: 'pg_dump -h 127.0.0.1 -U app shop | zstd -q > /srv/plain/out' },
  'lite-backup': { engine: 'sqlite', title: 'sqlite3 .backup', command: `sqlite3 ${LITE} '.timeout 10000' '.backup /srv/plain/out'` },
  'lite-zstd': { engine: 'sqlite', title: 'sqlite3 .backup, then zstd', command: `sqlite3 ${LITE} '.timeout 10000' '.backup /srv/plain/raw' && zstd -q /srv/plain/raw -o /srv/plain/out && rm /srv/plain/raw` },
};
const NAMES = { postgres: 'pg', sqlite: 'lite' };

/**
 * `made` is until the archive is whole and on the disk, as the host's own clock has it; `ms` the whole command, which also reads it back.
 * @returns {Promise<{ samples: { engine: string, way: string, what: string, ms: number, made?: number, verified?: number, stored: number, peak: number }[], titles: Record<string, string>, live: Record<string, number>, rows: Record<string, number>, busy: number, cores: number }>} `busy` is the load average before
 */
export async function dataPart({ host, scratch, say, dist, node }, { quick }) {
  const busy = loadavg()[0];
  const rows = quick ? 200_000 : 3_200_000;
  const folder = join(scratch, 'bench-data');
  mkdirSync(folder);
  const databases = { pg: { engine: 'postgres', url: '$PG_URL', backup: { keep: 1 } }, lite: { engine: 'sqlite', path: 'data/app.db', backup: { keep: 1 } } };
  writeFileSync(join(folder, 'slipway.yml'), JSON.stringify({
    app: 'bench-data', environments: { production: { hosts: [{ address: `deploy@${host.address}`, 'host-key': host.hostKey }] } },
    release: { include: ['.'], shared: ['data'] }, databases,
  }));
  for (const args of [['init', '--quiet'], ['add', '.'], ['-c', 'user.name=Bench', '-c', 'user.email=bench@example.com', 'commit', '--quiet', '--message', 'Bench']]) await run('git', ['-C', folder, ...args]);
  writeFileSync(join(scratch, 'data.env'), `PG_URL=postgresql://app:${PASSWORD}@127.0.0.1/shop\n`, { mode: 0o600 });
  const slipway = (command, ...options) => run(node, [join(dist, 'slipway.cjs'), ...command, 'production', '--identity', host.keys.ed25519, '--app-env', join(scratch, 'data.env'), '--evidence', join(scratch, 'evidence.jsonl'), ...options],
    { cwd: folder, env: { ...process.env, SSH_AUTH_SOCK: '' }, memory: true, limit: 300_000 });

  await host.sh(SERVER, { limit: 60_000 });
  await slipway(['deploy']);
  say('  making 1 GB each');
  await host.sh(`mkdir -p ${ROOT}/shared/data`, { user: 'deploy' });
  await host.sh(`psql -Xq -h 127.0.0.1 -U app shop`, { user: 'deploy', input: POSTGRES(rows), limit: 300_000 });
  await host.sh(`sqlite3 ${LITE} > /dev/null`, { user: 'deploy', input: SQLITE(Math.round(rows * 1.2)), limit: 300_000 });
  const size = async (command) => Number((await host.sh(command, { user: 'deploy' })).trim());
  const live = { postgres: await size(`psql -XAtq -h 127.0.0.1 -U app shop -c "SELECT pg_database_size('shop')"`), sqlite: await size(`stat -c %s ${LITE}`) };
  // A mistake in the rows above makes them small without a word.
  for (const [engine, bytes] of Object.entries(live)) if (!quick && bytes < 0.9e9) throw new Error(`${engine} has only ${bytes} bytes`);
  await host.sh(WRITERS, { user: 'deploy' });

  const samples = [];
  const list = async (name) => JSON.parse((await slipway(['backup', 'list'], '--database', name, '--json')).stdout).backups;
  const sample = (one) => { samples.push(one); say(`  ${one.engine}, ${one.way}, ${one.what}: ${(one.ms / 1000).toFixed(1)} s${one.made ? `, made in ${(one.made / 1000).toFixed(1)} s` : ''}, ${(one.stored / 1e6).toFixed(0)} MB${one.peak ? `, ${(one.peak / 1e6).toFixed(0)} MB of memory` : ''}`); };
  const create = async (engine) => {
    const { ms, peak } = await slipway(['backup', 'create'], '--database', NAMES[engine]);
    const made = (await list(NAMES[engine])).at(-1);
    // The time of the dump until its archive is on the disk; reading it back comes after.
    const field = async (file) => size(`sed -n 's/^duration\\t//p' ${ROOT}/.slipway/backups/${NAMES[engine]}/${made.id}/${file}`);
    sample({ engine, way: 'slipway', what: 'create', ms, made: await field('manifest'), verified: await field('verified'), stored: made.stored, peak });
  };
  const plain = async (way) => {
    // SQLite's .backup begins anew with each write of somebody else: it would not end.
    const quiet = PLAIN[way].engine === 'sqlite';
    await host.sh(`rm -f /srv/plain/*; ${quiet ? 'touch' : 'rm -f'} /tmp/quiet`);
    const { ms } = await run('docker', ['exec', '--user', 'deploy', '--env', 'HOME=/home/deploy', host.id, 'bash', '-o', 'pipefail', '-c', PLAIN[way].command], { limit: 300_000 });
    await host.sh('rm -f /tmp/quiet');
    sample({ engine: PLAIN[way].engine, way, what: 'create', ms, stored: await size('stat -c %s /srv/plain/out'), peak: 0 });
  };
  for (let round = 0; round < (quick ? 1 : 3); round += 1) {
    const turns = [() => create('postgres'), () => plain('pg-custom'), () => plain('pg-plain'), () => create('sqlite'), () => plain('lite-backup'), () => plain('lite-zstd')];
    // Each round begins with another one.
    for (const turn of [...turns.slice(round), ...turns.slice(0, round)]) await turn();
  }
  const counted = {};
  for (const engine of ['postgres', 'sqlite']) {
    for (const what of ['verify', 'drill']) {
      const { ms, peak } = await slipway(['backup', what], '--database', NAMES[engine]);
      sample({ engine, way: 'slipway', what, ms, stored: (await list(NAMES[engine])).at(-1).stored, peak });
    }
    const last = (await list(NAMES[engine])).at(-1);
    if (last.state !== 'drilled') throw new Error(`the drill of ${engine} is not green: ${last.state}`);
    counted[engine] = Object.values(last.rows).reduce((sum, count) => sum + count, 0);
  }
  await host.sh('rm -f /tmp/writing');
  return { samples, titles: { slipway: 'Slipway', ...Object.fromEntries(Object.entries(PLAIN).map(([way, { title }]) => [way, title.replace('\\', '')])) }, live, rows: counted, busy, cores: cpus().length };
}
