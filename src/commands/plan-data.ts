import type { Member } from '../release/fleet.js';
import { savedByDeploy } from './data-backup.js';
import { dataSites } from './data-places.js';
import type { RunContext } from './run-context.js';

/** Whether a deploy may have to close the site for its migrations. */
export function mayClose({ config }: Pick<RunContext, 'config'>): boolean {
  return Object.values(config.databases).some(({ migrate, migrations }) => migrate !== undefined && migrations === 'breaking');
}

/** What a deploy would do to the data on a host, for its plan. */
export function planData(context: RunContext, members: readonly Member[], member: Member): string[] {
  const closing = mayClose(context);
  const page = context.config.site === undefined ? 'there is no site, so no page: services are just stopped meanwhile' : 'the site answers 503 with Retry-After meanwhile';
  const sites = dataSites(context, members, ({ migrate }) => migrate !== undefined).filter((site) => site.member === member);
  return [
    ...(closing ? [`stop all services if migrations are pending, as they are breaking: ${page}; no timer goes back, and there is no warm way back`] : []),
    ...sites.flatMap((site) => {
      const { migrate, migrations, onFailure } = site.database;
      return [
        ...(savedByDeploy(site) ? [`back up ${site.name}, and read the backup back`] : []),
        ...(migrate === undefined ? [] : [
          `migrate ${site.name}, once for all hosts: ${migrate} (${migrations}); if it fails ${migrations === 'breaking' || onFailure === 'restore' ? 'the backup goes back' : 'the data is left as it is'}`,
        ]),
      ];
    }),
  ];
}
