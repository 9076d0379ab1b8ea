import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectAgrees, expectNothingLeft } from './agreement.js';
import { faultHost, PORTS, type FaultHost } from './fault-host.js';
import type { Step } from './fault-matrix.js';
import { linkTo } from './harness.js';
import { Job, type Ran, runAction, type RunOptions } from './run-action.js';

/*
 * Trouble that no fault of the matrix makes (faults.ts), on a host with users. Elsewhere: a link that falls silent, a disk
 * that the release or its install fills (broken-link), a port taken, a process that dies again and again (processes),
 * a wrong sudo password (systemd), a run killed or cancelled (interrupted), two runs at once (interrupted, commands).
 */
let faults: FaultHost;
/** The good release that is live before a test. */
let good: string;
/** Whether the test is one in which requests may be lost. */
let mayLose = false;

beforeAll(async () => {
  faults = await faultHost('systemd', { tmpfs: { '/srv': '60m,nr_inodes=4000' } });
  await recovered();
}, 180_000);
afterAll(() => faults.stop(), 60_000);

beforeEach(() => {
  mayLose = false;
  faults.load.mark();
  faults.load.resume();
});
/** Whatever it was: nobody lost a request, and the next deploy succeeds without hands and leaves nothing over. */
afterEach(async () => {
  await recovered();
  await faults.load.pause();
  const { failures } = faults.load.mark();
  if (!mayLose) expect(failures).toEqual([]);
}, 120_000);

async function recovered(): Promise<Ran> {
  const { work } = faults;
  await work.configure({ smoke: undefined, 'release.confirm-within': undefined, 'services.web.health.within': '10s', 'environments.production.hosts.0.address': faults.link.address });
  const ran = await deploy({ sick: undefined, 'dies-after': undefined, 'starts-after': undefined });
  expect(ran.log).toContain('is live');
  expect(ran).toMatchObject({ code: 0, outputs: { result: 'success', switched: 'true' } });
  good = ran.outputs['release']!;
  const facts = await faults.facts();
  expect(facts.current).toBe(good);
  expectAgrees(facts);
  expectNothingLeft(facts);
  return ran;
}

/** Files the app was told something by. */
const told = new Set<string>();

/** Deploys a changed app; files set to undefined are taken away again. */
async function deploy(files: Readonly<Record<string, string | undefined>> = {}, options: RunOptions = {}): Promise<Ran> {
  const { work } = faults;
  const changes = Object.entries(files).filter(([name, text]) => text !== undefined || told.delete(name));
  for (const [name, text] of changes) if (text !== undefined) told.add(name);
  await work.commit({ ...Object.fromEntries(changes), text: String(Date.now()), 'worker-is': 'well' });
  const job = await Job.begin(work.folder, { inputs: work.inputs });
  const ran = await job.run('deploy', options);
  await job.end();
  return ran;
}

/** Deploys; at the step, the script waits until `trouble` is there. */
async function deployWith(step: Step, trouble: string): Promise<Ran> {
  await faults.arm(step);
  const running = deploy();
  await Promise.race([faults.reached(), running.then(() => Promise.reject(new Error(`the run ended before ${step}`)))]);
  await faults.host.run(trouble);
  await faults.letGo();
  return running;
}

/** The run is red, says why, and what was live is live. */
async function expectUnswitched(ran: Ran, said: RegExp, fault?: 'disk'): Promise<void> {
  expect(ran.log).toMatch(said);
  expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false' } });
  const facts = await faults.facts();
  expect(facts.current).toBe(good);
  expectAgrees(facts, fault);
}

