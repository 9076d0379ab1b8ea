import type { SiteConfig } from '../config/schema.js';
import { UserError } from '../evidence/errors.js';
import type { Member } from '../release/fleet.js';
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
      return { observed: change.installed ? 'the site is served over https' : served === 'reloaded' ? 'nginx was reloaded with the new certificate' : 'nginx has it already' };
    },
  );
}
