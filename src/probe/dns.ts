import type { CaaRecord } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { askRaw, type RawAnswer } from './dns-query.js';

/** Why a question brought no records. */
export type DnsFault = 'no-name' | 'no-record' | 'servfail' | 'refused' | 'timeout' | 'unreachable' | 'bad-answer';

export interface AddressRecord {
  readonly address: string;
  /** Seconds, as the resolver told it: it counts down what it remembers. */
  readonly ttl: number;
}

/** What one resolver says about one name. */
export interface ResolverView {
  /** `system`, or its address. */
  readonly resolver: string;
  readonly a: readonly AddressRecord[] | DnsFault;
  readonly aaaa: readonly AddressRecord[] | DnsFault;
  /** Milliseconds until the slower of both answers. */
  readonly time: number;
}

export interface CaaFacts {
  /** Where the records were found when climbing up from the name; absent when there are none up to the top. */
  readonly at?: string;
  readonly records: readonly string[];
  /** Whether `issuer` may issue, by RFC 8659. */
  readonly permits: boolean;
  /** The question could not be answered; an authority then refuses too. */
  readonly fault?: DnsFault;
}

export interface DnsFacts {
  readonly name: string;
  readonly views: readonly ResolverView[];
  /** Where the name is an alias, of what. */
  readonly cname?: string;
  /** Types of records that stand beside the alias under the same name, which no alias may have (RFC 1034 §3.6.2). */
  readonly besideCname: readonly string[];
  /** Only when an issuer was asked about. */
  readonly caa?: CaaFacts;
}

export interface DnsOptions {
  /** Addresses (with port, `203.0.113.1:53`) of resolvers asked besides the system's. */
  readonly resolvers: readonly string[];
  /** Instead of the machine's own resolver; for tests. */
  readonly system?: readonly string[];
  /** The authority whose right to issue is asked for, such as letsencrypt.org. */
  readonly issuer?: string;
  /** Milliseconds for each question. */
  readonly limit: number;
}

const FAULTS: Readonly<Record<string, DnsFault>> = {
  ENOTFOUND: 'no-name', ENODATA: 'no-record', ESERVFAIL: 'servfail', EREFUSED: 'refused', ETIMEOUT: 'timeout', ECONNREFUSED: 'unreachable',
};

function faultOf(error: unknown): DnsFault {
  return FAULTS[(error as { code?: string }).code ?? ''] ?? 'bad-answer';
}

function resolverFor(servers: readonly string[] | undefined, limit: number): Resolver {
  // One retry: a lost packet is no fault of the zone.
  const resolver = new Resolver({ timeout: Math.ceil(limit / 2), tries: 2 });
  if (servers !== undefined) resolver.setServers(servers.map((server) => (isIP(server) === 6 ? `[${server}]` : server)));
  return resolver;
}

/** Asks every resolver for the addresses of a name, and the system's for its alias and CAA records. Never throws. */
export async function probeDns(name: string, options: DnsOptions): Promise<DnsFacts> {
  const system = resolverFor(options.system, options.limit);
  const [views, alias, caa] = await Promise.all([
    Promise.all([
      view('system', system, name, options.limit),
      ...options.resolvers.map((server) => view(server, resolverFor([server], options.limit), name, options.limit)),
    ]),
    askAlias(system.getServers()[0], name, options.limit),
    options.issuer === undefined ? undefined : askCaa(system, name, options.issuer, options.limit),
  ]);
  return { name, views, ...alias, ...(caa === undefined ? {} : { caa }) };
}

async function view(title: string, resolver: Resolver, name: string, limit: number): Promise<ResolverView> {
  const started = performance.now();
  const [a, aaaa] = await Promise.all([
    limited(resolver.resolve4(name, { ttl: true }), limit).catch(faultOf),
    limited(resolver.resolve6(name, { ttl: true }), limit).catch(faultOf),
  ]);
  return { resolver: title, a, aaaa, time: performance.now() - started };
}

/** c-ares waits longer with each try; the limit is for all of them. */
async function limited<T>(asked: Promise<T>, limit: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([asked, new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(Object.assign(new Error('no answer'), { code: 'ETIMEOUT' })), limit);
    })]);
  } finally {
    clearTimeout(timer);
  }
}

async function askAlias(server: string | undefined, name: string, limit: number): Promise<Pick<DnsFacts, 'cname' | 'besideCname'>> {
  if (server === undefined) return { besideCname: [] };
  // Answers to three questions show whatever stands under the very same name.
  const answers = await Promise.all((['A', 'MX', 'SOA'] as const).map((type) => askRaw(server, name, type, limit)));
  const own = answers.flatMap((answer: RawAnswer | undefined) => answer?.records ?? []).filter(({ owner }) => owner === name.toLowerCase());
  const cname = own.find(({ type }) => type === 'CNAME')?.target;
  if (cname === undefined) return { besideCname: [] };
  return { cname, besideCname: [...new Set(own.map(({ type }) => type).filter((type) => type !== 'CNAME'))] };
}

/** The names an authority asks for CAA records, nearest first; it takes the first that has any (RFC 8659 §3). */
export function climb(name: string): string[] {
  const labels = name.split('.');
  return labels.map((_, index) => labels.slice(index).join('.'));
}

async function askCaa(resolver: Resolver, name: string, issuer: string, limit: number): Promise<CaaFacts> {
  for (const at of climb(name)) {
    try {
      const records = await limited(resolver.resolveCaa(at), limit);
      if (records.length === 0) continue;
      const issue = records.flatMap((record) => (record.issue === undefined ? [] : [record.issue]));
      const known = new Set(['critical', 'type', 'issue', 'issuewild', 'iodef', 'contactemail', 'contactphone', 'issuemail']);
      const forbidding = records.some((record) => record.critical !== 0 && Object.keys(record).some((key) => !known.has(key)));
      const permits = !forbidding && (issue.length === 0 || issue.some((value) => value.split(';')[0]?.trim().toLowerCase() === issuer));
      return { at, permits, records: records.map(written) };
    } catch (error) {
      const fault = faultOf(error);
      if (fault !== 'no-name' && fault !== 'no-record') return { records: [], permits: false, fault };
    }
  }
  return { records: [], permits: true };
}

/** As it stands in a zone: `0 issue "letsencrypt.org"`. */
function written(record: CaaRecord): string {
  const tag = (['issue', 'issuewild', 'iodef', 'contactemail', 'contactphone'] as const).find((name) => record[name] !== undefined);
  return `${record.critical} ${tag ?? 'another tag'} "${tag === undefined ? '' : record[tag] ?? ''}"`;
}
