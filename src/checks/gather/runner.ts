import { access, constants, statfs } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Config } from '../../config/schema.js';
import type { CommandFacts, RunnerFacts } from '../model.js';
import type { Reporter } from '../../evidence/reporter.js';
import { gatherBundle } from './bundle.js';
import { readCoverage } from './coverage.js';
import { gatherRepository } from './git.js';
import { runProcess, type ProcessOptions } from './process.js';

export interface RunnerQuestions {
  readonly config: Config;
  /** The checked-out repository. */
  readonly workspace: string;
  /** The environment of every process started here. Leave secrets and `INPUT_*` out: the team's commands see all of it. */
  readonly env: ProcessOptions['env'];
  /** What is released: `refs/tags/v1.2.3` or `v1.2.3`. */
  readonly ref?: string;
  readonly reporter?: Reporter;
  /** What git needs besides to reach origin. */
  readonly originEnv?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** The team's tests may take long, but not for ever. */
const COMMAND_LIMIT = 30 * 60_000;

/** Finds out about the runner and the workspace, and runs the tests and the audit the config asks for. */
export async function gatherRunnerFacts(questions: RunnerQuestions): Promise<RunnerFacts> {
  const { config, workspace, env, ref, signal } = questions;
  const { preflight } = config;
  const optional = signal === undefined ? {} : { signal };
  const names = commandNames(config);
  const commands = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await isOnPath(name, env['PATH'] ?? '')] as const)));
  const node = await versionOfNode(workspace, env);
  const repository = await gatherRepository({
    workspace, env, ...optional,
    secrets: preflight.repository.secrets,
    branch: preflight.repository.branch,
    secretsExcept: preflight.repository.secretsExcept,
    ...(preflight.repository.clean === undefined ? {} : { clean: preflight.repository.clean }),
    ...(preflight.repository.tag === undefined ? {} : { tag: preflight.repository.tag }),
    ...(preflight.repository.changelog === undefined ? {} : { changelog: preflight.repository.changelog }),
    ...(preflight.repository.version === undefined ? {} : { version: preflight.repository.version }),
    ...(questions.originEnv === undefined ? {} : { originEnv: questions.originEnv }),
    ...(ref === undefined || ref === '' ? {} : { ref }),
  });
  const tests: CommandFacts[] = [];
  for (const command of preflight.tests) {
    const result = await runCommand(command, questions);
    tests.push(result);
    if (result.code !== 0) break;
  }
  const auditCommand = auditOf(preflight.audit);
  const space = await statfs(workspace).catch(() => undefined);
  return {
    commands,
    tests,
    ...(node === undefined ? {} : { node }),
    ...(space === undefined ? {} : { diskFree: space.bavail * space.bsize }),
    ...(repository === undefined ? {} : { repository }),
    ...(preflight.coverage === undefined ? {} : { coverage: await readCoverage(join(workspace, preflight.coverage.file)) }),
    ...(auditCommand === undefined ? {} : { audit: await runCommand(auditCommand, questions) }),
    ...(preflight.bundle === undefined ? {} : { bundle: await gatherBundle(workspace, preflight.bundle.directory) }),
  };
}

function auditOf(audit: Config['preflight']['audit']): string | undefined {
  if (audit === undefined || audit === false) return undefined;
  return audit === true ? 'npm audit --omit=dev --audit-level=high' : audit.command;
}

async function runCommand(command: string, { workspace, env, reporter, signal }: RunnerQuestions): Promise<CommandFacts> {
  // The team's own command line is one argument of bash; nothing is pasted into it.
  const { code, tail, duration } = await runProcess('bash', ['-euo', 'pipefail', '-c', command], {
    cwd: workspace, env, limit: COMMAND_LIMIT,
    ...(signal === undefined ? {} : { signal }),
    ...(reporter === undefined ? {} : { onLine: (line: string) => reporter.line('runner', line) }),
  });
  return { command, code, tail, duration };
}

/** First words of the team's commands, as far as they are plain names, and what Slipway starts itself. */
export function commandNames(config: Config): string[] {
  const { preflight } = config;
  const runs = config.smoke.flatMap(({ steps }) => steps.flatMap((step) => ('run' in step ? [step.run] : [])));
  const lines = [...config.release.build, ...preflight.tests, ...runs, ...[auditOf(preflight.audit)].filter((line) => line !== undefined)];
  const builtin = new Set(['cd', 'set', 'export', 'if', 'for', 'while', 'case', 'test', 'echo', 'printf', 'source', 'exec', 'true', 'false', 'time', 'umask', 'unset', 'local', 'trap', 'eval', 'pushd']);
  const names = lines.map((line) => /^[A-Za-z0-9_][\w.+-]*(?=\s|$)/.exec(line.trim())?.[0]).filter((name) => name !== undefined && !builtin.has(name));
  const own = [...(lines.length > 0 ? ['bash'] : []), 'git'];
  return [...new Set([...own, ...names.filter((name) => name !== undefined)])];
}

async function isOnPath(name: string, path: string): Promise<boolean> {
  for (const folder of path.split(delimiter)) {
    if (folder === '') continue;
    try {
      await access(join(folder, name), constants.X_OK);
      return true;
    } catch {
      // Not in this one.
    }
  }
  return false;
}

/** Of the node on PATH: an action itself runs on the one GitHub ships, which builds nothing. */
async function versionOfNode(cwd: string, env: ProcessOptions['env']): Promise<string | undefined> {
  try {
    const { code, stdout } = await runProcess('node', ['--version'], { cwd, env, limit: 10_000 });
    return code === 0 ? stdout.trim().replace(/^v/, '') : undefined;
  } catch {
    return undefined;
  }
}
