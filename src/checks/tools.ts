import { servicesOn } from '../config/roles.js';
import { parseVersion, versionSatisfies, type VersionRange } from '../config/version-range.js';
import type { HostFacts } from './facts.js';
import { fail, pass, verdict, type HostCheck } from './model.js';

/**
 * Last day of support by major version, from github.com/nodejs/Release (schedule.json). Odd majors live half a year.
 * A major that is not listed is taken as supported.
 */
const NODE_END_OF_LIFE: Readonly<Record<number, string>> = {
  16: '2023-09-11', 17: '2022-06-01', 18: '2025-04-30', 19: '2023-06-01', 20: '2026-04-30', 21: '2024-06-01',
  22: '2027-04-30', 23: '2025-06-01', 24: '2028-04-30', 25: '2026-06-01',
};

/** What Slipway's own scripts need, and the package of Debian and Ubuntu that has it. */
const FEATURE_PACKAGES: Readonly<Record<string, string>> = {
  'find -printf': 'findutils', 'xargs -0': 'findutils', 'GNU tar': 'tar', gzip: 'gzip', flock: 'util-linux', awk: 'mawk',
};

/** Whether what keeps services running is on a host. Compose 1 knows neither `up --wait` nor the plugin's name. */
const isThere: Readonly<Record<'pm2' | 'systemd' | 'compose', (facts: HostFacts) => boolean>> = {
  pm2: ({ versions }) => versions['pm2'] !== undefined,
  systemd: ({ init }) => init === 'systemd',
  compose: ({ versions }) => versions['compose'] !== undefined,
};

export const tools: readonly HostCheck[] = [
  versionCheck('node', 'node', 'Node.js', ['PF-03'], (config) => config.node),
  versionCheck('npm', 'npm', 'npm', ['PF-03'], (config) => config.npm),
  versionCheck('python', 'python3', 'Python', [], (config) => config.python),
  versionCheck('pm2', 'pm2', 'PM2', [], (config) => config.pm2),
  versionCheck('nginx', 'nginx', 'nginx', [], (config) => config.nginx),
  {
    id: 'preflight.tools.node-supported',
    title: 'Node.js is a supported major version',
    family: 'tools', scope: 'host', requirement: ['PF-03'], severity: 'warn',
    remedy: 'Upgrade Node.js on the host to a major version with long-term support, after testing the app on it.',
    run({ facts }, { now }) {
      const version = facts.versions['node'];
      const major = version === undefined ? undefined : parseVersion(version)?.triple[0];
      if (major === undefined) return undefined;
      const end = major < 16 ? 'before 2023' : NODE_END_OF_LIFE[major];
      const over = end !== undefined && (major < 16 || now.toISOString().slice(0, 10) > end);
      return verdict(!over, over ? `${version ?? ''}, unsupported since ${end}` : version, 'a major version that still gets security fixes');
    },
  },
  {
    id: 'preflight.tools.managers',
    title: 'What keeps the services running is installed',
    family: 'tools', scope: 'host', requirement: [], severity: 'block',
    remedy: 'Install it on the host, for the user who logs in: PM2 with `npm install --global pm2`; Docker with its plugin Compose 2; systemd must be process 1.',
    run({ facts, host }, { config }) {
      const managers = [...new Set(Object.values(servicesOn(config.services, host)).map((service) => service.manager))].filter((manager) => manager !== 'static');
      if (managers.length === 0) return undefined;
      const missing = managers.filter((manager) => !isThere[manager](facts));
      const hint = missing.includes('pm2') ? elsewhere(facts, 'pm2') : undefined;
      if (missing.length === 0) return pass(managers.join(', '), managers.join(', '));
      return fail(`missing: ${missing.join(', ')}`, managers.join(', '), hint === undefined ? {} : { remedy: hint });
    },
  },
  {
    id: 'preflight.tools.commands',
    title: 'Every command the app needs is there',
    family: 'tools', scope: 'host', requirement: [], severity: 'block',
    remedy: 'Install the missing commands on the host, or put their folder into `path` of the host in slipway.yml.',
    run({ facts }, { config }) {
      const wanted = config.preflight.tools;
      if (wanted.length === 0) return undefined;
      const missing = wanted.filter((name) => facts.tools[name] !== true);
      return verdict(missing.length === 0, missing.length === 0 ? 'all found' : `not found: ${missing.join(', ')}`, wanted.join(', '));
    },
  },
  {
    id: 'preflight.tools.slipway',
    title: 'The tools Slipway itself uses behave',
    family: 'tools', scope: 'host', requirement: [], severity: 'block',
    remedy: 'Install the missing packages on the host with apt-get.',
    run({ facts }) {
      const missing = Object.keys(facts.features).filter((name) => facts.features[name] !== true);
      if (missing.length === 0) return pass('all as needed', 'GNU coreutils, findutils, tar, gzip and flock');
      const packages = [...new Set(missing.map((name) => FEATURE_PACKAGES[name] ?? 'coreutils'))];
      return fail(`missing: ${missing.join(', ')}`, 'GNU coreutils, findutils, tar, gzip and flock', {
        remedy: `Install them on the host: sudo apt-get install ${packages.join(' ')}`,
      });
    },
  },
  {
    id: 'preflight.tools.bash',
    title: 'bash is there for the team\'s commands',
    family: 'tools', scope: 'host', requirement: [], severity: 'warn',
    remedy: 'Install bash on the host: without it a command that fails in the middle of a pipe goes unnoticed.',
    run({ facts }) {
      const version = facts.versions['bash'];
      return verdict(version !== undefined, version === undefined ? 'not found' : `bash ${version}`, 'bash');
    },
  },
];

type Ranges = Readonly<Record<'node' | 'npm' | 'python' | 'pm2' | 'nginx', VersionRange>>;

function versionCheck(
  name: string, command: string, label: string, requirement: readonly string[], range: (config: Partial<Ranges>) => VersionRange | undefined,
): HostCheck {
  return {
    id: `preflight.tools.${name}`,
    title: `${label} has a version the app works with`,
    family: 'tools', scope: 'host', requirement, severity: 'block',
    remedy: `Install a ${label} within the range on the host, or change preflight.${name} if the app works with the one that is there.`,
    run({ facts }, { config }) {
      const wanted = range(config.preflight);
      if (wanted === undefined) return undefined;
      const version = facts.versions[command];
      if (version === undefined) {
        const hint = elsewhere(facts, command);
        return fail('not found on PATH', wanted.text, hint === undefined ? {} : { remedy: hint });
      }
      if (version === 'unknown') return fail('installed, but does not tell its version', wanted.text);
      return verdict(versionSatisfies(wanted, version), version, wanted.text);
    },
  };
}

/** A login without a terminal does not read the files in which nvm and its like change PATH. */
function elsewhere(facts: HostFacts, command: string): string | undefined {
  const folder = facts.elsewhere[command]?.at(-1);
  return folder === undefined ? undefined : `${command} is in ${folder}, which is not on PATH without a terminal: add \`path: [${folder}]\` to the host in slipway.yml.`;
}
