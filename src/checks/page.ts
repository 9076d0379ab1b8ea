import type { PageFacts } from '../probe/page.js';
import { fail, pass, skip, verdict, type PageCheck } from './model.js';
import { readCsp } from './measure/csp.js';

/**
 * What the site answers over http and https, judged by what the public graders publish: "HTTP Observatory Scoring
 * Methodology" (Mozilla, https://github.com/mozilla/http-observatory/blob/main/httpobs/docs/scoring.md), and for HSTS also
 * the "SSL Server Rating Guide" (SSL Labs). An A+ there is 100 points: no rule below may cost any. What the release itself
 * decides only warns before a deploy, which may be the one that mends it.
 */

/** Half a year, as the Observatory counts it; SSL Labs takes 180 days. */
const HALF_A_YEAR = 15_768_000;

const base = { family: 'tls', scope: 'page', severity: 'warn' } as const;

interface Hsts {
  readonly maxAge?: number;
  readonly subdomains: boolean;
  readonly preload: boolean;
}

/** RFC 6797 §6.1: the first header counts; a directive twice, or no max-age, makes it void. */
function readHsts(header: string): Hsts {
  const directives = (header.split(',')[0] ?? '').split(';').map((part) => part.trim()).filter(Boolean).map((part): [string, string] => {
    const [name = '', value = ''] = part.split('=');
    return [name.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, '$1')];
  });
  const names = directives.map(([name]) => name);
  const age = directives.find(([name]) => name === 'max-age')?.[1] ?? '';
  const valid = new Set(names).size === names.length && /^\d+$/.test(age);
  return { ...(valid ? { maxAge: Number(age) } : {}), subdomains: names.includes('includesubdomains'), preload: names.includes('preload') };
}

/** Whether the header is worth anything, and what it says. */
function hstsOf({ first }: PageFacts): Hsts | undefined {
  return first?.hsts === undefined ? undefined : readHsts(first.hsts);
}

