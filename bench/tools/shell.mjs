import { join } from 'node:path';
import { run } from '../process.mjs';
import { releaseName, sshOptions, switchBack, switchTo } from './tool.mjs';

const HERE = 'deploy@127.0.0.1';

/** Runs commands one after the other, each as a script would; the time is that of all. */
async function inTurn(...commands) {
  let ms = 0;
  for (const [program, ...args] of commands) ms += (await run(program, args)).ms;
  return { ms };
}

/** One connection for all commands of a deploy (ControlMaster), opened by the first and closed by the last. */
const sharing = (place) => ['-o', 'ControlMaster=auto', '-o', `ControlPath=${join(place.scratch, 'mux')}`, '-o', 'ControlPersist=10'];

/**
 * `rsync -az --link-dest=current`, then `ssh ln`. The unchanged files keep their times, which is the best case for
 * rsync: it then compares size and time only, without reading a file.
 * @param {import('./tool.mjs').Place} place
 * @param {{ shared?: boolean, freshTimes?: boolean }} [options] `shared`: both over one connection; `freshTimes`: every file has a new
 *   time, as after a checkout on a fresh runner; both work beside the plain one in its folder
 * @returns {import('./tool.mjs').Tool}
 */
export function rsync(place, { shared = false, freshTimes = false } = {}) {
  const root = `/srv/bench-rsync${shared ? '-shared' : freshTimes ? '-times' : ''}`;
  const options = (link) => [...sshOptions(place, link), ...(shared ? sharing(place) : [])];
  const copy = (link, version, more) => ['rsync', '-az', ...more, '-e', ['ssh', ...options(link)].join(' '), `${place.payload.folder}/`, `${HERE}:${root}/releases/${releaseName(version)}/`];
  const ssh = (link, command) => ['ssh', ...options(link), HERE, command];
  const end = (link) => (shared ? [['ssh', ...options(link), '-O', 'exit', HERE]] : []);
  return {
    name: shared ? 'rsync-shared' : freshTimes ? 'rsync-times' : 'rsync',
    title: `rsync -az --link-dest, ssh ln${shared ? ' (one connection)' : freshTimes ? ' (every file with a new time)' : ''}`,
    root,
    variant: shared || freshTimes,
    setUp: async () => undefined,
    changed: async () => undefined,
    first: (link, version) => inTurn(copy(link, version, []), ssh(link, switchTo(root, releaseName(version))), ...end(link)),
    delta: async (link, version) => {
      if (freshTimes) place.payload.renew();
      const took = await inTurn(copy(link, version, [`--link-dest=${root}/current/`]), ssh(link, switchTo(root, releaseName(version))), ...end(link));
      if (freshTimes) place.payload.restore();
      return took;
    },
    rollback: (link) => inTurn(ssh(link, switchBack(root))),
  };
}

/** `tar -cz | ssh tar -xz`, then `ssh ln`: everything, each time. @param {import('./tool.mjs').Place} place @returns {import('./tool.mjs').Tool} */
export function tar(place) {
  const root = '/srv/bench-tar';
  const deploy = async (link, version) => {
    const folder = `${root}/releases/${releaseName(version)}`;
    const pipe = 'set -o pipefail; payload=$1 unpack=$2; shift 2; tar -C "$payload" -czf - . | ssh "$@" "$unpack"';
    return inTurn(
      ['bash', '-c', pipe, 'bash', place.payload.folder, `mkdir ${folder} && tar -xzf - -C ${folder}`, ...sshOptions(place, link), HERE],
      ['ssh', ...sshOptions(place, link), HERE, switchTo(root, releaseName(version))],
    );
  };
  return {
    name: 'tar', title: 'tar | ssh, ssh ln', root,
    setUp: async () => undefined,
    changed: async () => undefined,
    first: deploy,
    delta: deploy,
    rollback: (link) => inTurn(['ssh', ...sshOptions(place, link), HERE, switchBack(root)]),
  };
}