describe('a disk without room', () => {
  const FILL = 'head -c 200m /dev/zero > /srv/full; true';
  afterEach(() => faults.host.run('rm -rf /srv/full'));

  // Every other step in a short run; SLIPWAY_FAULTS=all fills the disk at each.
  const steps: Step[] = ['lease-taken', 'staging-begun', 'received', 'verified', 'named', 'staged', 'command-begun', 'switch-begun', 'slot-healthy', 'switching', 'armed'];
  test.each<Step>(process.env['SLIPWAY_FAULTS'] === 'all' ? steps : steps.filter((_, index) => index % 2 === 0))(
    'from the step %s on stops the deploy before its switch, or does not matter',
    async (step) => {
      const ran = await deployWith(step, FILL);
      if (ran.code === 0) expect((await faults.facts()).current).toBe(ran.outputs['release']);
      else await expectUnswitched(ran, /::error::[^]*(No space left on device|disk)/i, 'disk');
    },
    60_000,
  );

  test.each<Step>(['renamed', 'active', 'confirmed'])('from the step %s on leaves the host on one release or the other, which journal and nginx name', async (step) => {
    const ran = await deployWith(step, FILL);
    const facts = await faults.facts();
    expect([good, ran.outputs['release']]).toContain(facts.current);
    expect(facts).toMatchObject({ answers: facts.current, slots: { [facts.markers[0] ?? '']: facts.current } });
  }, 120_000);

  test('for further names (inodes) is foreseen, and said', async () => {
    await faults.host.run('mkdir /srv/full; i=0; while : > /srv/full/$i; do i=$((i + 1)); done 2>/dev/null; rm /srv/full/1 /srv/full/[1-5]0');
    await expectUnswitched(await deploy(), /::error::[^]*inodes? free/, 'disk');
  }, 120_000);

  test('for further names that runs out while the release is staged stops the deploy', async () => {
    const ran = await deployWith('staging-begun', 'mkdir /srv/full; i=0; while : > /srv/full/$i; do i=$((i + 1)); done 2>/dev/null; true');
    await expectUnswitched(ran, /::error::[^]*(No space left on device|disk)/i, 'disk');
  }, 120_000);
});

test('a root that became read-only stops the deploy at once', async () => {
  expect(await faults.host.run('mount -o remount,ro /srv')).toMatchObject({ code: 0 });
  const ran = await deploy();
  await expectUnswitched(ran, /::error::[^]*(Read-only file system|cannot write)/i);
  await faults.host.run('mount -o remount,rw /srv');
}, 120_000);

test('a stranger on the port of the free slot stops the deploy, and is named', async () => {
  const [live = 'blue'] = (await faults.facts()).markers;
  const port = live === 'blue' ? PORTS.green : PORTS.blue;
  await faults.host.run(`systemd-run --unit stranger node -e 'require("http").createServer((q, s) => { s.statusCode = 418; s.end() }).listen(${port})'; sleep 0.5`);
  const ran = await deploy();
  await faults.host.run('systemctl stop stranger');
  await expectUnswitched(ran, /::error::[^]*nothing was switched[^]*EADDRINUSE/);
}, 120_000);

test('an app that dies five seconds after it was healthy fails its smoke, and the go-live goes back', async () => {
  mayLose = true;
  await faults.work.configure({ smoke: [{ name: 'slow', get: '/slow?ms=7000', expect: { status: 200 } }] });
  told.add('dies-after');
  await faults.work.commit({ 'dies-after': '5' });
  const ran = await runAction('go-live', { workspace: faults.work.folder, inputs: faults.work.inputs });
  expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false' } });
  expect(ran.log).toMatch(/::error::[^]*Went back to/);
  const facts = await faults.facts();
  expect(facts.current).toBe(good);
  expectAgrees(facts);
}, 90_000);

test('a request that never ends is waited for as long as the site says, and no longer', async () => {
  const request = get({ host: '127.0.0.1', port: faults.host.published[80], path: '/hang', agent: false });
  request.on('error', () => undefined);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  // It ends with an error: that is the end it has to find.
  const cut = new Promise((resolve) => response.on('error', () => undefined).on('close', resolve).resume());
  const ran = await deploy();
  expect(ran).toMatchObject({ code: 0, outputs: { switched: 'true' } });
  expect(ran.log).toMatch(/connections? (was|were) still open after 1 s and (was|were) cut/);
  await cut;
}, 120_000);

