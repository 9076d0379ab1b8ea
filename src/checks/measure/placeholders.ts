import { authorityOf } from './urls.js';

/** What templates leave behind, and the words a report may use for it: the value itself is never shown. */
const PATTERNS: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ['text in angle brackets', /^<[^<>]+>$|<(?:generate|your|insert|change|enter|replace|add|set|my|paste)[^<>]*>/i],
  // A list or an IPv6 address in brackets is a real value: only words count.
  ['text in square brackets', /^\[[a-z][a-z0-9 _-]*\]$|\[(?:generate|your|insert|change|enter|replace|key|password|secret|token|user(?:name)?|host|number|email|link|url)\b[^\]"':]*\]/i],
  ['a template field', /\{\{[^{}]*\}\}|<%.*%>|%%[A-Z_]+%%|^__[A-Z_]+__$/],
  // "your-company" may be somebody's name: only nouns that name a setting count.
  ['your-…', /(?:^|[^a-z0-9])your[-_ ](?:[a-z0-9]+[-_ ]){0,4}(?:keys?|secret|token|pass(?:word|wd|phrase)?|domain|id|sid|dsn|e?mail|user(?:name)?|account|bucket|project|license|host(?:name)?|server|number|url|uri|api|app|jwt|client|database|db|name|value|here|string|webhook|cluster|registry)(?=[-_]?\d*(?:[^a-z0-9-]|$))/i],
  ['yourdomain.com', /(?:^|[^a-z0-9])your(?:company|-?(?:domain|site|app|server|host|email|name|bucket|organi[sz]ation))\.[a-z]{2,}/i],
  ['yourdomain', /(?:^|[@./])your-?domain\b/i],
  ['change-this', /(?:^|[^a-z])change[-_ ]?(?:this|me|it|in[-_ ]production|before)\b/i],
  ['replace or insert', /^(?:replace|insert|enter|paste|add)[-_ ](?:me|this|here|with|your|the|a|key|secret|password|token|value)\b/i],
  ['username:password', /(?:^|\/)(?:username|user|db_?user|my_?user):(?:password|pass|passwd|db_?password|my_?password)(?:@|$)/i],
  ['123456789.dkr.ecr', /(?:^|\D)123456789(?:012)?\.dkr\.ecr\b/i],
  ['xxxx', /^x{3,}$|(?:^|[-_:.])x{4,}(?:[-_:.]|$)/i],
  ['three dots', /^(?:\.{3}|…)$|[A-Za-z0-9_-](?:\.{3}|…)$/],
  ['a note to fill it in', /^(?:to[-_ ]?do|tbd|fix[-_ ]?me|placeholder|dummy|fill[-_ ]?me(?:[-_ ]in)?|not[-_ ]?set|undefined|null|none)$/i],
];

/** The kind of placeholder in `value`, or undefined when it looks like a real value. */
export function placeholderKind(value: string): string | undefined {
  return PATTERNS.find(([, pattern]) => pattern.test(value.trim()))?.[0];
}

/** Names reserved for documentation (RFC 2606, RFC 6761): real in tests, never in production. */
export function namesExampleDomain(value: string): boolean {
  return /(?:^|[@./])example\.(?:com|org|net|edu)\b|\.(?:example|invalid|test)(?:[:/,\s]|$)/i.test(value);
}

/** Passwords of samples, tutorials and images, in lower case. The first two of the plans were `password` and `app_password`. */
const SAMPLES = new Set([
  'password', 'app_password', 'passw0rd', 'p@ssw0rd', 'p@ssword', 'passwd', 'pass', 'pwd', 'password1', 'password12', 'password123', 'password1234',
  'my_password', 'mypassword', 'db_password', 'dbpassword', 'user_password', 'strong_password', 'strongpassword', 'secure_password', 'securepassword',
  'secret', 'mysecret', 'my_secret', 'supersecret', 'super_secret', 'super-secret', 'topsecret', 'secret123', 'secretkey', 'secret_key', 'secret-key',
  'jwt_secret', 'jwtsecret', 'jwt-secret', 'keyboard cat', 'shhhhh', 'admin', 'admin1', 'admin12', 'admin123', 'admin1234', 'admin@123', 'administrator',
  'root', 'toor', 'user', 'guest', 'demo', 'demo123', 'test', 'test1', 'test12', 'test123', 'test1234', 'testing', 'sample', 'example', 'default',
  'changeme', 'change_me', 'change-me', 'changeit', 'welcome', 'welcome1', 'welcome123', 'letmein', 'qwerty', 'qwerty123', 'abc123', 'iloveyou',
  '1234', '12345', '123456', '1234567', '12345678', '123456789', '1234567890', '111111', '000000', 'postgres', 'mysql', 'mariadb', 'mongo', 'mongodb',
  'redis', 'rabbitmq', 'minio', 'minioadmin', 'guest123', 'dev', 'development', 'staging', 'production', 'string', 'token', 'key', 'apikey', 'api_key',
]);

/** Whether a password is one that stands in samples everywhere (letter case and a trailing mark do not help). */
export function isSamplePassword(password: string): boolean {
  const plain = password.trim().toLowerCase();
  return SAMPLES.has(plain) || SAMPLES.has(plain.replace(/[!.?*#$]+$/, ''));
}

/** The password inside a URL such as `postgresql+asyncpg://user:password@host/db`, percent-decoded; undefined without one. */
export function passwordInUrl(value: string): string | undefined {
  const authority = authorityOf(value);
  const at = authority?.lastIndexOf('@') ?? -1;
  if (authority === undefined || at < 0) return undefined;
  const colon = authority.indexOf(':');
  if (colon < 0 || colon > at) return undefined;
  const password = authority.slice(colon + 1, at);
  try {
    return decodeURIComponent(password);
  } catch {
    // A bare percent sign: the password is as it stands.
    return password;
  }
}
