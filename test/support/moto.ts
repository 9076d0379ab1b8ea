import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.js';

/** Stays for the next run: to fetch it takes longer than the tests. Below `build/`, which git does not see. */
const VENV = join(import.meta.dirname, '../../build/moto');

/** S3 as moto plays it, on loopback, and the folder in which the real AWS CLI is. */
export interface Moto {
  readonly endpoint: string;
  /** Folders for PATH. */
  readonly path: readonly string[];
  /** The AWS CLI as a person with these keys uses it. */
  aws(...args: string[]): { status: number | null; stdout: Buffer; stderr: string };
  stop(): Promise<void>;
}

/** @returns why there is none, where packages of Python's cannot be had. */
export async function startMoto(keys: { readonly id: string; readonly secret: string }): Promise<Moto | string> {
  const problem = install();
  if (problem !== undefined) return problem;
  const port = await freePort();
  const child = spawn(join(VENV, 'bin/moto_server'), ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore', env: { PATH: process.env['PATH'] ?? '' } });
  const endpoint = `http://127.0.0.1:${port}`;
  for (const end = Date.now() + 60_000; ; await sleep(100)) {
    if (await fetch(`${endpoint}/moto-api/`).then(() => true, () => false)) break;
    if (Date.now() > end || child.exitCode !== null) {
      await stop(child);
      throw new Error('moto_server does not answer.');
    }
  }
  const path = hasAws() ? [] : [join(VENV, 'bin')];
  return {
    endpoint,
    path,
    aws(...args) {
      const env = { PATH: [...path, process.env['PATH'] ?? ''].join(':'), HOME: '/nonexistent', AWS_ACCESS_KEY_ID: keys.id, AWS_SECRET_ACCESS_KEY: keys.secret, AWS_DEFAULT_REGION: 'us-east-1', AWS_PAGER: '' };
      const { status, stdout, stderr } = spawnSync('aws', ['--endpoint-url', endpoint, ...args], { env, maxBuffer: 64 * 1024 * 1024 });
      return { status, stdout, stderr: stderr.toString() };
    },
    stop: () => stop(child),
  };
}

/** A venv knows its own place, so it is not made elsewhere and moved: a file says that it is whole. Two at once make it once. */
const INSTALL = `set -e
venv=$1; shift
if [ -e "$venv/whole" ]; then exit 0; fi
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-compile "$@"
: >"$venv/whole"`;

function install(): string | undefined {
  if (existsSync(join(VENV, 'whole'))) return undefined;
  mkdirSync(dirname(VENV), { recursive: true });
  const packages = ['moto[s3]', 'flask', 'flask-cors', ...(hasAws() ? [] : ['awscli'])];
  const { status, stderr, error } = spawnSync('flock', [`${VENV}.lock`, 'sh', '-c', INSTALL, 'install', VENV, ...packages], { timeout: 400_000, encoding: 'utf8' });
  return status === 0 ? undefined : `moto cannot be had: ${error?.message ?? stderr.trim().split('\n').at(-1) ?? ''}`;
}

/** Debian's, or whoever's: what answers to `aws`. */
function hasAws(): boolean {
  return spawnSync('aws', ['--version']).status === 0;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => { child.once('exit', resolve); });
  child.kill('SIGTERM');
  await ended;
}
