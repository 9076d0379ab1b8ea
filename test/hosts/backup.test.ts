import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BackupRow } from '../../src/commands/backup-row.js';
import { type Host, startHost } from './harness.js';
import { type Ran, runAction, runCli } from './run-action.js';
import { answer, expectNothingLeft, listing } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

const PORT = 3001;
const ENV = 'GREETING=hello\n';
const BACKUPS = '/srv/tiny/.slipway/backups/main';
const UNIT = 'slipway-backup-tiny-production-main';

let host: Host;
let work: Workspace;
let outside: string;
/** Two identities of age: the right one, and another. */
let key: string;
let otherKey: string;
let recipient: string;
let watch: Promise<{ stdout: string }>;

/** Every command line on the host, from the first backup to the end of the file. */
const WATCH = 'cd /tmp && while [ ! -e enough ]; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " >>cmdlines; sleep 0.05; done';

beforeAll(async () => {
  host = await startHost({ publish: [PORT] });
  outside = await mkdtemp(join(tmpdir(), 'slipway-fetched-'));
  const [own = '', other = ''] = (await host.run('for i in 1 2; do age-keygen 2>/dev/null; echo --; done')).stdout.split('--\n');
  [key, otherKey] = [own, other];
  recipient = /age1\w+/.exec(own)![0];
  work = await workspace(host, {
    kind: 'tiny',
    port: PORT,
    changes: {
      'release.shared': ['data'],
      databases: {
        main: {
          engine: 'sqlite', path: 'data/app.db',
          backup: { age: recipient, schedule: '02:00', keep: 30 },
          drill: { probes: ['SELECT count(*) FROM orders'], 'restore-within': '1m', 'data-age': '1h' },
        },
      },
    },
  });
  expect(await runAction('go-live', { workspace: work.folder, inputs: { ...work.inputs, 'app-env': ENV } })).toMatchObject({ code: 0 });
  await host.run('install -d -o deploy -g deploy /srv/tiny/shared/data');
  await sql('CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT); INSERT INTO orders (what) VALUES ("one"), ("two"), ("three"); CREATE TABLE empty (id INTEGER);');
  watch = host.run(WATCH, { limit: 1_200_000 });
}, 240_000);

afterAll(async () => {
  await host.run('touch /tmp/enough');
  await watch;
  await host.stop();
  await rm(outside, { recursive: true, force: true });
  await work.remove();
});

async function sql(text: string): Promise<string> {
  const done = await host.run('sqlite3 -bail /srv/tiny/shared/data/app.db', { user: 'deploy', input: text.replaceAll('"', "'") });
  expect(done).toMatchObject({ code: 0, stderr: '' });
  return done.stdout.trim();
}

function backup(inputs: Record<string, string> = {}): Promise<Ran> {
  return runAction('backup', { workspace: work.folder, inputs: { ...work.inputs, 'app-env': ENV, ...inputs } });
}

/** What `slipway backup list` says, oldest first. */
async function list(): Promise<BackupRow[]> {
  const ran = await runCli(['backup', 'list', 'production', '--json', '--identity', work.identity, '--app-env', '-'], { workspace: work.folder, input: ENV });
  expect(ran.code).toBe(0);
  return (JSON.parse(ran.stdout) as { backups: BackupRow[] }).backups;
}

/** Everything below the folder of backups, but for what a run only reads or leaves no trace of. */
const kept = (): Promise<string> => listing(host, `${BACKUPS}/2* /srv/tiny/shared`);

let first: string;

