import type { ServiceConfig } from '../config/schema.js';

/**
 * What a host needs to know to run one service of one release: small files, by name, rendered on the runner and kept with
 * the release's manifest. The host can start, stop and go back with these alone (see host/scripts/services.sh).
 */
export type Definition = Readonly<Record<string, DefinitionFile>>;

export interface DefinitionFile {
  readonly content: string;
  /** 0600 for what may hold secrets. */
  readonly mode: number;
}

/** Where the service will run. */
export interface ServiceContext {
  readonly app: string;
  /** The app's root folder on the host. */
  readonly root: string;
  /** The environment file's path below a release. */
  readonly envFile: string;
  /** The login user: whom system services run as unless they name another. */
  readonly user: string;
  /** The public host name: what health questions carry as Host when the config names none. */
  readonly publicHost: string;
}

/** One manager of services. Adding one is adding a file here and its four functions in host/scripts/services.sh. */
export interface Manager {
  /** The files of the definition that only this manager needs. */
  render(service: ServiceConfig, context: ServiceContext): Definition;
  /** How a new release is brought into a running service, for people: `reload without loss`, `restart`. */
  describe(service: ServiceConfig): string;
}
