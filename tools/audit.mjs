/**
 * `npm audit`, with an answer of its own for a registry that has no audit: exit code 77, "not available here".
 * A finding of severity high or critical fails with exit code 1 and npm's own words.
 *
 *   node tools/audit.mjs
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const audit = (...args) => spawnSync('npm', ['audit', '--audit-level=high', ...args], { cwd: root, encoding: 'utf8' });

const { status, stdout, stderr } = audit('--json');
const report = parse(stdout);
if (report?.metadata === undefined) {
  console.log(`audit not available here: ${report?.message ?? stderr.trim().split('\n').at(-1)}`);
  process.exitCode = 77;
} else {
  const { low, moderate, high, critical } = report.metadata.vulnerabilities;
  console.log(`known holes: ${critical} critical, ${high} high, ${moderate} moderate, ${low} low`);
  if (status !== 0) {
    console.log(audit().stdout);
    process.exitCode = 1;
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
