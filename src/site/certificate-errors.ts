import { covers } from './certificate.js';

/** What is known of the request that failed. */
export interface Asked {
  readonly names: readonly string[];
  readonly mode: string;
  readonly server: string;
  readonly now: Date;
}

export interface Explained {
  /** A type of RFC 8555 §6.7 without its prefix (`rateLimited`), or a word of ours for what certbot itself meets. */
  readonly kind: string;
  readonly message: string;
  readonly remedy: string;
  /** When to try again, where the authority says so. */
  readonly retryAfter?: Date;
}

/** What certbot prints instead of a type (python-acme, acme/messages.py, ERROR_CODES), nearest first. */
const DESCRIPTIONS: readonly (readonly [string, string])[] = [
  ['There were too many requests of a given type', 'rateLimited'],
  ['Certification Authority Authorization (CAA) records forbid', 'caa'],
  ['There was a problem with a DNS query', 'dns'],
  ['The server could not resolve a domain name', 'dns'],
  ['The server could not validate a DNSSEC signed domain', 'dnssec'],
  ['The server could not connect to the client', 'connection'],
  ['The server experienced a TLS error', 'tls'],
  ['The client lacks sufficient authorization', 'unauthorized'],
  ["Response received didn't match the challenge's requirements", 'incorrectResponse'],
  ['The server will not issue certificates for the identifier', 'rejectedIdentifier'],
  ['An identifier is of an unsupported type', 'unsupportedIdentifier'],
  ['The server requires external account binding', 'externalAccountRequired'],
  ['Server requires external account binding', 'externalAccountRequired'],
  ['The client sent an unacceptable anti-replay nonce', 'badNonce'],
  ['The CSR is unacceptable', 'badCSR'],
  ['The provided contact URI was invalid', 'invalidContact'],
  ['The provided email for a registration was invalid', 'invalidContact'],
  ['The server experienced an internal error', 'serverInternal'],
  ['The request specified an account that does not exist', 'accountDoesNotExist'],
  ['The request message was malformed', 'malformed'],
];

/** What certbot meets before it has asked anybody, or after. */
const OWN: readonly (readonly [RegExp, string])[] = [
  [/as-root does not do this/, 'narrow'],
  [/Another instance of Certbot is already running/, 'busy'],
  [/The requested (\S+) plugin does not appear to be installed/, 'plugin'],
  [/certificate verify failed|CERTIFICATE_VERIFY_FAILED/, 'authority-certificate'],
  [/Could not bind TCP port 80|Problem binding to port 80/, 'port'],
  // python-acme shortens what requests says: `Requesting acme.example.com/directory: Connection refused` (acme/client.py, _send_request).
  [/NameResolutionError|Failed to establish a new connection|Max retries exceeded|ConnectTimeout|Network is unreachable|Requesting \S+: ?(?:Connection|Network|No route|Name or|Temporary failure)/, 'network'],
  [/No space left on device/, 'disk'],
  [/Hook '--manual-auth-hook'.*(?:failed|reported error|ran with error)/, 'hook'],
];

interface Problem {
  readonly name: string;
  readonly type: string;
  readonly detail: string;
}

/** The list that certbot prints for names that could not be proven: `Domain:`, `Type:`, `Detail:`. */
function problemsIn(text: string): Problem[] {
  return [...text.matchAll(/^\s*Domain:\s*(\S+)\n\s*Type:\s*(\S+)\n\s*Detail:\s*([^\n]*)/gm)].map(([, name = '', type = '', detail = '']) => ({ name, type, detail: detail.trim().replaceAll('\\"', '"') }));
}

/** When the authority is ready again: `Retry-After: 3600`, `Retry-After: <HTTP date>`, or `retry after 2026-11-28T12:00:00Z` in its words. */
function retryTime(text: string, now: Date): Date | undefined {
  const [, moment] = /retry after (\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:Z| UTC)?/i.exec(text) ?? [];
  if (moment !== undefined) return new Date(`${moment.replace(' ', 'T')}Z`);
  const [, header] = /^\s*Retry-After:\s*(.+?)\s*$/im.exec(text) ?? [];
  if (header === undefined) return undefined;
  const at = /^\d+$/.test(header) ? now.getTime() + Number(header) * 1000 : Date.parse(header);
  return Number.isNaN(at) ? undefined : new Date(at);
}

