import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Host, OPERATOR_PASSWORD, startHost } from './harness.js';
import { everything, Job, type Ran, runCli } from './run-action.js';
import { answer, current } from './state-of.js';
import { workspace, type Workspace } from './workspace.js';

const PORT = 3001;
/** Has what each of the forms changes: base64, URL and JSON look different from the text itself. */
const SENTINEL = 'S3ntinel "quoted" \\ $HOME & \'single\' ünï/+=';
const SECOND = 'second-sentinel-0123456789abcdef';
const ENV = `GREETING=\`${SENTINEL}\`\n`;

/** The forms in which a secret might turn up. */
function forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [secret, bytes.toString('base64'), bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url'), encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), bytes.toString('hex')];
}

let host: Host;
let work: Workspace;

beforeAll(async () => {
  host = await startHost({ publish: [PORT] });
  work = await workspace(host, {
    kind: 'tiny',
    port: PORT,
    changes: {
      'services.web.instances': 2,
      // A careless team: its install shows the environment.
      'services.web.install': ['printf "the greeting is %s\\n" "$GREETING"'],
      smoke: [{ name: 'greeting', get: '/version', expect: { json: { '$.greeting': '$GREETING' } } }],
    },
  });
}, 180_000);

afterAll(async () => {
  await host.stop();
  await work.remove();
});

/** Runs the steps of a job, watching the process list of the host meanwhile. */
async function run(env: string): Promise<{ ran: Ran[]; runner: string; processes: string }> {
  const job = await Job.begin(work.folder, { inputs: { ...work.inputs, 'app-env': env, 'sudo-password': OPERATOR_PASSWORD } });
  const watch = host.run("end=$((SECONDS + 60)); while [ $SECONDS -lt $end ] && [ ! -e /tmp/enough ]; do ps -eo args --cols 100000; sleep 0.1; done", { limit: 90_000 });
  const ran = [await job.run('go-live'), await job.run('smoke'), await job.run('preflight')];
  await host.run('touch /tmp/enough');
  const processes = (await watch).stdout;
  await host.run('rm /tmp/enough');
  const runner = await everything(job.temp);
  await job.end();
  return { ran, runner, processes };
}

function expectAbsent(secret: string, places: Readonly<Record<string, string>>): void {
  for (const [place, text] of Object.entries(places)) {
    expect(text.length).toBeGreaterThan(0);
    for (const form of forms(secret)) expect({ place, found: text.includes(form) || text.includes(Buffer.from(form).toString('latin1')) ? form : '' }).toEqual({ place, found: '' });
  }
}

/** The files of the host that hold any form of the secret. */
async function filesWith(secret: string): Promise<string[]> {
  // Its first word too: the environment file has the rest in quotes of its own.
  const patterns = [...forms(secret), secret.split(' ')[0]].join('\n');
  const found = await host.run('cat > /run/patterns; grep -rlaF -f /run/patterns /srv /home /root /tmp /var /etc /run --exclude=patterns --exclude-dir=proc 2>/dev/null; rm /run/patterns', { input: patterns });
  return found.stdout.split('\n').filter((line) => line !== '').sort();
}

test('a secret is in the release’s own environment file, mode 0600, and nowhere else: no log, summary, evidence, journal, process list, dump', async () => {
  const { ran, runner, processes } = await run(ENV);
  expect(ran.map(({ code }) => code)).toEqual([0, 0, 0]);
  const [live] = ran;
  const release = live!.outputs['release']!;
  expect(await answer(host, PORT)).toMatchObject({ greeting: SENTINEL });
  expect(live!.log).toContain('the greeting is ***');
  expectAbsent(SENTINEL, {
    log: ran.map(({ log }) => log).join('\n'),
    summary: ran.map(({ summary }) => summary).join('\n'),
    evidence: JSON.stringify(ran.map(({ evidence }) => evidence)),
    outputs: JSON.stringify(ran.map(({ outputs }) => outputs)),
    'temporary files of the runner': runner,
    'process list of the host': processes,
    journal: (await host.run(`cat ${work.root}/.slipway/journal`)).stdout,
    'PM2’s dump': (await host.run('cat /home/deploy/.pm2/dump.pm2')).stdout,
    'what PM2 knows': (await host.run('pm2 jlist', { user: 'deploy' })).stdout,
    status: (await runCli(['status', 'production', '--identity', work.identity], { workspace: work.folder })).raw,
  });
  expect(await filesWith(SENTINEL)).toEqual([`${work.root}/releases/${release}/.env`]);
  expect((await host.run(`stat -c '%a %U' ${work.root}/releases/${release}/.env`)).stdout).toBe('600 deploy\n');
  // Every form was given to the runner's own mask, before anything else was said.
  expect(live!.raw.indexOf('::add-mask::')).toBeLessThan(live!.raw.indexOf('::group::'));
  // What belongs to root on the way is never in an argument list either.
  expect(processes).not.toContain(OPERATOR_PASSWORD);
}, 180_000);

test('a new secret goes into a new release only, and rollback brings the older one back', async () => {
  const older = await current(host, work);
  const { ran } = await run(`GREETING=${SECOND}\n`);
  expect(ran[0]!.code).toBe(0);
  expect(await answer(host, PORT)).toMatchObject({ greeting: SECOND });
  expect(await filesWith(SECOND)).toEqual([`${work.root}/releases/${ran[0]!.outputs['release']!}/.env`]);
  const job = await Job.begin(work.folder, { inputs: work.inputs });
  expect(await job.run('rollback')).toMatchObject({ code: 0, outputs: { release: older } });
  await job.end();
  expect(await answer(host, PORT)).toMatchObject({ release: older, greeting: SENTINEL });
}, 180_000);

test('a deploy without the secret stops before it would take the environment from the app', async () => {
  const before = await current(host, work);
  const job = await Job.begin(work.folder, { inputs: work.inputs });
  const ran = await job.run('deploy', { env: { GREETING: 'from the runner' } });
  await job.end();
  expect(ran.code).toBe(1);
  expect(ran.log).toContain('`app-env` is empty');
  expect(await current(host, work)).toBe(before);
}, 60_000);
