import { renderEnvFile } from '../config/dotenv.js';
import { resolveVariables } from '../config/variables.js';
import type { ServiceConfig } from '../config/schema.js';
import { quote } from '../ssh/quote.js';
import { compose } from './compose.js';
import type { Definition, Manager, ServiceContext } from './definition.js';
import { renderLauncher } from './launcher.js';
import { pm2 } from './pm2.js';
import { files } from './static.js';
import { systemd } from './systemd.js';

const MANAGERS: Readonly<Record<ServiceConfig['manager'], Manager>> = { pm2, systemd, compose, static: files };

/** How the manager of this service brings in a new release, for people. */
export function describeSwitch(service: ServiceConfig): string {
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

/**
 * The definition of one service: what every manager needs, and the manager's own files.
 * @param lookup gives the values of variables in `env`, from app-env and the process.
 * @throws UserError naming a variable that is missing.
 */
export function renderService(service: ServiceConfig, context: ServiceContext, lookup: (name: string) => string | undefined): Definition {
  const values: Record<string, string> = service.port === undefined ? {} : { PORT: String(service.port) };
  for (const [name, value] of Object.entries(service.env)) {
    values[name] = resolveVariables(value, lookup, `services.${service.name}.env.${name}`);
  }
  return {
    service: { content: renderAssignments(service, context), mode: 0o644 },
    // What must be the same for a running service to be brought along; another manager means stop and start.
    manager: { content: `${service.manager} ${service.scope}\n`, mode: 0o644 },
    launch: { content: renderLauncher(service, context), mode: 0o755 },
    env: { content: renderEnvFile(values), mode: 0o600 },
    ...MANAGERS[service.manager].render(service, context),
  };
}

/** The definition as shell assignments for host/scripts/services.sh; every value passes through the quoting function. */
function renderAssignments(service: ServiceConfig, context: ServiceContext): string {
  const { health } = service;
  const values: Record<string, string | number> = {
    name: service.name,
    full: `${context.app}-${service.name}`,
    manager: service.manager,
    directory: service.directory,
    scope: service.scope,
    env_path: context.envFile,
    expected_processes: service.manager === 'pm2' && typeof service.instances === 'number' ? service.instances : 1,
  };
  if (health !== undefined) {
    values['health_kind'] = health.kind;
    values['health_within'] = Math.max(1, Math.ceil(health.within / 1000));
    values['health_successes'] = health.successes;
    values['health_interval'] = health.interval / 1000;
    if (health.kind === 'http') {
      values['health_path'] = health.path;
      values['health_host'] = health.host ?? context.publicHost;
      values['health_status'] = health.status.join(' ');
      values['health_headers'] = Object.entries(health.headers).map(([header, value]) => `${header}: ${value}\n`).join('');
    }
    if (health.kind !== 'command') values['health_port'] = health.port;
    else values['health_command'] = health.command;
  }
  return Object.entries(values).map(([name, value]) => `${name}=${quote(String(value))}\n`).join('');
}
