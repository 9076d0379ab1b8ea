import { execFile, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a finished command left behind. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The label on every container of the tests; its value is the id of the process that owns it (see cleanup.sh). */
export const CONTAINER_LABEL = 'slipway-test';

const FOLDER = dirname(fileURLToPath(import.meta.url));

let bareImage: string | undefined;

/** Runs a program to its end; any exit code resolves. `limit` in milliseconds, after which it is killed and the call rejects. */
export function finish(program: string, args: readonly string[], options: { input?: string | Buffer; limit?: number } = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { maxBuffer: 64 * 1024 * 1024, timeout: options.limit ?? 120_000, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') {
        reject(new Error(`${program} ${args.slice(0, 3).join(' ')} … did not end by itself: ${error.message}`, { cause: error }));
        return;
      }
      resolve({ code: child.exitCode ?? 0, stdout, stderr });
    });
    // A command that ends without reading its input is no failure of ours.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}

/** Runs `docker …` and returns its output; throws when it fails. */
export async function docker(args: readonly string[], options: { input?: string | Buffer; limit?: number } = {}): Promise<string> {
  const result = await finish('docker', args, options);
  if (result.code !== 0) {
    throw new Error(`docker ${args[0] ?? ''} failed (${result.code}): ${result.stderr.trim()}`);
  }
  return result.stdout.trim();
}

/** The name of the image that prepare.sh builds from the files as they are now. `bare`: the one of the host with nothing on it. */
export function imageName(bare = false): string {
  if (bare) return (bareImage ??= spawnSync('bash', [join(FOLDER, 'prepare.sh'), '--bare'], { encoding: 'utf8' }).stdout.trim());
  return process.env['SLIPWAY_TEST_IMAGE'] ?? spawnSync('bash', [join(FOLDER, 'prepare.sh'), '--image'], { encoding: 'utf8' }).stdout.trim();
}

/** Whether test hosts can be started, and if not, why. */
export function hostsAvailable(bare = false): { available: true } | { available: false; reason: string } {
  const engine = spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], { encoding: 'utf8', timeout: 10_000 });
  if (engine.status !== 0) {
    return { available: false, reason: 'no Docker Engine answers (run test/hosts/prepare.sh)' };
  }
  const image = imageName(bare);
  if (spawnSync('docker', ['image', 'inspect', image], { timeout: 10_000 }).status !== 0) {
    return { available: false, reason: `the image ${image} is not built (run test/hosts/prepare.sh)` };
  }
  return { available: true };
}