describe('a backup by the action', () => {
  test('is good: read back whole, encrypted, with the rows of each table', async () => {
    const plan = await backup({ plan: 'true' });
    expect(plan).toMatchObject({ code: 0, outputs: { result: 'plan', backup: '' } });
    expect(plan.log).toContain('would back up main (sqlite)');
    const ran = await backup();
    expect(ran.log).not.toContain('::error');
    expect(ran).toMatchObject({ code: 0, outputs: { result: 'success', backup: expect.stringMatching(/^\d{8}-\d{6}$/), archive: '' } });
    first = ran.outputs['backup']!;
    const made = ran.evidence.find(({ id }) => id === 'backup.create');
    expect(made).toMatchObject({ status: 'pass', subject: 'main', data: { id: first, rows: { orders: 3, empty: 0 } } });
    expect(ran.summary).toMatch(new RegExp(`\\| main \\| ${first} \\|.*\\| good \\| manual \\| none \\|`));
    expect(ran.log).toContain('there is no timer: slipway backup schedule production');
    expect(await list()).toMatchObject([{ id: first, state: 'good', why: 'manual', rows: { orders: 3 } }]);
    expect((await host.run(`stat -c '%a %U' ${BACKUPS} ${BACKUPS}/${first} ${BACKUPS}/${first}/*`)).stdout).toMatch(/^(700 deploy\n){2}(600 deploy\n)+$/);
    expect((await host.run(`head -c 200 ${BACKUPS}/${first}/archive`)).stdout).not.toContain('SQLite format');
    await expectNothingLeft(host, work);
  }, 60_000);

  test('is fetched to this machine with its sum checked; an archive that is not encrypted is not brought to a runner', async () => {
    const ran = await backup({ do: 'fetch', to: outside });
    expect(ran).toMatchObject({ code: 0 });
    const folder = ran.outputs['archive']!;
    expect(folder).toBe(join(outside, `production-main-${first}`));
    const sum = createHash('sha256').update(await readFile(join(folder, 'archive'))).digest('hex');
    expect(await readFile(join(folder, 'manifest'), 'utf8')).toContain(`sum\t${sum}\n`);
    expect((await stat(join(folder, 'archive'))).mode & 0o777).toBe(0o600);
    await work.configure({ 'databases.main.backup.age': undefined });
    const plain = (await backup()).outputs['backup']!;
    const refused = await backup({ do: 'fetch', id: plain, to: outside });
    expect(refused).toMatchObject({ code: 1, outputs: { archive: '' } });
    expect(refused.log).toContain('is not encrypted');
    await work.configure({ 'databases.main.backup.age': recipient });
  }, 60_000);

  test('is restored into a scratch database by a drill, which leaves only what it measured', async () => {
    const ran = await backup({ do: 'drill', id: first, 'backup-key': key });
    expect(ran).toMatchObject({ code: 0, outputs: { backup: first } });
    const drilled = ran.evidence.find(({ id }) => id === 'backup.drill');
    expect(drilled).toMatchObject({ status: 'pass', data: { id: first, rows: { orders: 3, empty: 0 } } });
    expect(drilled!.observed).toMatch(/restored in .* \(RTO\), data .* old \(RPO\); 3 rows in 2 tables as in the manifest; 1 probe true/);
    expect((await list())[0]).toMatchObject({ id: first, state: 'drilled' });
    await work.configure({ 'databases.main.drill.probes': ['SELECT count(*) FROM empty'] });
    const red = await backup({ do: 'drill', id: first, 'backup-key': key });
    expect(red).toMatchObject({ code: 1 });
    const sealed = await backup({ do: 'drill', id: first });
    expect(sealed).toMatchObject({ code: 1 });
    expect(sealed.log).toContain('is encrypted, and no key was given');
    await work.configure({ 'databases.main.drill.probes': [] });
    expect((await host.run(`ls -A ${BACKUPS}/.work 2>/dev/null; find / -xdev -name 'slipway_drill*' 2>/dev/null`)).stdout).toBe('');
  }, 60_000);
});

