import type { DatabaseConfig } from '../config/schema.js';
import { hostName, parseHostAddress } from '../config/host-address.js';
import { resolveVariables } from '../config/variables.js';
import type { Backup } from '../databases/host-data.js';
import { inputOf, scriptInput } from '../databases/input.js';
import { formatBytes, formatDuration } from '../evidence/format.js';
import { HostError } from '../host/failure.js';
import { scriptText } from '../host/script.js';
import { connect } from '../ssh/connect.js';
import type { HostAddress } from '../ssh/types.js';
import type { DataPlace } from './backup-places.js';
import { recorded, type RunContext } from './run-context.js';

export type CopyTarget = DatabaseConfig['backup']['copy'][number];

/** Where a copy goes, as reports name it. */
export function targetText({ s3, host, folder }: CopyTarget): string {
  return s3 ?? `${host ?? ''}:${folder ?? ''}`;
}

/** What backup-copy.sh reads to copy to S3; the secrets become known to the redactor. */
export function s3Parameters({ lookup, redactor }: Pick<RunContext, 'lookup' | 'redactor'>, { name }: Pick<DatabaseConfig, 'name'>, target: CopyTarget): Record<string, string> {
  const { s3 = '', endpoint = '', region = '', accessKey = '', secretKey = '' } = resolveVariables(target, lookup, `databases.${name}.backup.copy`);
  if (secretKey !== '') redactor.add(secretKey);
  return { s3, endpoint, region, access_key: accessKey, secret_key: secretKey };
}

/** Copies one backup to one place and reads the copy back; a copy that is there already is left as it is. */
export async function copyBackup(context: RunContext, place: DataPlace, backup: Backup, target: CopyTarget): Promise<void> {
  await recorded(
    context,
    { id: 'backup.copy', phase: 'backup', title: 'The backup is kept elsewhere too', subject: place.name, expected: 'the same size and sum, read back' },
    () => (target.s3 === undefined ? copyToServer(context, place, backup, target) : copyToS3(context, place, backup, target)),
    (took) => ({
      observed: took === undefined ? `${backup.id} is at ${targetText(target)} already` : `${backup.id} copied to ${targetText(target)}: ${formatBytes(backup.stored)} in ${formatDuration(took)}, read back`,
      data: { id: backup.id, target: targetText(target), bytes: backup.stored },
    }),
  );
}

/** On the host, by the AWS CLI. @returns milliseconds, or undefined when the copy was there. */
async function copyToS3(context: RunContext, place: DataPlace, backup: Backup, target: CopyTarget): Promise<number | undefined> {
  const { host, database, data } = place;
  const result = await host.connection.exec(scriptText('backup-copy'), [host.place.root, database.name, backup.id, 's3'], {
    input: inputOf({ ...data.common, ...s3Parameters(context, database, target) }), limit: database.backup.limit, label: 'backup-copy', signal: context.signal,
  });
  if (result.code !== 0) throw new HostError(host.name, `copying to ${targetText(target)}`, result);
  const [, , what, , took = '0'] = result.stdout.split('\n').find((line) => line.startsWith('copied\t'))?.split('\t') ?? [];
  return what === 'there' ? undefined : Number(took);
}

/**
 * From the host through this machine to another server, without a file in between. The other server is logged in to with
 * the same key, and its own is pinned. Its sum decides, and half a copy has another name there.
 */
async function copyToServer(context: RunContext, place: DataPlace, backup: Backup, target: CopyTarget): Promise<number | undefined> {
  const { data, database } = place;
  const { environmentName, credentials, reporter, signal } = context;
  const started = performance.now();
  const other = await connect(serverOf(target), credentials, { signal, debug: (text) => reporter.debug(text) });
  try {
    const where = [target.folder ?? '', environmentName, place.name, backup.id];
    const asked = await other.exec(scriptText('backup-receive'), [...where, 'ask'], { label: 'backup-receive' });
    if (asked.code !== 0) throw new HostError(other.name, 'looking for the copy', asked);
    if (asked.stdout.trim() === `there\t${backup.sum}`) {
      await noteCopy(place, backup, target);
      return undefined;
    }
    const manifest = await data.manifest(backup.id);
    const source = data.read(backup.id, signal);
    const head = inputOf({ size: String(backup.stored), sum: backup.sum, manifest_b64: Buffer.from(manifest).toString('base64') });
    const [result] = await Promise.all([
      other.exec(scriptText('backup-receive'), [...where, 'take'], { input: scriptInput(head, source.stream), limit: database.backup.limit, label: 'backup-receive', signal }),
      source.ended,
    ]);
    if (result.code !== 0) throw new HostError(other.name, 'receiving the copy', result);
    await noteCopy(place, backup, target);
    return performance.now() - started;
  } finally {
    await other.close().catch(() => undefined);
  }
}

async function noteCopy({ host, name, data }: DataPlace, backup: Backup, target: CopyTarget): Promise<void> {
  const result = await host.connection.exec(scriptText('backup-copy'), [host.place.root, name, backup.id, 'note'], { input: inputOf({ ...data.common, target: targetText(target) }), label: 'backup-copy' });
  if (result.code !== 0) throw new HostError(host.name, 'noting the copy', result);
}

function serverOf({ host = '', hostKey = [] }: CopyTarget): HostAddress {
  const address = parseHostAddress(host);
  return { ...address, name: hostName(address), hostKeys: hostKey, path: [], connectTimeout: 30_000, keepalive: 15_000 };
}
