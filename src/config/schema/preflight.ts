import * as z from 'zod';
import { formatAmount, parseAmount, parseCountOrShare, type Amount } from '../amount.js';
import { parseEndpoint } from '../host-address.js';
import { parseOsRequirement } from '../os-requirement.js';
import { formatPercentage, parsePercentage } from '../percentage.js';
import { parseVersionRange, type VersionRange } from '../version-range.js';
import { duration, port, relativePath, size, text, whole } from './fields.js';
import { github } from './github.js';
import { environmentName } from './names.js';
import { dns, tls } from './preflight-site.js';
import { oneOrMany, parsed, record, section, verbatim } from './section.js';

/** Read as written: `18.20` without quotes is no 18.2. */
const range = (tool: string) =>
  parsed<VersionRange>(
    parseVersionRange,
    (value) => value.text,
    `The versions of ${tool} the hosts must have.`,
    ['>=18', '18.x', '^20', '>=18.20.8 <23'],
    { verbatim: true },
  );

/** A text that a parser must be able to read, kept as text. */
const checked = (parse: (value: string) => unknown, description: string, ...examples: string[]) =>
  parsed<string>(
    (value) => (parse(value), value.trim()),
    (value) => value,
    description,
    examples,
  );

const amount = (description: string) => parsed<Amount>(parseAmount, formatAmount, description, ['4GB', '20%']);

/** What a variable may hold; checks/ measures it. */
export const VALUE_TYPES = [
  'port',
  'url',
  'https-url',
  'cron',
  'size',
  'duration',
  'timezone',
  'currency',
  'log-level',
  'email',
  'integer',
  'boolean',
  'https-origins',
] as const;

const environment = section('What the environment file (app-env) must hold.', {
  required: z.array(environmentName).prefault([]).meta({ description: 'Variables that must be there and not empty.' }),
  strong: z
    .array(environmentName)
    .prefault([])
    .meta({ description: 'Variables whose values must be long and random.' }),
  'strong-bits': whole(1, 4096, 'How many bits of randomness the strong ones must have.').prefault(128),
  forbid: record(environmentName, oneOrMany(verbatim()))
    .prefault({})
    .meta({ description: 'Values a variable must not have.', examples: [{ NODE_ENV: ['development', 'test'] }] }),
  types: record(environmentName, z.enum(VALUE_TYPES))
    .prefault({})
    .meta({
      description: 'What kind of value a variable must hold.',
      examples: [{ PORT: 'port', API_URL: 'https-url' }],
    }),
  values: record(environmentName, verbatim())
    .prefault({})
    .meta({ description: 'Values a variable must have.', examples: [{ NODE_ENV: 'production' }] }),
  cors: z.array(environmentName).prefault([]).meta({
    description:
      'Variables that list the allowed origins. Default: CORS_ORIGIN, CORS_ORIGINS and ALLOWED_ORIGINS, where present.',
  }),
});

const repository = section('What must hold of the repository.', {
  tag: z.boolean().exactOptional().meta({ description: 'The release is tagged: annotated, pushed, on the branch.' }),
  branch: text('The branch releases come from.').prefault('main'),
  changelog: relativePath('The changelog, which must have an entry for the tag.', 'CHANGELOG.md').exactOptional(),
  version: relativePath('The file whose version must be that of the tag.', 'package.json').exactOptional(),
  clean: z.boolean().exactOptional().meta({ description: 'No changes outside the commit.' }),
  secrets: z.boolean().prefault(true).meta({ description: 'Look for credentials in the tracked files.' }),
  'secrets-except': z
    .array(relativePath('A tracked file or folder.'))
    .prefault([])
    .meta({ description: 'Files and folders in which credentials are made up, such as test fixtures.', examples: [['test/fixtures']] }),
});

const bundle = section('What the built frontend must look like.', {
  directory: relativePath('The folder with the built frontend.', 'dist'),
  'max-gzip': size('How large the scripts may be when compressed.').exactOptional(),
  'public-urls': z
    .array(
      z.url({ protocol: /^https?$/, error: ({ input }) => `must be an http or https URL, is \`${String(input)}\`` }),
    )
    .prefault([])
    .meta({ description: 'The only API and app URLs that may be compiled in.' }),
  'no-source-maps': z.boolean().prefault(true).meta({ description: 'Refuse source maps.' }),
  'no-console': z.boolean().prefault(false).meta({ description: 'Refuse calls of console.' }),
});

