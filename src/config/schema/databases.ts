import * as z from 'zod';
import { formatPercentage, parsePercentage } from '../percentage.js';
import { parseVersionRange, type VersionRange } from '../version-range.js';
import { roles } from './environments.js';
import { backup, drill } from './backup.js';
import { databaseRules } from './database-rules.js';
import { duration, name, port, relativePath, text, whole } from './fields.js';
import { parsed, record, section, variable } from './section.js';

const share = (description: string) => parsed<number>(parsePercentage, formatPercentage, description, ['50%', '80%']);

const expected = section('What preflight expects of the database.', {
  version: parsed<VersionRange>(parseVersionRange, (value) => value.text, 'The versions of the server that will do.', ['>=15', '6.x'], { verbatim: true }).exactOptional(),
  tables: z.array(text('A table or collection.')).prefault([]).meta({ description: 'Tables or collections that must be there.', examples: [['users', 'tenants']] }),
  rows: record(z.string(), whole(0, 1e12, 'A number.')).prefault({}).meta({ description: 'Least number of rows by table: reference data that must be there, in the live database and in every backup.', examples: [{ tenants: 1 }] }),
  encrypted: z.boolean().exactOptional().meta({ description: 'Whether connections must be encrypted. Default: when the server is on another machine.' }),
  connections: whole(1, 100_000, 'Connections that the app may open: the size of a pool times its processes.', 40).exactOptional(),
  headroom: share('How much of the connections the server allows must stay free.').prefault('20%'),
});

const database = section(
  'The data of the app: how it is reached, migrated, backed up and brought back.',
  {
    engine: z.enum(['sqlite', 'postgres', 'mysql', 'mongodb', 'files', 'command']).meta({
      description: 'What keeps the data. mysql is MariaDB too; files are folders such as uploads; command is a way of your own.',
    }),
    path: text('The file of SQLite, the folder of files: below a shared path of the release, or absolute.', 'backend/database/app.db').exactOptional(),
    url: variable(text('Where the database is reached from the host; best a variable of app-env.', '$DATABASE_URL')).exactOptional(),
    host: variable(text('The server, when there is no url.', 'db.example.com')).exactOptional(),
    port: port('The port of the server.').exactOptional(),
    user: variable(text('The account.')).exactOptional(),
    password: variable(text('Its password: a variable of app-env.', '$DB_PASSWORD')).exactOptional(),
    database: variable(text('The name of the database on the server.')).exactOptional(),
    whole: z.boolean().exactOptional().meta({ description: 'All databases of a replica set at one moment, with its oplog, instead of one database (engine mongodb). A restore replaces all of them, and the accounts.' }),
    tls: z.enum(['disable', 'prefer', 'require', 'verify-full']).exactOptional().meta({ description: 'Whether the connection must be encrypted, and the certificate verified. Default: what the url says, else prefer.' }),
    ca: relativePath("The file of the authority that signed the server's certificate, below the release.", 'certs/db-ca.pem').exactOptional(),
    dump: text('Writes the whole of the data to standard output (engine command). Runs in the live release.').exactOptional(),
    restore: text('Reads what `dump` wrote from standard input and makes it the data (engine command).').exactOptional(),
    check: text('Reads a dump from standard input and fails when it is not whole (engine command).').exactOptional(),
    rows: text('Prints `<rows> <table>` for each table (engine command).').exactOptional(),
    roles: roles('Back up and migrate on the first host that has one of these roles. Default: the first host.'),
    directory: relativePath('The folder below the release in which migrations run.', 'backend').prefault('.'),
    migrate: text('Brings the schema up to the release; runs once, in the staged release, after a verified backup.', 'npm run migrate').exactOptional(),
    pending: text('Lists what `migrate` would do; shown before it runs.', 'npx knex migrate:list').exactOptional(),
    rollback: text('Takes the schema back by what the last `migrate` did; runs in the release that is left. SLIPWAY_SCHEMA_TO holds the version to reach.', 'npx knex migrate:rollback').exactOptional(),
    'schema-version': text('Prints the version of the schema, one line.', 'alembic current').exactOptional(),
    migrations: z.enum(['expand', 'breaking']).prefault('expand').meta({
      description: 'expand: the code before it runs on the new schema too. breaking: it does not, so the site is closed meanwhile (`release.maintenance: true`) and nothing goes back by itself.',
    }),
    'migrate-limit': duration('How long `migrate`, `pending`, `rollback` or `schema-version` may take.').prefault('10m'),
    'on-failure': z.enum(['keep', 'restore']).prefault('keep').meta({ description: 'What becomes of the data when `migrate` fails: left as it is, or the backup from before is restored.' }),
    expect: expected.prefault({}),
    backup: backup.prefault({}),
    drill: drill.prefault({}),
  },
  { rules: databaseRules },
);

export const databases = record(name('The name of a database in reports and folders.', ['all']), database).meta({
  description: 'Databases and folders of data: backups, migrations, restores.',
  examples: [{ main: { engine: 'postgres', url: '$DATABASE_URL', migrate: 'npm run migrate', backup: { keep: '30d' } } }],
});

export type DatabaseInput = z.output<typeof database>;
