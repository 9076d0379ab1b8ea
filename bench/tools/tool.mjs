/**
 * @typedef {object} Place where and with what the tools work
 * @property {string} scratch a folder for their files
 * @property {string} dist the bundle of Slipway that is measured
 * @property {string} node the Node it is started with
 * @property {import('../machine.mjs').Host} host
 * @property {import('../payload.mjs').Payload} payload
 *
 * @typedef {{ ms: number, peak?: number, fetched?: import('../proxy.mjs').Link['counters'] }} Took time of the whole command; memory of the
 *   process where it is asked for; what the host fetched over another link
 *
 * @typedef {object} Tool one way to deploy; all of them have `<root>/current` and a folder per release
 * @property {string} name
 * @property {string} title
 * @property {string} root the tool's own folder on the host
 * @property {boolean} [variant] another way to run a tool: measured fewer times
 * @property {() => Promise<void>} setUp before everything; not measured
 * @property {(version: number) => Promise<void>} changed the payload has changed; not measured
 * @property {(link: import('../proxy.mjs').Link, version: number) => Promise<Took>} first into an empty folder
 * @property {(link: import('../proxy.mjs').Link, version: number) => Promise<Took>} delta
 * @property {(link: import('../proxy.mjs').Link, options: { again: boolean }) => Promise<Took>} rollback to the release before the live one;
 *   `again`: the live one was itself gone back to
 */

/** Name of a release of the tools that do not choose one themselves. */
export const releaseName = (version) => `r${String(version).padStart(4, '0')}`;

/** ssh's options for a link, host keys checked. @param {Place} place @param {import('../proxy.mjs').Link} link */
export function sshOptions(place, link) {
  const options = ['BatchMode=yes', 'StrictHostKeyChecking=yes', `UserKnownHostsFile=${place.host.knownHosts}`, 'GlobalKnownHostsFile=/dev/null', 'IdentitiesOnly=yes', 'LogLevel=ERROR'];
  return ['-F', '/dev/null', '-p', String(link.port), '-i', place.host.keys.ed25519, ...options.flatMap((option) => ['-o', option])];
}

/** Points `current` at a release: in one rename, as the better scripts do. */
export const switchTo = (root, release) => `ln -sfn releases/${release} ${root}/current.new && mv -T ${root}/current.new ${root}/current`;

/** Back to the release before the live one, by name. */
export const switchBack = (root) =>
  `cd ${root} && live=$(basename "$(readlink current)") && before=$(ls -1 releases | sort | grep -B 1 -x "$live" | head -n 1) && ln -sfn "releases/$before" current.new && mv -T current.new current`;
