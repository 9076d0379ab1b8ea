import type { ServiceConfig, SiteConfig } from '../config/schema.js';
import { currentLink } from '../host/layout.js';
import { SLOTS, isSlotted, slotPort } from '../services/slots.js';
import { closedLines, closedMaps, sorryLocations } from './closed.js';
import { headerLines } from './headers.js';
import { locationsOf, type Ground } from './locations.js';
import { namesOf, type Names } from './names.js';
import { planServers, type Server } from './plan.js';
import { block, quoted, time } from './text.js';

/** Where a site stands. */
export interface SitePlace {
  readonly app: string;
  readonly environment: string;
  /** The app's root folder on the host. */
  readonly root: string;
  /** The environment file's path below a release. */
  readonly envFile: string;
}

/** Texts that browsers get smaller; text/html always is. */
const COMPRESSED = [
  'text/plain', 'text/css', 'text/javascript', 'text/xml', 'text/markdown', 'application/javascript', 'application/json', 'application/ld+json',
  'application/manifest+json', 'application/xml', 'application/rss+xml', 'application/atom+xml', 'application/wasm', 'image/svg+xml', 'font/ttf', 'font/otf',
];

/** Mozilla's intermediate set, version 5.7: https://ssl-config.mozilla.org/guidelines/5.7.json */
const CIPHERS = 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:'
  + 'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305';

/** The certificate of a site: the configured one, or where certbot puts it. */
export function certificateOf({ domains, tls }: SiteConfig): { certificate: string; key: string } | undefined {
  if (tls === undefined) return undefined;
  const folder = `/etc/letsencrypt/live/${domains[0] ?? ''}`;
  return { certificate: tls.certificate ?? `${folder}/fullchain.pem`, key: tls.key ?? `${folder}/privkey.pem` };
}

/**
 * The site's file for nginx, with or without its certificate, for a host that runs `services`; undefined when no route
 * leads to any of them. It knows both slots and no release: a switch does not change it.
 */
