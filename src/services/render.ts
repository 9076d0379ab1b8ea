import { renderEnvFile } from '../config/dotenv.js';
import { resolveVariables } from '../config/variables.js';
import type { Config, ServiceConfig } from '../config/schema.js';
import type { Slot } from '../host/journal.js';
import { currentLink, slotLink } from '../host/layout.js';
import { quote } from '../ssh/quote.js';
import { compose } from './compose.js';
import type { Definition, Instance, Manager, ServiceContext } from './definition.js';
import { renderLauncher } from './launcher.js';
import { pm2 } from './pm2.js';
import { SLOTS, isSlotted, slotPort } from './slots.js';
import { files } from './static.js';
import { systemd } from './systemd.js';

const MANAGERS: Readonly<Record<ServiceConfig['manager'], Manager>> = { pm2, systemd, compose, static: files };

/** How the manager of this service brings in a new release, for people. */
export function describeSwitch(service: ServiceConfig, site: Config['site']): string {
  if (isSlotted(service, site)) return `started beside the live one (port ${slotPort(service, 'blue')} or ${slotPort(service, 'green')}), then switched; no request is lost`;
  return MANAGERS[service.manager].describe(service);
}

/**
 * The services that have something to run, in the order in which they start: each after those it needs.
 * Cycles and unknown names are refused by the configuration.
 */
export function startOrder(services: Readonly<Record<string, ServiceConfig>>): ServiceConfig[] {
  const ordered: ServiceConfig[] = [];
  const seen = new Set<string>();
  const visit = (service: ServiceConfig): void => {
    if (seen.has(service.name)) return;
    seen.add(service.name);
    for (const need of service.needs) {
      const needed = services[need];
      if (needed !== undefined) visit(needed);
    }
    ordered.push(service);
  };
  Object.values(services).forEach(visit);
  return ordered.filter((service) => service.start !== undefined || service.manager === 'compose');
}

/** The instances of a service: one in place, or one for each slot when it stands behind the site. */
export function instancesOf(service: ServiceConfig, context: ServiceContext, site: Config['site']): Instance[] {
  const name = `${context.app}-${service.name}`;
  if (!isSlotted(service, site)) {
    return [{ ...context, slot: undefined, key: service.name, full: name, base: currentLink(context.root), port: service.port }];
  }
  const inSlot = MANAGERS[service.manager].instanceName ?? ((plain: string, slot: Slot) => `${plain}-${slot}`);
  return SLOTS.map((slot) => ({
    ...context, slot, key: `${service.name}@${slot}`, full: inSlot(name, slot), base: slotLink(context.root, slot), port: slotPort(service, slot),
  }));
}

/**
 * The definitions of all services on one host, by `NN-<key>` in the order in which they start.
 * @param lookup gives the values of variables in `env`, from app-env and the process.
 * @throws UserError naming a variable that is missing.
 */
export function renderDefinitions(services: readonly ServiceConfig[], context: ServiceContext, site: Config['site'], lookup: (name: string) => string | undefined): Record<string, Definition> {
  return Object.fromEntries(
    services.flatMap((service, index) =>
      instancesOf(service, context, site).map((instance) => [`${String(index + 1).padStart(2, '0')}-${instance.key}`, renderService(service, instance, lookup)]),
    ),
  );
}

/**
 * The definition of one instance: what every manager needs, and the manager's own files.
 * @throws UserError naming a variable that is missing.
 */
export function renderService(service: ServiceConfig, instance: Instance, lookup: (name: string) => string | undefined): Definition {
  const values: Record<string, string> = instance.port === undefined ? {} : { PORT: String(instance.port) };
  for (const [name, value] of Object.entries(service.env)) {
    values[name] = resolveVariables(value, lookup, `services.${service.name}.env.${name}`);
  }
  // In a slot the port is not the team's to choose: the other one may be taken.
  if (instance.slot !== undefined) Object.assign(values, { PORT: String(instance.port), SLIPWAY_SLOT: instance.slot });
  return {
    service: { content: renderAssignments(service, instance), mode: 0o644 },
    // What must be the same for a running service to be brought along; another manager means stop and start.
    manager: { content: `${service.manager} ${service.scope}\n`, mode: 0o644 },
    launch: { content: renderLauncher(service, instance), mode: 0o755 },
    env: { content: renderEnvFile(values), mode: 0o600 },
    ...MANAGERS[service.manager].render(service, instance),
  };
}

/** The definition as shell assignments for host/scripts/services.sh; every value passes through the quoting function. */
function renderAssignments(service: ServiceConfig, instance: Instance): string {
  const { health } = service;
  const values: Record<string, string | number> = {
    key: instance.key,
    name: service.name,
    slot: instance.slot ?? '',
    full: instance.full,
    manager: service.manager,
    base: instance.base,
    directory: service.directory,
    scope: service.scope,
    port: instance.port ?? '',
    drain: Math.ceil(instance.drain / 1000),
    stop_limit: Math.max(1, Math.ceil(service.stopLimit / 1000)),
    env_path: instance.envFile,
    expected_processes: service.manager === 'pm2' && typeof service.instances === 'number' ? service.instances : 1,
  };
  if (health !== undefined) {
    values['health_kind'] = health.kind;
    values['health_within'] = Math.max(1, Math.ceil(health.within / 1000));
    values['health_successes'] = health.successes;
    values['health_interval'] = health.interval / 1000;
    if (health.kind === 'http') {
      values['health_path'] = health.path;
      values['health_host'] = health.host ?? instance.publicHost;
      values['health_status'] = health.status.join(' ');
      values['health_headers'] = Object.entries(health.headers).map(([header, value]) => `${header}: ${value}\n`).join('');
    }
    if (health.kind === 'command') values['health_command'] = health.command;
    else values['health_port'] = instance.slot !== undefined && health.port === service.port ? (instance.port ?? health.port) : health.port;
  }
  return Object.entries(values).map(([name, value]) => `${name}=${quote(String(value))}\n`).join('');
}
