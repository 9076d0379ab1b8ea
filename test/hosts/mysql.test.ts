import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { inputOf } from '../../src/databases/input.js';
import { scriptText, type ScriptName } from '../../src/host/script.js';
import type { Finished } from './docker.js';
import { type Host, startHost } from './harness.js';

/** The scripts of a backup against Debian's MariaDB, as the host's own timer runs them: from files, parameters on standard input. */
const PASSWORD = 'pä #\'"\\ x; y';
const FOLDER = '/srv/shop/.slipway/backups/main';
const TOKEN = 'token-of-the-test';
const SCRIPTS: readonly ScriptName[] = ['backup-create', 'backup-drill', 'backup-restore', 'backup-rows', 'backup-verify'];

const SCHEMA = `
CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
CREATE USER app@localhost IDENTIFIED BY '${PASSWORD.replaceAll('\\', '\\\\').replaceAll("'", "''")}';
GRANT ALL ON shop.* TO app@localhost;
GRANT ALL ON \`slipway\\_drill\\_%\`.* TO app@localhost;
GRANT SELECT ON mysql.proc TO app@localhost;
CREATE USER reader@localhost IDENTIFIED BY 'reader-password';
GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON shop.* TO reader@localhost;
GRANT SELECT ON mysql.proc TO reader@localhost;
SET GLOBAL event_scheduler = ON;`;

const OBJECTS = `
CREATE TABLE customers (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200) NOT NULL, photo BLOB, doc JSON);
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, customer INT NOT NULL, note TEXT, CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customers (id));
CREATE TABLE items (order_id INT NOT NULL, CONSTRAINT of_order FOREIGN KEY (order_id) REFERENCES orders (id));
CREATE TABLE \`odd \`\`name\`\` of (a) table\` (\`a\`\`b c\` INT, t TEXT);
CREATE TABLE \`two
lines	and a tab\` (a INT);
INSERT INTO \`two
lines	and a tab\` VALUES (1), (2);
CREATE TABLE nothing (a INT);
CREATE TABLE audit (n INT);
CREATE SEQUENCE numbers START WITH 5;
INSERT INTO customers (name, photo, doc) VALUES ('Zoë 😀''s \\\\ "x" (a),(b)', X'00FF270A5C', '{"a":"(("}'), ('new\\nline;\\nINSERT INTO \`x\` VALUES', NULL, NULL), ('CREATE TABLE \`y\` (', X'', NULL);
INSERT INTO orders (customer, note) SELECT 1 + seq % 3, REPEAT(MD5(seq), 20) FROM seq_1_to_60000;
INSERT INTO items SELECT id FROM orders;
INSERT INTO \`odd \`\`name\`\` of (a) table\` VALUES (1, 'x'), (2, '-- Dump completed'), (3, ');');
CREATE VIEW totals AS SELECT c.name, COUNT(*) AS orders FROM customers c JOIN orders o ON o.customer = c.id GROUP BY c.id;
DELIMITER ;;
CREATE TRIGGER items_ai AFTER INSERT ON items FOR EACH ROW BEGIN
INSERT INTO audit VALUES (NEW.order_id);
END;;
CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC BEGIN RETURN n * 2; END;;
CREATE PROCEDURE fill() BEGIN
INSERT INTO audit VALUES
(1),
(2);
END;;
CREATE EVENT tick ON SCHEDULE EVERY 1 HOUR STARTS '2030-01-01 00:00:00' DO INSERT INTO audit VALUES (99);;
DELIMITER ;`;

/** An order and its item in one transaction: a dump of one moment has as many of the one as of the other. */
const WRITE = `while [ ! -e /tmp/enough ]; do
  echo "BEGIN; INSERT INTO orders (customer, note) VALUES (1, 'written meanwhile'); INSERT INTO items VALUES (LAST_INSERT_ID()); COMMIT;"
  sleep 0.005
done | mariadb shop`;

/** Every command line and environment of what backups start. */
const WATCH = `cd /proc; while [ ! -e /tmp/enough-seen ]; do
  for pid in [0-9]*; do tr '\\0' ' ' <$pid/cmdline && echo; case $(cat $pid/comm) in maria* | mysql* | sh | dash) tr '\\0' ' ' <$pid/environ ;; esac; done >>/tmp/seen
  sleep 0.05
done 2>/dev/null`;

let host: Host;
let watch: Promise<unknown>;

beforeAll(async () => {
  host = await startHost();
  const started = await host.run('mariadb-install-db --user=mysql --skip-test-db >/dev/null && systemctl start mariadb', { limit: 60_000 });
  expect(started).toMatchObject({ code: 0 });
  await sql('', SCHEMA);
  await sql('shop', OBJECTS, login('app', PASSWORD));
  await host.run(`install -d -o deploy -g deploy -m 700 /srv/shop /srv/shop/.slipway && cd /srv/shop/.slipway && echo 'shop production' >app && echo 'token=${TOKEN}' >lease && chown deploy: app lease`);
  for (const name of SCRIPTS) await host.run(`cat >/tmp/${name}.sh`, { input: scriptText(name, 'mysql') });
  watch = host.run(WATCH, { limit: 1_200_000 });
}, 120_000);

