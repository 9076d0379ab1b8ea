import { randomBytes } from 'node:crypto';
import { environmentOf } from '../config/environment.js';
import { servicesOn } from '../config/roles.js';
import { LETS_ENCRYPT } from '../config/schema/tls.js';
import type { SiteConfig } from '../config/schema.js';
import { resolveVariables } from '../config/variables.js';
import { messageOf, UserError } from '../evidence/errors.js';
import { onEvery } from '../release/fleet.js';
import { decide, type Decision } from '../site/certificate.js';
import { explainFailure } from '../site/certificate-errors.js';
import { asksPort80, certificateName, hasTrial, proofArguments, requestArguments } from '../site/certificate-request.js';
import { certificateOf } from '../site/nginx.js';
import { planServers } from '../site/plan.js';
import { checkNames, checkReach, refuse, requireHost, type Addresses } from './certbot-checks.js';
import { CertbotHost, type CertificateFindings } from './certbot-host.js';
import { useOwnCertificate } from './certbot-own.js';
import { followUp, renewals, type Place } from './certbot-site.js';
import { holdingFleet, lookingAtFleet, type FleetSession } from './fleet-session.js';
import { noted, recorded, type RunContext } from './run-context.js';

/** What `certbot` may be told beside the configuration. */
export interface CertbotOptions {
  /** A new certificate, however long the one that is there is valid. */
  readonly forceRenewal?: boolean | undefined;
  /** Prove that certbot can renew it alone, also when nothing was issued. */
  readonly proveRenewal?: boolean | undefined;
}

/**
 * The certificate of the site: asked for where there is none, extended where it lacks a name, renewed where it ends soon, and
 * else left alone. Before the authority is asked, everything is asked that it would stumble over.
 * @throws UserError saying what to mend; the certificate before it goes on being served.
 */
export async function certbot(context: RunContext, options: CertbotOptions): Promise<void> {
  const { site } = context.config;
  const tls = site?.tls;
  if (site === undefined || tls === undefined) {
    throw new UserError(`${context.config.app} has no \`site.tls\`, so it asks for no certificate`, { remedy: 'Add it: `site: { domains: [...], tls: { email: ops@example.com } }`.' });
  }
  const own = tls.certificate !== undefined;
  if (!own && asksPort80(tls)) refuseSeveralHosts(context, site, tls.mode);
  const parameters = parametersOf(context, site, tls);
  const body = async ({ members }: FleetSession): Promise<void> => {
    const serving = members.filter(({ name }) => hasSite(site, context, name));
    if (serving.length === 0) throw new UserError('no host of the environment has the site', { remedy: 'Its routes lead to services that run on none of them: see `roles`.' });
    const said = await onEvery(serving, async (member) => {
      const host = new CertbotHost(member, parameters);
      const found = await host.look();
      if (!found.root) throw new UserError(`${member.name}: ${member.host.connection.user} may not become root, which certificates need`, { remedy: 'Allow it sudo, or pass sudo-password.' });
      const place = { member, host, site, tls, found };
      return own ? useOwnCertificate(context, place) : lookAfter(context, place, options);
    });
    context.outputs.outcome = `${context.plan ? 'plan only: ' : ''}${[...new Set(said)].join('; ')}`;
  };
  await (context.plan ? lookingAtFleet(context, false, body) : holdingFleet(context, false, body));
}

function hasSite(site: SiteConfig, context: RunContext, name: string): boolean {
  return planServers(site, servicesOn(context.config.services, context.environment.hosts.find((host) => host.name === name))).length > 0;
}

/** The authority asks whichever host the name leads it to, and that one must have the answer. */
function refuseSeveralHosts(context: RunContext, site: SiteConfig, mode: string): void {
  const { hosts } = environmentOf(context.config, context.environmentName);
  const serving = hosts.filter((host) => planServers(site, servicesOn(context.config.services, host)).length > 0);
  if (serving.length <= 1) return;
  throw new UserError(`${serving.length} hosts stand behind ${site.domains.join(', ')} (${serving.map(({ name }) => name).join(', ')}): with \`mode: ${mode}\` the authority may come to any of them, and only one would have the answer`, {
    remedy: 'Prove the names in the DNS (`site.tls.mode: dns` with `dns.authenticate`), or bring a certificate of your own (`site.tls.certificate` and `key`). Nothing was changed.',
  });
}

