import { z } from 'zod';
import { hostName, parseHostAddress, type HostAddress } from '../host-address.js';
import { duration, name, text } from './fields.js';
import { hostKey } from './host-key.js';
import { codec, oneOrMany, parsed, record, section, withRules } from './section.js';

/** One server, and how it is reached. */
export interface HostConfig extends HostAddress {
  /** `user@address:port`, the port left out when it is 22, IPv6 in brackets: how logs and errors name the host. */
  readonly name: string;
  /** Pinned keys, `type base64`. May be empty: then the `known-hosts` input must have one. */
  readonly hostKeys: string[];
  /** The host to go through, itself pinned. */
  readonly jump?: HostConfig;
  /** Steps that need root go through sudo. */
  readonly sudo: boolean;
  /** Folders put before PATH in every remote script. */
  readonly path: string[];
  /** Milliseconds until a connection must stand. */
  readonly connectTimeout: number;
  /** Milliseconds between keepalive messages. */
  readonly keepalive: number;
}

const address = parsed<HostAddress>(
  parseHostAddress,
  hostName,
  'Where to log in: user@host[:port], IPv6 in brackets.',
  ['deploy@203.0.113.10', 'deploy@www.example.com:2222', 'deploy@[2001:db8::1]:22'],
);

const reach = section('One server, with what it takes to reach it.', {
  address,
  'host-key': oneOrMany(hostKey)
    .prefault([])
    .meta({
      description:
        "The server's public host key or keys, pinned here; `slipway trust <environment>` prints them. " +
        'Without one, the known-hosts input must hold it.',
    }),
  jump: z
    .lazy((): z.ZodType<HostConfig, unknown> => host)
    .exactOptional()
    .meta({ description: 'The jump host (bastion) to go through; the same forms as a host, with its own host key.' }),
  sudo: z.boolean().prefault(false).meta({ description: 'Run the steps that need root through sudo.' }),
  path: z
    .array(text('A folder.').regex(/^[/~]/, { error: ({ input }) => `must be absolute, is \`${String(input)}\`` }))
    .prefault([])
    .meta({
      description: 'Folders put before PATH in every remote script, such as the one node lives in.',
      examples: [['/opt/node/bin']],
    }),
  'connect-timeout': duration('How long a connection may take to stand.').prefault('15s'),
  keepalive: duration('Time between keepalive messages, so that no firewall drops a quiet connection.').prefault('15s'),
});

const host: z.ZodType<HostConfig, unknown> = codec<z.ZodUnion<[typeof reach, typeof address]>, HostConfig>(
  z.union([reach, address]),
  {
    decode: (value) => {
      const { address: at, hostKey: hostKeys, ...rest } = 'sudo' in value ? value : { address: value, ...BARE };
      return { name: hostName(at), ...at, hostKeys, ...rest };
    },
    encode: ({ name: _, user, address: at, port, hostKeys, ...rest }) => ({
      address: { user, address: at, port },
      hostKey: hostKeys,
      ...rest,
    }),
  },
).meta({ id: 'host', description: 'A server: user@host[:port], or a mapping with address, host-key, jump and more.' });

/** What a host written as a plain text has: the defaults above. */
const BARE = { hostKey: [] as string[], sudo: false, path: [] as string[], connectTimeout: 15_000, keepalive: 15_000 };

/** Folders of the system or of many: a release folder among their files would put these at risk. */
const SHARED_ROOTS = new Set([
  '/',
  '/bin',
  '/boot',
  '/dev',
  '/etc',
  '/home',
  '/lib',
  '/lib64',
  '/media',
  '/mnt',
  '/opt',
  '/proc',
  '/root',
  '/run',
  '/sbin',
  '/srv',
  '/sys',
  '/tmp',
  '/usr',
  '/usr/local',
  '/var',
  '/var/lib',
  '/var/www',
]);

export function rootComplaint(path: string): string | undefined {
  if (!path.startsWith('/')) return `must be an absolute path, is \`${path}\``;
  const parts = path.split('/').filter((part) => part !== '');
  if (parts.some((part) => part === '..' || part === '.')) return `must not contain \`.\` or \`..\`, is \`${path}\``;
  if (!/^[A-Za-z0-9._/@+-]*$/.test(path)) return `must consist of letters, digits and ._@+-, is \`${path}\``;
  const whole = `/${parts.join('/')}`;
  if (SHARED_ROOTS.has(whole))
    return `must be a folder of this app alone, is \`${path}\` (such as ${whole === '/' ? '/srv' : whole}/my-app)`;
  if (/^\/home\/[^/]+$/.test(whole))
    return `must not be a home folder itself, is \`${path}\` (such as ${whole}/my-app)`;
  return undefined;
}

const environment = section(
  'A named target: its hosts and its public URL.',
  {
    url: z
      .url({ protocol: /^https?$/, error: ({ input }) => `must be an http or https URL, is \`${String(input)}\`` })
      .exactOptional()
      .meta({
        description: 'The public URL: smoke tests call it, reports link it.',
        examples: ['https://www.example.com'],
      }),
    hosts: z
      .array(host)
      .min(1)
      .meta({ description: 'The servers of this environment; a release goes to all of them.' }),
    root: z
      .string()
      .refine((path) => rootComplaint(path) === undefined, { error: ({ input }) => rootComplaint(String(input)) ?? '' })
      .overwrite((path) => path.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, ''))
      .exactOptional()
      .meta({
        description: 'The folder on the hosts that belongs to this app alone. Default: /srv/<app>.',
        examples: ['/srv/my-app'],
      }),
    'rollback-budget': duration('How long a rollback may take before it is reported as too slow.').prefault('10m'),
  },
  { planned: ['window'] },
);

export const environments = withRules(
  record(name('The name of an environment, such as staging or production.', ['all']), environment),
  (value, complain) => {
    if (Object.keys(value).length === 0) complain([], 'must name at least one environment');
  },
).meta({ description: 'The targets a release can go to, by name.' });

export type EnvironmentInput = z.output<typeof environment>;