afterAll(async () => {
  await host.run('touch /tmp/enough /tmp/enough-seen');
  await watch;
  await host.stop();
});

/** An option file for the test's own client. */
function login(user: string, password: string): string {
  return `[client]\nuser=${user}\npassword="${password.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"\ndefault-character-set=utf8mb4\n`;
}

async function sql(database: string, text: string, as = '[client]\nuser=root\ndefault-character-set=utf8mb4\n'): Promise<string> {
  await host.run('umask 077; cat >/tmp/test.cnf', { input: as });
  const done = await host.run(`mariadb --defaults-file=/tmp/test.cnf -N -B ${database}`, { input: text, limit: 60_000 });
  expect(done).toMatchObject({ code: 0, stderr: '' });
  return done.stdout.trim();
}

type Settings = Readonly<Record<string, string>>;

const input = (settings: Settings = {}): string =>
  inputOf({ engine: 'mysql', user: 'app', password: PASSWORD, host: 'localhost', database: 'shop', compress: 'zstd', wait: '20', ...settings });

function script(name: ScriptName, args: readonly string[] = [], settings: Settings = {}): Promise<Finished> {
  return host.run(`sh /tmp/${name}.sh /srv/shop main ${args.map((arg) => `'${arg}'`).join(' ')}`, { user: 'deploy', input: input(settings), limit: 60_000 });
}

/** Begins a script, kills its shell once something holds on the host, and waits until none of its clients works on. */
async function killed(name: ScriptName, args: readonly string[], when: string): Promise<void> {
  const done = script(name, args);
  const kill = await host.run(`for turn in $(seq 1 2000); do if ${when}; then pkill -KILL -u deploy -o -f '^sh /tmp/${name}.sh' && exit 0; fi; sleep 0.005; done; exit 1`, { limit: 30_000 });
  expect(kill).toMatchObject({ code: 0 });
  expect((await done).code).not.toBe(0);
  while ((await host.run('pgrep -u deploy mariadb')).code === 0) await sleep(50);
}

const rowsOf = (text: string, key: string): Record<string, number> =>
  Object.fromEntries([...text.matchAll(new RegExp(`^${key}\\t(\\d+)\\t(.*)$`, 'gm'))].map(([, count, table]) => [table ?? '', Number(count)] as const));
const idOf = ({ stdout }: Finished): string => /^backup\t(\S+)$/m.exec(stdout)?.[1] ?? '';
const digest = (): Promise<Finished> => host.run('mariadb-dump --routines --events --triggers --skip-dump-date shop | sha256sum');
const scratches = (): Promise<string> => sql('', "SHOW DATABASES LIKE 'slipway%'");

