import * as z from 'zod';
import { formatDuration, parseLifetime } from '../duration.js';
import { formatRate, parseRate, type Rate } from '../rate.js';
import { duration, name, size, text, whole } from './fields.js';
import { headerName } from './names.js';
import { codec, oneOrMany, parsed, record, section } from './section.js';
import { domain, headerValue, sitePath, siteRoute, trustedProxy } from './site-fields.js';
import { cacheRules } from './site-own-rules.js';
import { tls } from './tls.js';

/** Months and years, which no timer has to wait for. */
const lifetime = (description: string) => parsed<number>(parseLifetime, formatDuration, description, ['30d', '365d', '12h']);

const serviceName = text('The service that answers.', 'backend');

const route = section('Where requests below a path go.', {
  service: serviceName,
  limit: text('The rate limit that holds here: a name from `limits`.', 'api').exactOptional(),
  upload: size('The largest body a request may have here, instead of `site.upload`.').exactOptional(),
  timeout: duration('How long the service may be silent before the request ends with 504, instead of `timeouts.read` and `.send`.').exactOptional(),
  log: z.boolean().prefault(true).meta({ description: 'Whether requests are written to the access log; false for health questions.' }),
  buffering: z.boolean().prefault(true).meta({ description: 'False hands on answers and uploads as they come: for server-sent events and streams.' }),
});

/** Where requests below a path go. */
export type Route = z.output<typeof route>;

const DAY = 86_400_000;
const YEAR = 365 * DAY;

const hstsSection = section('HSTS in detail.', {
  'max-age': lifetime('How long browsers are to use https alone.').prefault('365d'),
  'include-subdomains': z.boolean().prefault(true).meta({ description: 'Whether that holds for all subdomains too.' }),
  preload: z.boolean().prefault(false).meta({ description: 'Whether browsers may build the rule in (hstspreload.org).' }),
});
type Hsts = z.output<typeof hstsSection>;
const hstsAge = lifetime('How long browsers are to use https alone, for all subdomains too.');

const limit = section('A rate of requests that one address may have.', {
  rate: parsed<Rate>(parseRate, formatRate, 'Requests per second or minute.', ['10/s', '60/m']),
  burst: whole(0, 100_000, 'How many requests beyond the rate are still answered at once.', 20).prefault(0),
});

const timeouts = section('How long nginx waits for a service.', {
  connect: duration('Until a connection must stand.').prefault('60s'),
  send: duration('Between two pieces of a request that the service takes.').prefault('60s'),
  read: duration('Between two pieces of an answer.').prefault('60s'),
  keepalive: duration(
    'How long an idle connection to a service is kept. Must be shorter than the service keeps it, or requests meet a closed door (Node: 5 s).',
  ).prefault('1s'),
});

/** What nginx serves for the app. */
export const site = section('The web site: nginx in front of the services, on every host that runs one of them.', {
  domains: z.array(domain).min(1).meta({ description: 'The names the site answers to; the first is the main one.' }),
  routes: record(
    siteRoute,
    codec<z.ZodUnion<[typeof route, typeof serviceName]>, Route>(z.union([route, serviceName]), {
      decode: (value) => (typeof value === 'string' ? { service: value, log: true, buffering: true } : value),
      encode: (value) => value,
    }),
  ).meta({
    description: 'Which service answers below which path: `/api`, or `api.example.com/` for one of the domains alone. The longest path wins.',
    examples: [{ '/': 'frontend', '/api': 'backend' }],
  }),
  headers: record(headerName, headerValue)
    .prefault({})
    .meta({
      description:
        'Response headers, in place of what the services send. false takes one of the default ones away: X-Frame-Options, X-Content-Type-Options, Referrer-Policy, X-XSS-Protection.',
      examples: [{ 'X-Frame-Options': 'DENY' }],
    }),
  'content-security-policy': text('The header Content-Security-Policy.', "default-src 'self'")
    .refine((value) => !/[^\x20-\x7e\s]|\$/.test(value), { error: 'must consist of ASCII characters, without $' })
    .overwrite((value) => value.replace(/\s+/g, ' '))
    .exactOptional(),
  hsts: codec<z.ZodUnion<[typeof hstsSection, z.ZodLiteral<false>, typeof hstsAge]>, Hsts | false>(z.union([hstsSection, z.literal(false), hstsAge]), {
    decode: (value) => (typeof value === 'number' ? { maxAge: value, includeSubdomains: true, preload: false } : value),
    encode: (value) => value,
  })
    .prefault({ 'max-age': `${YEAR / DAY}d` })
    .meta({ description: 'Strict-Transport-Security, sent over https only: a duration, a mapping, or false. Default: 365d with subdomains.' }),
  gzip: z.boolean().prefault(true).meta({ description: 'Whether texts are sent compressed.' }),
  upload: size('The largest body a request may have.').prefault('10MB'),
  cache: record(sitePath, lifetime('How long browsers may keep what is below the path.'))
    .prefault({})
    .meta({
      description: 'Folders whose files never change under their name, and how long browsers keep them. Pages of static services are asked for anew each time.',
      examples: [{ '/assets': '365d' }],
    }),
  limits: record(name('The name of a rate limit, such as api.'), limit).prefault({}).meta({
    description: 'Rates of requests per address, for routes to name; what goes beyond is answered with 429.',
    examples: [{ api: { rate: '10/s', burst: 20 } }],
  }),
  timeouts: timeouts.prefault({}),
  'trusted-proxies': oneOrMany(trustedProxy)
    .prefault([])
    .meta({ description: 'Addresses of load balancers in front of the hosts: from them alone X-Forwarded-For and X-Forwarded-Proto are believed.' }),
  drain: duration('How long requests and connections that are still open in the old slot may take to end before it is stopped.').prefault('30s'),
  tls: tls.exactOptional(),
}, { rules: cacheRules });
