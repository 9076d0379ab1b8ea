import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundles } from '../hosts/bundle.js';
import { finish } from '../hosts/docker.js';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '..', '..');
/** What our actions and workflows are called in the tests: as on GHES, where `$/` is not known. */
const SUITE = 'acme/slipway';
const REF = 'v0';

/** How a workflow ended. */
export interface Run {
  readonly code: number | null;
  readonly log: string;
  /** Results of the jobs by their names, as act tells them. */
  readonly jobs: Readonly<Record<string, 'success' | 'failure'>>;
  /** The artifacts it left: name → folder. */
  readonly artifacts: Readonly<Record<string, string>>;
}

export interface RunOptions {
  readonly event: 'push' | 'workflow_dispatch';
  readonly payload: object;
  readonly workflow: string;
  readonly secrets: Readonly<Record<string, string>>;
  readonly actor?: string;
}

/**
 * GitHub's runner, as act plays it, in host mode: the steps run on this machine. The suite is a copy in which `$/` reads
 * `acme/slipway/…@v0`, the form for GHES; the callers are those in templates/. Of GitHub's own actions, the check-out is act's;
 * those for artifacts are stand-ins.
 */
export class Act {
  private constructor(private readonly program: string, private readonly folder: string, private readonly node: string) {}

  /** @throws Error when act cannot be had. */
  static async prepare(): Promise<Act> {
    const { stdout } = await finish('sh', [join(HERE, 'act.sh')], { limit: 600_000 });
    const [word, ...rest] = (stdout.trim().split('\n').at(-1) ?? '').split(' ');
    if (word !== 'act') throw new Error(`act cannot be had: ${rest.join(' ')}`);
    const folder = await mkdtemp(join(tmpdir(), 'slipway-act-'));
    const suite = join(folder, 'suite');
    await mkdir(suite);
    await cp(await bundles(), join(suite, 'dist'), { recursive: true });
    for (const name of ['action.yml', 'actions', '.github']) await cp(join(ROOT, name), join(suite, name), { recursive: true });
    const workflows = join(suite, '.github', 'workflows');
    for (const name of await readdir(workflows)) {
      const text = await readFile(join(workflows, name), 'utf8');
      // Two keys of GitHub's act does not know either.
      const known = text.replace(/^ +(deployment: false|queue: max)\n/gm, '');
      await writeFile(join(workflows, name), known.replace(/uses: \$\/(\S+)/g, `uses: ${SUITE}/$1@${REF}`));
    }
    // The node of this process: act itself takes the first one on PATH.
    return new Act(rest.join(' '), folder, dirname(process.execPath));
  }

  /** A caller of ours, as a user would copy it. */
  static caller(template: string): string {
    return readFileSync(join(ROOT, 'templates', template), 'utf8').replace(/uses: OWNER\/slipway\/(\S+)@COMMIT/g, `uses: ${SUITE}/$1@${REF}`);
  }

  async run(repository: string, { event, payload, workflow, secrets, actor = 'ann' }: RunOptions): Promise<Run> {
    const place = await mkdtemp(join(this.folder, 'run-'));
    const store = join(place, 'store');
    await mkdir(store);
    await writeFile(join(place, 'event.json'), JSON.stringify(payload));
    const local = [
      ...['upload-artifact', 'download-artifact', 'setup-node', 'attest'].flatMap((name) => this.pins(name).map((sha) => `actions/${name}@${sha}=${join(HERE, 'stand-ins', name)}`)),
      `${SUITE}@${REF}=${join(this.folder, 'suite')}`,
    ];
    const child = spawn(
      this.program,
      [
        event, '--workflows', join('.github', 'workflows', workflow), '--eventpath', join(place, 'event.json'), '--actor', actor,
        '--platform', 'ubuntu-latest=-self-hosted', '--env', `SLIPWAY_E2E_STORE=${store}`,
        ...Object.keys(secrets).flatMap((name) => ['--secret', name]), ...local.flatMap((one) => ['--local-repository', one]),
      ],
      {
        cwd: repository,
        env: { PATH: `${this.node}:${process.env['PATH'] ?? ''}`, HOME: join(place, 'home'), XDG_CACHE_HOME: join(place, 'cache'), TMPDIR: place, ...secrets },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let log = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => void (log += text));
    const [code] = (await once(child, 'close')) as [number | null];
    const jobs = Object.fromEntries([...log.matchAll(/^\[[^\]]*\/([^\]/]*?)\s*\].*Job (succeeded|failed)$/gm)].map(([, name = '', how]) => [name.trim(), how === 'succeeded' ? 'success' as const : 'failure' as const]));
    const artifacts = Object.fromEntries((await readdir(store)).map((name) => [name, join(store, name)]));
    return { code, log, jobs, artifacts };
  }

  async end(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  /** The commits by which our workflows pin an action of GitHub's. */
  private pins(name: string): string[] {
    const found = ['release', 'rollback', 'backup', 'drill'].flatMap((file) => [...readFileSync(join(ROOT, '.github', 'workflows', `${file}.yml`), 'utf8').matchAll(new RegExp(`actions/${name}@([0-9a-f]{40})`, 'g'))].map(([, sha = '']) => sha));
    return [...new Set(found)];
  }
}
