import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { renderEnvFile } from '../config/dotenv.js';
import { UserError } from '../evidence/errors.js';
import { formatBytes, formatCount } from '../evidence/format.js';
import { openArtifact, type Artifact } from '../release/artifact.js';
import { readManifest, type Manifest } from '../release/manifest.js';
import { selection, unmatched, wholeFolder } from '../release/select.js';
import { recorded, type RunContext } from './run-context.js';
import { describeEnd, runCommand } from '../probe/command.js';

/** A release as it stands on the runner, before anything is sent. */
export interface PreparedRelease {
  readonly artifact: Artifact;
  readonly manifest: Manifest;
  /** The commit it was made from: the whole hash, or the digest's first digits where there is no repository. */
  readonly commit: string;
  /** The environment file's text. */
  readonly env: string | undefined;
}

/** Where a release comes from, when not from the workspace. */
export interface ArtifactChoice {
  /** A folder or tar put together elsewhere; `release.build` is not run then. */
  readonly artifact?: string | undefined;
  /** The digest that was tested and signed off: anything else is not sent. At least its first 12 digits. */
  readonly digest?: string | undefined;
}

/**
 * Builds (unless an artifact is given), then reads and hashes what the release consists of while `hold` is already connecting to
 * the hosts: both take about as long. What is wrong with the release is said before what is wrong with a host.
 * @param hold gets the release once it is read; it must not change anything on a host before.
 */
export async function withRelease(context: RunContext, { artifact: artifactPath, digest }: ArtifactChoice, hold: (reading: Promise<PreparedRelease>) => Promise<void>): Promise<void> {
  requireDigestForm(digest);
  const builds = artifactPath === undefined && !context.plan && context.config.release.build.length > 0;
  const make = (): Promise<Artifact> => makeArtifact(context, artifactPath);
  const artifact = builds || artifactPath !== undefined ? await context.reporter.group('Prepare the release', make) : await make();
  try {
    const reading = readRelease(context, artifact, digest);
    reading.catch(() => undefined);
    try {
      await hold(reading);
    } catch (error) {
      await reading;
      throw error;
    }
  } finally {
    await artifact.remove();
  }
}

async function makeArtifact(context: RunContext, artifactPath: string | undefined): Promise<Artifact> {
  const { config, workspace } = context;
  if (artifactPath === undefined && !context.plan) {
    for (const command of config.release.build) {
      await recorded(
        context,
        { id: 'deploy.build', phase: 'deploy', title: 'Build', subject: 'runner', expected: 'exit code 0' },
        () => build(context, command),
        () => ({ observed: `\`${command}\` succeeded` }),
      );
    }
  }
  return openArtifact(artifactPath, workspace);
}

function readRelease(context: RunContext, artifact: Artifact, digest: string | undefined): Promise<PreparedRelease> {
  const { config, workspace } = context;
  return recorded(
    context,
    { id: 'deploy.artifact', phase: 'deploy', title: 'What the release consists of', subject: 'runner', expected: 'readable files, links that stay inside' },
    async () => {
      const asked = commitOf(workspace);
      const selects = artifact.whole ? wholeFolder(config.release) : selection(config.release);
      const manifest = await readManifest(artifact.folder, selects);
      check(context, artifact, manifest);
      requireDigest(manifest, digest);
      const env = context.appEnv === undefined ? undefined : renderEnvFile(context.appEnv);
      return { artifact, manifest, commit: (await asked) ?? manifest.digest, env };
    },
    ({ manifest }) => ({
      observed: `${formatCount(manifest.files, 'file')}, ${formatBytes(manifest.bytes)}, digest ${manifest.digest.slice(0, 12)}`,
      data: { files: manifest.files, bytes: manifest.bytes, digest: manifest.digest },
    }),
  );
}

function requireDigestForm(digest: string | undefined): void {
  if (digest === undefined || /^[0-9a-f]{12,64}$/.test(digest)) return;
  throw new UserError(`\`${digest.slice(0, 80)}\` is no digest`, { remedy: 'The input `digest` takes what `build` put out: 64 hex digits, or at least the first 12 of them. Where it comes from another job and did not arrive: GitHub leaves out an output that holds the value of a secret, and warns in the job that made it.' });
}

/** The bits that were tested are the bits that go on. */
function requireDigest(manifest: Manifest, digest: string | undefined): void {
  if (digest === undefined || manifest.digest.startsWith(digest)) return;
  throw new UserError(`the release has the digest ${manifest.digest.slice(0, 12)}, wanted is ${digest.slice(0, 12)}: these are not the files that were built and tested`, {
    remedy: 'Nothing was sent. Hand on the artifact that `build` made, unchanged, from the same run.',
  });
}

/** Builds may take long, but not for ever. */
const BUILD_LIMIT = 60 * 60_000;

async function build(context: RunContext, command: string): Promise<void> {
  const { end, lastLines } = await runCommand(command, {
    cwd: context.workspace, env: context.runnerEnv, limit: BUILD_LIMIT, signal: context.signal,
    onLine: (line) => context.reporter.line('runner', line),
  });
  if (end.kind === 'exit' && end.code === 0) return;
  throw new UserError(`runner: \`${command}\` ${describeEnd(end)}${lastLines.map((line) => `\n    ${line}`).join('')}`, {
    remedy: 'Nothing was sent to any host. Mend the build, then run again.',
  });
}

function check(context: RunContext, artifact: Artifact, manifest: Manifest): void {
  const { release, services } = context.config;
  const paths = manifest.entries.map((entry) => entry.path);
  if (!artifact.whole) {
    const nothing = unmatched(release.include, paths);
    if (nothing.length > 0) {
      throw new UserError(`release.include selects nothing for: ${nothing.join(', ')}`, { remedy: 'Was the build run? Check the names below the repository root.' });
    }
  }
  if (manifest.files === 0) throw new UserError('the release has no files', { remedy: 'Check `release.include` and `release.exclude`, or the artifact.' });
  const taken = new Set(paths);
  if ((context.appEnv !== undefined || release.generate.length > 0) && taken.has(release.envFile)) {
    throw new UserError(`the release contains ${release.envFile}, the file that Slipway writes from app-env`, {
      remedy: `Leave it out: \`release.exclude: [${release.envFile}]\`.`,
    });
  }
  for (const service of Object.values(services)) {
    if (service.directory !== '.' && !taken.has(service.directory)) {
      throw new UserError(`services.${service.name}.directory: the release has no folder ${service.directory}`, { remedy: 'Add it to `release.include`, or correct the name.' });
    }
  }
}

async function commitOf(folder: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('git', ['rev-parse', 'HEAD'], { cwd: folder });
    return stdout.trim();
  } catch {
    return undefined;
  }
}
