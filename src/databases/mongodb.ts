import type { DatabaseConfig } from '../config/schema.js';
import { resolveVariables } from '../config/variables.js';
import { UserError } from '../evidence/errors.js';
import type { Engine, EnginePlace, Parameters } from './engine.js';

/** The address is a line of a file. */
const CONTROL = /\p{Cc}/u;

/** How the settings for TLS are written into an address. */
const TLS: Readonly<Record<NonNullable<DatabaseConfig['tls']>, Readonly<Record<string, string>>>> = {
  disable: { tls: 'false' },
  prefer: {},
  require: { tls: 'true', tlsInsecure: 'true' },
  'verify-full': { tls: 'true' },
};

/**
 * MongoDB: an archive of mongodump. The address is given whole, without its database, which mongorestore would take for
 * the one to restore; whom the account belongs to is then said by `authSource`. With `whole` all databases of a replica set
 * go together, with the oplog; a database in the address then only says whom the account belongs to. See scripts/engine-mongodb.sh.
 */
export const mongodb: Engine = {
  name: 'mongodb',
  parameters(database: DatabaseConfig, place: EnginePlace): Parameters {
    const where = `databases.${database.name}`;
    const { url, host, user, password, database: name } = resolveVariables(
      { url: database.url, host: database.host, user: database.user, password: database.password, database: database.database },
      place.lookup,
      where,
    );
    const { scheme, authority, path, options } = divide(url ?? `mongodb://${host ?? 'localhost'}:${database.port ?? 27017}/`, where);
    const whole = database.whole === true;
    const chosen = name ?? decodeURIComponent(path);
    if (chosen === '' && !whole) {
      throw new UserError(`${where}: the name of the database is missing`, {
        remedy: `Set \`${where}.url\` with a name behind its hosts, or \`${where}.database\`; for all databases of a replica set \`${where}.whole: true\`.`,
      });
    }
    const at = authority.lastIndexOf('@');
    const account = user === undefined ? authority.slice(0, at + 1) : `${encodeURIComponent(user)}${password === undefined ? '' : `:${encodeURIComponent(password)}`}@`;
    const tls = { ...(database.tls === undefined ? {} : TLS[database.tls]), ...(database.ca === undefined ? {} : { tls: 'true', tlsCAFile: `${place.root}/current/${database.ca}` }) };
    for (const [key, value] of Object.entries(tls)) {
      options.delete(key === 'tls' ? 'ssl' : key);
      options.set(key, value);
    }
    // Without authSource the account is looked for in the database of the address; behind +srv the name server says where.
    if (account !== '' && scheme === 'mongodb' && !options.has('authSource') && !/^(MONGODB-|GSSAPI|PLAIN)/.test(options.get('authMechanism') ?? '')) {
      options.set('authSource', path === '' ? 'admin' : decodeURIComponent(path));
    }
    const query = [...options].map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join('&');
    const uri = `${scheme}://${account}${authority.slice(at + 1)}/${query === '' ? '' : `?${query}`}`;
    for (const [key, value] of Object.entries({ url: uri, database: chosen })) {
      if (CONTROL.test(value)) throw new UserError(`${where}: ${key} holds a line break or another control character`);
    }
    return whole ? { uri, whole: 'yes' } : { uri, database: chosen };
  },
  secrets: ['uri'],
};

interface Address {
  readonly scheme: string;
  /** Account and hosts, as they stand. */
  readonly authority: string;
  readonly path: string;
  readonly options: Map<string, string>;
}

/** The parts of an address; several hosts are no URL by the standard. Its errors never quote it: it holds a password. */
function divide(url: string, where: string): Address {
  const [, scheme = '', authority = '', path = '', query = ''] = /^(mongodb(?:\+srv)?):\/\/([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(url) ?? [];
  if (scheme === '') {
    throw new UserError(`${where}: url does not begin with mongodb:// or mongodb+srv://`, { remedy: 'Such as mongodb+srv://app:password@cluster.example.com/shop?retryWrites=true.' });
  }
  const hosts = authority.slice(authority.lastIndexOf('@') + 1);
  if (hosts === '' || !hosts.split(',').every((host) => /^(\[[0-9a-f:.]+\]|%2F[^:]*|[^:[\]]+)(:\d+)?$/i.test(host))) {
    throw new UserError(`${where}: url has a host that is none`, { remedy: 'A password with / ? # @ : or % in it must be percent-encoded there, such as %2F for /.' });
  }
  try {
    const options = query.split('&').filter((part) => part !== '').map((part) => {
      const at = part.indexOf('=');
      return [part.slice(0, at), decodeURIComponent(part.slice(at + 1))] as const;
    });
    decodeURIComponent(authority + path);
    return { scheme, authority, path, options: new Map(options) };
  } catch {
    throw new UserError(`${where}: url has a % that encodes nothing`, { remedy: 'Write %25 for a percent sign.' });
  }
}
