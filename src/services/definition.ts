import type { ServiceConfig } from '../config/schema.js';
import type { Slot } from '../host/journal.js';

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
  /** Milliseconds that open connections may take to end before a slot is stopped. */
  readonly drain: number;
}

/** One instance of a service: in place, or in one of the two slots. */
export interface Instance extends ServiceContext {
  readonly slot: Slot | undefined;
  /** `backend`, or `backend@green`: the name of its folder among the installed definitions. */
  readonly key: string;
  /** What its manager calls it: unique on the host. */
  readonly full: string;
  /** The path by which it finds its release: `current`, or the slot's link. */
  readonly base: string;
  /** The port it listens on; undefined when it has none. */
  readonly port: number | undefined;
}

/** One manager of services. Adding one is adding a file here and its four functions in host/scripts/services.sh. */
export interface Manager {
  /** The files of the definition that only this manager needs. */
  render(service: ServiceConfig, instance: Instance): Definition;
  /** How a new release is brought into a running service, for people: `reload without loss`, `restart`. */
  describe(service: ServiceConfig): string;
  /** How the manager calls an instance, without the slot: `shop-backend`. Default: the slot behind a dash. */
  readonly instanceName?: (name: string, slot: Slot) => string;
}
