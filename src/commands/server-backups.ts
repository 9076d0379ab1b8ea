import { hostOf } from '../config/roles.js';
import { messageOf } from '../evidence/errors.js';
import type { RunContext } from './run-context.js';
import { scheduleBackups } from './backup-schedule.js';
import type { Preparation } from './server-steps.js';

/**
 * The timers of `backup.schedule`, as the last thing: they need the app's folder, which the first deploy makes, and are told in
 * the name of the deploy user. What stands in their way is a warning: the host itself is prepared.
 * @returns `backup-timer` when a timer was written, or would be.
 */
export async function backupTimers(context: RunContext, hosts: readonly Preparation[]): Promise<string[]> {
  const { config, environment, reporter } = context;
  const wanted = Object.values(config.databases).filter(({ backup }) => backup.schedule !== undefined);
  if (wanted.length === 0) return [];
  const names = new Set(wanted.map((database) => hostOf(database, environment).name));
  const marks = await Promise.all(hosts.filter(({ name }) => names.has(name)).map(({ connection }) =>
    connection.exec('test -f "$1/.slipway/app"', [environment.root], { label: 'app folder' })));
  if (marks.some(({ code }) => code !== 0)) {
    reporter.warn(`the timer of \`backup.schedule\` needs the app's folder, which the first deploy makes: then \`slipway backup schedule ${context.environmentName}\`, or \`slipway server\` again`);
    return [];
  }
  try {
    return (await scheduleBackups({ ...context, outputs: { ...context.outputs } }, {})) ? ['backup-timer'] : [];
  } catch (error) {
    if (context.signal.aborted) throw error;
    reporter.warn(`the timer of \`backup.schedule\` was not looked after: ${messageOf(error)}; \`slipway backup schedule ${context.environmentName}\` does it`);
    return [];
  }
}
