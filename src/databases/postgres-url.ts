import { UserError } from '../evidence/errors.js';

/** What a connection URL says, in libpq's words; percent-encoding undone. */
export interface PostgresUrl {
  readonly host?: string;
  readonly port?: string;
  readonly user?: string;
  readonly password?: string;
  readonly dbname?: string;
  readonly sslmode?: string;
  readonly sslrootcert?: string;
  /** Further parameters that libpq knows. Those of other drivers are left out. */
  readonly options: Readonly<Record<string, string>>;
}

/** `postgresql+asyncpg:`, `postgres+psycopg2:`, `jdbc:postgresql:` …: the driver after the plus is the app's affair. */
const SCHEME = /^(?:jdbc:)?(?:postgres|postgresql|pgsql|asyncpg|psycopg2?|pgx5?)(?:\+[a-z0-9_.-]+)?:\/\//i;

/** Parameters that a URL may carry over to libpq. What chooses server, account and encryption is looked at one by one. */
const PASSED = new Set([
  ...['hostaddr', 'connect_timeout', 'keepalives', 'keepalives_idle', 'keepalives_interval', 'keepalives_count', 'tcp_user_timeout'],
  ...['sslcert', 'sslkey', 'sslcrl', 'sslcompression', 'sslsni', 'ssl_min_protocol_version', 'ssl_max_protocol_version', 'channel_binding', 'gssencmode', 'krbsrvname'],
  ...['target_session_attrs', 'options'],
]);

/** How drivers of other languages name the modes: asyncpg, SQLAlchemy and JDBC `ssl`, Prisma and node-postgres `sslmode`. */
const MODES = new Map<string, string>([
  ...['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'].map((mode) => [mode, mode] as [string, string]),
  ...['true', '1', 'on', 'yes', 'no-verify'].map((mode) => [mode, 'require'] as [string, string]),
  ...['false', '0', 'off', 'no'].map((mode) => [mode, 'disable'] as [string, string]),
]);

/**
 * Reads a URL as libpq and the common drivers do: several hosts, IPv6 in brackets, sockets (`//%2Frun%2Fpostgresql/app`,
 * `?host=/run/postgresql`), parameters. Throws UserError, which never quotes the URL: it holds a password.
 */
export function readPostgresUrl(url: string): PostgresUrl {
  const scheme = SCHEME.exec(url);
  if (scheme === null) throw wrong('does not begin with postgresql://');
  const rest = url.slice(scheme[0].length).replace(/#.*$/s, '');
  const [, authority = '', path = '', query = ''] = /^([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(rest) ?? [];
  const at = authority.lastIndexOf('@');
  const [user, password] = at < 0 ? [] : divide(authority.slice(0, at), ':');
  const places = authority
    .slice(at + 1)
    .split(',')
    .map(hostAndPort);
  const parameters = new Map(query.split('&').filter((part) => part !== '').map((part) => divide(part, '=').map((text) => decode(text ?? '')) as [string, string]));
  const given = (name: string, fallback?: string): string | undefined => parameters.get(name) || (fallback === undefined || fallback === '' ? undefined : decode(fallback));

  const mode = parameters.get('sslmode') ?? parameters.get('ssl');
  const sslmode = mode === undefined ? undefined : MODES.get(mode.toLowerCase());
  if (mode !== undefined && sslmode === undefined) throw wrong(`has the unknown sslmode \`${mode}\``, 'One of disable, prefer, require, verify-ca, verify-full.');
  const ports = places.map(({ port }) => port);
  return Object.fromEntries(
    Object.entries({
      host: given('host', places.map(({ host }) => host).join(',')),
      port: given('port', ports.every((port) => port === '') ? '' : ports.map((port) => port || '5432').join(',')),
      user: given('user', user),
      password: given('password', password),
      dbname: given('dbname', path),
      sslmode,
      sslrootcert: given('sslrootcert'),
      options: Object.fromEntries([...parameters].filter(([name, value]) => PASSED.has(name) && value !== '')),
    }).filter(([, value]) => value !== undefined),
  ) as unknown as PostgresUrl;
}

function hostAndPort(text: string): { host: string; port: string } {
  const [, bracketed, plain = '', port = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/s.exec(text) ?? [];
  if (!/^\d*$/.test(port)) {
    throw wrong('has a port that is no number', 'A password with / ? # @ or % in it must be percent-encoded there, such as %2F for /.');
  }
  return { host: bracketed ?? plain, port };
}

function divide(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** Undoes percent-encoding; a percent sign that encodes nothing stands for itself, as in most drivers. */
function decode(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (encoded) => Buffer.from(encoded.replaceAll('%', ''), 'hex').toString('utf8'));
}

function wrong(what: string, remedy = 'Such as postgresql://app:password@db.example.com:5432/shop?sslmode=require.'): UserError {
  return new UserError(`url ${what}`, { remedy });
}
