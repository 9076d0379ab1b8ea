import { validate } from '@actions/languageservice';
import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { parse } from 'yaml';

interface ActionFile {
  inputs: Record<string, { description: string; required: boolean; default?: string }>;
  outputs: Record<string, { description: string }>;
  runs: { using: string; main: string; post?: string; 'post-if'?: string };
}

interface Workflow {
  permissions: unknown;
  jobs: Record<string, { permissions?: Record<string, string> }>;
}

interface Call {
  uses: string;
  with?: Record<string, unknown>;
  secrets?: Record<string, unknown>;
  permissions: Record<string, string>;
}

interface Callable {
  on: { workflow_call: Record<'inputs' | 'secrets', Record<string, { required?: boolean }>> };
  jobs: Record<string, { permissions: Record<string, string> }>;
}

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const actionOf = (file: string): ActionFile => parse(read(file)) as ActionFile;

/** The diagnostics of GitHub's own language service, as `line: message`. It keeps its answers by `uri`. */
async function diagnose(uri: string, text: string): Promise<string[]> {
  const found = await validate(TextDocument.create(`file:///${uri}`, 'yaml', 1, text));
  return found.map(({ range, message }) => `${range.start.line + 1}: ${typeof message === 'string' ? message : message.value}`);
}

const actions = ['action.yml', ...readdirSync(join(root, 'actions')).map((name) => `actions/${name}/action.yml`)];
const workflows = readdirSync(join(root, '.github/workflows')).map((name) => `.github/workflows/${name}`);
/** To be copied into the repositories of apps: they call the workflows here. */
const templates = readdirSync(join(root, 'templates')).map((name) => `templates/${name}`);

describe('action.yml files', () => {
  it.each(actions)('%s is accepted by GitHub’s language service', async (file) => {
    expect(await diagnose(file, read(file))).toEqual([]);
  });

  it.each([
    ['using: node24', 'using: node7'],
    ['main: dist/', 'mian: dist/'],
    ['    required: true', '    required: [true]'],
    ['description: >-', 'descriptoin: >-'],
  ])('in which %j became %j are refused, so the check above can fail', async (right, wrong) => {
    const text = read('action.yml').replace(right, wrong);
    expect(await diagnose(`${wrong}/action.yml`, text)).not.toEqual([]);
  });

  it.each(actions)('%s has expressions in defaults alone: anywhere else GitHub refuses to load it', (file) => {
    const lines = read(file).split('\n').filter((line) => line.includes('${{') && !/^ {4}default: /.test(line));
    expect(lines).toEqual([]);
  });

  it.each(actions)('%s names programs that are in dist', (file) => {
    const { using, main, post, 'post-if': condition } = actionOf(file).runs;
    expect(using).toBe('node24');
    expect(existsSync(join(root, dirname(file), main))).toBe(true);
    if (post !== undefined) {
      expect(existsSync(join(root, dirname(file), post))).toBe(true);
      expect(condition).toBe('always()');
    }
  });

  it('share the common inputs and outputs, with the same words and defaults', () => {
    const common = ['environment', 'config', 'working-directory', 'ssh-private-key', 'ssh-passphrase', 'known-hosts',
      'sudo-password', 'app-env', 'plan', 'exclude-hosts'];
    const whole = actionOf('action.yml');
    for (const file of actions) {
      const action = actionOf(file);
      // Who asks no host takes no key.
      const shared = file === 'actions/report/action.yml' ? common.slice(0, 3) : common;
      for (const name of shared) expect(action.inputs[name]).toEqual(whole.inputs[name]);
      for (const name of ['result', 'evidence']) expect(action.outputs[name]).toEqual(whole.outputs[name]);
    }
  });
});

