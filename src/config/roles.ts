import type { HostConfig, ServiceConfig } from './schema.js';

/** Whether a host runs what has these roles: one that names no roles has all of them, as a service without roles runs anywhere. */
export function holds(host: Pick<HostConfig, 'roles'> | undefined, roles: readonly string[] | undefined): boolean {
  const held = host?.roles;
  return roles === undefined || held === undefined || roles.some((role) => held.includes(role));
}

/** The services that run on a host, in the order of the configuration. */
export function servicesOn(services: Readonly<Record<string, ServiceConfig>>, host: Pick<HostConfig, 'roles'> | undefined): Record<string, ServiceConfig> {
  return Object.fromEntries(Object.entries(services).filter(([, service]) => holds(host, service.roles)));
}