/** Why certbot got no certificate, and what to do, from what it said and what its log has of the authority's answers. */
export function explainFailure(text: string, asked: Asked): Explained {
  const problems = problemsIn(text);
  const kind = kindOf(text, problems);
  const retryAfter = kind === 'rateLimited' ? retryTime(text, asked.now) : undefined;
  const detail = problems.length > 0 ? problems.map(({ name, detail: words }) => `${name}: ${words}`).join('\n    ') : detailOf(text, kind);
  const [what, remedy] = wordsFor(kind, asked, problems, retryAfter);
  return { kind, message: `${what}${detail === '' ? '' : `:\n    ${detail}`}`, remedy, ...(retryAfter === undefined ? {} : { retryAfter }) };
}

function kindOf(text: string, problems: readonly Problem[]): string {
  if (problems[0] !== undefined) return problems[0].type;
  for (const [pattern, kind] of OWN) if (pattern.test(text)) return kind;
  const described = DESCRIPTIONS.find(([words]) => text.includes(words))?.[1];
  // A nonce that was refused is asked for anew by certbot itself, so it stands in many a log; the last word counts.
  const typed = [...text.matchAll(/urn:ietf:params:acme:error:([A-Za-z]+)/g)].map(([, type = '']) => type).filter((type) => type !== 'badNonce');
  return described ?? typed.at(-1) ?? (text.includes('acme:error:badNonce') ? 'badNonce' : 'unknown');
}

/** The authority's own words: behind the description in what certbot prints, else the last `detail` of its log. */
function detailOf(text: string, kind: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  const described = lines.find((line) => DESCRIPTIONS.some(([words, type]) => type === kind && line.includes(words)));
  const behind = described?.split(' :: ').at(-1);
  if (behind !== undefined && behind !== described) return behind.slice(0, 500);
  const logged = [...text.matchAll(/"detail": "((?:[^"\\]|\\.)*)"/g)].at(-1)?.[1];
  if (logged !== undefined) return logged.replaceAll('\\"', '"').slice(0, 500);
  return lines.filter((line) => line !== '' && !/^(Saving debug log|Ask for help|See the logfile|Requesting a certificate|Some challenges have failed|An unexpected error)/.test(line)).slice(-3).join(' ').slice(0, 500);
}

