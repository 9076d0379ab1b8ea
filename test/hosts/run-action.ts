import { afterAll } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Evidence } from '../../src/evidence/record.js';
import { bundles } from './bundle.js';

export type ActionName = 'preflight' | 'deploy' | 'smoke' | 'rollback' | 'backup' | 'go-live' | 'certbot' | 'server' | 'report';

/** How one process of ours ended, and everything it left. */
export interface Ran {
  /** The exit code, or the signal's name. */
  readonly code: number | string;
  /** The log as a reader of the job sees it: commands of the runner decoded, masks left out, debug lines kept as `::debug::`. */
  readonly log: string;
  /** Byte for byte what the process wrote, both streams together. */
  readonly raw: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly evidence: readonly Evidence[];
  readonly milliseconds: number;
}

export interface RunOptions {
  readonly inputs?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with each line of the log while the process runs: to send it a signal at a certain step. */
  readonly onLine?: (line: string, child: ChildProcess) => void;
}

/** Folders of jobs that were not ended, because a test failed before. */
const left = new Set<string>();
afterAll(async () => {
  for (const folder of left) await rm(folder, { recursive: true, force: true });
});

/**
 * One job of a workflow on one runner: its steps share the runner's temp folder, as they do on GitHub. `end()` runs the
 * post steps of the actions that have one, last first, whether or not the step failed.
 */
export class Job {
  readonly temp: string;
  readonly workspace: string;
  readonly #defaults: RunOptions;
  readonly #posts: { readonly name: string; readonly options: RunOptions }[] = [];
  #steps = 0;

  private constructor(temp: string, workspace: string, defaults: RunOptions) {
    this.temp = temp;
    this.workspace = workspace;
    this.#defaults = defaults;
  }

  static async begin(workspace: string, defaults: RunOptions = {}): Promise<Job> {
    const temp = await mkdtemp(join(tmpdir(), 'slipway-job-'));
    left.add(temp);
    return new Job(temp, workspace, defaults);
  }

  async run(name: ActionName, options: RunOptions = {}): Promise<Ran> {
    if (name === 'deploy' || name === 'go-live') this.#posts.unshift({ name: `${name}-post`, options: { ...options, onLine: () => undefined } });
    return this.#step(name, options);
  }

