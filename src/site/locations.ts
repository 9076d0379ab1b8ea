import type { SiteConfig } from '../config/schema.js';
import { ASK_ANEW, keepFor } from './headers.js';
import type { Names } from './names.js';
import type { Place } from './plan.js';
import { block, quoted, time } from './text.js';

/** What every location of a site needs to know. */
export interface Ground {
  readonly site: SiteConfig;
  readonly names: Names;
  /** The environment file's path below a release: never served. */
  readonly envFile: string;
  /** Headers of services that the site replaces: repeated where more are hidden. */
  readonly hide: readonly string[];
}

/** The locations of one place: the path itself, and what is below it. */
export function locationsOf(place: Place, ground: Ground, number: number): string[] {
  return place.service.manager === 'static' ? staticLocations(place, ground, number) : proxyLocations(place, ground);
}

/** No marker, no answer: what is live is not known, and nothing is guessed. */
function slotKnown({ names }: Ground): string {
  return `if (${names.variable('slot')} = "") { return 503; }`;
}

function routeLines({ route }: Place, { site, names }: Ground): string[] {
  const limit = route.limit === undefined ? undefined : site.limits[route.limit];
  return [
    ...(limit === undefined ? [] : [`limit_req zone=${names.id}_${(route.limit ?? '').replaceAll('-', '_')}${limit.burst > 0 ? ` burst=${limit.burst} nodelay` : ''};`]),
    ...(route.upload === undefined ? [] : [`client_max_body_size ${route.upload};`]),
    ...(route.log ? [] : ['access_log off;']),
  ];
}

function proxyLocations(place: Place, ground: Ground): string[] {
  const { path, route, service, cache } = place;
  const { names, hide } = ground;
  const body = [
    slotKnown(ground),
    ...routeLines(place, ground),
    ...(route.timeout === undefined ? [] : [`proxy_send_timeout ${time(route.timeout)};`, `proxy_read_timeout ${time(route.timeout)};`]),
    ...(route.buffering ? [] : ['proxy_buffering off;', 'proxy_request_buffering off;']),
    ...(cache === undefined ? [] : [`set ${names.variable('cache')} ${quoted(keepFor(cache))};`, ...hide, 'proxy_hide_header Cache-Control;']),
    // With a variable and without a path behind it, the request goes on exactly as it came.
    `proxy_pass http://${names.upstream(service.name, '')}${names.variable('slot')};`,
  ];
  if (path === '/') return block('location /', body);
  return [...(path === place.mount ? block(`location = ${path}`, body) : []), ...block(`location ^~ ${path}/`, body)];
}

/**
 * A folder of the live release. The path of the route names the folder: below `/docs` of a service in `manual`,
 * `/docs/a.html` is `manual/a.html`. Nothing that begins with a dot is served, nor the environment file.
 */
function staticLocations(place: Place, ground: Ground, number: number): string[] {
  const { path, mount, service, cache } = place;
  const { names, envFile } = ground;
  const prefix = mount === '/' ? '' : mount;
  const root = `root ${quoted(`${names.variable('root')}${service.directory === '.' ? '' : `/${service.directory}`}`)};`;
  // Below a folder of its own that is kept, a missing file is a missing file.
  const strict = cache !== undefined && path !== mount;
  const missing = `@${names.id}_${number}`;
  const body = [
    slotKnown(ground),
    ...routeLines(place, ground),
    `set ${names.variable('cache')} ${quoted(cache === undefined ? ASK_ANEW : keepFor(cache))};`,
    ...(prefix === '' ? [] : [`rewrite "^${literally(prefix)}(/.*)$" $1 break;`]),
    root,
    strict ? 'try_files $uri =404;' : `try_files $uri "\${uri}index.html" ${missing};`,
    ...block('location ~ "/\\.(?!well-known/)"', ['return 404;']),
  ];
  const hidden = envPath(service.directory, envFile);
  return [
    ...(path === mount && prefix !== '' ? block(`location = ${path}`, [`return 301 ${path}/$is_args$args;`]) : []),
    ...block(path === '/' ? 'location /' : `location ^~ ${path}/`, body),
    ...(path !== mount || hidden === undefined ? [] : block(`location = ${quoted(`${prefix}/${hidden}`)}`, ['return 404;'])),
    ...(strict ? [] : block(`location ${missing}`, [
      root,
      // A folder with a page of its own is asked for with a slash, so that the page's links lead where they should.
      'if (-f $document_root$uri/index.html) { rewrite "^(.*)$" "' + prefix + '$1/" permanent; }',
      service.fallback === undefined ? 'return 404;' : `try_files ${quoted(`/${service.fallback}`)} =404;`,
    ])),
  ];
}

/** The environment file as it would be asked for below a folder, or undefined when it is not in there. */
function envPath(directory: string, envFile: string): string | undefined {
  if (directory === '.') return envFile;
  return envFile.startsWith(`${directory}/`) ? envFile.slice(directory.length + 1) : undefined;
}

/** A path as a regular expression that matches it alone. */
function literally(path: string): string {
  return path.replace(/[.+]/g, '\\$&');
}
