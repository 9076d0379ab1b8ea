import type { z } from 'zod';
import { databaseReleaseRules } from './schema/database-rules.js';
import { databases, type DatabaseInput } from './schema/databases.js';
import { environments, type EnvironmentInput, type HostConfig } from './schema/environments.js';
import type { expect } from './schema/expect.js';
import { name } from './schema/fields.js';
import { readHealth, writeHealth, type HealthConfig } from './schema/health.js';
import { preflight } from './schema/preflight.js';
import { release } from './schema/release.js';
import { roleRules } from './schema/role-rules.js';
import { codec, section } from './schema/section.js';
import { server } from './schema/server.js';
import { services, type ServiceInput } from './schema/services.js';
import { signOff, type SignOffConfig } from './schema/sign-off.js';
import { siteRules } from './schema/site-rules.js';
import { site, type Route } from './schema/site.js';
import { smoke, type Scenario } from './schema/smoke.js';

export type { HostConfig } from './schema/environments.js';
export type { JsonExpectation, JsonMatcher, StatusClass, StatusExpectation } from './schema/expect.js';
export type { CommandHealth, HealthConfig, HttpHealth, TcpHealth } from './schema/health.js';
export type { SignOffConfig, SignOffRole } from './schema/sign-off.js';
export type { HttpStep, Method, RunStep, Scenario, Step } from './schema/smoke.js';
export type { HolidaysConfig, WindowConfig } from './schema/window.js';

/** A named target. */
export interface Environment extends Omit<EnvironmentInput, 'root' | 'hosts'> {
  hosts: HostConfig[];
  /** The folder on the hosts that belongs to this app alone. */
  root: string;
}
/** A process that a release runs. */
export interface ServiceConfig extends Omit<ServiceInput, 'health'> {
  name: string;
  health?: HealthConfig;
}
/** A database, or folders of data. */
export interface DatabaseConfig extends DatabaseInput {
  name: string;
}
export type ReleaseConfig = z.output<typeof release>;
export type SiteConfig = z.output<typeof site>;
export type RouteConfig = Route;
export type PreflightConfig = z.output<typeof preflight>;
export type Expect = z.output<typeof expect>;
export type ServerConfig = z.output<typeof server>;

/** The whole of slipway.yml, complete and valid. */
export interface Config {
  app: string;
  environments: Record<string, Environment>;
  release: ReleaseConfig;
  services: Record<string, ServiceConfig>;
  /** What nginx serves; without it services are reached at their own ports. */
  site?: SiteConfig;
  databases: Record<string, DatabaseConfig>;
  server: ServerConfig;
  preflight: PreflightConfig;
  smoke: Scenario[];
  /** Who signs a release off; without it nobody has to. */
  signOff?: SignOffConfig;
}

const sections = section(
  'slipway.yml',
  {
    app: name('The name of the app: it names the folder on the hosts, processes and units.', ['all', 'slipway']),
    environments,
    release: release.prefault({}),
    services: services.prefault({}),
    site: site.exactOptional(),
    databases: databases.prefault({}),
    server: server.prefault({}),
    preflight: preflight.prefault({}),
    smoke: smoke.prefault([]),
    'sign-off': signOff.exactOptional(),
  },
  { planned: ['watch'], rules: (value, complain) => [roleRules, siteRules, databaseReleaseRules].forEach((rules) => rules(value, complain)) },
);

/** The schema of slipway.yml. Decoding fills what one section takes from another: the root from the app, ports, names. */
export const configSchema = codec<typeof sections, Config>(sections, {
  decode: (input) => ({
    ...input,
    environments: each(input.environments, (item) => ({ ...item, root: item.root ?? `/srv/${input.app}` })),
    databases: each(input.databases, (item, key) => ({ name: key, ...item })),
    services: each(input.services, ({ health, ...item }, key) => ({
      name: key,
      ...item,
      ...(health !== undefined && { health: readHealth(health, item.port) }),
    })),
  }),
  encode: (config) => ({
    ...config,
    databases: each(config.databases, ({ name: _, ...item }) => item),
    services: each(config.services, ({ name: _, health, ...item }) => ({
      ...item,
      ...(health !== undefined && { health: writeHealth(health) }),
    })),
  }),
}).meta({ title: 'Slipway', description: 'slipway.yml: how an app goes to its servers.' });

function each<T, R>(items: Record<string, T>, change: (item: T, key: string) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(items).map(([key, item]) => [key, change(item, key)]));
}
