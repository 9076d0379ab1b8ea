import type { Amount } from '../config/amount.js';
import { parseOsRequirement } from '../config/os-requirement.js';
import { versionSatisfies } from '../config/version-range.js';
import { formatBytes, formatCount } from '../evidence/format.js';
import { fail, verdict, type HostCheck, type Outcome } from './model.js';

/** Below this share nothing should be deployed, whatever the config says (plan 000: critical below 10 % free). */
const LEAST_FREE: Amount = { unit: 'share', value: 0.1 };

/** Memory sold as 4 GB shows less: the kernel and the firmware keep some for themselves. */
const MEMORY_TOLERANCE = 0.94;

export const resources: readonly HostCheck[] = [
  {
    id: 'preflight.resources.cpu',
    title: 'Enough CPUs',
    family: 'resources', scope: 'host', requirement: ['PF-01'], severity: 'block',
    remedy: 'Resize the server, or lower preflight.cpu if the app does with less.',
    run({ facts }, { config }) {
      const wanted = config.preflight.cpu;
      if (wanted === undefined) return undefined;
      return verdict(facts.cpus >= wanted, formatCount(facts.cpus, 'CPU'), `at least ${wanted}`);
    },
  },
  {
    id: 'preflight.resources.memory',
    title: 'Enough memory in all',
    family: 'resources', scope: 'host', requirement: ['PF-01'], severity: 'block',
    remedy: 'Resize the server, or lower preflight.memory if the app does with less.',
    run({ facts }, { config }) {
      const wanted = config.preflight.memory;
      if (wanted === undefined) return undefined;
      return verdict(facts.memory.total >= wanted * MEMORY_TOLERANCE, formatBytes(facts.memory.total), `about ${formatBytes(wanted)} or more`);
    },
  },
  {
    id: 'preflight.resources.operating-system',
    title: 'Supported operating system',
    family: 'resources', scope: 'host', requirement: ['PF-01'], severity: 'block',
    remedy: 'Upgrade the server to one of the releases in preflight.os, or add this one once the app is proven on it.',
    run({ facts }, { config }) {
      const accepted = config.preflight.os;
      if (accepted.length === 0) return undefined;
      return verdict(accepted.some((entry) => matchesOs(entry, facts.os)), facts.os.name || `${facts.os.id} ${facts.os.version}`, accepted.join(' or '));
    },
  },
  {
    id: 'preflight.resources.architecture',
    title: 'Supported CPU architecture',
    family: 'resources', scope: 'host', requirement: ['PF-01'], severity: 'block',
    remedy: 'Native modules and binaries must match: build for this architecture and add it to preflight.architecture, or use another server.',
    run({ facts }, { config }) {
      const accepted = config.preflight.architecture;
      if (accepted.length === 0) return undefined;
      return verdict(accepted.some((name) => canonicalArchitecture(name) === canonicalArchitecture(facts.architecture)), facts.architecture, accepted.join(' or '));
    },
  },
  {
    id: 'preflight.resources.memory-free',
    title: 'Memory to spare',
    family: 'resources', scope: 'host', requirement: ['PF-02'], severity: 'block',
    remedy: 'See what holds the memory (`ps aux --sort=-rss | head`), stop what is not needed or add memory.',
    run({ facts }, { config }) {
      const wanted = config.preflight.memoryFree;
      return wanted === undefined ? undefined : enough(facts.memory.available, facts.memory.total, wanted, 'bytes');
    },
  },
  {
    id: 'preflight.resources.disk-free',
    title: 'Disk space to spare where releases go',
    family: 'resources', scope: 'host', requirement: ['PF-02'], severity: 'block',
    remedy: 'Find what fills the disk (`du -xh / | sort -h | tail`), free it or grow the disk; a lower release.keep frees old releases.',
    run({ facts }, { config }) {
      if (facts.disk === undefined) return fail('the host did not say', describe(config.preflight.diskFree ?? LEAST_FREE));
      return enough(facts.disk.free, facts.disk.total, config.preflight.diskFree ?? LEAST_FREE, 'bytes');
    },
  },
  {
    id: 'preflight.resources.inodes-free',
    title: 'Inodes to spare where releases go',
    family: 'resources', scope: 'host', requirement: ['PF-02'], severity: 'block',
    remedy: 'Find the folder with the many small files (`du --inodes -x / | sort -n | tail`): old node_modules, sessions and caches are the usual ones.',
    run({ facts }, { config }) {
      // Btrfs and others make inodes as they need them and report none.
      if (facts.inodes === undefined || facts.inodes.total === 0) return undefined;
      return enough(facts.inodes.free, facts.inodes.total, config.preflight.inodesFree ?? LEAST_FREE, 'inodes');
    },
  },
  {
    id: 'preflight.resources.release-space',
    title: 'The release fits on the disk, beside the backups its deploy makes',
    family: 'resources', scope: 'host', requirement: ['PF-02'], severity: 'block',
    remedy: 'Free disk space on the host, lower release.keep, leave out files the app does not need (release.exclude), or give backups a disk of their own (backup.folder).',
    run({ facts, backupRoom = 0 }) {
      // How large the next one is shows when it is packed, and then it is counted again; until then the last one tells.
      const { lastRelease: release } = facts;
      if (release === undefined || facts.disk === undefined) return undefined;
      // What is installed on the host comes on top (node_modules, a venv): twice the upload is the least that is sensible.
      const bytes = release.bytes * 2 + backupRoom;
      const inodes = facts.inodes === undefined || facts.inodes.total === 0 ? Number.POSITIVE_INFINITY : facts.inodes.free;
      return verdict(facts.disk.free >= bytes && inodes >= release.files * 2,
        `${formatBytes(facts.disk.free)} free, ${Number.isFinite(inodes) ? formatCount(inodes, 'inode') : 'inodes without limit'}`,
        `room for twice ${formatBytes(release.bytes)} in ${formatCount(release.files, 'file')}, as the last release has${backupRoom === 0 ? '' : `, and ${formatBytes(backupRoom)} of backups`}`);
    },
  },
  {
    id: 'preflight.resources.load',
    title: 'Load below the limit',
    family: 'resources', scope: 'host', requirement: ['PF-02'], severity: 'block',
    remedy: 'See what runs (`top`); deploy when it has calmed down, or raise preflight.load.',
    run({ facts }, { config }) {
      const limit = config.preflight.load;
      const [minute] = facts.load;
      if (limit === undefined || minute === undefined) return undefined;
      return verdict(minute / facts.cpus <= limit, `${facts.load.join(' ')} on ${formatCount(facts.cpus, 'CPU')}`, `at most ${limit} per CPU over one minute`);
    },
  },
];

