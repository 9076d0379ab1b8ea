import type { Family } from '../checks/model.js';
import type { Scenario } from '../config/schema.js';
import { UserError } from '../evidence/errors.js';
import { formatCount } from '../evidence/format.js';
import type { Evidence } from '../evidence/record.js';
import { alarmsOf, answeredKeys, changesFor } from '../watch/alarms.js';
import { runSmoke } from '../probe/scenario.js';
import { askPreflight } from './preflight.js';
import { recorded, type RunContext } from './run-context.js';

/** What changes by itself while nobody deploys: names, certificates, disks, backups, clocks, updates. */
const FAMILIES: ReadonlySet<Family> = new Set<Family>(['network', 'dns', 'tls', 'resources', 'databases', 'clock', 'monitors', 'hardening']);

/**
 * One look at what is live: the preflight checks of what changes by itself, and the smoke scenarios that only read. For each
 * thing that is not as it should be there is one open issue; one that is over is closed.
 * @throws UserError when something is critical, or when the issues could not be brought up to date.
 */
export async function watch(context: RunContext): Promise<void> {
  const { environmentName: environment, reporter, outputs, plan } = context;
  const records = [...(await askPreflight(context, { part: 'hosts', families: FAMILIES })), ...(await availability(context))];
  const alarms = alarmsOf(environment, records);
  const critical = alarms.filter(({ severity }) => severity === 'critical');
  const said = `${formatCount(critical.length, 'critical alarm')}, ${formatCount(alarms.length - critical.length, 'warning')}`;
  outputs.outcome = said;
  await reporter.group('Issues', async () => {
    const board = await context.alarmBoard?.();
    if (board === undefined) {
      reporter.warn('no issue is opened or closed: there is no token to ask GitHub with (github-token)');
      return;
    }
    const changes = changesFor(environment, alarms, await board.open(), answeredKeys(environment, records));
    outputs.outcome = `${said}; ${changes.length === 0 ? 'no issue to change' : `${plan ? 'would change ' : ''}${formatCount(changes.length, 'issue')}`}`;
    for (const change of changes) {
      if (plan) reporter.step('GitHub', `would ${change.do}: ${change.title}`);
      else {
        await recorded(
          context,
          { id: 'watch.issue', phase: 'watch', title: change.title, subject: 'GitHub', expected: 'one open issue for each alarm' },
          () => board.apply(change),
          (address) => ({ observed: `${DONE[change.do]} ${address}` }),
        );
      }
    }
  });
  if (critical.length > 0) {
    throw new UserError(`watch: ${formatCount(critical.length, 'critical alarm')}:\n${critical.map(({ subject, title, observed, remedy }) => `    ${subject}: ${title}: ${observed}${remedy === undefined ? '' : ` → ${remedy}`}`).join('\n')}`);
  }
}

const DONE = { open: 'opened', update: 'updated', close: 'closed' } as const;

/** The smoke scenarios that change nothing: a watch runs day and night, and must not place an order each time. */
async function availability(context: RunContext): Promise<Evidence[]> {
  const { config, environment, lookup, signal, workspace, runnerEnv, reporter, redactor } = context;
  const scenarios = config.smoke.filter(onlyReads);
  if (environment.url === undefined || scenarios.length === 0) {
    reporter.warn('availability is not watched: that takes `url` of the environment and a smoke scenario that only reads (GET)');
    return [];
  }
  const baseUrl = environment.url;
  return reporter.group('Availability', () => runSmoke(scenarios, { baseUrl, lookup, release: undefined, signal, cwd: workspace, env: runnerEnv, reporter, redactor }));
}

function onlyReads({ steps }: Scenario): boolean {
  return steps.every((step) => 'method' in step && (step.method === 'GET' || step.method === 'HEAD'));
}