export function renderNginx(place: SitePlace, site: SiteConfig, services: Readonly<Record<string, ServiceConfig>>, secure: boolean): string | undefined {
  const servers = planServers(site, services);
  if (servers.length === 0) return undefined;
  const names = namesOf(place.app, place.environment);
  const headers = headerLines(site, names, secure);
  const ground: Ground = { site, names, envFile: place.envFile, hide: headers.hide };
  const common = [...live(place, names), ...logs(place, names), 'server_tokens off;', 'absolute_redirect off;'];
  const settings = [...common, ...proxying(site, names), ...headers.hide, ...headers.add, ...gzip(site), ...realIp(site)];
  const routed = Object.values(services).filter((service) => isSlotted(service, site));
  const parts = [
    [`# Slipway: ${place.app} ${place.environment} ${place.root}`, '# Written by Slipway from `site` in slipway.yml; what is changed here is lost with the next deploy.'],
    ...routed.flatMap((service) => SLOTS.map((slot) => upstream(names.upstream(service.name, slot), slotPort(service, slot), site))),
    [...maps(site, names), ...closedMaps(names), ...headers.maps],
    Object.entries(site.limits).map(([name, { rate }]) => `limit_req_zone $binary_remote_addr zone=${names.id}_${name.replaceAll('-', '_')}:10m rate=${rate.count}r/${rate.per};`),
    logFormat(names),
    ...servers.flatMap((server) => (secure ? [redirecting(server, common, place, names), answering(server, settings, ground, place, secureLines(site))] : [answering(server, settings, ground, place, PLAIN)])),
  ];
  return `${parts.filter((lines) => lines.length > 0).map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

const PLAIN = ['listen 80;', 'listen [::]:80;'];

/** From nginx 1.25.1 on, HTTP/2 is a directive of its own: host/scripts/site.sh turns the one form into the other. */
function secureLines(site: SiteConfig): string[] {
  const { certificate = '', key = '' } = certificateOf(site) ?? {};
  return [
    'listen 443 ssl http2;', 'listen [::]:443 ssl http2;',
    `ssl_certificate ${quoted(certificate)};`, `ssl_certificate_key ${quoted(key)};`,
    'ssl_protocols TLSv1.2 TLSv1.3;', `ssl_ciphers ${CIPHERS};`, 'ssl_prefer_server_ciphers off;',
    'ssl_session_timeout 1d;', 'ssl_session_cache shared:slipway_tls:10m;', 'ssl_session_tickets off;',
  ];
}

function upstream(name: string, port: number, { timeouts }: SiteConfig): string[] {
  return block(`upstream ${name}`, [`server 127.0.0.1:${port};`, 'keepalive 64;', 'keepalive_requests 10000;', `keepalive_timeout ${time(timeouts.keepalive)};`]);
}

function maps({ trustedProxies }: SiteConfig, names: Names): string[] {
  const of = names.variable;
  return [
    ...block(`map $http_upgrade ${of('upgrade')}`, ['"" "";', 'default upgrade;']),
    ...block(`map ${of('root')} ${of('release')}`, [`"~/releases/(?<${of('id').slice(1)}>[^/]+)$" ${of('id')};`, 'default "";']),
    // A request that was never understood has the status 000, which is no number in JSON.
    ...block(`map $status ${of('status')}`, ['~^[1-9] $status;', 'default 0;']),
    ...(trustedProxies.length === 0 ? [] : [
      ...block(`geo $realip_remote_addr ${of('trusted')}`, ['default 0;', ...trustedProxies.map((network) => `${network} 1;`)]),
      ...block(`map "${of('trusted')} $http_x_forwarded_proto" ${of('scheme')}`, ['"1 https" https;', 'default $scheme;']),
    ]),
  ];
}

function logFormat(names: Names): string[] {
  const fields = [
    '"time":"$time_iso8601"', '"address":"$remote_addr"', '"host":"$host"', '"method":"$request_method"', '"uri":"$request_uri"',
    `"status":${names.variable('status')}`, '"bytes":$body_bytes_sent', '"request_time":$request_time', '"upstream_time":"$upstream_response_time"',
    '"upstream":"$upstream_addr"', `"slot":"${names.variable('slot')}"`, `"release":"${names.variable('release')}"`, '"referer":"$http_referer"', '"agent":"$http_user_agent"',
  ];
  return [`log_format ${names.id} escape=json '{${fields.join(',')}}';`];
}

/**
 * What is live is read once for each request, so that a switch in the middle of it cannot mix two releases; no table of open
 * files of another site may remember what was live.
 */
function live({ root }: SitePlace, names: Names): string[] {
  const of = names.variable;
  return [
    'open_file_cache off;',
    `root ${currentLink(root)};`,
    `set ${of('cache')} "";`,
    `set ${of('slot')} "";`,
    `set ${of('root')} $realpath_root;`,
    ...SLOTS.map((slot) => `if (-e ${of('root')}/.slipway-${slot}) { set ${of('slot')} ${slot}; }`),
  ];
}

function logs({ app, environment }: SitePlace, names: Names): string[] {
  const path = `/var/log/nginx/slipway-${app}-${environment}`;
  return [`access_log ${path}.access.log ${names.id};`, `error_log ${path}.error.log warn;`];
}

function proxying({ upload, timeouts, trustedProxies }: SiteConfig, names: Names): string[] {
  return [
    `client_max_body_size ${upload};`,
    'limit_req_status 429;',
    'proxy_http_version 1.1;',
    'proxy_set_header Host $host;',
    'proxy_set_header X-Real-IP $remote_addr;',
    // The address as nginx knows it, not what the client claims to have come from.
    'proxy_set_header X-Forwarded-For $remote_addr;',
    `proxy_set_header X-Forwarded-Proto ${trustedProxies.length === 0 ? '$scheme' : names.variable('scheme')};`,
    'proxy_set_header X-Forwarded-Host $host;',
    'proxy_set_header Upgrade $http_upgrade;',
    `proxy_set_header Connection ${names.variable('upgrade')};`,
    'proxy_set_header Proxy "";',
    // A kept connection that the service has just closed is tried anew, but nothing that could be done twice by it.
    'proxy_next_upstream error;',
    `proxy_connect_timeout ${time(timeouts.connect)};`,
    `proxy_send_timeout ${time(timeouts.send)};`,
    `proxy_read_timeout ${time(timeouts.read)};`,
    // Cookies of sessions and policies make heads that do not fit into nginx's 4 kB.
    'proxy_buffer_size 16k;', 'proxy_buffers 8 16k;', 'proxy_busy_buffers_size 32k;',
  ];
}

function gzip({ gzip: wanted }: SiteConfig): string[] {
  return wanted ? ['gzip on;', 'gzip_vary on;', 'gzip_proxied any;', 'gzip_comp_level 5;', 'gzip_min_length 1024;', `gzip_types ${COMPRESSED.join(' ')};`] : ['gzip off;'];
}

function realIp({ trustedProxies }: SiteConfig): string[] {
  return trustedProxies.length === 0 ? [] : [...trustedProxies.map((network) => `set_real_ip_from ${network};`), 'real_ip_header X-Forwarded-For;', 'real_ip_recursive on;'];
}

/** What Slipway answers itself, over http also where everything else goes to https. */
function own({ root }: SitePlace, names: Names): string[] {
  const of = names.variable;
  return [
    ...block('location ^~ /.well-known/acme-challenge/', [`root ${root}/.slipway/acme;`, 'default_type text/plain;', 'try_files $uri =404;']),
    // Before `allow` and `deny` are looked at, `return` has answered.
    ...block('location = /.slipway/slot', ['access_log off;', 'default_type text/plain;', 'if ($remote_addr !~ "^(127\\.|::1$)") { return 404; }', `return 200 "${of('slot')} ${of('root')}\\n";`]),
  ];
}

function answering({ domains, places }: Server, settings: readonly string[], ground: Ground, place: SitePlace, listen: readonly string[]): string[] {
  return block('server', [
    ...listen,
    `server_name ${domains.join(' ')};`,
    ...settings,
    ...closedLines(place, ground.names),
    // Once for the whole server: a location with a header of its own would lose all others.
    `add_header Retry-After ${ground.names.variable('retry')} always;`,
    ...sorryLocations(ground.names),
    ...own(place, ground.names),
    ...places.flatMap((item, index) => locationsOf(item, ground, index)),
    // Nothing is served out of the release's own folder by accident.
    ...(places.some(({ path }) => path === '/') ? [] : block('location /', ['return 404;'])),
  ]);
}

function redirecting({ domains }: Server, common: readonly string[], place: SitePlace, names: Names): string[] {
  return block('server', [
    ...PLAIN,
    `server_name ${domains.join(' ')};`,
    ...common,
    ...own(place, names),
    // 308 lets a form arrive as it was sent.
    ...block('location /', ['if ($request_method !~ "^(GET|HEAD)$") { return 308 https://$host$request_uri; }', 'return 301 https://$host$request_uri;']),
  ]);
}