function enough(free: number, total: number, wanted: Amount, noun: 'bytes' | 'inodes'): Outcome {
  const share = total > 0 ? free / total : 0;
  const shown = noun === 'bytes' ? `${formatBytes(free)} of ${formatBytes(total)}` : `${free.toLocaleString('en-US')} of ${total.toLocaleString('en-US')}`;
  const observed = `${shown} free (${(share * 100).toFixed(1)} %)`;
  return verdict(wanted.unit === 'share' ? share >= wanted.value : free >= wanted.value, observed, describe(wanted), {
    data: { free, total },
  });
}

function describe(amount: Amount): string {
  if (amount.unit === 'share') return `at least ${(amount.value * 100).toFixed(1).replace('.0', '')} % free`;
  return amount.unit === 'bytes' ? `at least ${formatBytes(amount.value)} free` : `at least ${amount.value.toLocaleString('en-US')} free`;
}

function matchesOs(entry: string, os: { id: string; version: string }): boolean {
  const { id, versions } = parseOsRequirement(entry);
  if (id !== os.id.toLowerCase()) return false;
  return versions === undefined || versionSatisfies(versions, os.version);
}

/** The same machine has a name from the kernel (`uname -m`), one from Debian and one from Node. */
export function canonicalArchitecture(name: string): string {
  const aliases: Record<string, string> = { x86_64: 'x64', amd64: 'x64', aarch64: 'arm64', armv8: 'arm64', armv7l: 'arm', armhf: 'arm', i386: 'ia32', i686: 'ia32', x86: 'ia32' };
  const plain = name.trim().toLowerCase();
  return aliases[plain] ?? plain;
}

