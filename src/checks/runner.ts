import { versionSatisfies } from '../config/version-range.js';
import { formatBytes } from '../evidence/format.js';
import { fail, pass, verdict, type RunnerCheck } from './model.js';

/** The build, its cache and the packed release need about this much. */
const LEAST_DISK = 1e9;

export const runner: readonly RunnerCheck[] = [
  {
    id: 'preflight.runner.node',
    title: 'The runner builds with a Node.js the hosts accept',
    family: 'runner', scope: 'runner', requirement: [], severity: 'warn',
    remedy: 'Put actions/setup-node with the same major version before Slipway.',
    run({ node }, { config }) {
      const wanted = config.preflight.node;
      const usesNode = [...config.release.build, ...config.preflight.tests].some((command) => /\b(?:node|np[mx]|yarn|pnpm)\b/.test(command));
      if (wanted === undefined || !usesNode) return undefined;
      if (node === undefined) return fail('no node on PATH', wanted.text);
      return verdict(versionSatisfies(wanted, node), node, wanted.text);
    },
  },
  {
    id: 'preflight.runner.disk-free',
    title: 'The runner has disk space for the build',
    family: 'runner', scope: 'runner', requirement: [], severity: 'block',
    remedy: 'Delete what the job no longer needs, or use a larger runner.',
    run({ diskFree }) {
      if (diskFree === undefined) return undefined;
      return verdict(diskFree >= LEAST_DISK, `${formatBytes(diskFree)} free`, `at least ${formatBytes(LEAST_DISK)} free`);
    },
  },
  {
    id: 'preflight.runner.commands',
    title: 'The commands that will run on the runner exist',
    family: 'runner', scope: 'runner', requirement: [], severity: 'block',
    remedy: 'Add the setup step that installs them (actions/setup-node, actions/setup-python, apt-get) before Slipway.',
    run({ commands }) {
      const names = Object.keys(commands);
      if (names.length === 0) return undefined;
      const missing = names.filter((name) => commands[name] !== true);
      return missing.length === 0 ? pass('all found', names.join(', ')) : fail(`not found: ${missing.join(', ')}`, names.join(', '));
    },
  },
];
