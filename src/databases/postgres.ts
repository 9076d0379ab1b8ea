import type { DatabaseConfig } from '../config/schema.js';
import { resolveVariables } from '../config/variables.js';
import { UserError } from '../evidence/errors.js';
import type { Engine, EnginePlace, Parameters } from './engine.js';
import { readPostgresUrl, type PostgresUrl } from './postgres-url.js';

/** The parameters are lines. */
const CONTROL = /\p{Cc}/u;

/** PostgreSQL: pg_dump's custom format from one snapshot, restored in one transaction. See scripts/engine-postgres.sh. */
export const postgres: Engine = {
  name: 'postgres',
  parameters(database: DatabaseConfig, place: EnginePlace): Parameters {
    const where = `databases.${database.name}`;
    const { url, host, user, password, database: name } = resolveVariables(
      { url: database.url, host: database.host, user: database.user, password: database.password, database: database.database },
      place.lookup,
      where,
    );
    const said = url === undefined ? { options: {} } : read(url, where);
    const port = database.port === undefined ? said.port : String(database.port);
    const ca = database.ca === undefined ? said.sslrootcert : `${place.root}/current/${database.ca}`;
    const found = {
      host: host ?? said.host,
      port,
      user: user ?? said.user,
      password: password ?? said.password,
      database: name ?? said.dbname,
      tls: database.tls ?? said.sslmode,
      ca,
    };
    if (found.database === undefined) {
      throw new UserError(`${where}: the name of the database is missing`, { remedy: `Set \`${where}.url\` with a name at its end, or \`${where}.database\`.` });
    }
    if (found.user === undefined) {
      throw new UserError(`${where}: the account is missing`, { remedy: `Set \`${where}.url\` with an account, or \`${where}.user\`.` });
    }
    for (const [key, value] of Object.entries({ ...found, ...said.options })) {
      if (value !== undefined && CONTROL.test(value)) throw new UserError(`${where}: ${key} holds a line break or another control character`);
    }
    const options = Object.entries(said.options).map(([key, value]) => `${key}=${value}`).join('\n');
    const all = { ...found, options_b64: options === '' ? undefined : Buffer.from(options).toString('base64') };
    return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
  },
};

function read(url: string, where: string): PostgresUrl {
  try {
    return readPostgresUrl(url);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${where}: ${error.message}`, error.remedy === undefined ? {} : { remedy: error.remedy });
  }
}
