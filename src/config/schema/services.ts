import * as z from 'zod';
import { roles } from './environments.js';
import { duration, name, port, relativePath, size, text, texts, whole } from './fields.js';
import { health } from './health.js';
import { record, section, variable, verbatim, withRules } from './section.js';
import { environmentName } from './names.js';
import { serviceRules, servicesRules } from './service-rules.js';

const service = section(
  'A process that a release runs, and what keeps it running.',
  {
    directory: relativePath('The folder of the service below the release.', 'backend').prefault('.'),
    install: texts(
      'Commands run on the host in the folder of the service, in the new release, before the switch.',
      'npm ci --omit=dev',
    ).prefault([]),
    start: text('The command that runs the service.', 'node src/server.js').exactOptional(),
    manager: z.enum(['pm2', 'systemd', 'compose', 'static']).meta({
      description: 'What keeps the service running; static has nothing to run, the site serves its folder.',
    }),
    instances: z
      .union([whole(1, 256, 'A number.'), z.literal('max')])
      .prefault(1)
      .meta({ description: 'How many processes (pm2): a number, or max for one per CPU.' }),
    mode: z.enum(['cluster', 'fork']).exactOptional().meta({
      description:
        'How pm2 runs it: cluster shares one port among instances and needs a start of the form node <script>.',
    }),
    memory: size('Restart a process that grows above this.').exactOptional(),
    port: port('The port the service listens on: it is given to it as PORT.').exactOptional(),
    'green-port': port(
      'The second port of a service behind the site, for the release that comes beside the live one. Default: port + 10000.',
    ).exactOptional(),
    file: relativePath('The compose file, below the folder of the service (compose).', 'compose.yaml').exactOptional(),
    image: z.enum(['build', 'pull', 'load']).exactOptional().meta({
      description: 'Where the images come from (compose): built on the host, pulled, or loaded from `archive`. Default: build.',
    }),
    archive: relativePath('The file with the images that the release ships (compose, image: load).', 'image.tar').exactOptional(),
    fallback: relativePath('The file that answers for paths that do not exist (static): for single-page apps.', 'index.html').exactOptional(),
    env: record(environmentName, variable(verbatim())).prefault({}).meta({
      description:
        'Plain values for the environment of this service. Secrets belong into app-env; $NAME takes one from there.',
    }),
    roles: roles('Run the service only on hosts that have one of these roles. Default: on every host.'),
    needs: z
      .array(z.string())
      .prefault([])
      .meta({ description: 'Services that must be healthy before this one starts.' }),
    user: text('The account the service runs as (systemd, scope system).', 'www-data')
      .regex(/^[a-z_][a-z0-9_-]*\$?$/i, { error: ({ input }) => `must be a user name, is \`${String(input)}\`` })
      .exactOptional(),
    scope: z.enum(['system', 'user']).prefault('system').meta({
      description: 'Where systemd keeps the unit: system needs root or sudo, user the login alone (with lingering).',
    }),
    health: health.exactOptional(),
    'stop-limit': duration('How long the service may take to stop before it is killed.').prefault('10s'),
  },
  { rules: serviceRules },
);

export type ServiceInput = z.output<typeof service>;

/** Words that mean something else to pm2 (`pm2 delete all`) or name a place of the release layout. */
const RESERVED = ['all', 'blue', 'green', 'slipway'];

export const services = withRules(
  record(name('The name of a service, such as backend.', RESERVED), service),
  servicesRules,
).meta({ description: 'The processes a release runs, by name. An app of files only has none.' });