function parametersOf(context: RunContext, site: SiteConfig, tls: NonNullable<SiteConfig['tls']>): Record<string, string> {
  const files = certificateOf(site);
  return {
    sudo_password: context.credentials.sudoPassword ?? '', name: certificateName(site), certificate: files?.certificate ?? '', key: files?.key ?? '',
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
  };
}

/** The account with the authority, whose variables are needed only when it is asked. */
function accountOf(context: RunContext, { tls }: Place): Record<string, string> {
  if (tls.account === undefined) return {};
  const { keyId, key } = resolveVariables(tls.account, context.lookup, 'site.tls.account');
  context.redactor.add(key);
  return { key_id: keyId, key_secret: key };
}

async function lookAfter(context: RunContext, place: Place, options: CertbotOptions): Promise<string> {
  const { site, tls, found, member } = place;
  const decision = decide(
    { ...(found.certificate === undefined ? {} : { certificate: found.certificate }), ...(found.key === undefined ? {} : { keyMatches: found.key === 'matches' }), ...(found.server === undefined ? {} : { server: found.server }) },
    { names: site.domains, server: tls.server, renewBefore: tls.renewBefore, force: options.forceRenewal === true, now: context.now().getTime() },
  );
  sayRemoved(context, place, decision);
  const lacking = requireHost(context, place, decision);
  const names = decision.action === 'keep' ? undefined : await checkNames(context, place);
  const failures = [...lacking, ...(names?.stumbles ?? [])];
  if (context.plan) return planOf(context, place, decision, failures);
  refuse(failures);
  if (decision.action === 'keep') {
    context.reporter.step(member.name, `the certificate is left alone: ${decision.why}`);
    noted(context, { id: 'certbot.certificate', phase: 'certbot', title: 'There is a certificate for all names', subject: member.name, status: 'pass', expected: site.domains.join(', '), observed: `left alone: ${decision.why}` });
  } else {
    await issue(context, place, decision, decision.action, names?.addresses ?? new Map());
  }
  await followUp(context, place);
  const lacked = await renewals(context, place, decision.action !== 'keep');
  if (decision.action === 'issue' || options.proveRenewal === true) await proveRenewal(context, place, decision.action === 'issue');
  return decision.action === 'keep' ? `nothing to do: ${decision.why}${lacked ? '; the renewals were put right' : ''}` : `${WORDS[decision.action]}: ${site.domains.join(', ')}`;
}

/** What certbot says every time. */
const CHATTER = /^(?:- )+-?\s*$|^If you like Certbot|^ \* Donating|^Ask for help or search|^Hook 'deploy-hook' ran with error output|\[notice\] .* signal process started/;
const WORDS = { issue: 'issued', expand: 'extended', renew: 'renewed' } as const;

function sayRemoved(context: RunContext, { member, site }: Place, { removed, action }: Decision): void {
  if (removed.length === 0) return;
  const kept = action === 'keep';
  const observed = `the certificate is also for ${removed.join(', ')}, which ${removed.length === 1 ? 'is' : 'are'} not among the domains any more; ${kept ? 'it stays so' : 'the new one will not be'}`;
  noted(context, {
    id: 'certbot.removed', phase: 'certbot', title: 'The certificate has no other names', subject: member.name, status: 'warn', expected: site.domains.join(', '), observed,
    ...(kept ? { remedy: 'A name that leads elsewhere makes renewals fail: `slipway certbot <environment> --force-renewal` asks for one without it.' } : {}),
  });
  context.reporter.warn(`${member.name}: ${observed}`);
}

async function planOf(context: RunContext, place: Place, { action, why }: Decision, failures: readonly { text: string; remedy?: string }[]): Promise<string> {
  const { member, site, tls, host, found } = place;
  for (const { text, remedy } of failures) context.reporter.warn(`${member.name}: would stop here: ${text}${remedy === undefined ? '' : ` → ${remedy}`}`);
  const text = action === 'keep' ? `the certificate would be left alone: ${why}`
    : `would ask ${tls.server === LETS_ENCRYPT ? "Let's Encrypt" : tls.server} for ${site.domains.join(', ')} (mode ${tls.mode}): ${why}`;
  context.reporter.step(member.name, text);
  if (found.certbot !== undefined) for (const what of (await host.renewal('plan')).lacks) context.reporter.step(member.name, `would put right: ${what}`);
  return text;
}

