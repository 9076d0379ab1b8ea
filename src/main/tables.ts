import { formatCount } from '../evidence/format.js';
import type { HostStatus } from '../commands/status.js';
import type { Offer } from '../commands/trust.js';
import type { ReleaseRecord } from '../host/history.js';

/** `slipway status`, as text. */
export function renderStatus(hosts: readonly HostStatus[]): string {
  const differ = new Set(hosts.map(({ current }) => current)).size > 1;
  return [
    ...(differ ? ['The hosts run different releases.', ''] : []),
    ...hosts.flatMap((host) => [
      host.host,
      `  live          ${host.current === '' ? 'nothing' : `${host.current} (${host.state})`}`,
      `  rollback to   ${host.rollbackTo ?? 'nothing'}`,
      ...(host.paused === undefined ? [] : [`  CLOSED        since ${host.paused.since}: ${host.paused.why}; the next run opens it`]),
      ...host.schemas.map((text) => `  schema        ${text}`),
      ...(host.lease === undefined ? [] : [`  lease         ${host.lease}`]),
      ...(host.reverts === undefined ? [] : [`  unconfirmed   ${host.reverts.inSeconds < 0 ? 'its timer is late; the next run goes' : `in ${host.reverts.inSeconds} s the host goes`} back to ${host.reverts.to} by itself; slipway smoke confirms`]),
      ...(host.reverted === undefined ? [] : [`  note          the host ${host.reverted}`]),
      ...host.unfinished.map((text) => `  unfinished    ${text}; the next run puts it right`),
      ...host.services.map((service) => `  ${service.name.padEnd(13)} ${service.manager}, pid ${service.pids || 'none'}, ${formatCount(Number(service.restarts || '0'), 'restart')}, health ${service.health}, in ${service.folder}${service.slot === '' ? '' : ` (${service.slot}, ${service.live ? 'live' : 'kept warm'})`}`),
      ...host.drift.map((text) => `  drift         ${text}`),
      '',
    ]),
  ].join('\n');
}

/** `slipway releases`, as text: the live one is marked with an arrow. */
export function renderReleases(hosts: readonly { host: string; current: string; releases: readonly ReleaseRecord[] }[]): string {
  return hosts
    .flatMap(({ host, current, releases }) => [
      host,
      ...(releases.length === 0 ? ['  no releases'] : []),
      ...releases.map((release) => `  ${release.id === current ? '→' : ' '} ${release.id}  ${state(release).padEnd(18)}  ${release.by?.actor ?? ''}${release.reason === undefined ? '' : `  ${release.reason}`}${dataText(release)}`),
      '',
    ])
    .join('\n');
}

/** What it did to the data: the schema before and after, and the backup from before. */
function dataText({ data }: ReleaseRecord): string {
  const last = new Map(data.filter(({ outcome }) => outcome !== 'settled').map((step) => [step.database, step]));
  return [...last.values()].map(({ database, outcome, before, after, backup }) => {
    const schema = before === undefined && after === undefined ? '' : before === after ? ` schema ${after ?? ''}` : ` schema ${before ?? '?'} → ${after ?? '?'}`;
    return `\n      ${database}: ${outcome}${schema}${backup === undefined ? '' : `, backup ${backup}`}`;
  }).join('');
}

function state(release: ReleaseRecord): string {
  return release.present ? release.state : `${release.state}, removed`;
}

/** `slipway trust`, as text: lines to compare with the server's console and to paste into slipway.yml. */
export function renderOffers(offers: readonly Offer[]): string {
  return [
    ...offers.flatMap(({ host, keys }) => [
      host,
      ...keys.map(({ fingerprint, line, pinned }) => `  ${fingerprint}${pinned ? '  (pinned)' : ''}\n    host-key: ${line}`),
      '',
    ]),
    'Compare a fingerprint with what the server itself says, on its console:',
    '  ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub',
    'then put its line into slipway.yml.',
  ].join('\n');
}