describe('the host’s own timer', () => {
  const user = (command: string): Promise<string> => host.run(`XDG_RUNTIME_DIR=/run/user/1000 ${command}`, { user: 'deploy' }).then(({ stdout }) => stdout.trim());
  const folders = `${BACKUPS}/.schedule /home/deploy/.config/systemd/user`;

  test('is shown by a plan, installed, and left alone when nothing changed', async () => {
    const plan = await backup({ do: 'schedule', plan: 'true' });
    expect(plan).toMatchObject({ code: 0, outputs: { result: 'plan' } });
    expect(plan.log).toMatch(/^\+OnCalendar=\*-\*-\* 0?2:00?:00 UTC$/m);
    expect(await user(`systemctl --user list-unit-files '${UNIT}*' --no-legend`)).toBe('');
    expect((await host.run(`ls ${BACKUPS}/.schedule 2>&1`)).code).not.toBe(0);

    expect(await backup({ do: 'schedule' })).toMatchObject({ code: 0, outputs: { result: 'success' } });
    expect(await user(`systemctl --user is-active ${UNIT}.timer`)).toBe('active');
    expect(await user(`systemctl --user show --value -p Persistent -p RandomizedDelayUSec ${UNIT}.timer`)).toBe('2min\nyes');
    expect(await user(`systemctl --user show --value -p NextElapseUSecRealtime ${UNIT}.timer`)).toMatch(/ 02:0[0-2]:\d\d UTC$/);
    expect((await host.run(`find ${BACKUPS}/.schedule ! -user deploy -o -perm /077 | head`)).stdout).toBe('');

    const before = await listing(host, folders);
    const again = await backup({ do: 'schedule' });
    expect(again.log).toContain('the timer was there already (user)');
    expect(await listing(host, folders)).toBe(before);
  }, 60_000);

  test('makes a good backup with nobody there, and says so to whoever looks', async () => {
    expect((await host.run(`systemctl --user start ${UNIT}.service`, { user: 'deploy' })).code).toBe(0);
    const newest = (await list()).at(-1)!;
    expect(newest).toMatchObject({ state: 'good', why: 'schedule', rows: { orders: 3 }, encrypted: 'age' });
    const ran = await backup({ do: 'list' });
    expect(ran.log).toMatch(/the host backs up by itself \(user\); next .*; its last run, .* ago, succeeded/);
    expect(ran.log).not.toContain('does not run what it should');
  }, 60_000);

  test('that is of another version, disabled, asleep or was killed is told, and one command mends it', async () => {
    await host.run(`cd ${BACKUPS}/.schedule && echo '# older' >>job/create.sh && mkdir .running && systemctl --user disable ${UNIT}.timer`, { user: 'deploy' });
    const told = await backup({ do: 'list' });
    expect(told.log).toContain('the timer is not enabled');
    expect(told.log).toMatch(/does not run what it should: the scripts are those of another version of Slipway\. slipway backup schedule production/);
    expect(told.log).toMatch(/its last run, .* ago, FAILED \w+: it was ended before it was done/);
    expect(await backup({ do: 'schedule' })).toMatchObject({ code: 0 });
    await host.run(`rmdir ${BACKUPS}/.schedule/.running; rm /var/lib/systemd/linger/deploy`);
    const mended = await backup({ do: 'list' });
    await host.run('touch /var/lib/systemd/linger/deploy');
    expect(mended.log).not.toContain('does not run what it should');
    expect(mended.log).toContain('fires only while its user is logged in');
  }, 60_000);

  test('fires when its time has come', async () => {
    const drop = `/home/deploy/.config/systemd/user/${UNIT}.timer.d`;
    await host.run(`mkdir -p ${drop} && printf '[Timer]\\nOnCalendar=\\nOnCalendar=*-*-* *:*:00/2\\nRandomizedDelaySec=0\\n' >${drop}/soon.conf && systemctl --user daemon-reload && systemctl --user restart ${UNIT}.timer`, { user: 'deploy' });
    const before = (await list()).at(-1)!.id;
    const fired = await host.run(`for try in $(seq 100); do [ "$(ls -d ${BACKUPS}/2*/verified | tail -n 1)" != ${BACKUPS}/${before}/verified ] && break; sleep 0.2; done; rm -r ${drop}; systemctl --user daemon-reload; systemctl --user restart ${UNIT}.timer; while [ "$(systemctl --user is-active ${UNIT}.service)" = activating ]; do sleep 0.1; done; ls -d ${BACKUPS}/2*/verified | tail -n 1`, { user: 'deploy' });
    expect(fired.stdout.trim()).not.toContain(before);
  }, 60_000);

  test('that fails is red on the host and in the list', async () => {
    await host.run('mv /srv/tiny/shared/data/app.db /srv/tiny/shared/data/away.db');
    expect((await host.run(`systemctl --user start ${UNIT}.service`, { user: 'deploy' })).code).not.toBe(0);
    await host.run('mv /srv/tiny/shared/data/away.db /srv/tiny/shared/data/app.db');
    expect((await host.run(`cat ${BACKUPS}/.schedule/ran`)).stdout).toMatch(/result\tfailed\nstep\tcreate\n/);
    expect((await backup({ do: 'list' })).log).toMatch(/its last run, .* ago, FAILED create: /);
  }, 60_000);

  test('is gone once the configuration has no schedule any more', async () => {
    await work.configure({ 'databases.main.backup.schedule': undefined });
    expect(await backup({ do: 'schedule' })).toMatchObject({ code: 0 });
    expect((await host.run(`ls -A ${folders} | grep -i -e slipway-backup -e job`)).stdout).toBe('');
    expect(await user(`systemctl --user list-timers '${UNIT}*' --all --no-legend`)).toBe('');
  }, 60_000);
});

