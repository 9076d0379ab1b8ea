import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../evidence/errors.js';
import { findCredentials } from '../measure/credentials.js';
import type { Finding, RepositoryFacts, TagFacts } from '../model.js';
import { runProcess, type ProcessOptions, type ProcessResult } from './process.js';

/** What is to be found out about the repository in `workspace`. */
export interface RepositoryQuestions {
  readonly workspace: string;
  readonly env: ProcessOptions['env'];
  readonly signal?: AbortSignal;
  /** Look for credentials in tracked files, but not below these paths (`test/fixtures`, `docs/example.md`). */
  readonly secrets?: boolean;
  readonly secretsExcept?: readonly string[];
  readonly clean?: boolean;
  /** `refs/tags/v1.2.3`, `v1.2.3`, or another ref. */
  readonly ref?: string;
  readonly branch: string;
  readonly tag?: boolean;
  readonly changelog?: string;
  /** The file that names the version. */
  readonly version?: string;
  /** What git needs besides to reach origin. */
  readonly originEnv?: Readonly<Record<string, string>>;
}

/** Larger files are data. */
const LARGEST = 1024 * 1024;
const DOCUMENT = /\.(?:md|markdown|mdx|txt|rst|adoc|asciidoc|html?)$/i;
/** `.env`, `.env.production`, `prod.env`; templates are meant to be there. */
const ENV_FILE = /^(?:\.env(?:\..+)?|.+\.env)$/i;
const ENV_TEMPLATE = /(?:example|sample|template|dist|defaults?|schema|vault|enc|gpg|age)$/i;
const UPDATES = ['.github/dependabot.yml', '.github/dependabot.yaml', 'renovate.json', 'renovate.json5', '.renovaterc', '.renovaterc.json', '.github/renovate.json', '.github/renovate.json5', '.gitlab/renovate.json'];

/** Facts of the git repository in the workspace, or undefined when the folder is none. */
export async function gatherRepository(questions: RepositoryQuestions): Promise<RepositoryFacts | undefined> {
  const git = runner(questions);
  if (!(await isRepository(git))) return undefined;
  const tracked = await trackedFiles(git);
  const updates = UPDATES.find((path) => tracked.includes(path));
  const tag = await tagOrRef(git, questions);
  return {
    ...(questions.secrets === true
      ? { credentials: await scan(questions.workspace, tracked, questions.secretsExcept ?? []), envFiles: tracked.filter(isEnvFile) }
      : {}),
    ...(questions.clean === true ? { changed: await changedPaths(git) } : {}),
    ...(tag === undefined ? {} : { tag }),
    ...(questions.changelog === undefined ? {} : { changelog: await changelogFacts(questions.workspace, questions.changelog, questions.ref) }),
    ...(questions.version === undefined ? {} : { version: await versionFacts(questions.workspace, questions.version, questions.ref) }),
    ...(updates === undefined ? {} : { updates }),
  };
}

type Git = (...args: string[]) => Promise<ProcessResult>;

