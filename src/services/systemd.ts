import { currentLink, serviceFolder } from '../host/layout.js';
import type { ServiceConfig } from '../config/schema.js';
import type { Definition, Manager, ServiceContext } from './definition.js';

/**
 * A unit that starts the service in whatever release `current` names. The environment files are read by systemd itself,
 * as root, so that a service may run as a user who cannot read the deploy user's 0600 files.
 * Sources: systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.kill(5).
 */
export const systemd: Manager = {
  render(service: ServiceConfig, context: ServiceContext): Definition {
    const own = serviceFolder(context.root, service.name);
    const current = currentLink(context.root);
    const system = service.scope === 'system';
    const lines = [
      '# Written by Slipway; replaced by the next release.',
      '[Unit]',
      `Description=${context.app} ${service.name}`,
      'After=network.target',
      // However long the database is away: the service is started again when it is back.
      'StartLimitIntervalSec=0',
      '',
      '[Service]',
      'Type=simple',
      ...(system ? [`User=${service.user ?? context.user}`] : []),
      `WorkingDirectory=${escape(service.directory === '.' ? current : `${current}/${service.directory}`)}`,
      `EnvironmentFile=-${escape(`${current}/${context.envFile}`)}`,
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

  describe(): string {
    return 'systemctl restart (a short gap)';
  },
};

/** `%` introduces a specifier in unit files: systemd.unit(5), "Specifiers". */
function escape(path: string): string {
  return path.replaceAll('%', '%%');
}