export const page: readonly PageCheck[] = [
  {
    ...base, id: 'preflight.tls.start-page', smoke: 'block',
    title: 'The start page is served over https',
    requirement: ['TL-06'],
    remedy: 'Open it in a browser; the logs of nginx and of the service say more.',
    run({ first, page: read, error }) {
      const expected = 'an answer below 500, or a redirect within https';
      // Why there is no TLS at all is told by preflight.tls.answers.
      if (first === undefined) return fail(error ?? 'no answer', expected);
      if (read === undefined) return verdict(error?.startsWith('leads to https:') === true, error, expected);
      return verdict(read.status < 500, `${read.status} from ${read.url}`, expected);
    },
  },
  {
    // Observatory: −20 without, −10 when the first step is not to https, −5 when it leaves the host.
    ...base, id: 'preflight.tls.redirect', smoke: 'block',
    title: 'Plain http leads to https of the same name, in one step',
    requirement: ['TL-03'],
    remedy: 'In the server block of port 80: `return 301 https://$host$request_uri;`. The step to another name (www) comes after that, over https: else the browser learns no HSTS for this one.',
    run({ http, name }) {
      const expected = `a redirect to https://${name}/`;
      if ('closed' in http) return pass('port 80 is closed: nothing to lead away', expected);
      if ('error' in http) return fail(http.error, expected);
      if (http.to === undefined) return fail(`${http.status}, served over plain http`, expected);
      const target = new URL(http.to);
      return verdict(target.protocol === 'https:' && target.hostname === name, `${http.status} to ${http.to}`, expected);
    },
  },
  {
    ...base, id: 'preflight.tls.redirect-permanent',
    title: 'The redirect to https is permanent',
    requirement: ['TL-03'],
    remedy: 'Answer with 301 or 308: a temporary redirect is asked for anew each time, in the open.',
    run({ http }) {
      if (!('status' in http) || http.to === undefined) return undefined;
      return verdict(http.status === 301 || http.status === 308, `${http.status}`, '301 or 308');
    },
  },
  {
    // Observatory: −20 without, −10 below half a year. SSL Labs: A+ only with a long max-age.
    ...base, id: 'preflight.tls.hsts', smoke: 'block',
    title: 'HSTS holds for half a year or longer',
    requirement: ['TL-06'],
    remedy: 'Set `site.hsts: 365d` (or add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;) once everything works over https.',
    run(facts) {
      if (facts.first === undefined) return undefined;
      const expected = `Strict-Transport-Security with max-age of ${HALF_A_YEAR} or more`;
      const hsts = hstsOf(facts);
      if (hsts === undefined) return fail('no such header', expected);
      if (hsts.maxAge === undefined) return fail(`not valid: ${facts.first.hsts ?? ''}`, expected);
      return verdict(hsts.maxAge >= HALF_A_YEAR, `max-age=${hsts.maxAge}${hsts.preload ? ', preload asked for' : ', no preload'}`, expected, { data: { preload: hsts.preload } });
    },
  },
  {
    ...base, id: 'preflight.tls.hsts-subdomains',
    title: 'HSTS holds for subdomains too',
    requirement: ['TL-06'],
    remedy: 'Add includeSubDomains once every subdomain has https: without it a made-up subdomain can set cookies for the site.',
    run(facts) {
      const hsts = hstsOf(facts);
      if (hsts?.maxAge === undefined) return undefined;
      return verdict(hsts.subdomains, facts.first?.hsts, 'includeSubDomains');
    },
  },
  {
    // Observatory: −25 without.
    ...base, id: 'preflight.tls.csp',
    title: 'The start page has a Content-Security-Policy',
    requirement: ['TL-06', 'SM-22'],
    remedy: "Set `site.content-security-policy`, beginning with: default-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'none'. Try it as Content-Security-Policy-Report-Only first.",
    run: ({ page: read }) => (read?.html !== true ? undefined : header(read.headers['content-security-policy'], () => true, 'a policy')),
  },
  {
    // Observatory: −20 for unsafe-inline in script-src and for insecure schemes, −10 for unsafe-eval.
    ...base, id: 'preflight.tls.csp-scripts',
    title: 'The Content-Security-Policy keeps foreign scripts out',
    requirement: ['TL-06', 'SM-22'],
    remedy: "Name where scripts come from, without 'unsafe-inline', 'unsafe-eval', *, https:, http: or data:; scripts within the page get a nonce or a hash.",
    run({ page: read }) {
      const policy = read?.headers['content-security-policy'];
      if (read?.html !== true || policy === undefined) return undefined;
      const { loose } = readCsp(policy);
      return verdict(loose.length === 0, loose.length === 0 ? 'no loose source of scripts' : `scripts may come from ${loose.join(', ')}`, 'named sources alone');
    },
  },
  {
    // Observatory: −20 without; frame-ancestors does as well.
    ...base, id: 'preflight.tls.frame',
    title: 'Other sites cannot put the page into a frame',
    requirement: ['TL-06'],
    remedy: "Send X-Frame-Options: SAMEORIGIN (Slipway's site does) or frame-ancestors in the Content-Security-Policy.",
    run({ page: read }) {
      if (read?.html !== true) return undefined;
      const { ancestors } = readCsp(read.headers['content-security-policy'] ?? '');
      if (ancestors !== undefined) return verdict(!ancestors.includes('*'), `frame-ancestors ${ancestors.join(' ')}`, 'frame-ancestors or X-Frame-Options');
      return header(read.headers['x-frame-options'], (value) => /^(deny|sameorigin)$/i.test(value), 'frame-ancestors, or X-Frame-Options: DENY or SAMEORIGIN');
    },
  },
  {
    // Observatory: −5 without.
    ...base, id: 'preflight.tls.nosniff',
    title: 'Browsers may not guess content types',
    requirement: ['TL-06'],
    remedy: "Send X-Content-Type-Options: nosniff (Slipway's site does).",
    run: ({ page: read }) => (read === undefined ? undefined : header(read.headers['x-content-type-options'], (value) => /^nosniff(\s*,|$)/i.test(value), 'X-Content-Type-Options: nosniff')),
  },
  {
    // Observatory: −5 for unsafe-url, no-referrer-when-downgrade and origin alike.
    ...base, id: 'preflight.tls.referrer',
    title: 'Addresses of pages are not told to other sites',
    requirement: ['TL-06'],
    remedy: "Send Referrer-Policy: strict-origin-when-cross-origin (Slipway's site does), or a stricter one.",
    run: ({ page: read }) => (read?.html !== true ? undefined
      // The last policy that browsers know counts.
      : header(read.headers['referrer-policy'], (value) => PRIVATE_REFERRER.has(value.split(',').map((part) => part.trim().toLowerCase()).findLast((part) => REFERRER.has(part)) ?? ''),
        'no-referrer, same-origin, strict-origin or strict-origin-when-cross-origin')),
  },
  {
    // SSL Labs' assessment policy for 2017: no mixed content.
    ...base, id: 'preflight.tls.mixed-content', smoke: 'block',
    title: 'The start page loads nothing over plain http',
    requirement: ['TL-06'],
    remedy: 'Write https:// or a path into the page: browsers block scripts and styles that come over plain http. What scripts load later is not seen here.',
    run({ page: read }) {
      if (read === undefined) return undefined;
      if (!read.html) return skip('the start page is no HTML', 'no http:// in what the page loads');
      if (readCsp(read.headers['content-security-policy'] ?? '').upgrades) return pass('upgrade-insecure-requests', 'no http:// in what the page loads');
      return verdict(read.mixed.length === 0, read.mixed.length === 0 ? 'nothing' : read.mixed.slice(0, 5).join(', '), 'no http:// in what the page loads');
    },
  },
];

const PRIVATE_REFERRER = new Set(['no-referrer', 'same-origin', 'strict-origin', 'strict-origin-when-cross-origin']);
const REFERRER = new Set([...PRIVATE_REFERRER, 'unsafe-url', 'origin', 'origin-when-cross-origin', 'no-referrer-when-downgrade']);

function header(value: string | undefined, good: (value: string) => boolean, expected: string): ReturnType<typeof pass> {
  if (value === undefined) return fail('no such header', expected);
  return verdict(good(value.trim()), value.length > 200 ? `${value.slice(0, 200)}…` : value, expected);
}
