import { UserError } from '../evidence/errors.js';
import type { DatabaseConfig, Environment, HostConfig, ServiceConfig } from './schema.js';

/** Whether a host runs what has these roles: one that names no roles has all of them, as a service without roles runs anywhere. */
export function holds(host: Pick<HostConfig, 'roles'> | undefined, roles: readonly string[] | undefined): boolean {
  const held = host?.roles;
  return roles === undefined || held === undefined || roles.some((role) => held.includes(role));
}

/** The services that run on a host, in the order of the configuration. */
export function servicesOn(services: Readonly<Record<string, ServiceConfig>>, host: Pick<HostConfig, 'roles'> | undefined): Record<string, ServiceConfig> {
  return Object.fromEntries(Object.entries(services).filter(([, service]) => holds(host, service.roles)));
}

/**
 * The host on which a database is backed up and migrated: the first that holds one of its roles.
 * @throws UserError when there is none.
 */
export function hostOf(database: Pick<DatabaseConfig, 'name' | 'roles'>, environment: Pick<Environment, 'hosts'>): HostConfig {
  const host = environment.hosts.find((one) => holds(one, database.roles));
  if (host === undefined) {
    throw new UserError(`no host holds a role of the database ${database.name} (${(database.roles ?? []).join(', ')})`, { remedy: 'Give one of the hosts that role, or leave `roles` out: then the first host has it.' });
  }
  return host;
}