function runner({ workspace, env, signal }: RepositoryQuestions, more: Readonly<Record<string, string>> = {}): Git {
  // No question on a terminal that is not there; messages in English, so that they can be understood.
  const full = { ...env, ...more, GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0', LC_ALL: 'C' };
  return (...args) => runProcess('git', args, { cwd: workspace, env: full, limit: 60_000, ...(signal === undefined ? {} : { signal }) });
}

async function isRepository(git: Git): Promise<boolean> {
  try {
    const { code, stderr } = await git('rev-parse', '--is-inside-work-tree');
    if (code !== 0 && /dubious ownership/.test(stderr)) {
      throw new UserError('git refuses the workspace, as it belongs to another user.', { remedy: stderr.trim().split('\n').at(-1)?.trim() ?? '' });
    }
    return code === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function must(answer: Promise<ProcessResult>): Promise<string> {
  const { code, stdout, stderr } = await answer;
  if (code !== 0) throw new UserError(`git failed: ${stderr.trim().split('\n').at(-1) ?? ''}`, { remedy: 'Run `git status` in the workspace; in a workflow check it out anew (actions/checkout).' });
  return stdout;
}

/** Regular files only: no symbolic links, no submodules. */
async function trackedFiles(git: Git): Promise<string[]> {
  const listing = await must(git('ls-files', '-z', '--stage'));
  return listing.split('\0').filter((entry) => entry.startsWith('100')).map((entry) => entry.slice(entry.indexOf('\t') + 1));
}

async function changedPaths(git: Git): Promise<string[]> {
  const status = await must(git('status', '--porcelain=v1', '-z', '--untracked-files=normal', '--no-renames'));
  return status.split('\0').filter(Boolean).map((entry) => entry.slice(3));
}

function isEnvFile(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return ENV_FILE.test(name) && !ENV_TEMPLATE.test(name.replace(/\.env$/i, ''));
}

async function scan(workspace: string, tracked: readonly string[], except: readonly string[]): Promise<{ findings: Finding[]; files: number }> {
  const findings: Finding[] = [];
  let files = 0;
  for (const file of tracked) {
    if (except.some((path) => file === path || file.startsWith(`${path.replace(/\/$/, '')}/`))) continue;
    const text = await readText(join(workspace, file));
    if (text === undefined) continue;
    files += 1;
    for (const finding of findCredentials(text, DOCUMENT.test(file))) findings.push({ file, ...finding });
  }
  return { findings, files };
}

/** The content of a text file of up to 1 MiB; undefined for others, and for files deleted in the work tree. */
async function readText(path: string): Promise<string | undefined> {
  const handle = await open(path).catch(absent);
  if (handle === undefined) return undefined;
  try {
    const { size } = await handle.stat();
    if (size > LARGEST) return undefined;
    const content = await handle.readFile();
    // As git does: a NUL near the beginning makes it binary.
    return content.subarray(0, 8000).includes(0) ? undefined : content.toString('utf8');
  } finally {
    await handle.close();
  }
}

function absent(error: unknown): undefined {
  if (!['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
}

async function tagOrRef(git: Git, questions: RepositoryQuestions): Promise<TagFacts | string | undefined> {
  const { ref, branch } = questions;
  if (questions.tag !== true || ref === undefined || ref === '') return undefined;
  if (ref.startsWith('refs/') && !ref.startsWith('refs/tags/')) return ref.replace(/^refs\/heads\//, 'branch ');
  const name = ref.replace(/^refs\/tags\//, '');
  const full = `refs/tags/${name}`;
  const commit = (await git('rev-parse', '--verify', '--quiet', `${full}^{commit}`)).stdout.trim();
  if (commit === '') return { name, exists: false, annotated: false, remote: 'none', onBranch: 'unknown' };
  const remote = await remoteTag(runner(questions, questions.originEnv), full);
  const type = (await git('cat-file', '-t', full)).stdout.trim();
  return {
    name,
    exists: true,
    // actions/checkout fetches the commit of an annotated tag in place of the tag itself: then origin knows better.
    annotated: type === 'tag' || (typeof remote !== 'string' && remote.annotated && remote.commit === commit),
    remote: typeof remote === 'string' ? remote : remote.commit === commit ? 'same' : 'different',
    onBranch: await isOnBranch(git, commit, branch),
  };
}

async function remoteTag(git: Git, full: string): Promise<{ commit: string; annotated: boolean } | 'absent' | 'none' | 'unreadable'> {
  if ((await git('remote', 'get-url', 'origin')).code !== 0) return 'none';
  const { code, stdout } = await git('ls-remote', '--tags', 'origin', full, `${full}^{}`);
  if (code !== 0) return 'unreadable';
  const refs = new Map(stdout.split('\n').filter(Boolean).map((line) => line.split('\t').reverse() as [string, string]));
  const peeled = refs.get(`${full}^{}`);
  const commit = peeled ?? refs.get(full);
  return commit === undefined ? 'absent' : { commit, annotated: peeled !== undefined };
}

async function isOnBranch(git: Git, commit: string, branch: string): Promise<TagFacts['onBranch']> {
  for (const candidate of [`refs/remotes/origin/${branch}`, `refs/heads/${branch}`]) {
    if ((await git('rev-parse', '--verify', '--quiet', candidate)).code !== 0) continue;
    const { code } = await git('merge-base', '--is-ancestor', commit, candidate);
    if (code === 0) return 'yes';
    // A shallow history ends before it could answer.
    const shallow = (await git('rev-parse', '--is-shallow-repository')).stdout.trim() === 'true';
    return code === 1 && !shallow ? 'no' : 'unknown';
  }
  return 'unknown';
}

function tagName(ref: string | undefined): string | undefined {
  const name = ref === undefined || (ref.startsWith('refs/') && !ref.startsWith('refs/tags/')) ? '' : ref.replace(/^refs\/tags\//, '');
  return name === '' ? undefined : name;
}

async function versionFacts(workspace: string, file: string, ref: string | undefined): Promise<NonNullable<RepositoryFacts['version']>> {
  const tag = tagName(ref);
  const text = await readFile(join(workspace, file), 'utf8').catch(absent);
  const named = text === undefined ? undefined : versionIn(text);
  return { file, exists: text !== undefined, ...(named === undefined ? {} : { named }), ...(tag === undefined ? {} : { tag }) };
}

/** The version a file names: `version` of a JSON file, `version = "1.2.3"` or `version: 1.2.3` of another, or its only line. */
function versionIn(text: string): string | undefined {
  try {
    const { version } = JSON.parse(text) as { version?: unknown };
    if (typeof version === 'string') return version;
  } catch {
    // No JSON.
  }
  const line = text.trim();
  return /^\s*version\s*[=:]\s*["']?([^"'\s]+)/m.exec(text)?.[1] ?? (/^v?\d[^\s]*$/.test(line) ? line : undefined);
}

async function changelogFacts(workspace: string, file: string, ref: string | undefined): Promise<NonNullable<RepositoryFacts['changelog']>> {
  const version = tagName(ref);
  const text = await readFile(join(workspace, file), 'utf8').catch(absent);
  const extra = version === undefined ? {} : { version };
  if (text === undefined) return { file, exists: false, hasEntry: false, ...extra };
  return { file, exists: true, hasEntry: extra.version !== undefined && hasChangelogEntry(text, extra.version), ...extra };
}

/** Whether a heading of the changelog names the version, with or without its `v`, brackets and date; `1.2` is not in `1.2.3`. */
export function hasChangelogEntry(text: string, tag: string): boolean {
  const version = tag.replace(/^v(?=\d)/, '').replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const named = new RegExp(`(?:^|[^0-9A-Za-z.])v?${version}(?![0-9A-Za-z]|[.+-][0-9A-Za-z])`);
  const lines = text.split(/\r?\n/);
  return lines.some((line, index) => (/^#{1,6}\s/.test(line) || /^(?:={3,}|-{3,})\s*$/.test(lines[index + 1] ?? '')) && named.test(line));
}
