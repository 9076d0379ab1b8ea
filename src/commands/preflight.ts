import { failedVisit, probeDirect, visitHost } from '../checks/gather/host.js';
import { gatherRunnerFacts } from '../checks/gather/runner.js';
import { gatherSite } from '../checks/gather/site.js';
import type { Family } from '../checks/model.js';
import { roomForBackups } from '../checks/backup-room.js';
import { runPreflight } from '../checks/run.js';
import type { Config } from '../config/schema.js';
import { environmentOf } from '../config/environment.js';
import { UserError } from '../evidence/errors.js';
import type { Evidence } from '../evidence/record.js';
import { renderTable } from '../evidence/table.js';
import { scriptText } from '../host/script.js';
import { onEvery } from '../release/fleet.js';
import { connect } from '../ssh/connect.js';
import { visitDatabases } from './preflight-databases.js';
import { partOf, readParts } from './preflight-parts.js';
import type { RunContext } from './run-context.js';
import { requireWindow, windowFacts, windowNow, type WindowChoice } from './window.js';

export interface PreflightOptions extends WindowChoice {
  /** What is to be released: `refs/tags/v1.2.3` or `v1.2.3`. */
  readonly tag?: string | undefined;
  /** Which parts to ask, commas or blanks between: repository, build, hosts. Default: all of them. */
  readonly part?: string | undefined;
  /** Refuse to go on while the window is closed: for the first job of a release. */
  readonly requireWindow?: boolean | undefined;
  /** Refuse what is no tag: for a release that somebody started by hand, from a branch. */
  readonly requireTag?: boolean | undefined;
  /** Only these families; default: all of the parts. */
  readonly families?: ReadonlySet<Family> | undefined;
}

/**
 * Preflight: asks runner, repository, GitHub, hosts and environment everything the catalogue knows; all hosts at once, one round
 * trip each. Changes nothing.
 * @throws UserError when a check that blocks has failed.
 */
export async function preflight(context: RunContext, options: PreflightOptions): Promise<void> {
  const { config } = context;
  const roles = ({ role }: { role: string }): string => role;
  context.outputs.signOff = { before: (config.signOff?.before ?? []).map(roles), after: (config.signOff?.after ?? []).map(roles) };
  if (options.requireTag === true && (options.tag === undefined || options.tag.startsWith('refs/heads/'))) {
    throw new UserError('this run is of no tag, and only a tag is released', { remedy: 'Push one (git tag -a v1.2.3 -m v1.2.3 && git push origin v1.2.3), or choose one under "Use workflow from". Where branches are released: `require-tag: false`.' });
  }
  if (options.requireWindow === true) await requireWindow(context, 'plan', options);
  const records = await askPreflight(context, options);
  const failed = records.filter(({ status }) => status === 'fail');
  const warned = records.filter(({ status }) => status === 'warn').length;
  context.outputs.outcome = `${records.length - failed.length - warned} of ${records.length} checks pass, ${failed.length} fail, ${warned} warn`;
  if (failed.length > 0) {
    throw new UserError(
      `preflight: ${failed.length} ${failed.length === 1 ? 'check' : 'checks'} failed:\n${failed.map((record) => `    ${record.subject}: ${record.title}: ${record.observed ?? ''}${record.remedy === undefined ? '' : ` → ${record.remedy}`}`).join('\n')}`,
      { remedy: 'Nothing was changed. A check that does not matter here can be set to `warn` or `off` under `preflight.severity`.' },
    );
  }
}

/** Asks the catalogue and shows the answers. Judges nothing. */
export function askPreflight(context: RunContext, options: PreflightOptions): Promise<Evidence[]> {
  const { config, environment, environmentName, credentials, reporter, signal } = context;
  const parts = readParts(options.part);
  return reporter.group(`Preflight of ${environmentName}`, async () => {
    const [window, runner, github, site, hosts] = await Promise.all([
      parts.has('repository') ? windowNow(context) : undefined,
      gatherRunnerFacts({ config: parts.has('build') ? config : withoutTests(config), workspace: context.workspace, env: context.runnerEnv, reporter, signal, ...(options.tag === undefined ? {} : { ref: options.tag }), ...(context.originEnv === undefined ? {} : { originEnv: context.originEnv }) }),
      config.preflight.github === undefined || !parts.has('repository') ? undefined : context.repositoryState?.(options.tag),
      // A host that was left out is one of the site's still.
      !parts.has('hosts') ? undefined : gatherSite({ config, environment: environmentOf(config, environmentName), workspace: context.workspace, signal }),
      // Not all at once: the time a connection takes is measured, and the runner's processor is not what it should tell of.
      onEvery(parts.has('hosts') ? environment.hosts : [], async (host) => {
        const started = performance.now();
        try {
          const connection = await connect(host, credentials, { signal, debug: (text) => reporter.debug(text) });
          try {
            const visit = await visitHost(connection, {
              script: scriptText('preflight'), config, environment, host, signal, plan: context.plan,
              connectTime: performance.now() - started,
              sudoPassword: credentials.sudoPassword !== undefined,
            });
            const databases = visit.facts === undefined ? [] : await visitDatabases(context, host, connection);
            return { visit: { ...visit, backupRoom: roomForBackups(databases) }, databases };
          } finally {
            await connection.close();
          }
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          return { visit: failedVisit(host, error, host.jump === undefined ? undefined : await probeDirect(host.address, host.port)), databases: [] };
        }
      }, { atOnce: 10 }),
    ]);
    const found = runPreflight({
      config, environment: environmentName, hosts: hosts.map(({ visit }) => visit), databases: hosts.flatMap(({ databases }) => databases), runner, ...(site === undefined ? {} : { site }), reporter, now: context.now(),
      lookup: context.lookup, asks: (family) => parts.has(partOf(family)) && options.families?.has(family) !== false,
      ...(window === undefined ? {} : { window: windowFacts(window) }),
      ...(github === undefined ? {} : { github }),
      ...(context.appEnv === undefined ? {} : { appEnv: context.appEnv }),
    });
    reporter.block(renderTable(found));
    return found;
  });
}

/** Without the team's own commands, which need what the build needs. */
function withoutTests(config: Config): Config {
  const { coverage: _, bundle: __, audit: ___, ...preflight } = config.preflight;
  return { ...config, preflight: { ...preflight, tests: [] } };
}
