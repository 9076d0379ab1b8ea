import { formatBytes, formatCount } from '../evidence/format.js';
import type { JournalEvent } from '../host/journal.js';
import { scriptText } from '../host/script.js';
import { onEvery, type Member, type Pace } from '../release/fleet.js';
import type { Delta } from '../release/manifest.js';
import { SharedUploads, type Upload } from '../release/shared-uploads.js';
import { packFiles, packRelease, type Luggage } from '../release/upload.js';
import { renderDefinitions, startOrder } from '../services/render.js';
import { servicesOf } from './fleet-session.js';
import type { PreparedRelease } from './prepare-release.js';
import { generatedNames } from './generated.js';
import { recorded, type RunContext } from './run-context.js';
import { siteFor } from './site.js';

/** Uploads at a time: with 25 of 14 MB each the runner's memory stayed below 200 MB; more were no faster. */
const STAGING: Pace = { atOnce: 25, stopAtFailure: true };

/**
 * Sends the release to every host that `deltas` names; what several hosts need in the same form is packed once.
 * @param begun learns the hosts on which something was begun, also when it fails.
 */
export async function stageAll(context: RunContext, deltas: ReadonlyMap<Member, Delta>, release: string, prepared: PreparedRelease, begun: Set<Member>): Promise<void> {
  const parcels = [...deltas.keys()].map((member) => parcelFor(context, member, deltas, prepared));
  const uploads = new SharedUploads(parcels.map(({ key }) => key));
  try {
    await onEvery(parcels, (parcel) => {
      begun.add(parcel.member);
      return stageOn(context, parcel, uploads, release, prepared);
    }, STAGING);
  } finally {
    await uploads.close();
  }
}

/** What one host is sent. Parcels with equal keys are equal, byte for byte. */
interface Parcel {
  readonly name: string;
  readonly member: Member;
  readonly delta: Delta;
  readonly luggage: Luggage;
  readonly key: string;
}

function parcelFor(context: RunContext, member: Member, deltas: ReadonlyMap<Member, Delta>, { manifest, env }: PreparedRelease): Parcel {
  const { config, environment } = context;
  const delta = deltas.get(member) ?? { send: [], link: [] };
  const place = {
    app: config.app,
    root: environment.root,
    envFile: config.release.envFile,
    user: member.host.connection.user,
    publicHost: config.site?.domains[0] ?? (environment.url === undefined ? 'localhost' : new URL(environment.url).host),
    drain: config.site?.drain ?? 0,
  };
  const services = renderDefinitions(startOrder(servicesOf(context, member)), place, config.site, context.lookup);
  const site = siteFor(context, member);
  const luggage: Luggage = { manifest, revert: scriptText('revert'), shared: config.release.shared, env, generate: generatedNames(context), services, site: site === undefined ? undefined : { ...site } };
  return { name: member.name, member, delta, luggage, key: `${[...new Set(deltas.values())].indexOf(delta)} ${JSON.stringify([services, site])}` };
}

async function stageOn(context: RunContext, { member, delta, luggage, key }: Parcel, uploads: SharedUploads, release: string, prepared: PreparedRelease): Promise<void> {
  const { host, findings } = member;
  const { manifest, artifact } = prepared;
  const { reporter, signal } = context;
  const at = context.now().toISOString();
  const begin: JournalEvent = { event: 'begin', release, at, by: context.author, commit: prepared.commit };
  const staged: JournalEvent = { event: 'staged', release, at, digest: manifest.digest, files: manifest.files, bytes: manifest.bytes, commit: prepared.commit };
  const total = contentBytes(delta);
  const upload: Upload = { pack: (onBytes) => packRelease(artifact.folder, luggage, delta, onBytes), onBytes: (done) => reporter.progress(member.name, done, total) };

  await recorded(
    context,
    { id: 'deploy.stage', phase: 'deploy', title: 'The release is on the host, whole', subject: member.name, expected: `digest ${manifest.digest.slice(0, 12)}` },
    async () => {
      const sentBefore = host.connection.traffic.sent;
      const again = new Set(await host.stage({ release, base: findings.base?.release, part: 'first', begin, staged }, await uploads.take(key, upload), signal));
      if (again.size > 0) {
        reporter.warn(`${member.name}: ${[...again].slice(0, 5).join(', ')}: rewritten in place since ${findings.base?.release ?? 'the last release'}; sent anew. Such files belong into \`release.shared\`.`);
        const files = manifest.entries.filter((entry) => entry.type === 'file').filter((entry) => again.has(entry.path));
        await host.stage({ release, base: undefined, part: 'more', begin, staged }, packFiles(artifact.folder, files, () => undefined), signal);
      }
      return { sent: host.connection.traffic.sent - sentBefore, again: again.size };
    },
    ({ sent, again }) => ({
      observed: `sent ${formatCount(delta.send.length + again, 'file')} of ${manifest.files.toLocaleString('en-US')}, ${formatBytes(total)} (${formatBytes(sent)} on the wire); linked ${delta.link.length - again}; verified`,
      data: { filesSent: delta.send.length + again, filesLinked: delta.link.length - again, bytesSent: sent, contentBytes: total },
    }),
  );
}

/** The size of the files that are sent, before they are compressed. */
export function contentBytes(delta: Delta): number {
  return delta.send.reduce((sum, file) => sum + file.size, 0);
}
