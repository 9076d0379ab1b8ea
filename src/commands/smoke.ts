import { writeFile, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Scenario } from '../config/schema.js';
import { variablesIn } from '../config/variables.js';
import { UserError } from '../evidence/errors.js';
import { renderJUnit } from '../evidence/junit.js';
import type { Evidence } from '../evidence/record.js';
import { gatherSite } from '../checks/gather/site.js';
import { runSiteSmoke } from '../checks/run.js';
import { planSmoke } from '../probe/plan.js';
import { runSmoke } from '../probe/scenario.js';
import { confirm } from './confirm.js';
import { commonCurrent, holdingFleet, lookingAtFleet, type FleetSession } from './fleet-session.js';
import { noted, type RunContext } from './run-context.js';

export interface SmokeOptions {
  /** Instead of the environment's URL. */
  readonly url?: string | undefined;
  /** Where to write a JUnit file. */
  readonly junit?: string | undefined;
  /** Whether the hosts can be reached, to read which release is live and to confirm it. */
  readonly hosts: boolean;
}

/**
 * Smoke: runs every scenario against the environment's URL; when all pass, the live release is confirmed as good.
 * @throws UserError naming the scenarios that failed.
 */
export async function smoke(context: RunContext, options: SmokeOptions): Promise<void> {
  if (context.config.smoke.length === 0) {
    throw new UserError('slipway.yml has no `smoke` scenarios', { remedy: 'Add at least one: `smoke: [{ name: health, get: /health }]`.' });
  }
  if (context.plan) {
    for (const line of planSmoke(context.config.smoke, options.url ?? context.environment.url)) context.reporter.step('runner', line);
    context.outputs.outcome = 'plan only: nothing was asked';
    return;
  }
  if (!options.hosts) {
    await context.reporter.group('Smoke', () => runSmokeOn(context, undefined, options));
    context.outputs.outcome = 'all scenarios passed; without access to the hosts no release was confirmed';
    return;
  }
  const live = await lookingAtFleet(context, false, (session) => Promise.resolve(readLive(context, session)));
  await context.reporter.group('Smoke', () => runSmokeOn(context, live, options));
  await holdingFleet(context, false, (session) => context.reporter.group('Confirm', () => confirmAfterSmoke(context, session, live)));
}

/** The scenarios alone. `release`: what the app should report. */
export async function runSmokeOn(
  context: RunContext,
  release: string | undefined,
  options: Pick<SmokeOptions, 'url' | 'junit'> & { readonly skipWithoutValues?: boolean } = {},
): Promise<void> {
  const { config, environmentName, reporter, signal, workspace, lookup } = context;
  const scenarios = options.skipWithoutValues === true ? runnable(context) : config.smoke;
  const answers: Evidence[] = await runSmoke(scenarios, {
    baseUrl: baseUrl(context, options.url),
    lookup,
    release,
    signal,
    cwd: workspace,
    env: context.runnerEnv,
    reporter,
    redactor: context.redactor,
  });
  const records = [...answers, ...(options.skipWithoutValues === true || options.url !== undefined ? [] : await smokeOfTls(context))];
  if (options.junit !== undefined) {
    await mkdir(dirname(options.junit), { recursive: true });
    await writeFile(options.junit, renderJUnit(`smoke ${config.app} ${environmentName}`, records));
  }
  const failed = records.filter((record) => record.status === 'fail');
  if (failed.length > 0) {
    throw new UserError(`smoke: ${failed.length} of ${records.length} steps failed:\n${failed.map((record) => `    ${record.title}: ${record.observed ?? 'failed'}`).join('\n')}`, {
      remedy: `To go back: slipway rollback ${environmentName}`,
    });
  }
}

/** The TLS checks of preflight once more, where `preflight.tls.smoke` asks for them. A way back must not hang on them. */
async function smokeOfTls({ config, environment, environmentName, workspace, signal, reporter, now }: RunContext): Promise<Evidence[]> {
  if (!config.preflight.tls.smoke) return [];
  const { tls = [], pages = [] } = await gatherSite({ config, environment, workspace, signal, families: ['tls'] });
  return runSiteSmoke({ config, environment: environmentName, site: { tls, pages }, reporter, now: now() });
}

/**
 * The scenarios whose variables all have values. A rollback on the worst day must not fail because nobody had the smoke
 * user's password at hand: what cannot be asked is said and passed over.
 */
function runnable(context: RunContext): Scenario[] {
  const captured = new Set(context.config.smoke.flatMap(({ steps }) => steps.flatMap((step) => ('capture' in step ? Object.keys(step.capture) : []))));
  return context.config.smoke.filter((scenario) => {
    const missing = variablesIn(scenario.steps).filter((name) => !captured.has(name) && context.lookup(name) === undefined);
    if (missing.length === 0) return true;
    const observed = `not run: no value for ${missing.join(', ')}`;
    context.reporter.warn(`smoke: ${scenario.name}: ${observed}`);
    noted(context, {
      id: 'smoke.without-values', phase: 'smoke', title: scenario.name, subject: context.environmentName, status: 'skip', observed,
      remedy: 'Give the variables in `app-env` or in the environment, then run `slipway smoke`.',
    });
    return false;
  });
}

/** Makes the release good, if it is still the one that was tested. */
export async function confirmAfterSmoke(context: RunContext, session: FleetSession, tested: string): Promise<void> {
  if (commonCurrent(session.members) !== tested) {
    throw new UserError(`another release became live while ${tested} was tested`, { remedy: 'Nothing was confirmed. Run smoke again.' });
  }
  const waiting = session.members.filter(({ findings }) => findings.history.releases.find(({ id }) => id === tested)?.state !== 'good');
  if (waiting.length === 0) {
    context.outputs.outcome = `${tested} passes; it was good already`;
    return;
  }
  await confirm(context, waiting, tested);
}

function readLive(context: RunContext, session: FleetSession): string {
  const live = commonCurrent(session.members);
  if (live === undefined) {
    throw new UserError(`the hosts run different releases: ${session.members.map(({ name, findings }) => `${name}: ${findings.current || 'none'}`).join('; ')}`, { remedy: 'Deploy or roll back first: all hosts must run the same release.' });
  }
  if (live === '') throw new UserError(`no release is live in ${context.environmentName}`, { remedy: 'Deploy first.' });
  context.outputs.release = live;
  return live;
}

function baseUrl(context: RunContext, override: string | undefined): string {
  const url = override ?? context.environment.url;
  if (url === undefined) throw new UserError(`environments.${context.environmentName}.url is not set, so smoke has nothing to ask`, { remedy: 'Set it in slipway.yml, or give the input `url`.' });
  return url;
}
