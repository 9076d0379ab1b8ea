import type { DatabaseConfig } from '../config/schema.js';
import { resolveVariables } from '../config/variables.js';
import { UserError } from '../evidence/errors.js';
import type { Engine, EnginePlace, Parameters } from './engine.js';
import { readMysqlUrl, type MysqlUrl } from './mysql-url.js';

/** The parameters are lines. */
const CONTROL = /\p{Cc}/u;

/** MariaDB and MySQL: a dump of one snapshot as SQL; a restore drops and loads. See scripts/engine-mysql.sh. */
export const mysql: Engine = {
  name: 'mysql',
  parameters(database: DatabaseConfig, place: EnginePlace): Parameters {
    const where = `databases.${database.name}`;
    const { url, host, user, password, database: name } = resolveVariables(
      { url: database.url, host: database.host, user: database.user, password: database.password, database: database.database },
      place.lookup,
      where,
    );
    const said: MysqlUrl = url === undefined ? {} : read(url, where);
    const found = {
      host: host ?? said.host,
      port: database.port === undefined ? said.port : String(database.port),
      user: user ?? said.user,
      password: password ?? said.password,
      database: name ?? said.database,
      tls: database.tls ?? said.tls,
      ca: database.ca === undefined ? said.ca : `${place.root}/current/${database.ca}`,
    };
    if (found.database === undefined) {
      throw new UserError(`${where}: the name of the database is missing`, { remedy: `Set \`${where}.url\` with a name at its end, or \`${where}.database\`.` });
    }
    if (found.user === undefined) {
      throw new UserError(`${where}: the account is missing`, { remedy: `Set \`${where}.url\` with an account, or \`${where}.user\`.` });
    }
    const given = Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== undefined);
    for (const [key, value] of given) {
      if (CONTROL.test(value)) throw new UserError(`${where}: ${key} holds a line break or another control character`);
    }
    return Object.fromEntries(given);
  },
};

function read(url: string, where: string): MysqlUrl {
  try {
    return readMysqlUrl(url);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${where}: ${error.message}`, error.remedy === undefined ? {} : { remedy: error.remedy });
  }
}