const moment = (date: Date): string => `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

function wordsFor(kind: string, asked: Asked, problems: readonly Problem[], retryAfter: Date | undefined): [what: string, remedy: string] {
  const names = problems.length > 0 ? [...new Set(problems.map(({ name }) => name))] : asked.names.filter((name) => !covers([], name));
  const list = names.join(', ');
  const first = names[0] ?? '';
  switch (kind) {
    case 'rateLimited': return ['the authority has given too many certificates of this kind, or had too many failures, for now (rateLimited)',
      `${retryAfter === undefined ? 'Wait, a week at most' : `Try again after ${moment(retryAfter)}`}; more tries before only add to it. Practice with the staging directory: \`site.tls.server: https://acme-staging-v02.api.letsencrypt.org/directory\`. The limits: https://letsencrypt.org/docs/rate-limits/`];
    case 'caa': return [`a CAA record forbids the authority to issue for ${list} (caa)`, `Add to the zone: ${first}. 300 IN CAA 0 issue "letsencrypt.org" (or the name of your authority); the nearest name with CAA records decides, climbing up.`];
    case 'dns': case 'dnssec': return [`the authority cannot resolve ${list} (${kind})`,
      asked.mode === 'dns' ? `Is the TXT record _acme-challenge.${first} served by every name server before \`dns.authenticate\` ends? dig +short TXT _acme-challenge.${first}` : `Does the name exist for the whole world, and do its name servers answer A, AAAA and CAA questions? dig ${first}; dnsviz.net shows faults of DNSSEC.`];
    case 'connection': return [`the authority cannot connect to port 80 of ${list} (connection)`,
      `Does the name lead to this host for everybody (also its AAAA record: dig AAAA ${first}), and is port 80 open to all: the firewall of the host and that of the provider?`];
    case 'tls': return [`the authority was redirected to https and met a fault of TLS there (tls)`, 'Something before nginx redirects /.well-known/acme-challenge/ to https: let it through as http.'];
    case 'unauthorized': case 'incorrectResponse': return [`the authority did not find the answer to its question at ${list} (${kind})`,
      asked.mode === 'dns' ? `dig +short TXT _acme-challenge.${first}: \`dns.authenticate\` must put $CERTBOT_VALIDATION there, and wait until it is served.` : `Another server answers for the name: does it lead to this host alone (dig ${first}; dig AAAA ${first}), and does a proxy before it hand /.well-known/acme-challenge/ on?`];
    case 'rejectedIdentifier': return [`the authority does not issue for ${list} (rejectedIdentifier)`, 'It is on a list of names that it refuses (banks, brands, reserved endings), or not a public name: use another name, or ask the authority.'];
    case 'unsupportedIdentifier': return ['the authority does not issue for such a name (unsupportedIdentifier)', 'Let the domains be plain host names.'];
    case 'externalAccountRequired': return ['the authority wants an account that you have with it (externalAccountRequired)', 'Take key id and HMAC key from its pages, and set `site.tls.account: { key-id: $ACME_KEY_ID, key: $ACME_KEY }`.'];
    case 'badNonce': return ['the authority refused the nonce of the request again and again (badNonce)', 'That passes: run again. If it stays, a proxy between the host and the authority keeps old answers.'];
    case 'invalidContact': return ['the authority does not take the e-mail address (invalidContact)', 'Mend `site.tls.email`: a real address, not one of example.com.'];
    case 'serverInternal': return ['the authority has a fault of its own (serverInternal)', 'Run again in some minutes; https://letsencrypt.status.io tells of outages.'];
    case 'accountDoesNotExist': return ['the authority does not know the account of this host any more (accountDoesNotExist)', 'On the host, move its folder below /etc/letsencrypt/accounts away; the next run makes a new account.'];
    case 'narrow': return ['the narrow sudo of the login does not let certbot through', 'What it lets through is what slipway.yml said when an admin last prepared the host: `slipway server <environment> --login <admin>`, then run again.'];
    case 'busy': return ['certbot is already at work on this host', 'Wait for it to end (`systemctl status certbot.service`), then run again.'];
    case 'plugin': return ['certbot lacks its plugin for nginx', 'On the host: sudo apt-get install python3-certbot-nginx; or use `mode: webroot`, which needs none.'];
    case 'authority-certificate': return [`the host does not trust the server ${new URL(asked.server).host}`, 'A private authority: put its root on the host and name the file under `site.tls.ca`. Else the clock of the host may be wrong (`date`).'];
    case 'port': return ['port 80 is taken', 'Use `mode: webroot`, which works beside nginx; `ss -ltnp sport = :80` names who holds it.'];
    case 'network': return [`the host cannot reach ${new URL(asked.server).host}`, 'Let it go out to port 443: the firewall, the DNS of the host (`getent hosts`), or a proxy.'];
    case 'disk': return ['the disk of the host is full', 'Make room: `df -h`.'];
    case 'hook': return ['the command `site.tls.dns.authenticate` failed', 'Run it by hand on the host, as root, with CERTBOT_DOMAIN and CERTBOT_VALIDATION set.'];
    default: return [`certbot got no certificate${kind === 'unknown' ? '' : ` (${kind})`}`, 'On the host, /var/log/letsencrypt/letsencrypt.log has all of it.'];
  }
}
