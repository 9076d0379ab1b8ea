import { serviceFolder } from '../host/layout.js';
import type { ServiceConfig } from '../config/schema.js';
import type { Definition, Instance, Manager } from './definition.js';

/**
 * A unit that starts the service in whatever release `current`, or its slot's link, names. The environment files are read by systemd itself,
 * as root, so that a service may run as a user who cannot read the deploy user's 0600 files.
 * Sources: systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.kill(5).
 */
export const systemd: Manager = {
  render(service: ServiceConfig, instance: Instance): Definition {
    const own = serviceFolder(instance.root, instance.key);
    const { base } = instance;
    const system = service.scope === 'system';
    const lines = [
      '# Written by Slipway; replaced by the next release.',
      '[Unit]',
      `Description=${instance.app} ${service.name}${instance.slot === undefined ? '' : ` (${instance.slot})`}`,
      'After=network.target',
      // However long the database is away: the service is started again when it is back.
      'StartLimitIntervalSec=0',
      '',
      '[Service]',
      'Type=simple',
      ...(system ? [`User=${service.user ?? instance.user}`] : []),
      `WorkingDirectory=${escape(service.directory === '.' ? base : `${base}/${service.directory}`)}`,
      `EnvironmentFile=-${escape(`${base}/${instance.envFile}`)}`,
      `EnvironmentFile=-${escape(`${own}/env`)}`,
      `ExecStart=/bin/sh "${escape(`${own}/launch`).replace(/[\\"]/g, '\\$&').replaceAll('$', '$$$$')}"`,
      'Restart=always',
      'RestartSec=2',
      `TimeoutStopSec=${Math.max(1, Math.ceil(service.stopLimit / 1000))}`,
      'KillMode=mixed',
      ...(service.memory === undefined ? [] : [`MemoryMax=${service.memory}`]),
      '',
      '[Install]',
      `WantedBy=${system ? 'multi-user.target' : 'default.target'}`,
      '',
    ];
    return { unit: { content: lines.join('\n'), mode: 0o644 } };
  },

  instanceName: (name, slot) => `${name}@${slot}`,

  describe(): string {
    return 'systemctl restart (a short gap)';
  },
};

/** `%` introduces a specifier in unit files: systemd.unit(5), "Specifiers". */
function escape(path: string): string {
  return path.replaceAll('%', '%%');
}
