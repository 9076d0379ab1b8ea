import type { SiteConfig } from '../config/schema.js';
import { UserError } from '../evidence/errors.js';
import type { Member } from '../release/fleet.js';
import { renewalDoubt } from '../site/certificate-request.js';
import type { CertbotHost, CertificateFindings } from './certbot-host.js';
import { recorded, type RunContext } from './run-context.js';

/** One host whose certificate is looked after. */
export interface Place {
  readonly member: Member;
  readonly host: CertbotHost;
  readonly site: SiteConfig;
  readonly tls: NonNullable<SiteConfig['tls']>;
  readonly found: CertificateFindings;
}

/** A release that is live is served over https from now on; before the first deploy there is nothing to serve. */
export async function followUp(context: RunContext, { member, host, site }: Place): Promise<void> {
  const release = member.findings.current;
  if (release === '') {
    context.reporter.step(member.name, 'no release is live yet: the first deploy serves it over https');
    return;
  }
  await recorded(
    context,
    { id: 'certbot.site', phase: 'certbot', title: 'nginx serves the certificate', subject: member.name, expected: site.domains.join(', ') },
    async () => {
      const change = await member.host.site(release);
      for (const text of change.warnings) context.reporter.warn(`${member.name}: ${text}`);
      const served = change.secure ? await host.serve(site.domains[0] ?? '') : undefined;
      if (served === 'other') throw new UserError(`${member.name}: nginx was reloaded and answers with another certificate`, { remedy: 'Does another site of the host have the name, or does something else hold port 443? `nginx -T` shows all sites.' });
      return { change, served };
    },
    ({ change, served }) => {
      if (served === undefined) return { status: 'warn', observed: `${release} is served over http`, remedy: 'It was deployed before `site.tls` was set: deploy once more.' };
      if (served === 'unnamed') return { status: 'warn', observed: `${release} is for other names, and is served with their certificate`, remedy: 'Deploy once more: the site then has the names and this certificate.' };
      return { observed: change.installed ? 'the site is served over https' : served === 'reloaded' ? 'nginx was reloaded with the new certificate' : 'nginx has it already' };
    },
  );
}

/**
 * The host's own timer and the hook that reloads nginx: what they lack is put right.
 * @param asked certbot has just got a certificate, and has written down how.
 * @returns whether anything was.
 */
export async function renewals(context: RunContext, { host, tls, found }: Place, asked: boolean): Promise<boolean> {
  const { lacks } = await recorded(
    context,
    { id: 'certbot.timer', phase: 'certbot', title: 'The host renews the certificate by itself', subject: host.name, expected: 'a timer that is on, and a hook that reloads nginx' },
    () => host.renewal('apply'),
    ({ lacks: mended, timer }) => {
      const doubt = renewalDoubt(tls, asked ? undefined : found.plugin, found.port80.some(({ name }) => name === 'nginx'));
      const said = [timer === 'none' ? 'nothing starts certbot' : timer, ...(mended.length === 0 && doubt === undefined ? ['as it should be'] : mended.map((text) => `put right: ${text}`)), ...(doubt === undefined ? [] : [doubt])];
      const remedies = [
        ...(timer === 'none' ? ["Install certbot from the system's packages (apt-get install certbot), which brings a timer; or run `certbot renew` twice a day by yours."] : []),
        ...(timer === 'cron' && tls.ca !== undefined ? ["cron does not know the private authority's root: add REQUESTS_CA_BUNDLE=/etc/letsencrypt/slipway-roots.pem to /etc/cron.d/certbot."] : []),
        ...(doubt === undefined ? [] : [`Ask once more in a mode that works with nginx running: \`slipway certbot ${context.environmentName} --force-renewal\`.`]),
      ];
      return { observed: said.join('; '), ...(remedies.length === 0 ? {} : { status: 'warn', remedy: remedies.join(' ') }) };
    },
  );
  return lacks.length > 0;
}