/** Opens the way, asks, and closes it again whatever came of it. */
async function issue(context: RunContext, place: Place, decision: Decision, action: 'issue' | 'expand' | 'renew', addresses: Addresses): Promise<void> {
  const { host, tls, site, member } = place;
  const through = throughNginx(tls);
  const nonce = randomBytes(12).toString('hex');
  let put = false;
  let done = false;
  try {
    if (through) {
      const opened = await host.open(nonce, site.domains);
      ({ put } = opened);
      refuse(await checkReach(context, place, addresses, nonce, opened.lacking));
    }
    if (action === 'issue' && hasTrial(tls)) {
      await ask(context, place, requestArguments(site, tls, member.host.place, action, true), { id: 'certbot.trial', title: 'A trial with the authority succeeds', observed: "Let's Encrypt's staging issued a certificate, which was thrown away" });
    }
    await ask(context, place, requestArguments(site, tls, member.host.place, action, false), { id: 'certbot.certificate', title: 'There is a certificate for all names', observed: `${WORDS[action]}, as ${decision.why}` }, async () => {
      const now = await host.look();
      const lacking = now.certificate === undefined ? site.domains : decide({ certificate: now.certificate }, { names: site.domains, server: tls.server, renewBefore: 0, force: false, now: context.now().getTime() }).added;
      if (lacking.length > 0 || now.certificate?.serial === place.found.certificate?.serial) {
        throw new UserError(`${member.name}: certbot ended well, but ${certificateOf(site)?.certificate ?? ''} holds no new certificate for ${site.domains.join(', ')}`, { remedy: 'See `certbot certificates` on the host: another certificate may have taken the name.' });
      }
      return now.certificate;
    });
    done = true;
  } finally {
    if (through) await closeAgain(context, place, put && !done ? 'undo' : 'keep');
  }
}

async function ask(context: RunContext, place: Place, args: readonly string[], step: { id: string; title: string; observed: string }, proof?: () => Promise<CertificateFindings['certificate']>): Promise<void> {
  const { host, site, tls } = place;
  await recorded(
    context,
    { id: step.id, phase: 'certbot', title: step.title, subject: host.name, expected: site.domains.join(', ') },
    async () => {
      const run = await host.ask(args, args[0] === 'renew' ? {} : accountOf(context, place));
      for (const line of run.said.split('\n')) if (line.trim() !== '' && !CHATTER.test(line)) context.reporter.line(host.name, line);
      if (run.code !== 0) {
        const { message, remedy } = explainFailure(`${run.said}\n${run.log}`, { names: site.domains, mode: tls.mode, server: tls.server, now: context.now() });
        throw new UserError(`${host.name}: ${message}`, { remedy: `${remedy}${place.found.certificate === undefined ? '' : ' The certificate before goes on being served.'}` });
      }
      return proof?.();
    },
    (made) => ({ observed: made === undefined ? step.observed : `${step.observed}; by ${made.issuer}, until ${new Date(made.validTo).toISOString().slice(0, 10)}`, ...(made === undefined ? {} : { data: { serial: made.serial, names: made.names } }) }),
  );
}

/** @param isNew the live site may not know the names yet: until the next deploy the way to the authority is opened as for the certificate itself. */
async function proveRenewal(context: RunContext, place: Place, isNew: boolean): Promise<void> {
  const { host, site, tls } = place;
  const prove = (): Promise<void> => ask(context, place, proofArguments(site, tls), { id: 'certbot.renewal', title: 'A renewal by the timer succeeds', observed: 'certbot renew --dry-run succeeded' });
  if (!isNew || !throughNginx(tls)) return prove();
  try {
    await host.open(randomBytes(12).toString('hex'), site.domains);
    await prove();
  } finally {
    await closeAgain(context, place, 'keep');
  }
}

function throughNginx({ mode }: Place['tls']): boolean {
  return mode === 'webroot' || mode === 'nginx';
}

/** The next run takes away what could not be taken away now; the error that led here says more. */
function closeAgain({ reporter }: RunContext, { host, member }: Place, how: 'keep' | 'undo'): Promise<void> {
  return host.close(how).catch((error: unknown) => reporter.warn(`${member.name}: ${messageOf(error)}`));
}
