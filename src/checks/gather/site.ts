import { lookup as systemLookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Config, Environment } from '../../config/schema.js';
import { UserError } from '../../evidence/errors.js';
import { probeDns } from '../../probe/dns.js';
import { probePage, type PageFacts } from '../../probe/page.js';
import { probeTls, type TlsFacts } from '../../probe/tls.js';
import { asksFamily } from '../run.js';
import type { NameFacts, SiteFacts } from '../site-facts.js';

export interface SiteQuestions {
  readonly config: Config;
  /** Its hosts are those that take part. */
  readonly environment: Environment;
  /** The repository's folder on the runner. */
  readonly workspace: string;
  readonly signal?: AbortSignal;
  /** Default: both. */
  readonly families?: readonly ('dns' | 'tls')[];
  /** All addresses of a name as this machine would connect to them; for tests. */
  readonly lookup?: (name: string) => Promise<readonly string[]>;
  /** Servers in place of the machine's own resolver; for tests. */
  readonly system?: readonly string[];
  /** The port of plain http; for tests. */
  readonly httpPort?: number;
}

/** As many addresses of a name are asked for their certificate: behind large networks there can be dozens. */
const MOST_ADDRESSES = 8;
/** Names that the world's DNS does not know (RFC 6761, RFC 8375, .internal). */
const LOCAL = /(?:^|\.)(?:localhost|local|test|invalid|internal|home\.arpa|lan)$/;

/** Asks the DNS and the site itself what `preflight.dns` and `preflight.tls` want to know; all names at once. */
export async function gatherSite(questions: SiteQuestions): Promise<SiteFacts> {
  const { config, families = ['dns', 'tls'] } = questions;
  const wants = (family: 'dns' | 'tls'): boolean => families.includes(family) && asksFamily(family, config.preflight.severity);
  const [names, served] = await Promise.all([
    wants('dns') ? gatherNames(questions) : undefined,
    wants('tls') ? gatherServed(questions) : undefined,
  ]);
  return { ...(names === undefined ? {} : { names }), ...served };
}

/** The https URL of the environment, if that is what it has. */
function secureUrl({ url }: Environment): URL | undefined {
  return url?.startsWith('https://') === true ? new URL(url) : undefined;
}

function domainsOf(config: Config, environment: Environment): readonly string[] {
  return config.site === undefined ? [] : environment.domains ?? config.site.domains;
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];
const bare = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');

/** The names whose records are asked for: those that a person has put into the DNS. */
function dnsNames(config: Config, environment: Environment): string[] {
  const url = secureUrl(environment);
  return unique([...(url === undefined ? [] : [bare(url)]), ...domainsOf(config, environment), ...config.preflight.dns.names])
    .filter((name) => isIP(name) === 0 && name.includes('.') && !/(?:^|\.)localhost$/.test(name));
}

/** The names that are to have a certificate, and the port each is served at. */
export function tlsNames(config: Config, environment: Environment): { name: string; port: number }[] {
  const url = secureUrl(environment);
  const domains = url !== undefined || config.site?.tls !== undefined ? domainsOf(config, environment) : [];
  const port = Number(url?.port || 443);
  return unique([...(url === undefined ? [] : [bare(url)]), ...domains, ...config.preflight.tls.names]).map((name) => ({ name, port }));
}

async function gatherNames(questions: SiteQuestions): Promise<NameFacts[]> {
  const { config, environment, system } = questions;
  const { resolvers, issuer, timeout } = config.preflight.dns;
  const expected = await expectedAddresses(questions);
  // Where the team has a certificate of its own, no authority is asked for one.
  const own = config.site?.tls?.certificate !== undefined;
  return Promise.all(dnsNames(config, environment).map(async (name) => ({
    ...expected,
    ...await probeDns(name, {
      resolvers: LOCAL.test(name) ? [] : resolvers, limit: timeout,
      ...(issuer === false || own ? {} : { issuer }),
      ...(system === undefined ? {} : { system }),
    }),
  })));
}

/** What the names should lead to: what the config says, or the hosts as far as their addresses are public. */
async function expectedAddresses({ config, environment, lookup = lookupAll }: SiteQuestions): Promise<Pick<NameFacts, 'expected' | 'unknown'>> {
  if (config.preflight.dns.addresses.length > 0) return { expected: config.preflight.dns.addresses };
  const found = await Promise.all(environment.hosts.map(async ({ address }) => (isIP(address) === 0 ? lookup(address).catch(() => []) : [address])));
  const expected = unique(found.flat());
  const hidden = environment.hosts.some(({ jump }) => jump !== undefined) || expected.some(isPrivate);
  if (hidden) return { expected: [], unknown: 'the hosts are reached at private addresses or through a jump host: name the public ones under preflight.dns.addresses' };
  return expected.length === 0 ? { expected, unknown: 'the names of the hosts do not resolve' } : { expected };
}

/** Addresses that mean nothing outside (RFC 1918, 6598, 3927, 4193, 4291). */
export function isPrivate(address: string): boolean {
  return /^(10\.|127\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/.test(address) || /^(::1$|f[cd]|fe[89ab])/i.test(address);
}

async function gatherServed(questions: SiteQuestions): Promise<Pick<SiteFacts, 'tls' | 'pages'>> {
  const { config, environment, workspace, signal, httpPort, lookup = lookupAll } = questions;
  const { timeout: limit } = config.preflight.tls;
  const ca = await privateCa(config.preflight.tls.ca, workspace);
  const options = { limit, ...(ca === undefined ? {} : { ca }), ...(signal === undefined ? {} : { signal }) };
  const names = await Promise.all(tlsNames(config, environment).map(async ({ name, port }): Promise<{ tls: TlsFacts[]; page?: PageFacts }> => {
    const addresses = isIP(name) === 0 ? (await lookup(name).catch(() => [])).slice(0, MOST_ADDRESSES) : [name];
    if (addresses.length === 0) return { tls: [{ name, address: '', port, failure: { kind: 'no-name', message: 'the name has no address' } }] };
    const tls = await Promise.all(addresses.map((address) => probeTls({ name, address, port }, options)));
    const alive = tls.find(({ failure }) => failure === undefined);
    if (alive === undefined) return { tls };
    // Pages are asked where TLS was, so that both rows speak of the same server.
    const page = await probePage(name, { ...options, port, connectTo: { [name]: { address: alive.address } }, ...(httpPort === undefined ? {} : { httpPort }) });
    return { tls, page };
  }));
  return { tls: names.flatMap(({ tls }) => tls), pages: names.flatMap(({ page }) => page ?? []) };
}

async function lookupAll(name: string): Promise<string[]> {
  return unique((await systemLookup(name, { all: true })).map(({ address }) => address));
}

async function privateCa(file: string | undefined, workspace: string): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    const text = await readFile(join(workspace, file), 'utf8');
    if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  } catch (error) {
    throw new UserError(`preflight.tls.ca: ${file} cannot be read: ${(error as Error).message}`, { remedy: 'Name a file of the repository; the step needs a checkout of it.' });
  }
  throw new UserError(`preflight.tls.ca: ${file} holds no certificate in PEM`, { remedy: 'Export the root certificate as PEM (-----BEGIN CERTIFICATE-----).' });
}
