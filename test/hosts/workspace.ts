import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseDocument } from 'yaml';
import { finish } from './docker.js';
import type { Host } from './harness.js';

const HERE = dirname(fileURLToPath(import.meta.url));
const APPS = {
  tiny: join(HERE, 'apps', 'tiny'),
  express: join(HERE, '..', '..', 'examples', 'express-sqlite'),
  flask: join(HERE, '..', '..', 'examples', 'flask'),
};

/** Dotted path into slipway.yml → its new value; undefined removes it. */
export type Changes = Readonly<Record<string, unknown>>;

/** A git repository of an app, its slipway.yml pointed at a test host. */
export interface Workspace {
  readonly folder: string;
  /** The app's name in slipway.yml. */
  readonly app: string;
  /** `/srv/<app>` on the host. */
  readonly root: string;
  /** The inputs that reach the host; every test adds its own. */
  readonly inputs: Readonly<Record<string, string>>;
  /** The client's key as a file, for the CLI. */
  readonly identity: string;
  /** Changes slipway.yml. */
  configure(changes: Changes): Promise<void>;
  /** Writes files (undefined deletes) and commits them. Returns the short commit. */
  commit(files?: Readonly<Record<string, string | undefined>>): Promise<string>;
  remove(): Promise<void>;
}

export interface WorkspaceOptions {
  readonly kind: keyof typeof APPS;
  /** Default: the kind's own name. */
  readonly app?: string;
  /** The port the app listens on, in the host; the environment's url is its published port. */
  readonly port?: number;
  readonly changes?: Changes;
  /** Makes the root folder on the host, which `slipway server` else does. Default: true. */
  readonly root?: boolean;
}

/** Copies an app into a temporary git repository and makes its root folder on the host, owned by deploy. */
export async function workspace(host: Host, options: WorkspaceOptions): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-workspace-'));
  const app = options.app ?? options.kind;
  const root = `/srv/${app}`;
  const identity = join(folder, '.git', 'identity');
  const git = async (...args: string[]): Promise<string> => {
    const done = await finish('git', ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', '-c', 'commit.gpgsign=false', '-C', folder, ...args]);
    if (done.code !== 0) throw new Error(`git ${args.join(' ')} failed: ${done.stderr}`);
    return done.stdout.trim();
  };
  const made: Workspace = {
    folder,
    app,
    root,
    identity,
    inputs: { environment: 'production', 'ssh-private-key': host.clientKey },
    configure: async (changes) => {
      const document = parseDocument(await readFile(join(folder, 'slipway.yml'), 'utf8'));
      for (const [path, value] of Object.entries(changes)) {
        // A list's place is a number.
        const keys = path.split('.').map((key) => (/^\d+$/.test(key) ? Number(key) : key));
        if (value === undefined) document.deleteIn(keys);
        else document.setIn(keys, document.createNode(value));
      }
      await writeFile(join(folder, 'slipway.yml'), document.toString());
    },
    commit: async (files = {}) => {
      for (const [path, text] of Object.entries(files)) {
        if (text === undefined) await rm(join(folder, path));
        else {
          await mkdir(dirname(join(folder, path)), { recursive: true });
          await writeFile(join(folder, path), text);
        }
      }
      await git('add', '--all');
      await git('commit', '--quiet', '--allow-empty', '--message', 'A change');
      return git('rev-parse', '--short=7', 'HEAD');
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
  await cp(APPS[options.kind], folder, { recursive: true, filter: (path) => !/\/(node_modules|\.venv|database|uploads|\.env)$/.test(path) });
  await git('init', '--quiet', '--initial-branch', 'main');
  await writeFile(identity, host.clientKey, { mode: 0o600 });
  const published = options.port === undefined ? undefined : host.published[options.port];
  await made.configure({
    app,
    'environments.production.hosts.0.address': host.address,
    'environments.production.hosts.0.host-key': host.hostKeyLine,
    'environments.production.url': published === undefined ? undefined : `http://127.0.0.1:${published}`,
    ...(options.port === undefined ? {} : { 'services.web.port': options.port }),
    ...options.changes,
  });
  await made.commit();
  if (options.root === false) return made;
  const rootMade = await host.run(`install -d -o deploy -g deploy ${root}`);
  if (rootMade.code !== 0) throw new Error(rootMade.stderr);
  return made;
}
