import { logFolder, serviceFolder } from '../host/layout.js';
import type { ServiceConfig } from '../config/schema.js';
import type { Definition, Instance, Manager } from './definition.js';
import { parseNodeCommand } from './launcher.js';
import { renderPreload } from './preload.js';

/** Cluster when PM2 can run the script itself and nothing else is asked for: only that mode reloads without loss. */
function isCluster(service: ServiceConfig): boolean {
  return service.mode !== 'fork' && parseNodeCommand(service.start ?? '') !== undefined;
}

/**
 * PM2 gets paths by way of `current` or of a slot's link, never a release's own, so that the definition stays the same from release to
 * release and `pm2 save` survives a reboot. Source: PM2's ecosystem file reference, https://pm2.keymetrics.io/docs/usage/application-declaration/
 */
export const pm2: Manager = {
  render(service: ServiceConfig, instance: Instance): Definition {
    const own = serviceFolder(instance.root, instance.key);
    const directory = service.directory === '.' ? instance.base : `${instance.base}/${service.directory}`;
    const command = isCluster(service) ? parseNodeCommand(service.start ?? '') : undefined;
    const process =
      command === undefined
        ? { script: `${own}/launch`, interpreter: '/bin/sh', exec_mode: 'fork', instances: service.instances }
        : {
            script: `${directory}/${command.script}`,
            args: command.args,
            exec_mode: 'cluster',
            instances: service.instances,
            node_args: ['--require', `${own}/preload.cjs`, ...command.flags],
          };
    const app = {
      name: instance.full,
      cwd: directory,
      ...process,
      autorestart: true,
      watch: false,
      merge_logs: true,
      log_date_format: 'YYYY-MM-DD HH:mm:ss Z',
      out_file: `${logFolder(instance.root)}/${instance.key}.out.log`,
      error_file: `${logFolder(instance.root)}/${instance.key}.err.log`,
      kill_timeout: service.stopLimit,
      listen_timeout: service.health?.within ?? 10_000,
      exp_backoff_restart_delay: 100,
      ...(service.memory === undefined ? {} : { max_memory_restart: service.memory }),
    };
    return {
      'pm2.json': { content: `${JSON.stringify({ apps: [app] }, undefined, 2)}\n`, mode: 0o644 },
      'preload.cjs': { content: renderPreload(instance), mode: 0o644 },
    };
  },

  describe(service: ServiceConfig): string {
    return isCluster(service) ? 'pm2 reload, one instance after the other' : 'pm2 restart (fork mode: a short gap)';
  },
};