describe('a restore', () => {
  test('without the right word changes nothing, and says what would be lost', async () => {
    await sql('INSERT INTO orders (what) VALUES ("four"), ("five");');
    const before = await kept();
    for (const confirm of ['', 'staging', 'yes']) {
      const ran = await backup({ do: 'restore', id: first, confirm });
      expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure' } });
      expect(ran.log).toContain('2 rows written since are lost');
      expect(ran.log).toMatch(/orders +5 +3 +−2/);
      expect(ran.log).toContain('confirm: production');
    }
    const plan = await backup({ do: 'restore', id: first, plan: 'true' });
    expect(plan).toMatchObject({ code: 0, outputs: { result: 'plan', backup: first } });
    expect(await sql('SELECT count(*) FROM orders')).toBe('5');
    expect(await kept()).toBe(before);
  }, 90_000);

  test('brings the data back with the app running again, and what was there is in a safety backup', async () => {
    const ran = await backup({ do: 'restore', id: first, confirm: 'production', 'backup-key': key });
    expect(ran.log).not.toContain('::error');
    expect(ran).toMatchObject({ code: 0, outputs: { backup: first } });
    expect(await sql('SELECT group_concat(what) FROM orders')).toBe('one,two,three');
    expect(await answer(host, PORT)).toMatchObject({ release: expect.any(String) });
    const safety = (await list()).at(-1)!;
    expect(safety).toMatchObject({ why: 'safety', rows: { orders: 5 } });
    expect(ran.summary).toContain(safety.id);
    const back = await backup({ do: 'restore', id: safety.id, confirm: 'production', 'backup-key': key });
    expect(back).toMatchObject({ code: 0 });
    expect(await sql('SELECT count(*) FROM orders')).toBe('5');
    await expectNothingLeft(host, work);
  }, 90_000);

  test('of an archive that is not whole, or with a wrong key, stops nothing', async () => {
    const pid = (await answer(host, PORT))['pid'];
    const archive = `${BACKUPS}/${first}/archive`;
    await host.run(`cp -p ${archive} /tmp/whole && printf x | dd of=${archive} bs=1 seek=100 conv=notrunc status=none`);
    const ran = await backup({ do: 'restore', id: first, confirm: 'production', 'backup-key': key });
    await host.run(`cp -p /tmp/whole ${archive} && rm -f ${BACKUPS}/${first}/bad`);
    expect(ran.code).toBe(1);
    const wrong = await backup({ do: 'restore', id: first, confirm: 'production', 'backup-key': otherKey });
    expect(wrong.code).toBe(1);
    expect(wrong.log).toContain('the key does not open it');
    expect(await sql('SELECT count(*) FROM orders')).toBe('5');
    expect((await answer(host, PORT))['pid']).toBe(pid);
  }, 60_000);
});

