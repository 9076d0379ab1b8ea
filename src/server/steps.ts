import type { Config, HostConfig, ServiceConfig } from '../config/schema.js';

/** What decides which steps a host needs. */
export interface Wanted {
  readonly config: Config;
  readonly host: HostConfig;
  /** The services that run on the host. */
  readonly services: Readonly<Record<string, ServiceConfig>>;
}

/** One step of preparing a host: functions `check_<id>` and `apply_<id>` in `host/scripts/server-*.sh`, `harden.sh`. */
export interface ServerStep {
  /** As the host's script calls it; its evidence is `server.<id>`, or `harden.<id>`. */
  readonly id: string;
  readonly title: string;
  readonly group: 'server' | 'harden';
  /** It could lock us out: the host arms its way back, and a new login must prove the step before it is kept. */
  readonly risky?: true;
  /** Whether this host needs it; without it every host does. */
  when?(wanted: Wanted): boolean;
}

const managedBy = (manager: ServiceConfig['manager']) => ({ services }: Wanted): boolean => Object.values(services).some((service) => service.manager === manager);
const hasSite = ({ config, services }: Wanted): boolean => config.site !== undefined && Object.keys(services).length > 0;
const hasAdmins = ({ config }: Wanted): boolean => Object.keys(config.server.admins).length > 0;
const hardening = ({ config }: Wanted): Exclude<Config['server']['harden'], false> | undefined => (config.server.harden === false ? undefined : config.server.harden);

/** In the order in which they are done: each may count on those before it. */
export const SERVER_STEPS: readonly ServerStep[] = [
  { id: 'system', group: 'server', title: 'A system whose packages are known' },
  { id: 'packages', group: 'server', title: 'Packages that Slipway works with' },
  { id: 'time-zone', group: 'server', title: 'The time zone', when: ({ config }) => config.server.timezone !== undefined },
  { id: 'time-sync', group: 'server', title: 'The clock is kept right', when: ({ config }) => config.server.timeSync },
  { id: 'user', group: 'server', title: 'The deploy user and its keys' },
  { id: 'admins', group: 'server', title: 'People with a login and sudo', when: hasAdmins },
  { id: 'sudo', group: 'server', title: 'What the deploy user may do as root' },
  { id: 'folders', group: 'server', title: 'Folders of the app' },
  { id: 'swap', group: 'server', title: 'Swap', when: ({ config }) => config.server.swap !== false },
  { id: 'updates', group: 'server', title: 'Security updates install themselves', when: ({ config }) => config.server.updates },
  { id: 'journal-limit', group: 'server', title: 'The journal has a limit' },
  { id: 'nginx', group: 'server', title: 'nginx', when: hasSite },
  { id: 'node', group: 'server', title: 'Node.js', when: ({ config }) => config.server.node !== undefined },
  { id: 'python', group: 'server', title: 'Python with venv', when: ({ config }) => config.server.python },
  { id: 'pm2', group: 'server', title: 'PM2, started at boot, with its logs rotated', when: managedBy('pm2') },
  // Before the user's own systemd begins, which then has the group `docker`.
  { id: 'docker', group: 'server', title: 'Docker with Compose', when: managedBy('compose') },
  { id: 'linger', group: 'server', title: 'Units of the deploy user run without a login' },
  { id: 'database-clients', group: 'server', title: 'Clients of the databases', when: ({ config }) => Object.keys(config.databases).length > 0 },
  { id: 'certbot', group: 'server', title: 'certbot with its timer', when: (wanted) => hasSite(wanted) && wanted.config.site?.tls !== undefined && wanted.config.site.tls.certificate === undefined },
  { id: 'log-rotation', group: 'server', title: 'Logs are rotated' },
  { id: 'secret-modes', group: 'harden', title: 'Files with secrets are for their owner alone', when: (wanted) => hardening(wanted) !== undefined },
  { id: 'kernel', group: 'harden', title: 'Settings of kernel and network', when: (wanted) => hardening(wanted)?.kernel === true },
  { id: 'firewall', group: 'harden', title: 'A firewall that denies by default', risky: true, when: (wanted) => hardening(wanted)?.firewall === true },
  { id: 'sshd', group: 'harden', title: 'sshd: keys only, no root', risky: true, when: (wanted) => hardening(wanted)?.ssh === true },
  { id: 'ban', group: 'harden', title: 'Brute force is banned', risky: true, when: (wanted) => hardening(wanted)?.ban === true },
];

/** The steps a host needs, in order. */
export function stepsFor(wanted: Wanted): ServerStep[] {
  return SERVER_STEPS.filter((step) => step.when?.(wanted) ?? true);
}
