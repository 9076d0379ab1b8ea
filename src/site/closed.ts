import type { Names } from './names.js';
import type { SitePlace } from './nginx.js';
import { block, quoted } from './text.js';

/** While this file is in the app's root folder, nginx answers 503 on every route: no reload, no root. */
export const MARKER = '.slipway/maintenance';

/** A page of the team's own, in the root of the release. */
const OWN_PAGE = 'maintenance.html';

/** Seconds after which clients should ask again. */
const RETRY_AFTER = 120;

const PAGE = '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
  + '<meta http-equiv="refresh" content="30"><title>Back in a few minutes</title>'
  + '<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem}</style></head>'
  + '<body><h1>Back in a few minutes</h1><p>We are updating this site. Nothing is lost; this page asks again by itself.</p></body></html>\n';

/** Beside the servers: what a closed site says, and to whom. */
export function closedMaps(names: Names): string[] {
  const of = names.variable;
  const asks = (answer: string): string => `@${names.id}_${answer}`;
  return [
    // An empty value is no header.
    ...block(`map ${of('closed')} ${of('retry')}`, [`closed ${RETRY_AFTER};`, 'default "";']),
    // Which answer belongs to a 503 of nginx's own. A browser asks for text/html, too.
    ...block(`map "${of('closed')}:$http_accept" ${of('sorry')}`, [
      `"~^closed:.*text/html" ${asks('closed')};`, `"~^closed:.*application/([a-z.]+[+])?json" ${asks('closed_json')};`, `"~^closed:" ${asks('closed')};`, `default ${asks('none')};`,
    ]),
  ];
}

/** In each server, before its locations: closed while the marker is there, but for what Slipway itself and certificates ask. */
export function closedLines({ root }: SitePlace, names: Names): string[] {
  const closed = names.variable('closed');
  return [
    `set ${closed} "";`,
    `if (-e ${quoted(`${root}/${MARKER}`)}) { set ${closed} closed; }`,
    `if ($uri ~ "^/(\\.slipway/slot$|\\.well-known/acme-challenge/)") { set ${closed} ""; }`,
    `if (${closed}) { return 503; }`,
  ];
}

/** What answers a 503 of nginx's own: nothing is live, or the site is closed. The status stays. */
export function sorryLocations(names: Names): string[] {
  // Whatever the path ends in, the answer is a page.
  const html = ['types { }', 'default_type text/html;'];
  const at = (name: string): string => `location @${names.id}_${name}`;
  return [
    `error_page 503 ${names.variable('sorry')};`,
    ...block(at('none'), ['types { }', 'default_type text/plain;', 'return 503 "No release is live here, or nginx cannot see it.\\n";']),
    ...block(at('closed'), [
      ...html,
      // A file answers only these; a form that was sent gets the page as well.
      `if ($request_method !~ "^(GET|HEAD)$") { return 503 ${literal(PAGE)}; }`,
      `try_files /${OWN_PAGE} @${names.id}_closed_page;`,
    ]),
    ...block(at('closed_page'), [...html, `return 503 ${literal(PAGE)};`]),
    ...block(at('closed_json'), ['types { }', 'default_type application/json;', `return 503 ${literal('{"error":"maintenance","message":"Closed for maintenance; try again in a few minutes."}\n')};`]),
  ];
}

/** `quoted`, for a text that ends in a line break. */
function literal(text: string): string {
  return quoted(text.trimEnd()).replace(/"$/, '\\n"');
}
