/** What an action costs before it does anything: the start of its process, and the size of the bundle. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { output, run } from './process.mjs';

/**
 * @returns {Promise<{ samples: { what: string, ms: number }[], bundle: { bytes: number, compressed: number }, node: string }>}
 */
export async function startPart({ scratch, say, dist, node }, { quick }) {
  const commands = {
    node: { args: ['--eval', '0'], codes: [0] },
    // No inputs: it loads everything, says that the environment is missing, and ends.
    action: { args: [join(dist, 'deploy.cjs')], codes: [1] },
    cli: { args: [join(dist, 'slipway.cjs'), '--help'], codes: [0] },
    version: { args: [join(dist, 'slipway.cjs'), '--version'], codes: [0] },
  };
  const samples = [];
  const env = { PATH: process.env.PATH, HOME: scratch };
  for (let round = 0; round < (quick ? 8 : 21); round += 1) {
    for (const [what, { args, codes }] of Object.entries(commands)) {
      const { ms } = await run(node, args, { cwd: scratch, env, codes });
      // The first one warms the caches.
      if (round > 0) samples.push({ what, ms });
    }
  }
  const bundle = join(dist, 'index.cjs');
  const sizes = { bytes: statSync(bundle).size, compressed: gzipSync(readFileSync(bundle)).length };
  say(`  bundle ${(sizes.bytes / 1e6).toFixed(2)} MB`);
  return { samples, bundle: sizes, node: await output(node, ['--version']) };
}