/** The workflows shown for copying in the documents, found by their `jobs:`. */
const shown = ['README.md', ...readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`), ...actions.map((file) => join(dirname(file), 'README.md')).filter((file) => file !== 'README.md')]
  .flatMap((file) => [...read(file).matchAll(/```yaml\n(.*?)```/gs)].map(([, text], index) => ({ file, index, text: text! })))
  .filter(({ text }) => /^on:/m.test(text) && /^jobs:/m.test(text));

describe('workflows', () => {
  it.each(workflows)('%s is accepted by GitHub’s language service', async (file) => {
    expect(await diagnose(file, read(file))).toEqual([]);
  });

  it.each(templates)('%s is accepted by GitHub’s language service', async (file) => {
    expect(await diagnose(`.github/workflows/${file}`, read(file))).toEqual([]);
  });

  it.each(templates)('%s gives a workflow of ours no input or secret that it does not have, and all that it must have', (file) => {
    const { jobs } = parse(read(file)) as { jobs: Record<string, Call> };
    for (const { uses, with: inputs = {}, secrets = {}, permissions } of Object.values(jobs)) {
      const called = parse(read(uses.replace(/^OWNER\/slipway\/(.*)@COMMIT$/, '$1'))) as Callable;
      const terms = called.on.workflow_call;
      for (const [given, known] of [[inputs, terms.inputs], [secrets, terms.secrets]] as const) {
        expect(Object.keys(known)).toEqual(expect.arrayContaining(Object.keys(given)));
        const needed = Object.entries(known).flatMap(([name, { required }]) => (required === true ? [name] : []));
        expect(Object.keys(given)).toEqual(expect.arrayContaining(needed));
      }
      // A called job can have no more than its caller grants.
      const grants = Object.values(called.jobs).flatMap((job) => Object.entries(job.permissions));
      const needed = new Map<string, string>();
      for (const [scope, level] of grants) if (needed.get(scope) !== 'write') needed.set(scope, level);
      expect(permissions).toEqual(Object.fromEntries(needed));
    }
  });

  it.each(templates)('%s passes on every secret its workflow knows: one that is not passed is silently empty', (file) => {
    const { jobs } = parse(read(file)) as { jobs: Record<string, Call> };
    for (const { uses, secrets = {} } of Object.values(jobs)) {
      const called = parse(read(uses.replace(/^OWNER\/slipway\/(.*)@COMMIT$/, '$1'))) as Callable;
      expect(secrets).toEqual(Object.fromEntries(Object.keys(called.on.workflow_call.secrets).map((name) => [name, `\${{ secrets.${name} }}`])));
    }
  });

  it.each(workflows)('%s gives each step that reaches hosts all it may need there', (file) => {
    const { jobs } = parse(read(file)) as { jobs: Record<string, { steps?: { uses?: string; with?: Record<string, unknown> }[] }> };
    for (const { uses = '', with: inputs = {} } of Object.values(jobs).flatMap(({ steps = [] }) => steps)) {
      if (inputs['ssh-private-key'] === undefined) continue;
      const known = Object.keys(actionOf(`${uses.slice(2)}/action.yml`).inputs);
      const wanted = ['ssh-passphrase', 'sudo-password', 'app-env', ...(/BACKUP_KEY:/.test(read(file)) ? ['backup-key'] : [])].filter((name) => known.includes(name));
      expect(Object.keys(inputs)).toEqual(expect.arrayContaining(wanted));
    }
  });

  it('of a release gives staging its own secrets where the repository has none of environments, and production never those', () => {
    const { jobs } = parse(read('.github/workflows/release.yml')) as { jobs: Record<string, { steps: { with?: Record<string, string> }[] }> };
    const keys = { 'ssh-private-key': 'SSH_PRIVATE_KEY', 'ssh-passphrase': 'SSH_PASSPHRASE', 'sudo-password': 'SUDO_PASSWORD', 'app-env': 'APP_ENV' };
    const forms: Record<string, (name: string) => string> = {
      preflight: (name) => `\${{ matrix.environment == inputs.staging && secrets.STAGING_${name} || secrets.${name} }}`,
      staging: (name) => `\${{ secrets.STAGING_${name} || secrets.${name} }}`,
      production: (name) => `\${{ secrets.${name} }}`,
    };
    for (const [job, form] of Object.entries(forms)) {
      const reaching = jobs[job]!.steps.flatMap(({ with: inputs = {} }) => (inputs['ssh-private-key'] === undefined ? [] : [inputs]));
      expect(reaching).not.toEqual([]);
      for (const inputs of reaching) for (const [input, name] of Object.entries(keys)) expect([job, input, inputs[input]]).toEqual([job, input, form(name)]);
    }
  });

  it.each(workflows)('%s deploys no artifact without its digest, also when GitHub has left the output out', (file) => {
    const { jobs } = parse(read(file)) as { jobs: Record<string, { steps?: { uses?: string; with?: Record<string, string> }[] }> };
    for (const { uses, with: inputs = {} } of Object.values(jobs).flatMap(({ steps = [] }) => steps)) {
      if (uses === '$/actions/deploy') expect(inputs['digest']).toMatch(/ \|\| 'lost' \}\}$/);
    }
  });

  it.each(['release', 'production'])('%s looks at the signatures in the very job that deploys to production: a re-run may begin there', (name) => {
    const { jobs } = parse(read(`.github/workflows/${name}.yml`)) as { jobs: Record<string, { steps: { uses?: string; with?: Record<string, string> }[] }> };
    const used = (jobs['production']?.steps ?? []).map(({ uses = '', with: inputs = {} }) => `${uses} ${inputs['stage'] ?? ''} ${inputs['role'] ?? ''}`.trim());
    expect(used).toContain('$/actions/signoff before');
    expect(used.indexOf('$/actions/signoff before')).toBeLessThan(used.indexOf('$/actions/deploy'));
  });

  it('of a release keeps the right to vouch for a build away from what runs in the build', () => {
    const { jobs } = parse(read('.github/workflows/release.yml')) as { jobs: Record<string, { permissions: object; steps: { uses?: string; run?: string }[] }> };
    for (const { permissions, steps } of Object.values(jobs)) {
      if (!('id-token' in permissions)) continue;
      expect(steps.every(({ uses = '' }) => uses.startsWith('actions/'))).toBe(true);
    }
  });

  it.each(workflows)('%s gives the actions of this repository only inputs they have, and asks only for outputs they have', (file) => {
    const { jobs } = parse(read(file)) as { jobs: Record<string, { steps?: { id?: string; uses?: string; with?: object }[] }> };
    for (const { steps = [] } of Object.values(jobs)) {
      for (const { id, uses = '', with: inputs = {} } of steps.filter(({ uses }) => uses?.startsWith('$/') === true)) {
        const action = actionOf(`${uses.slice(2)}/action.yml`);
        expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(Object.keys(inputs)));
        const asked = id === undefined ? [] : [...read(file).matchAll(new RegExp(`steps\\.${id}\\.outputs\\.([\\w-]+)`, 'g'))].map(([, name]) => name);
        expect(Object.keys(action.outputs)).toEqual(expect.arrayContaining(asked));
      }
    }
  });

  it.each(shown)('shown in $file ($index) is accepted by GitHub’s language service', async ({ file, index, text }) => {
    expect(await diagnose(`${file}/${index}/.github/workflows/shown.yml`, text)).toEqual([]);
  });

  it('that sign off by issue are the template with the job shown in docs/sign-off.md', async () => {
    const job = /```yaml\n( {2}go-live-issue:\n.*?)```/s.exec(read('docs/sign-off.md'))?.[1] ?? '';
    const text = `${read('templates/release.yml').replace('    with:\n', '    with:\n      stop-before-production: true\n')}\n${job}`;
    // Which outputs a workflow of another repository has, the language service cannot know: they are looked at below.
    expect((await diagnose('docs/sign-off/.github/workflows/release.yml', text)).filter((said) => !said.endsWith('Context access might be invalid: digest'))).toEqual([]);
    const { jobs } = parse(text) as { jobs: Record<string, Call & { steps?: { uses: string; with: object }[] }> };
    const called = parse(read('.github/workflows/release.yml')) as Callable & { on: { workflow_call: { outputs: object } } };
    expect(Object.keys(called.on.workflow_call.inputs)).toEqual(expect.arrayContaining(Object.keys(jobs['release']?.with ?? {})));
    expect(Object.keys(called.on.workflow_call.outputs)).toContain(/needs\.release\.outputs\.(\w+)/.exec(job)?.[1]);
    expect(Object.keys(actionOf('actions/signoff/action.yml').inputs)).toEqual(expect.arrayContaining(Object.keys(jobs['go-live-issue']?.steps?.[1]?.with ?? {})));
  });

  it('with a mistake are refused, so the check above can fail', async () => {
    const text = 'on: push\njobs:\n  check:\n    runs-on: ubuntu-latest\n    steps:\n      - runs: echo hello\n';
    expect(await diagnose('.github/workflows/sample.yml', text)).not.toEqual([]);
  });

  it.each(workflows)('%s grants nothing on top and gives a reason for each grant of a job', (file) => {
    const text = read(file);
    const { permissions, jobs } = parse(text) as Workflow;
    expect(permissions).toEqual({});
    const grants = Object.values(jobs).flatMap((job) => Object.entries(job.permissions ?? {}));
    for (const [scope, level] of grants) expect(text).toMatch(new RegExp(`^ +${scope}: ${level} # \\S`, 'm'));
  });

  it.each(workflows)('%s pins every foreign action by its full commit, with the version beside it', (file) => {
    const uses = read(file).match(/(?<=^ +(?:- )?)uses: .*/gm) ?? [];
    const foreign = uses.filter((text) => !/uses: (\.|\$)\//.test(text));
    for (const text of foreign) expect(text).toMatch(/^uses: [\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });
});
