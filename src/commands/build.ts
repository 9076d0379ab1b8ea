import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, relative, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { UserError } from '../evidence/errors.js';
import { formatBytes, formatCount } from '../evidence/format.js';
import { packArtifact } from '../release/upload.js';
import { withRelease } from './prepare-release.js';
import { recorded, type RunContext } from './run-context.js';

export interface BuildOptions {
  /** The file to put the release into. */
  readonly to?: string | undefined;
}

/**
 * Builds the release once and puts it into one file, for all environments it is to go to. The digest names its content: every
 * deploy of it can be held against it. No host is asked.
 * @throws UserError when a build command fails or the release cannot be read.
 */
export async function build(context: RunContext, { to }: BuildOptions): Promise<void> {
  if (to === undefined) throw new UserError('`build` needs a file to put the release into', { remedy: 'Name it: `--to ../release.tar.gz`.' });
  const file = resolve(context.workspace, to);
  await withRelease(withoutItself(context, file), {}, async (reading) => {
    const { artifact, manifest } = await reading;
    context.outputs.digest = manifest.digest;
    if (context.plan) {
      context.outputs.outcome = `plan only: would put ${formatCount(manifest.files, 'file')} (${formatBytes(manifest.bytes)}) into ${file}`;
      return;
    }
    const size = await recorded(
      context,
      { id: 'deploy.pack', phase: 'deploy', title: 'The release is one file', subject: 'runner' },
      async () => {
        await mkdir(dirname(file), { recursive: true });
        // Under its own name only when it is whole.
        const part = `${file}.part`;
        try {
          await pipeline(packArtifact(artifact.folder, manifest, () => undefined), createWriteStream(part));
          await rename(part, file);
        } finally {
          await rm(part, { force: true });
        }
        return (await stat(file)).size;
      },
      (bytes) => ({ observed: `${file}, ${formatBytes(bytes)}, digest ${manifest.digest.slice(0, 12)}`, data: { digest: manifest.digest, bytes } }),
    );
    context.outputs.archive = file;
    context.outputs.outcome = `built ${manifest.digest.slice(0, 12)}: ${formatCount(manifest.files, 'file')}, ${formatBytes(size)} compressed`;
  });
}

/** The file of an earlier run is no part of the release; nor are the secrets of one environment: it is to go to all of them. */
function withoutItself(context: RunContext, file: string): RunContext {
  const path = relative(context.workspace, file).split(sep).join('/');
  const { release } = context.config;
  const exclude = path.startsWith('..') ? release.exclude : [...release.exclude, path, `${path}.part`];
  return { ...context, appEnv: undefined, config: { ...context.config, release: { ...release, exclude } } };
}
