import * as z from 'zod';
import { duration, relativePath, texts, whole } from './fields.js';
import { environmentName } from './names.js';
import { section } from './section.js';

export const release = section(
  'What a release is made of and how it is kept.',
  {
    build: texts(
      'Commands that build the release on the runner, in order, each under bash -euo pipefail.',
      'npm run build',
    ).prefault([]),
    include: z
      .array(relativePath('A path or glob below the workspace.'))
      .min(1)
      .prefault(['.'])
      .meta({
        description: 'What goes into the release: paths and globs below the workspace. `.` is all of it.',
        examples: [['dist', 'package*.json']],
      }),
    exclude: z
      .array(relativePath('A path or glob below the workspace.'))
      .prefault([])
      .meta({ description: 'What stays out of the release, even when included.', examples: [['test', '**/*.map']] }),
    keep: whole(1, 1000, 'How many good releases stay on the hosts.').prefault(5),
    shared: z
      .array(relativePath('A path below the release.'))
      .prefault([])
      .meta({
        description: 'Files and folders that survive releases: data, uploads. They are linked into each release.',
        examples: [['uploads']],
      }),
    'env-file': relativePath('Where the environment file stands in the release.', '.env').prefault('.env'),
    generate: z.array(environmentName).prefault([]).meta({
      description: 'Secrets that need not be known by anybody: what app-env does not give is made once on the host (64 random bytes as hex) and put into the environment file of every release. For one host.',
      examples: [['SESSION_SECRET']],
    }),
    'confirm-within': duration(
      'How long a release may wait for its confirmation after the switch: the lease stays in force so long between the steps of a job.',
    ).prefault('10m'),
    once: texts(
      'Commands run on one host only, the first of the environment, in the staged release after the installs and before the switch: migrations. When one fails nothing is switched.',
      'npm run migrate',
    ).prefault([]),
    maintenance: z.boolean().prefault(false).meta({
      description: 'Close the site with a maintenance page (503, Retry-After) while breaking migrations run; background services are stopped meanwhile.',
    }),
    'after-switch': texts(
      'Commands run on each host in the live release once it is healthy, such as clearing a cache. When one fails, the hosts go back.',
      'redis-cli del page-cache',
    ).prefault([]),
    'install-limit': duration('How long the install commands of one service may take.').prefault('15m'),
  },
  {
    rules: (value, complain) => {
      const shared = Array.isArray(value['shared'])
        ? value['shared'].filter((path): path is string => typeof path === 'string')
        : [];
      const envFile = value['env-file'];
      for (const [index, path] of shared.entries()) {
        if (path === '.') complain(['shared', index], 'must be a part of the release, is the whole');
        const outer = shared.findIndex(
          (other, at) => at !== index && within(path, other) && (path !== other || at < index),
        );
        if (outer >= 0)
          complain(['shared', index], `must not lie inside \`${shared[outer]}\`, which is shared already`);
      }
      if (typeof envFile !== 'string') return;
      if (envFile === '.') complain(['env-file'], 'must be the path of a file');
      // The environment file goes back with its release; one file shared by all could not.
      const around = shared.find((path) => within(envFile, path));
      if (around !== undefined)
        complain(
          ['env-file'],
          `must not lie inside the shared path \`${around}\`: it belongs to its release and goes back with it`,
        );
    },
  },
);

/** Whether `path` is `folder` or lies below it; both as relativePath leaves them. */
export function within(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
