import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Host, OPERATOR_PASSWORD, startHost } from './harness.js';
import { runAction } from './run-action.js';
import { answer, current, expectNothingLeft, states, status } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

let host: Host;

beforeAll(async () => {
  host = await startHost({ publish: [8000, 8001, 8002] });
  // The test hosts keep their journal in memory, which only this group can read.
  await host.run('usermod -aG systemd-journal deploy');
}, 180_000);

afterAll(async () => {
  await host.stop();
});

describe('a Flask app in a venv made on the host, as a systemd user unit', () => {
  const PORT = 8000;
  const SECOND = 'migrations/versions/0002_pinned.py';
  let work: Workspace;
  let first: string;
  /** The files of the release before the second migration, and of the one with it. */
  let older: Record<string, string | undefined>;
  let newer: Record<string, string>;

  beforeAll(async () => {
    work = await workspace(host, {
      kind: 'flask',
      port: PORT,
      changes: { 'services.web.start': '.venv/bin/gunicorn --workers 2 --no-control-socket --bind 0.0.0.0:8000 app:app' },
    });
    const [app, second] = await Promise.all(['app.py', SECOND].map((path) => readFile(join(work.folder, path), 'utf8')));
    newer = { 'app.py': app!, [SECOND]: second! };
    older = { 'app.py': app!.replace(/^ *Column\("pinned".*\n/m, ''), [SECOND]: undefined };
    await work.commit(older);
  });
  afterAll(() => work.remove());

  const notes = async (): Promise<unknown> => ((await (await fetch(`http://127.0.0.1:${host.published[PORT]}/notes`)).json()) as { notes: unknown }).notes;
  const write = (text: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${host.published[PORT]}/notes`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text }) });
  const unit = (property: string): Promise<string> =>
    host.run(`systemctl --user show --value -p ${property} flask-web.service`, { user: 'deploy' }).then(({ stdout }) => stdout.trim());

  test('goes live: the unit runs the release and comes back after a reboot', async () => {
    const ran = await runAction('go-live', { workspace: work.folder, inputs: work.inputs });
    expect(ran.log).toContain('is live');
    expect(ran).toMatchObject({ code: 0, outputs: { result: 'success', switched: 'true' } });
    first = ran.outputs['release']!;
    expect(await answer(host, PORT)).toMatchObject({ release: first });
    expect(await unit('UnitFileState')).toBe('enabled');
    expect((await status(work)).services[0]).toMatchObject({ manager: 'systemd', health: 'ok', folder: `${work.root}/releases/${first}` });
    await expectNothingLeft(host, work);
  }, 180_000);

  test('Alembic takes the schema up with a release and down with its rollback; every row stays', async () => {
    await write('from before');
    await work.commit(newer);
    const up = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
    expect(up.log).toContain('0002 notes can be pinned');
    expect(up.log).toContain('schema 0001 → 0002');
    expect(up).toMatchObject({ code: 0, outputs: { result: 'success' } });
    await write('from after');
    expect(await notes()).toEqual([{ id: 1, text: 'from before', pinned: false }, { id: 2, text: 'from after', pinned: false }]);

    const down = await runAction('rollback', { workspace: work.folder, inputs: { ...work.inputs, 'restore-database': 'down' } });
    expect(down).toMatchObject({ code: 0, outputs: { release: first } });
    expect((await host.run(`sqlite3 ${work.root}/shared/data/app.db 'SELECT version_num FROM alembic_version'`)).stdout).toBe('0001\n');
    expect(await answer(host, PORT)).toMatchObject({ release: first });
    expect(await notes()).toEqual([{ id: 1, text: 'from before' }, { id: 2, text: 'from after' }]);
    await expectNothingLeft(host, work);
    await work.commit(older);
  }, 120_000);

  test('goes back by itself when the new one does not start, and rolls back unit and all', async () => {
    const start = '.venv/bin/gunicorn --workers 2 --no-control-socket --bind 0.0.0.0:8000 app:app';
    // From here on it is about the unit alone.
    await work.configure({ databases: undefined });
    await work.configure({ 'services.web.health.within': '5s', 'services.web.start': ".venv/bin/python -c 'import sys; sys.exit(\"no such table\")'" });
    const red = await runAction('deploy', { workspace: work.folder, inputs: work.inputs });
    expect(red.code).toBe(1);
    expect(red.log).toMatch(/::error::[^]*the host went back to[^]*no such table/);
    expect(await answer(host, PORT)).toMatchObject({ release: first });

    await work.configure({ 'services.web.start': start });
    await work.configure({ 'services.web.memory': '200MB', 'services.web.health.within': '30s' });
    const next = await runAction('go-live', { workspace: work.folder, inputs: work.inputs });
    expect(next.code).toBe(0);
    expect(await unit('MemoryMax')).toMatch(/^20\d{7}$/);
    const back = await runAction('rollback', { workspace: work.folder, inputs: work.inputs });
    expect(back).toMatchObject({ code: 0, outputs: { release: first } });
    expect(await unit('MemoryMax')).toBe('infinity');
    expect(await answer(host, PORT)).toMatchObject({ release: first });
    expect(await states(work)).toMatchObject({ [first]: 'good', [next.outputs['release']!]: 'bad' });
    await expectNothingLeft(host, work);
  }, 180_000);
});

describe.each([
  ['deploy, whose sudo asks for nothing', 'deploy', 8001, {}],
  ['operator, whose sudo asks for a password', 'operator', 8002, { 'sudo-password': OPERATOR_PASSWORD }],
] as const)('a system unit, brought by %s', (_, user, port, secrets) => {
  let work: Workspace;
  let inputs: Record<string, string>;
  let first: string;

  beforeAll(async () => {
    work = await workspace(host, {
      kind: 'tiny',
      app: `by-${user}`,
      port,
      changes: {
        'environments.production.hosts.0.address': host.address.replace('deploy@', `${user}@`),
        'environments.production.hosts.0.sudo': true,
        'services.web.manager': 'systemd',
        'services.web.scope': 'system',
        'services.web.user': 'plain',
      },
    });
    // Nobody has made the folder: sudo does.
    await host.run(`rmdir ${work.root}`);
    inputs = { ...work.inputs, ...secrets, 'app-env': 'GREETING=hello\n' };
  });
  afterAll(() => work.remove());

  const show = (property: string): Promise<string> => host.run(`systemctl show --value -p ${property} by-${user}-web.service`).then(({ stdout }) => stdout.trim());

  test('runs as the user it names, with the environment that user cannot read, enabled', async () => {
    const ran = await runAction('deploy', { workspace: work.folder, inputs });
    expect(ran.log).toContain('is live');
    expect(ran.code).toBe(0);
    first = ran.outputs['release']!;
    expect(await answer(host, port)).toMatchObject({ release: first, user: 1002, greeting: 'hello' });
    expect((await host.run(`stat -c '%U %a' ${work.root}/current/.env`)).stdout).toBe(`${user} 600\n`);
    expect(await show('UnitFileState')).toBe('enabled');
    await expectNothingLeft(host, work);
  }, 120_000);

  test('is restarted into the next release, and rollback restores the older unit', async () => {
    await work.configure({ 'services.web.memory': '300MB', 'services.web.stop-limit': '7s' });
    await work.commit({ text: 'second' });
    const next = await runAction('deploy', { workspace: work.folder, inputs });
    expect(next.code).toBe(0);
    expect(await answer(host, port)).toMatchObject({ release: next.outputs['release'], text: 'second' });
    expect(await show('TimeoutStopUSec')).toBe('7s');
    const back = await runAction('rollback', { workspace: work.folder, inputs });
    expect(back).toMatchObject({ code: 0, outputs: { release: first } });
    expect(await answer(host, port)).toMatchObject({ release: first, user: 1002 });
    expect(await show('TimeoutStopUSec')).toBe('10s');
    expect(await current(host, work)).toBe(first);
    await expectNothingLeft(host, work);
  }, 120_000);
});

test('a wrong sudo password is said, and the host stays as it was', async () => {
  const work = await workspace(host, {
    kind: 'tiny',
    app: 'locked',
    port: 8002,
    changes: { 'environments.production.hosts.0.address': host.address.replace('deploy@', 'operator@'), 'environments.production.hosts.0.sudo': true, 'services.web.manager': 'systemd' },
  });
  try {
    await host.run(`chown operator ${work.root}`);
    const ran = await runAction('deploy', { workspace: work.folder, inputs: { ...work.inputs, 'sudo-password': 'wrong-password' } });
    expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false' } });
    expect(ran.log).toMatch(/::error::[^]*password/i);
    expect(ran.log).not.toContain('wrong-password');
    expect(await current(host, work)).toBe('');
    expect((await host.run('systemctl cat locked-web.service')).code).not.toBe(0);
    await expectNothingLeft(host, work);
  } finally {
    await work.remove();
  }
}, 120_000);