describe('MariaDB', () => {
  let id: string;

  test('a backup under writes is of one moment, and its drill has the same rows, triggers, routines, events and views', async () => {
    const writing = host.run(WRITE, { limit: 60_000 });
    const made = await script('backup-create', [], { min_rows_b64: Buffer.from('3 customers\n').toString('base64') });
    expect(made).toMatchObject({ code: 0, stderr: '' });
    id = idOf(made);
    expect(made.stdout).toMatch(/^manifest\tconsistent\tyes$/m);
    const drilled = await script('backup-drill', [id], { probes_b64: Buffer.from(['SELECT COUNT(*) FROM totals', 'SELECT twice(21) = 42', "SELECT COUNT(*) FROM customers WHERE name LIKE 'Zoë 😀%' AND photo = X'00FF270A5C'"].map((probe) => `${Buffer.from(probe).toString('base64')}\n`).join('')).toString('base64') });
    await host.run('touch /tmp/enough');
    await writing;
    expect(drilled).toMatchObject({ code: 0, stderr: '' });
    const rows = rowsOf(made.stdout, 'manifest\trows');
    expect(rowsOf(drilled.stdout, 'row')).toEqual(rows);
    expect(rows).toMatchObject({ customers: 3, 'odd `name` of (a) table': 3, 'two lines and a tab': 2, nothing: 0, items: rows['orders'] });
    expect(rows['orders']).toBeGreaterThan(60_000);
    expect(Number(await sql('shop', 'SELECT COUNT(*) FROM orders'))).toBeGreaterThan(rows['orders'] ?? 0);
    expect(drilled.stdout).toMatch(/^probe\t3\nprobe\t1\nprobe\t1$/m);
    expect(await scratches()).toBe('');
  }, 60_000);

  test('a restore into the live data brings back exactly the backup', async () => {
    const made = await script('backup-create');
    const before = await digest();
    await sql('shop', 'SET FOREIGN_KEY_CHECKS = 0; DROP VIEW totals; DROP TABLE orders; CREATE TABLE newer (a INT); CREATE PROCEDURE newer() SELECT 1; DROP EVENT tick; UPDATE customers SET name = 1; DROP FUNCTION twice');
    const restored = await script('backup-restore', [TOKEN, idOf(made), '']);
    expect(restored).toMatchObject({ code: 0, stderr: '' });
    expect((await digest()).stdout).toBe(before.stdout);
    expect(rowsOf((await script('backup-rows')).stdout.replace(/^/gm, 'row\t'), 'row')).toEqual(rowsOf(made.stdout, 'manifest\trows'));
  }, 60_000);

  test('a backup of another kind of server is refused before anything is touched, unless a drill on this one has succeeded', async () => {
    const before = await digest();
    await host.run(`cd ${FOLDER}/${id} && cp -p manifest /tmp/manifest && sed -i '/^check\t/d; s/^server\t.*/server\t8.0.36/' manifest && mv drilled /tmp/drilled`);
    const refused = await script('backup-restore', [TOKEN, id, '']);
    expect(refused).toMatchObject({ code: 37, stderr: expect.stringMatching(/nothing was changed: MySQL 8\.0\.36 has made it, and this is MariaDB 10\.11\.\d+\n/) });
    expect((await script('backup-rows', ['fits', id])).code).toBe(37);
    await host.run(`mv /tmp/drilled ${FOLDER}/${id}/`);
    expect(await script('backup-rows', ['fits', id])).toMatchObject({ code: 0, stderr: '' });
    expect(await digest()).toEqual(before);
    expect((await host.run(`cp -p /tmp/manifest ${FOLDER}/${id}/ && ls ${FOLDER}/restoring`)).code).not.toBe(0);
  }, 60_000);

  test('a backup or drill that is killed leaves nothing that the next one does not clear away', async () => {
    await killed('backup-create', [], `[ -s ${FOLDER}/.work/archive ]`);
    await killed('backup-drill', [id], `mariadb -N -e 'SHOW DATABASES' | grep -q slipway_drill`);
    expect(await scratches()).toMatch(/^slipway_drill_main_/);
    const next = await script('backup-create');
    expect(next).toMatchObject({ code: 0, stderr: '' });
    expect(await scratches()).toBe('');
    expect((await host.run(`ls -A ${FOLDER}`)).stdout).not.toMatch(/\.work|\.scratch/);
  }, 60_000);

  test('a restore that is killed is told by whatever comes next, and ends when it is run again', async () => {
    const made = await script('backup-create');
    const before = await digest();
    await killed('backup-restore', [TOKEN, idOf(made), id], `[ -s ${FOLDER}/.work/drops.sql ] && ! mariadb -N -e 'SHOW TABLES' shop | grep -q items`);
    const refused = await script('backup-create');
    expect(refused).toMatchObject({ code: 34, stderr: expect.stringContaining(`backup ${idOf(made)}, safety backup ${id}`) });
    expect(await script('backup-restore', [TOKEN, idOf(made), id])).toMatchObject({ code: 0 });
    expect((await digest()).stdout).toBe(before.stdout);
    expect(await script('backup-create')).toMatchObject({ code: 0 });
  }, 60_000);

  test.each([
    ['a wrong password', { password: 'wrong' }, /Access denied for user 'app'/],
    ['a server that cannot be reached', { host: '127.0.0.1', port: '1' }, /Can't connect to server on '127\.0\.0\.1'/],
    ['no encryption where it is asked for', { tls: 'require' }, /not encrypted/],
    ['a database that is not there', { database: 'nowhere' }, /nowhere/],
  ])('%s is said in the words of the server', async (_, settings, words) => {
    const refused = await script('backup-create', [], settings);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(words);
  });

  test('an account that may only read makes backups; a drill tells it what to grant, and takes nothing from the next backup', async () => {
    const reader = { user: 'reader', password: 'reader-password' };
    const made = await script('backup-create', [], reader);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    const drilled = await script('backup-drill', [idOf(made)], reader);
    expect(drilled).toMatchObject({ code: 35, stderr: expect.stringContaining('GRANT ALL ON `slipway\\_drill\\_%`.* TO') });
    expect(await script('backup-verify', [''], reader)).toMatchObject({ code: 0 });
    expect(await script('backup-create', [], reader)).toMatchObject({ code: 0 });
  }, 60_000);

  test('the password was in no command line and no environment on the host', async () => {
    await host.run('touch /tmp/enough-seen');
    await watch;
    const seen = async (words: string): Promise<boolean> => (await host.run('grep -a -q -F -f - /tmp/seen', { input: `${words}\n` })).code === 0;
    expect([await seen('mariadb-dump --defaults-file='), await seen(PASSWORD), await seen('reader-password')]).toEqual([true, false, false]);
  });
});
