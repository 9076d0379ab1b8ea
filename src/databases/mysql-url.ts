import { UserError } from '../evidence/errors.js';

/** What a connection URL says; percent-encoding undone. */
export interface MysqlUrl {
  /** A path is a socket. */
  readonly host?: string;
  readonly port?: string;
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
  readonly tls?: string;
  readonly ca?: string;
}

/** `mysql+pymysql:`, `jdbc:mariadb:`, `mysql2:` (Rails) …: the driver is the app's affair. */
const SCHEME = /^(?:jdbc:)?(?:mysqlx?|mysql2|mariadb)(?:\+[a-z0-9_.-]+)?:\/\//i;

/** How drivers name the modes: `sslmode`, `ssl-mode`, `sslMode`, `tls` (Go), `ssl`, `useSSL`; mysql2 has them in JSON, which is not read. */
const MODES = new Map<string, string>([
  ...['disable', 'disabled', 'false', '0', 'off', 'no'].map((mode) => [mode, 'disable'] as const),
  ...['prefer', 'preferred'].map((mode) => [mode, 'prefer'] as const),
  ...['require', 'required', 'trust', 'skip-verify', 'true', '1', 'on', 'yes'].map((mode) => [mode, 'require'] as const),
  // Both clients verify the name as soon as they verify the authority, MariaDB's at least.
  ...['verify-ca', 'verify_ca', 'verify-full', 'verify_full', 'verify-identity', 'verify_identity'].map((mode) => [mode, 'verify-full'] as const),
]);
const MODE_NAMES = ['sslmode', 'ssl-mode', 'ssl_mode', 'tls', 'ssl', 'usessl'];
const CA_NAMES = ['ssl-ca', 'ssl_ca', 'sslca', 'sslrootcert', 'ssl_cert_authority'];
const SOCKET_NAMES = ['unix_socket', 'socket', 'unixsocket', 'localsocket', 'socketpath'];

/**
 * Reads a URL as the common drivers do: IPv6 in brackets, sockets (`?unix_socket=/run/mysqld/mysqld.sock`), parameters of
 * any case. Throws UserError, which never quotes the URL: it holds a password.
 */
export function readMysqlUrl(url: string): MysqlUrl {
  const scheme = SCHEME.exec(url);
  if (scheme === null) throw wrong('does not begin with mysql:// or mariadb://');
  const rest = url.slice(scheme[0].length).replace(/#.*$/s, '');
  const [, authority = '', path = '', query = ''] = /^([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(rest) ?? [];
  const at = authority.lastIndexOf('@');
  const [user, password] = at < 0 ? [] : divide(authority.slice(0, at), ':');
  const [, bracketed, plain = '', port = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/s.exec(authority.slice(at + 1)) ?? [];
  if (!/^\d*$/.test(port)) throw wrong('has a port that is no number', 'A password with / ? # @ or % in it must be percent-encoded there, such as %2F for /.');
  const parameters = new Map(
    query.split('&').filter((part) => part !== '').map((part) => {
      const [name, value = ''] = divide(part, '=');
      return [decode(name).toLowerCase(), decode(value)] as const;
    }),
  );
  const given = (names: readonly string[]): string | undefined => names.map((name) => parameters.get(name)).find((value) => value !== undefined && value !== '');

  const mode = given(MODE_NAMES);
  const tls = mode === undefined ? undefined : MODES.get(mode.toLowerCase());
  if (mode !== undefined && tls === undefined && !mode.startsWith('{')) throw wrong(`has the unknown TLS mode \`${mode}\``, 'One of disable, prefer, require, verify-full.');
  const found = {
    host: given(SOCKET_NAMES) ?? decode(bracketed ?? plain),
    port,
    user: decode(user ?? '') || given(['user']),
    password: password === undefined ? given(['password']) : decode(password),
    database: decode(path),
    tls,
    ca: given(CA_NAMES),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined && value !== ''));
}

function divide(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** Undoes percent-encoding; a percent sign that encodes nothing stands for itself, as in most drivers. */
function decode(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (encoded) => Buffer.from(encoded.replaceAll('%', ''), 'hex').toString('utf8'));
}

function wrong(what: string, remedy = 'Such as mysql://app:password@db.example.com:3306/shop?ssl-mode=required.'): UserError {
  return new UserError(`url ${what}`, { remedy });
}
