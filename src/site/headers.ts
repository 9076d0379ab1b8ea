import type { SiteConfig } from '../config/schema.js';
import type { Names } from './names.js';
import { block, quoted } from './text.js';

/** What a browser is told unless the service or slipway.yml says otherwise (requirement SV-08). */
const DEFAULTS: Readonly<Record<string, string>> = {
  'X-Frame-Options': 'SAMEORIGIN',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'strict-origin-when-cross-origin',
  'X-XSS-Protection': '1; mode=block',
};

/** The lines that make a site's response headers what they are to be. */
export interface HeaderLines {
  /** Beside the servers. */
  readonly maps: readonly string[];
  /** In each server, and nowhere below: a location with an add_header of its own would lose all of these. */
  readonly add: readonly string[];
  /** What services send under these names is replaced. In each server, and in locations that hide more. */
  readonly hide: readonly string[];
}

/**
 * Headers named in slipway.yml replace what services send; the default ones are added where a service sends none, so that
 * its own, stricter one stands. All of them are on errors too.
 */
export function headerLines(site: SiteConfig, names: Names, secure: boolean): HeaderLines {
  const named = new Map(Object.entries(site.headers).map(([header, value]) => [header.toLowerCase(), { header, value }]));
  const maps: string[] = [];
  const add: string[] = [];
  const hide: string[] = [];
  const replace = (header: string, value: string): void => {
    add.push(`add_header ${header} ${quoted(value)} always;`);
    hide.push(`proxy_hide_header ${header};`);
  };
  for (const [index, [header, value]] of Object.entries(DEFAULTS).entries()) {
    if (named.has(header.toLowerCase())) continue;
    const variable = names.variable(`h${index}`);
    // An empty value is no header.
    maps.push(...block(`map $upstream_http_${header.toLowerCase().replaceAll('-', '_')} ${variable}`, [`"" ${quoted(value)};`, 'default "";']));
    add.push(`add_header ${header} ${variable} always;`);
  }
  for (const { header, value } of named.values()) if (value !== '') replace(header, value);
  if (site.contentSecurityPolicy !== undefined) replace('Content-Security-Policy', site.contentSecurityPolicy);
  if (secure && site.hsts !== false) {
    const { maxAge, includeSubdomains, preload } = site.hsts;
    replace('Strict-Transport-Security', [`max-age=${Math.round(maxAge / 1000)}`, ...(includeSubdomains ? ['includeSubDomains'] : []), ...(preload ? ['preload'] : [])].join('; '));
  }
  // What a location wants kept, unless it is a page: pages name the files of their release.
  const kept = names.variable('kept');
  // The answer "not modified" has no type any more, but the name of the file.
  maps.push(...block(`map "${names.variable('cache')}:$sent_http_content_type:$uri" ${kept}`, [
    `"~^[^:]+:text/html" ${quoted(ASK_ANEW)};`, `"~^[^:]+:.*\\.html?$" ${quoted(ASK_ANEW)};`, `default ${names.variable('cache')};`,
  ]));
  add.push(`add_header Cache-Control ${kept};`);
  return { maps, add, hide };
}

/** Kept, and asked about before each use. */
export const ASK_ANEW = 'max-age=0, must-revalidate';

/** Cache-Control for what may be kept so many milliseconds. */
export function keepFor(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds === 0 ? ASK_ANEW : `public, max-age=${seconds}, immutable`;
}