const coverage = section('The test coverage that must be reached.', {
  file: relativePath('The coverage summary the tests write.', 'coverage/coverage-summary.json'),
  lines: parsed<number>(parsePercentage, formatPercentage, 'The share of lines covered at least.', ['80%']),
});

const log = section('A log that must be growing.', {
  path: z
    .string()
    .regex(/^\//, { error: ({ input }) => `must be an absolute path, is \`${String(input)}\`` })
    .meta({ description: 'The file on the hosts.' }),
  within: duration('How old its last line may be.'),
});

const audit = section('The dependency audit.', {
  command: text('The command that fails when a dependency has a known hole.', 'npm audit --audit-level=high'),
});

export const preflight = section(
  'What must hold before a release may start. Everything is optional; what is not said is not asked.',
  {
    node: range('Node.js').exactOptional(),
    npm: range('npm').exactOptional(),
    python: range('Python').exactOptional(),
    pm2: range('PM2').exactOptional(),
    nginx: range('nginx').exactOptional(),
    tools: z
      .array(text('A command.'))
      .prefault([])
      .meta({ description: 'Commands that must exist on the hosts.', examples: [['git', 'rsync']] }),
    cpu: whole(1, 4096, 'CPUs a host must have at least.', 4).exactOptional(),
    memory: size('Memory a host must have at least.').exactOptional(),
    'memory-free': amount('Memory that must be available.').exactOptional(),
    'disk-free': amount('Disk space that must be free where the app lives.').exactOptional(),
    'inodes-free': parsed<Amount>(
      parseCountOrShare,
      formatAmount,
      'Inodes that must be free where the app lives.',
      ['5%', '100000'],
      { verbatim: true },
    ).exactOptional(),
    load: z
      .number()
      .positive()
      .exactOptional()
      .meta({ description: 'The highest one-minute load per CPU.', examples: [0.8] }),
    os: z
      .array(checked(parseOsRequirement, 'A distribution and its versions.', 'debian >=12'))
      .prefault([])
      .meta({ description: 'Distributions a host may run: one of these.' }),
    architecture: z
      .array(text('An architecture.'))
      .prefault([])
      .meta({
        description: 'CPU architectures as uname -m names them: one of these.',
        examples: [['x86_64', 'aarch64']],
      }),
    'clock-drift': duration('How far the clock of a host may be off.').prefault('5s'),
    latency: duration('How long a round trip to a host may take.').exactOptional(),
    reachable: z
      .array(checked(parseEndpoint, 'host:port', 'smtp.example.com:587'))
      .prefault([])
      .meta({ description: 'Services the hosts must be able to reach, as host:port.' }),
    listening: z
      .array(port('A port.'))
      .exactOptional()
      .meta({ description: 'The only ports that may listen publicly.', examples: [[22, 80, 443]] }),
    monitors: z
      .array(text('A unit or process.'))
      .prefault([])
      .meta({ description: 'Units or processes that must be active, such as a monitoring agent.' }),
    logs: z.array(log).prefault([]).meta({ description: 'Logs that must be growing.' }),
    dns: dns.prefault({}),
    tls: tls.prefault({}),
    env: environment.prefault({}),
    repository: repository.prefault({}),
    github: github.exactOptional(),
    tests: oneOrMany(text('A command.'))
      .prefault([])
      .meta({ description: "The project's own test commands, run on the runner.", examples: [['npm test']] }),
    coverage: coverage.exactOptional(),
    audit: z
      .union([z.boolean(), audit])
      .exactOptional()
      .meta({ description: 'Audit the dependencies: true for npm audit, or a command.' }),
    bundle: bundle.exactOptional(),
    severity: record(
      z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)*$/, {
        error: ({ input }) => `must be the id of a check or its beginning, is \`${String(input)}\``,
      }),
      z.enum(['block', 'warn', 'off']),
    )
      .prefault({})
      .meta({
        description: 'What a failed check does, by id or by the beginning of ids.',
        examples: [{ 'preflight.resources.load': 'warn' }],
      }),
  },
);
