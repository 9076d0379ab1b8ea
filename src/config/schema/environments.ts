import * as z from 'zod';
import type { Amount } from '../amount.js';
import { hostName, parseHostAddress, type HostAddress } from '../host-address.js';
import { formatPercentage, parsePercentage } from '../percentage.js';
import { ValueError } from '../value-error.js';
import { duration, name, text, whole } from './fields.js';
import { hostKey } from './host-key.js';
import { domain } from './site-fields.js';
import { codec, oneOrMany, parsed, record, section, withRules, type Complain, type Loose } from './section.js';
import { window } from './window.js';

/** One server, and how it is reached. */
export interface HostConfig extends HostAddress {
  /** `user@address:port`, the port left out when it is 22, IPv6 in brackets: how logs and errors name the host. */
  readonly name: string;
  /** Pinned keys, `type base64`. May be empty: then the `known-hosts` input must have one. */
  readonly hostKeys: string[];
  /** The host to go through, itself pinned. */
  readonly jump?: HostConfig;
  /** What the host is for: services with roles run where one of theirs is. Without it the host has every role. */
  readonly roles?: string[];
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

/** A list of roles, for a host or for a service. */
export const roles = (description: string) =>
  z.array(name('A role.')).min(1).exactOptional().meta({ description, examples: [['web']] });

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
  roles: roles('What the host is for: a service with roles runs on the hosts that have one of them. Default: every role.'),
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
}, {
  rules: ({ jump }, complain) => {
    if (typeof jump === 'object' && jump !== null && 'roles' in jump) complain(['jump', 'roles'], 'must be left out: no service runs on a jump host');
  },
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

/** The same host twice would be switched twice at once. */
function hostsDiffer(value: Loose, complain: Complain): void {
  const seen = new Set<string>();
  for (const [index, item] of (Array.isArray(value['hosts']) ? (value['hosts'] as unknown[]) : []).entries()) {
    const name = typeof item === 'object' && item !== null && 'name' in item && typeof item.name === 'string' ? item.name : undefined;
    if (name === undefined) continue;
    if (seen.has(name)) complain(['hosts', index], `must differ from the other hosts; \`${name}\` stands here twice`);
    seen.add(name);
  }
}

const share = parsed<Amount>(
  (value) => {
    const part = parsePercentage(value);
    if (part === 0) throw new ValueError('must be more than 0%');
    return { unit: 'share', value: part };
  },
  ({ value }) => formatPercentage(value),
  'A share of the hosts, rounded down; at least one host.',
  ['25%'],
);
const count = whole(1, 10_000, 'A number of hosts.', 1);

/** How many hosts switch at a time. */
const batch = codec<z.ZodUnion<[typeof count, typeof share]>, Amount>(z.union([count, share]), {
  decode: (value) => (typeof value === 'number' ? { unit: 'count', value } : value),
  encode: (value) => (value.unit === 'count' ? value.value : value),
});

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
    domains: z.array(domain).min(1).exactOptional().meta({
      description: 'The names of the site in this environment, instead of `site.domains`: as many, in the same order.',
      examples: [['staging.example.com']],
    }),
    batch: batch.exactOptional().meta({
      description:
        'How many hosts a deploy switches at a time, as a number or a percentage; the next ones follow once these are healthy. Default: all.',
      examples: [1, '25%'],
    }),
    'rollback-budget': duration('How long a rollback may take before it is reported as too slow.').prefault('10m'),
    window: window.exactOptional(),
  },
  { rules: hostsDiffer },
);

export const environments = withRules(
  record(name('The name of an environment, such as staging or production.', ['all']), environment),
  (value, complain) => {
    if (Object.keys(value).length === 0) complain([], 'must name at least one environment');
  },
).meta({ description: 'The targets a release can go to, by name.' });

export type EnvironmentInput = z.output<typeof environment>;