  /** Runs the post steps and removes the job's folder. */
  async end(): Promise<readonly Ran[]> {
    const ran: Ran[] = [];
    for (const { name, options } of this.#posts) ran.push(await this.#step(name, options));
    await this.abandon();
    return ran;
  }

  /** Removes the job's folder; no post step runs, as when the runner itself is gone. */
  async abandon(): Promise<void> {
    left.delete(this.temp);
    await rm(this.temp, { recursive: true, force: true });
  }

  async #step(name: string, options: RunOptions): Promise<Ran> {
    const folder = join(this.temp, `step-${this.#steps += 1}`);
    const files = { GITHUB_OUTPUT: 'output', GITHUB_STEP_SUMMARY: 'summary', GITHUB_STATE: 'state' };
    await mkdir(folder);
    for (const file of Object.values(files)) await writeFile(join(folder, file), '');
    const inputs = { ...this.#defaults.inputs, ...options.inputs };
    const env: Record<string, string> = {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '/',
      RUNNER_TEMP: this.temp,
      RUNNER_DEBUG: '1',
      GITHUB_WORKSPACE: this.workspace,
      GITHUB_ACTOR: 'octocat',
      GITHUB_SERVER_URL: 'https://github.example.com',
      GITHUB_REPOSITORY: 'acme/app',
      GITHUB_RUN_ID: '4711',
      ...Object.fromEntries(Object.entries(files).map(([variable, file]) => [variable, join(folder, file)])),
      ...Object.fromEntries(Object.entries(inputs).map(([input, value]) => [`INPUT_${input.toUpperCase()}`, value])),
      ...this.#defaults.env,
      ...options.env,
    };
    const ended = await start(process.execPath, [join(await bundles(), `${name}.cjs`)], { cwd: this.workspace, env }, options.onLine ?? this.#defaults.onLine);
    const outputs = parseOutputs(await readFile(join(folder, 'output'), 'utf8'));
    return {
      ...ended,
      log: decode(ended.raw),
      outputs,
      summary: await readFile(join(folder, 'summary'), 'utf8'),
      evidence: await readEvidence(outputs['evidence'] ?? ''),
    };
  }
}

/** A job of one step, its post step included. */
export async function runAction(name: ActionName, options: RunOptions & { readonly workspace: string }): Promise<Ran> {
  const job = await Job.begin(options.workspace);
  const ran = await job.run(name, options);
  await job.end();
  return ran;
}

/** The CLI, run in the repository's folder. `input` goes to standard input. */
export async function runCli(args: readonly string[], options: { workspace: string; env?: Readonly<Record<string, string>>; input?: string }): Promise<Ended & { stdout: string; stderr: string }> {
  const temp = await mkdtemp(join(tmpdir(), 'slipway-cli-'));
  try {
    const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/', TMPDIR: temp, ...options.env };
    return await start(process.execPath, [join(await bundles(), 'slipway.cjs'), ...args], { cwd: options.workspace, env }, undefined, options.input);
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
}

/** For whoever looks for a fault: the file to which every process writes what it says, as it says it. */
const TRACE = process.env['SLIPWAY_TEST_TRACE'];

type Ended = Pick<Ran, 'code' | 'raw' | 'milliseconds'>;

/** Nothing of ours may take longer; a process that does is killed and its test fails. */
const LIMIT_MS = 240_000;

async function start(
  program: string,
  args: readonly string[],
  place: { cwd: string; env: Record<string, string> },
  onLine: RunOptions['onLine'],
  input = '',
): Promise<Ended & { stdout: string; stderr: string }> {
  const started = Date.now();
  const child = spawn(program, args, { ...place, stdio: ['pipe', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const texts = { raw: '', stdout: '', stderr: '' };
  let partial = '';
  const take = (text: string, stream: 'stdout' | 'stderr'): void => {
    texts.raw += text;
    texts[stream] += text;
    if (TRACE !== undefined) appendFileSync(TRACE, text);
    const lines = `${partial}${text}`.split('\n');
    partial = lines.pop() ?? '';
    if (onLine !== undefined) for (const line of lines) onLine(decode(line), child);
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => take(text, 'stdout'));
  child.stderr.setEncoding('utf8').on('data', (text: string) => take(text, 'stderr'));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  clearTimeout(timer);
  return { ...texts, code: code ?? signal ?? 'unknown', milliseconds: Date.now() - started };
}

/** What the runner shows: masks are for the runner alone, the other commands carry escaped text. */
function decode(raw: string): string {
  return raw
    .split('\n')
    .filter((line) => !line.startsWith('::add-mask::'))
    .map((line) => (line.startsWith('::') ? line.replaceAll('%0A', '\n').replaceAll('%0D', '\r').replaceAll('%3A', ':').replaceAll('%2C', ',').replaceAll('%25', '%') : line))
    .join('\n');
}

/** The file behind GITHUB_OUTPUT: `name<<delimiter`, lines, delimiter. The last value of a name counts. */
export function parseOutputs(text: string): Record<string, string> {
  const outputs: Record<string, string> = {};
  const lines = text.split('\n');
  while (lines.length > 0) {
    const head = /^([^=]+?)<<(.+)$/.exec(lines.shift() ?? '');
    if (head === null) continue;
    const end = lines.indexOf(head[2]!);
    outputs[head[1]!] = lines.splice(0, end + 1).slice(0, -1).join('\n');
  }
  return outputs;
}

async function readEvidence(file: string): Promise<Evidence[]> {
  if (file === '') return [];
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Evidence);
}

/** Every byte a job left on its runner, for searching it. */
export async function everything(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const texts = await Promise.all(entries.filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1')));
  return texts.join('\n');
}