describe('on the worst day', () => {
  test('a database whose file is gone comes back; there is nothing to save first', async () => {
    await host.run('rm /srv/tiny/shared/data/app.db*');
    const ran = await backup({ do: 'restore', id: first, confirm: 'production', 'backup-key': key });
    expect(ran.log).not.toContain('::error');
    expect(ran.log).toContain('nothing is left of the live data');
    expect(ran).toMatchObject({ code: 0, outputs: { backup: first } });
    expect(await sql('SELECT count(*) FROM orders')).toBe('3');
  }, 60_000);

  test('a folder that cannot be renamed is drilled and comes back, with the group of the web server and what nobody may write to, without lost+found', async () => {
    const tree = async (): Promise<string> => (await host.run("cd /var/up && find . -printf '%M %g %P\\n' | sort")).stdout;
    await host.run('usermod -aG www-data deploy && install -d /var/up/kept && echo one >/var/up/kept/one && chown -R deploy:www-data /var/up && chmod 2775 /var/up && chmod 555 /var/up/kept && mkdir -m 700 /var/up/lost+found');
    await work.configure({ 'databases.uploads': { engine: 'files', path: '/var/up' } });
    const before = await tree();
    expect(before).toContain('dr-xr-xr-x www-data kept');
    const uploads = (inputs: Record<string, string>): Promise<Ran> => backup({ database: 'uploads', ...inputs });
    const made = await uploads({});
    expect(made.log).toContain('lost+found in /var/up is the file system\'s own, and was left out');
    expect((await host.run(`cat ${BACKUPS}/../uploads/2*/manifest`)).stdout).toMatch(/^note\.left-out\tlost\+found.*\nrows\t1\tfiles$/m);
    expect(await uploads({ do: 'drill' })).toMatchObject({ code: 0 });
    await host.run('chmod 755 /var/up/kept && rm -r /var/up/kept && touch /var/up/later');
    // Its safety backup is one after a drill: nothing of that is in its way.
    const ran = await uploads({ do: 'restore', id: made.outputs['backup']!, confirm: 'production' });
    expect(ran.log).not.toContain('::error');
    expect(ran).toMatchObject({ code: 0 });
    expect(await tree()).toBe(before);
    // Of another name it is somebody's data.
    await host.run('mkdir -m 700 /var/up/secret');
    const red = await uploads({});
    await work.configure({ 'databases.uploads': undefined });
    expect(red).toMatchObject({ code: 1 });
    expect(red.log).toMatch(/\.\/secret: Cannot open/);
    await expectNothingLeft(host, work);
  }, 90_000);
});

describe('old backups', () => {
  test('are deleted as `keep` says, which a plan only shows', async () => {
    await work.configure({ 'databases.main.backup.keep': 1 });
    const before = await kept();
    const plan = await backup({ do: 'prune', plan: 'true' });
    expect(plan.log).toMatch(/would delete .*\d{8}-\d{6}/);
    expect(await kept()).toBe(before);
    const newest = (await list()).filter(({ state }) => state !== 'bad').at(-1)!;
    expect(await backup({ do: 'prune' })).toMatchObject({ code: 0 });
    expect((await list()).map(({ id }) => id)).toEqual([newest.id]);
  }, 60_000);

  test('and nothing of all this had a secret in a command line', async () => {
    // As patterns: the watch sees the command line of this search, too.
    const seen = async (pattern: string): Promise<boolean> => (await host.run(`grep -a -q -e '${pattern}' /tmp/cmdlines`)).code === 0;
    expect([await seen('sqlite[3]'), await seen('AGE-SECRET-KE[Y]')]).toEqual([true, false]);
  });
});
