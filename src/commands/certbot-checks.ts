import { dns } from '../checks/dns.js';
import { gatherSite } from '../checks/gather/site.js';
import { severityOf } from '../checks/run.js';
import type { NameFacts } from '../checks/site-facts.js';
import { environmentOf } from '../config/environment.js';
import { LETS_ENCRYPT } from '../config/schema/tls.js';
import { UserError } from '../evidence/errors.js';
import { ProbeError } from '../probe/explain.js';
import { exchange } from '../probe/http.js';
import type { Decision } from '../site/certificate.js';
import { asksPort80, certificateName } from '../site/certificate-request.js';
import type { Place } from './certbot-site.js';
import { noted, type RunContext } from './run-context.js';

/** Something the authority, or certbot, would stumble over. */
export interface Stumble {
  readonly text: string;
  readonly remedy?: string;
}

/** @throws UserError naming all of them, when there are any. */
export function refuse(stumbles: readonly Stumble[]): void {
  if (stumbles.length === 0) return;
  throw new UserError(`the authority was not asked, since it would refuse:\n${stumbles.map(({ text }) => `    ${text}`).join('\n')}`, {
    remedy: [...new Set(stumbles.flatMap(({ remedy }) => remedy ?? []))].join('\n'),
  });
}

/** What the host lacks: programs, port 80, a folder that is certbot's. */
export function requireHost(context: RunContext, place: Place, { action }: Decision): Stumble[] {
  const { found, tls, site, member } = place;
  const stumbles: Stumble[] = [];
  const lack = (text: string, remedy: string): void => {
    stumbles.push({ text: `${member.name}: ${text}`, remedy });
  };
  const packages = [...(found.certbot === undefined ? ['certbot'] : []), ...(found.nginx === undefined && tls.mode !== 'standalone' ? ['nginx'] : [])];
  if (packages.length > 0) lack(`${packages.join(' and ')} ${packages.length === 1 ? 'is' : 'are'} not installed`, `On the host: sudo apt-get install ${packages.join(' ')}; or prepare it whole: slipway server ${context.environmentName}.`);
  if (action !== 'keep' && found.unmanaged) {
    lack(`/etc/letsencrypt/live/${certificateName(site)} is there, but certbot does not know it`, 'Move the folder away, or name its files under `site.tls.certificate` and `key`.');
  }
  if (action !== 'keep' && asksPort80(tls)) stumbles.push(...portStumbles(place));
  record(context, 'certbot.host', 'The host has what a certificate needs', member.name, `certbot, nginx${asksPort80(tls) ? ', port 80' : ''}`, stumbles, `certbot ${found.certbot ?? ''}, nginx ${found.nginx ?? ''}`);
  return stumbles;
}

function portStumbles({ found, tls, member }: Place): Stumble[] {
  const others = found.port80.filter(({ name }) => name !== 'nginx');
  if (tls.mode === 'standalone') {
    const holder = found.port80[0];
    if (holder === undefined || (tls.stopNginx && others.length === 0)) return [];
    return [{ text: `${member.name}: ${holder.name} (process ${holder.pid}) holds port 80, which certbot needs in \`mode: standalone\``, remedy: holder.name === 'nginx' ? 'Use `mode: webroot`, which works beside nginx; or set `stop-nginx: true`, and the site stands still meanwhile.' : stopText(holder) }];
  }
  return others.map((holder) => ({ text: `${member.name}: ${holder.name} (process ${holder.pid}${holder.unit === '' ? '' : `, ${holder.unit}`}) holds port 80, not nginx: the authority would ask it`, remedy: stopText(holder) }));
}

function stopText({ name, pid, unit }: { name: string; pid: string; unit: string }): string {
  if (name === 'docker-proxy') return 'A container publishes port 80 (`docker ps --filter publish=80`): give it another port.';
  return unit.endsWith('.service') ? `On the host: sudo systemctl disable --now ${unit}` : `On the host, see what it is and end it: ps -fp ${pid}; sudo kill ${pid}`;
}

/** Whom CAA records must name, by the directory; the configuration's word where it is another than the default's. */
const ISSUERS: Readonly<Record<string, string>> = {
  'acme-v02.api.letsencrypt.org': 'letsencrypt.org', 'acme-staging-v02.api.letsencrypt.org': 'letsencrypt.org', 'acme.zerossl.com': 'sectigo.com',
  'dv.acme-v02.api.pki.goog': 'pki.goog', 'api.buypass.com': 'buypass.com', 'acme.ssl.com': 'ssl.com',
};

/** The issuer to ask CAA for; false: it cannot be known. */
export function issuerOf(server: string, configured: string | false): string | false {
  if (configured === false) return false;
  const known = ISSUERS[new URL(server).hostname];
  return server === LETS_ENCRYPT || configured !== 'letsencrypt.org' ? configured : known ?? false;
}

/** Where the names lead to, as far as the DNS was asked. */
export type Addresses = ReadonlyMap<string, readonly string[]>;

