import * as z from 'zod';
import { formatPercentage, parsePercentage } from '../percentage.js';
import { duration, lifetime, size, text, texts, whole } from './fields.js';
import { codec, oneOrMany, parsed, section, variable } from './section.js';

const many = (description: string) => whole(0, 10_000, description);

const keepRules = section('Which backups stay; one that any rule wants stays, and the newest good one always.', {
  count: many('The newest so many.').exactOptional(),
  age: lifetime('All that are younger.').exactOptional(),
  daily: many('The newest of each of so many days.').exactOptional(),
  weekly: many('The newest of each of so many weeks.').exactOptional(),
  monthly: many('The newest of each of so many months.').exactOptional(),
});
type Keep = z.output<typeof keepRules>;
const younger = codec<ReturnType<typeof lifetime>, Keep>(lifetime('All that are younger.'), { decode: (age) => ({ age }), encode: ({ age = 0 }) => age });
const count = whole(1, 10_000, 'The newest so many.');

/** `30d`, `14`, or a mapping. */
const keep = codec<z.ZodUnion<[typeof keepRules, typeof younger, typeof count]>, Keep>(z.union([keepRules, younger, count]), {
  decode: (value) => (typeof value === 'number' ? { count: value } : value),
  encode: (value) => value,
}).meta({ description: 'Which backups stay: an age, a count, or rules; the newest good one always does.', examples: ['30d', 14] });

const target = section('A second place for backups.', {
  s3: text('A bucket and a prefix; the AWS CLI on the host copies.', 's3://my-backups/salessync').regex(/^s3:\/\/[^/]+/, { error: ({ input }) => `must begin with s3://<bucket>, is \`${String(input)}\`` }).exactOptional(),
  endpoint: text('Another service than Amazon that speaks S3.', 'https://s3.example.com').exactOptional(),
  region: text('The region of the bucket.', 'eu-central-1').exactOptional(),
  'access-key': variable(text('The id of the access key.', '$BACKUP_ACCESS_KEY')).exactOptional(),
  'secret-key': variable(text('The secret of the access key.', '$BACKUP_SECRET_KEY')).exactOptional(),
  host: text('Another server, user@host[:port]; its host key is pinned under host-key.', 'backup@203.0.113.20').exactOptional(),
  'host-key': texts('The pinned keys of that server.').exactOptional(),
  folder: text('The folder on that server.', '/srv/backups/salessync').exactOptional(),
});

export const backup = section('How backups are made and kept.', {
  keep: keep.prefault('30d'),
  compress: z.enum(['zstd', 'gzip', 'none']).prefault('zstd').meta({ description: 'How the archive is compressed.' }),
  age: oneOrMany(text('A recipient of age.', 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p')).exactOptional().meta({
    description: 'Encrypt with age for these recipients; the key that opens it stays elsewhere.',
  }),
  passphrase: variable(text('Encrypt with OpenSSL and this passphrase: a variable of app-env.', '$BACKUP_PASSPHRASE')).exactOptional(),
  folder: text('Another folder on the host for backups, such as one on a disk of its own. Default: .slipway/backups in the root.', '/var/backups/salessync').exactOptional(),
  copy: oneOrMany(target).prefault([]).meta({ description: 'Where good backups are copied to.' }),
  'before-deploy': z.boolean().exactOptional().meta({ description: 'Back up before each deploy. Default: when there is a `migrate`.' }),
  schedule: text('When the host backs up by itself: HH:MM, or five fields of cron; UTC.', '02:00', '0 */6 * * *').exactOptional(),
  'max-age': lifetime('A newest good backup that is older than this fails preflight.').prefault('25h'),
  'min-size': size('A dump that is smaller than this (before compression) is refused.').exactOptional(),
  shrink: parsed<number>(parsePercentage, formatPercentage, 'A dump that has shrunk by more than this against the last good one is refused.', ['50%']).prefault('50%'),
  limit: duration('How long one backup may take.').prefault('2h'),
});

export const drill = section('The restore into a scratch database that proves a backup.', {
  probes: texts('A query that must give a row whose first value is neither 0, false nor empty; a shell command for engines without queries.', 'SELECT count(*) FROM tenants').prefault([]),
  'max-age': lifetime('A last drill that is older than this is a warning of preflight. Default: never asked.').exactOptional(),
  'restore-within': duration('How long a restore may take (RTO).').exactOptional(),
  'data-age': lifetime('How old the data in the backup may be (RPO).').exactOptional(),
});
