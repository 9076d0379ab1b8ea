import { batches } from '../config/batch.js';
import { formatBytes, formatCount, formatDuration } from '../evidence/format.js';
import { deltasOf } from '../release/deltas.js';
import { revertTarget, toPrune } from '../release/history.js';
import { releaseId } from '../release/id.js';
import { describeSwitch, startOrder } from '../services/render.js';
import { servicesOf, type FleetSession } from './fleet-session.js';
import { mayClose, planData } from './plan-data.js';
import type { PreparedRelease } from './prepare-release.js';
import type { RunContext } from './run-context.js';
import { planSite } from './site.js';
import { contentBytes } from './stage.js';

/** Says, host by host, what a deploy of this release would do. Changes nothing. */
export async function planDeploy(context: RunContext, session: FleetSession, prepared: PreparedRelease): Promise<void> {
  const { config, reporter, environment } = context;
  const release = releaseId(context.now(), prepared.commit);
  await reporter.group('Plan: what a deploy would do (nothing is changed)', () => {
    if (config.release.build.length > 0) reporter.step('runner', `would build first: ${config.release.build.join('; ')} (this plan shows the files as they are now)`);
    const deltas = deltasOf(session.members, prepared.manifest);
    for (const member of session.members) {
      const { name, findings } = member;
      const delta = deltas.get(member) ?? { send: [], link: [] };
      const services = servicesOf(context, member);
      if (findings.held !== undefined) reporter.warn(`${name}: the lease is held by ${findings.held.owner}`);
      if (!findings.exists) reporter.step(name, `make ${environment.root}`);
      for (const left of findings.history.unfinished) reporter.step(name, `first put right what a dead run left: release ${left.release} (${left.kind})`);
      reporter.step(name, `stage ${release}: send ${formatCount(delta.send.length, 'file')}, ${formatBytes(contentBytes(delta))}; link ${delta.link.length} from ${findings.base?.release ?? 'nothing'}`);
      for (const service of Object.values(services)) for (const command of service.install) reporter.step(name, `install ${service.name}: ${command}`);
      if (member === session.members[0]) for (const command of config.release.once) reporter.step(name, `on this host only: ${command}`);
      for (const text of planData(context, session.members, member)) reporter.step(name, text);
      for (const text of planSite(context, member)) reporter.step(name, text);
      reporter.step(name, `switch current from ${findings.current === '' ? 'nothing' : findings.current} to ${release}`);
      for (const service of startOrder(services)) reporter.step(name, `${service.name}: ${describeSwitch(service, config.site)}`);
      for (const command of config.release.afterSwitch) reporter.step(name, `after the switch: ${command}`);
      const target = revertTarget(findings.history, findings.current);
      if (target !== '' && !mayClose(context)) reporter.step(name, `unless confirmed within ${formatDuration(config.release.confirmWithin)}, go back to ${target} by itself`);
      const prune = toPrune(findings.history, findings.current, config.release.keep);
      if (prune.length > 0) reporter.step(name, `once confirmed, delete ${prune.join(', ')}`);
      context.outputs.hosts.set(name, { before: findings.current, after: findings.current });
    }
    const groups = batches(session.members, environment.batch);
    if (groups.length > 1) reporter.step('runner', `the hosts switch in ${groups.length} batches of up to ${groups[0]?.length ?? 0}, each once the one before it is healthy`);
    return Promise.resolve();
  });
  context.outputs.outcome = 'plan only: nothing was changed';
  context.outputs.switched = false;
}
