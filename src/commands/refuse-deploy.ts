import { UserError } from '../evidence/errors.js';
import { formatBytes, formatCount } from '../evidence/format.js';
import type { Member } from '../release/fleet.js';
import type { Delta } from '../release/manifest.js';
import { servicesOf } from './fleet-session.js';
import type { PreparedRelease } from './prepare-release.js';
import type { RunContext } from './run-context.js';

/**
 * A secret that was not passed to the job is silently empty on GitHub: the app must not lose its environment by that.
 * @throws UserError when the live release has an environment and this one would have none.
 */
export function refuseLostEnv(context: RunContext, members: readonly Member[]): void {
  const member = members.find(({ findings }) => findings.hasEnv);
  if (context.appEnv !== undefined || member === undefined) return;
  throw new UserError(`${member.name}: the live release has an environment file, this deploy brings none: \`app-env\` is empty`, {
    remedy: 'Pass the secret to the job (`app-env: ${{ secrets.APP_ENV }}`), on the command line `--app-env FILE`. Nothing was changed.',
  });
}

/** Installs and logs need room too: a deploy that would leave less than this behind is not begun. */
const ROOM_LEFT = 32 * 1024 * 1024;

/**
 * A disk that fills up half-way is the worst kind of failure: the room is counted before anything is sent.
 * @throws UserError naming every host on which the release has no room.
 */
export function refuseFullDisk(context: RunContext, members: readonly Member[], prepared: PreparedRelease, deltas: ReadonlyMap<Member, Delta>): void {
  const full = members.flatMap((member) => {
    const { name, findings } = member;
    const delta = deltas.get(member) ?? { send: [], link: [] };
    const installs = Object.values(servicesOf(context, member)).some(({ install }) => install.length > 0);
    // What is linked takes neither room nor inodes, until an install gets files of its own to write into.
    const copied = installs ? prepared.manifest.bytes : 0;
    const bytes = copied + delta.send.reduce((sum, file) => sum + Math.ceil(file.size / 4096) * 4096, 0) + ROOM_LEFT;
    const inodes = prepared.manifest.entries.length - (installs ? 0 : delta.link.length) + 100;
    const { free } = findings;
    if (free.bytes !== undefined && free.bytes < bytes) return [`${name}: ${formatBytes(free.bytes)} are free, the release needs ${formatBytes(bytes)} (with ${formatBytes(ROOM_LEFT)} to spare)`];
    if (free.inodes !== undefined && free.inodes < inodes) return [`${name}: ${formatCount(free.inodes, 'inode')} free, the release needs ${inodes.toLocaleString('en-US')}`];
    return [];
  });
  if (full.length === 0) return;
  throw new UserError(`disk full (ENOSPC):\n${full.map((line) => `    ${line}`).join('\n')}`, {
    remedy: 'Nothing was changed. Make room: `du -xh --max-depth=2 / | sort -h | tail`; lower `release.keep`.',
  });
}