/** What the DNS says of each name. Nothing is asked when `preflight.severity` has the family off. */
export async function checkNames(context: RunContext, { site, tls }: Place, system?: readonly string[]): Promise<{ stumbles: Stumble[]; addresses: Addresses }> {
  const { config, environmentName, workspace, signal } = context;
  const environment = environmentOf(config, environmentName);
  const asking = { ...config, preflight: { ...config.preflight, dns: { ...config.preflight.dns, issuer: issuerOf(tls.server, config.preflight.dns.issuer) } } };
  const { names = [] } = await gatherSite({ config: asking, environment, workspace, signal, families: ['dns'], ...(system === undefined ? {} : { system }) });
  const stumbles: Stumble[] = [];
  const addresses = new Map<string, readonly string[]>();
  const world = { config: asking, environment, environmentName, now: context.now() };
  for (const facts of names.filter(({ name }) => site.domains.includes(name))) {
    addresses.set(facts.name, addressesOf(facts));
    for (const check of dns) {
      // With a record in the DNS nobody comes to the host.
      if (!asksPort80(tls) && check.id !== 'preflight.dns.caa') continue;
      if (check.severity !== 'block' || severityOf(check, config.preflight.severity) !== 'block') continue;
      const outcome = check.run(facts, world);
      if (outcome === undefined) continue;
      const bad = outcome.result === 'fail' ? [{ text: `${facts.name}: ${check.title}: ${outcome.observed ?? ''}`, remedy: outcome.remedy ?? check.remedy }] : [];
      stumbles.push(...bad);
      context.reporter.evidence({
        id: check.id.replace(/^preflight/, 'certbot'), phase: 'certbot', title: check.title, subject: facts.name, status: outcome.result,
        ...(outcome.expected === undefined ? {} : { expected: outcome.expected }), ...(outcome.observed === undefined ? {} : { observed: outcome.observed }),
        ...(bad[0]?.remedy === undefined ? {} : { remedy: bad[0].remedy }), at: context.now().toISOString(), duration: outcome.duration ?? 0,
      });
    }
  }
  return { stumbles, addresses };
}

function addressesOf({ views }: NameFacts): readonly string[] {
  return [...new Set(views.flatMap(({ a, aaaa }) => [a, aaaa].flatMap((answer) => (typeof answer === 'string' ? [] : answer.map(({ address }) => address)))))];
}

/** Milliseconds; an authority waits no longer. */
const LIMIT = 10_000;
const NO_ROUTE = new Set(['ENETUNREACH', 'EADDRNOTAVAIL', 'EHOSTUNREACH']);

/**
 * Fetches the file that the host has put, as the authority will: through each name, at each of its addresses (or those of
 * `preflight.dns.addresses` where the DNS was not asked).
 * @param lacking names that nginx itself does not answer.
 */
export async function checkReach(context: RunContext, place: Place, addresses: Addresses, nonce: string, lacking: readonly { name: string; status: string }[]): Promise<Stumble[]> {
  const { site, member } = place;
  const stumbles: Stumble[] = lacking.map(({ name, status }) => ({
    text: `${member.name}: nginx itself answers ${status === '000' ? 'nothing' : status} for ${name}`,
    remedy: `Another site of the host may have the name: \`sudo nginx -T | grep -n ${name}\`. Can nginx's user enter every folder above ${member.host.place.root}/.slipway/acme?`,
  }));
  if (lacking.length > 0) {
    record(context, 'certbot.reach', 'Port 80 of the name reaches this nginx', member.name, 'the file that was put there', stumbles, '');
    return stumbles;
  }
  for (const name of site.domains) {
    const asked = addresses.get(name) ?? context.config.preflight.dns.addresses;
    const answers = await Promise.all(asked.map(async (address) => ({ address, answer: await fetchNonce(context, name, address, nonce) })));
    const bad = answers.flatMap(({ address, answer }) => (answer.bad === undefined ? [] : [{ text: `${name} at ${address}: ${answer.bad}`, ...(answer.remedy === undefined ? {} : { remedy: answer.remedy }) }]));
    stumbles.push(...bad);
    const seen = answers.map(({ address, answer }) => `${address}: ${answer.bad ?? answer.good ?? ''}`).join(', ');
    if (asked.length > 0) record(context, 'certbot.reach', 'Port 80 of the name reaches this nginx', name, 'the file that was put there', bad, seen);
  }
  return stumbles;
}

async function fetchNonce({ signal }: RunContext, name: string, address: string, nonce: string): Promise<{ good?: string; bad?: string; remedy?: string }> {
  const url = new URL(`http://${name}/.well-known/acme-challenge/slipway-${nonce}`);
  try {
    const { status, headers, body } = await exchange({ method: 'GET', url, headers: {}, body: undefined }, { connectTo: { [name]: { address } }, bodyLimit: 10_000 }, LIMIT, signal);
    if (status === 200 && body.toString('utf8').trim() === nonce) return { good: 'this nginx' };
    // An authority follows redirects, also to https, whatever the certificate there.
    if (status >= 300 && status < 400) return { good: `a redirect to ${headers.location ?? ''}, which the authority follows` };
    return { bad: `another server answers (${status}${headers['server'] === undefined ? '' : `, ${String(headers['server'])}`})`, remedy: `Point ${name} to this host; a proxy or load balancer before it must hand /.well-known/acme-challenge/ on to its port 80.` };
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    const code = (error.cause as { code?: unknown } | undefined)?.code;
    if (address.includes(':') && typeof code === 'string' && NO_ROUTE.has(code)) return { good: 'not asked: there is no IPv6 here' };
    return { bad: error.message, remedy: 'Let port 80 (TCP) in from everywhere: the firewall of the host (`sudo ufw allow 80/tcp`) and that of the provider. Authorities ask from many places, which they do not tell.' };
  }
}

function record(context: RunContext, id: string, title: string, subject: string, expected: string, stumbles: readonly Stumble[], observed: string): void {
  const remedy = stumbles[0]?.remedy;
  noted(context, {
    id, phase: 'certbot', title, subject, status: stumbles.length === 0 ? 'pass' : 'fail', expected, observed: stumbles.length === 0 ? observed : stumbles.map(({ text }) => text).join('; '),
    ...(remedy === undefined ? {} : { remedy }),
  });
}
