/**
 * Rebuilds into a temporary folder and compares with the checked-in `dist/`, byte for byte and mode for mode.
 *
 *   node tools/check-dist.mjs
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
const fresh = mkdtempSync(join(tmpdir(), 'slipway-dist-'));

try {
  const build = spawnSync(process.execPath, [join(root, 'tools/build.mjs'), '--out', fresh], { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });
  if (build.status === 0) compare();
  else fail(`the build failed\n${build.stdout}`);
} finally {
  rmSync(fresh, { recursive: true });
}

function compare() {
  const names = [...new Set([...readdirSync(dist), ...readdirSync(fresh)])].sort();
  const differing = names.filter((name) => fingerprint(join(dist, name)) !== fingerprint(join(fresh, name)));
  if (differing.length === 0) console.log(`dist/ is what the sources build (${names.length} files)`);
  else fail(`dist/ is not what the sources build: ${differing.join(', ')}\nRun: npm run build, and commit dist/ with the change.`);
}

function fail(text) {
  console.error(text);
  process.exitCode = 1;
}

/** Content and executable bit, or undefined for a file that is not there. */
function fingerprint(file) {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat && `${stat.mode & 0o100}:${readFileSync(file, 'latin1')}`;
}
