import { UserError } from '../evidence/errors.js';
import { onEvery, type Member } from '../release/fleet.js';
import { isInstalled, renderSite, type SiteFiles } from '../site/files.js';
import { servicesOf } from './fleet-session.js';
import { recorded, type RunContext } from './run-context.js';

/** The site's files for a host, by what runs there; undefined when it has none. */
export function siteFor(context: Pick<RunContext, 'config' | 'environment' | 'environmentName'>, member: Pick<Member, 'name'>): SiteFiles | undefined {
  const { config, environment, environmentName } = context;
  const place = { app: config.app, environment: environmentName, root: environment.root, envFile: config.release.envFile };
  return renderSite(place, config.site, servicesOf(context, member));
}

/** The hosts whose nginx does not have the site as this release has it: for the others there is nothing to do. */
function outdated(context: RunContext, members: readonly Member[]): Member[] {
  return members.filter((member) => {
    const files = siteFor(context, member);
    return files !== undefined && !isInstalled(member.findings.site, files);
  });
}

/**
 * Brings the site of a staged release to nginx where it changed, before the switch: a step of its own, as a switch needs
 * neither root nor a reload.
 * @param changed learns the hosts on which nginx was reloaded, also when another one fails.
 * @throws UserError with nginx's words; on that host nginx goes on with what it had.
 */
export async function bringSite(context: RunContext, members: readonly Member[], release: string, changed: Set<Member>): Promise<void> {
  const asked = outdated(context, members);
  if (asked.length === 0) return;
  const { domains = [], tls } = context.config.site ?? {};
  await context.reporter.group('Bring the site to nginx', () =>
    onEvery(asked, (member) =>
      recorded(
        context,
        { id: 'deploy.site', phase: 'deploy', title: 'nginx serves the site', subject: member.name, expected: `${domains.join(', ')}; nginx takes it with every other site of the host` },
        async () => {
          const change = await member.host.site(release).catch((error: unknown) => Promise.reject(withRemedy(error)));
          if (change.installed) changed.add(member);
          for (const text of change.warnings) context.reporter.warn(`${member.name}: ${text}`);
          return change;
        },
        ({ installed, secure }) => ({
          observed: `${installed ? 'nginx tested and reloaded' : 'nginx has it already'}: ${secure ? 'https' : 'http'}${tls !== undefined && !secure ? ', as there is no certificate on the host yet' : ''}`,
        }),
      ),
    ),
  );
}

function withRemedy(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if (!(error instanceof UserError) || error.remedy !== undefined) return error;
  return new UserError(error.message, { cause: error, remedy: 'Nothing was switched, and nginx goes on as before. Mend what nginx names (`sudo nginx -t` on the host), then run again.' });
}

/** Brings the site of a release that is live (again) to nginx. The site serves all the same: what fails is a warning. */
export async function followWithSite(context: RunContext, members: readonly Member[], releaseOf: (member: Member) => string): Promise<void> {
  if (context.config.site === undefined) return;
  await onEvery(members, async (member) => {
    const release = releaseOf(member);
    if (release === '') return;
    try {
      const { installed, warnings } = await member.host.site(release);
      if (installed) context.reporter.step(member.name, `nginx tested and reloaded with the site of ${release}`);
      for (const text of warnings) context.reporter.warn(`${member.name}: ${text}`);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      context.reporter.warn(`${member.name}: the site of ${release} was not brought to nginx: ${error.message}`);
    }
  });
}

/** What a deploy would do to nginx on a host, for its plan. */
export function planSite(context: RunContext, member: Member): string[] {
  if (outdated(context, [member]).length === 0) return [];
  const what = member.findings.site === undefined ? 'install the site' : 'renew the site';
  return [`${what} in nginx (${context.config.site?.domains.join(', ') ?? ''}), test it with every other site of the host, reload`];
}