describe('nginx', () => {
  test('that is down is started with the deploy; one that ends before the switch stops it, and is started with the next', async () => {
    mayLose = true;
    await faults.host.run('systemctl stop nginx');
    await recovered();
    const ran = await deployWith('switch-begun', 'systemctl stop nginx');
    expect(ran.log).toMatch(/::error::[^]*nginx does not answer[^]*nothing was switched/);
    expect(ran).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false' } });
    expect((await faults.facts()).current).toBe(good);
  }, 120_000);

  test('whose files another site broke does not keep a release from going live', async () => {
    await faults.host.run('echo "server { no such thing; }" > /etc/nginx/conf.d/other.conf');
    const ran = await deploy();
    await faults.host.run('rm /etc/nginx/conf.d/other.conf');
    expect(ran).toMatchObject({ code: 0, outputs: { result: 'success', switched: 'true' } });
  }, 120_000);
});

test.each([-600, 600])('a runner whose clock is off by %i s deploys, and order is still the journal’s', async (seconds) => {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-clock-'));
  const clock = join(folder, 'clock.cjs');
  await writeFile(clock, `const Real = Date;
const off = ${seconds * 1000};
globalThis.Date = class extends Real {
  constructor(...given) { if (given.length === 0) super(Real.now() + off); else super(...given); }
  static now() { return Real.now() + off; }
};
`);
  try {
    const first = good;
    const ran = await deploy({}, { env: { NODE_OPTIONS: `--require=${clock}` } });
    expect(ran).toMatchObject({ code: 0, outputs: { result: 'success', switched: 'true' } });
    const odd = ran.outputs['release']!;
    expect(odd > first).toBe(seconds > 0);
    await recovered();
    const back = await runAction('rollback', { workspace: faults.work.folder, inputs: faults.work.inputs });
    expect(back).toMatchObject({ code: 0, outputs: { release: odd } });
  } finally {
    await rm(folder, { recursive: true });
  }
}, 90_000);

test('an app slower than its limit stays unswitched; over a slow link the limit is the host’s own', async () => {
  const slow = await linkTo(faults.host, { delay: 400 });
  try {
    await faults.work.configure({ 'environments.production.hosts.0.address': slow.address, 'services.web.health.within': '4s' });
    await expectUnswitched(await deploy({ 'starts-after': '8' }), /::error::[^]*web after \d+ s and \d+ tries: no answer/);
    const ran = await deploy({ 'starts-after': undefined });
    expect(ran).toMatchObject({ code: 0, outputs: { result: 'success', switched: 'true' } });
  } finally {
    await faults.work.configure({ 'environments.production.hosts.0.address': faults.link.address });
    await slow.close();
  }
}, 90_000);

test('of twenty deploys at once one wins, the others name the owner of the lease, and all is right afterwards', async () => {
  const { work } = faults;
  await work.commit({ text: 'one of twenty' });
  const all = await Promise.all(
    Array.from({ length: 20 }, (_, index) => runAction('deploy', { workspace: work.folder, inputs: work.inputs, env: { GITHUB_ACTOR: `person-${index}` } })),
  );
  const won = all.filter(({ code }) => code === 0);
  // Those that came when the winner had ended could still win in their turn.
  expect(won.length).toBeGreaterThan(0);
  for (const lost of all.filter(({ code }) => code !== 0)) {
    expect(lost).toMatchObject({ code: 1, outputs: { result: 'failure', switched: 'false' } });
    expect(lost.log).toMatch(/another run has the lease: person-\d+/);
  }
  const facts = await faults.facts();
  expect(won.map(({ outputs }) => outputs['release'])).toContain(facts.current);
  expectAgrees(facts);
  expectNothingLeft(facts);
}, 240_000);
