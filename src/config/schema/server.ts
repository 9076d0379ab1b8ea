import * as z from 'zod';
import { name, size, text, whole } from './fields.js';
import { harden } from './harden.js';
import { hostKey } from './host-key.js';
import { codec, oneOrMany, record, section } from './section.js';
import { systemPath } from './site-fields.js';

/** A key that may log in: `type base64`, as in a .pub file. The same form as a host's key. */
const publicKeys = (description: string) => oneOrMany(hostKey).meta({ description });

type Harden = z.output<typeof harden>;

/** How `slipway server` prepares the hosts. What follows from the rest of the configuration (nginx, PM2, Docker …) is not asked for again. */
export const server = section('What the hosts are to be: `slipway server <environment>` makes them so.', {
  keys: publicKeys('Public keys that may log in as the deploy user, beside the one the run itself logs in with.').prefault([]),
  admins: record(name('A user of the system.', ['root']), publicKeys('The public key or keys of this person.'))
    .prefault({})
    .meta({
      description: 'People with a login of their own and full sudo. With them the deploy user gets only the commands that Slipway needs; without them it has full sudo, since somebody must.',
      examples: [{ alice: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI…' }],
    }),
  node: whole(18, 99, 'The major version of Node.js.', 22).exactOptional(),
  'node-mirror': z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).prefault('https://nodejs.org/dist').meta({ description: 'Where Node.js is fetched from; laid out as nodejs.org/dist.' }),
  python: z.boolean().prefault(false).meta({ description: 'python3 with venv and pip.' }),
  packages: z.array(text('A package of the system.').regex(/^[a-z0-9][a-z0-9.+-]*$/, { error: ({ input }) => `must be the name of a package, is \`${String(input)}\`` })).prefault([]).meta({
    description: 'Further packages of the system.',
    examples: [['imagemagick']],
  }),
  folders: z.array(systemPath('A folder the deploy user may write to.', '/var/uploads')).prefault([]).meta({ description: 'Further folders for the deploy user, such as uploads outside the app.' }),
  swap: codec<z.ZodUnion<[z.ZodLiteral<false>, ReturnType<typeof size>]>, number | false>(z.union([z.literal(false), size('The size of the swap file.')]), { decode: (value) => value, encode: (value) => value })
    .prefault(false)
    .meta({ description: 'A swap file of this size where the host has no swap; false: leave it.', examples: ['2GB'] }),
  timezone: text('The time zone of the hosts, such as UTC.', 'UTC').regex(/^[A-Za-z0-9_+/-]+$/, { error: 'must be an IANA time zone' }).exactOptional(),
  'time-sync': z.boolean().prefault(true).meta({ description: 'The clock is kept right by NTP.' }),
  updates: z.boolean().prefault(true).meta({ description: 'Security updates of the system install themselves.' }),
  'reboot-at': text('When the host may restart for an update that needs it, its own time; without it, it never does by itself.', '04:30')
    .regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/, { error: 'must be a time such as 04:30' })
    .exactOptional(),
  'log-days': whole(1, 3650, 'How many days logs of nginx and the app are kept.', 30).prefault(30),
  'journal-size': size('How much room the journal of systemd may take.').prefault('500MB'),
  harden: codec<z.ZodUnion<[typeof harden, z.ZodBoolean]>, Harden | false>(z.union([harden, z.boolean()]), {
    decode: (value) => (value === true ? harden.parse({}) : value),
    encode: (value) => value,
  })
    .prefault(true)
    .meta({ description: 'Firewall, sshd, bans: true, false, or in detail.' }),
});
