import { connect } from 'node:net';
import { servicesOn } from '../../config/roles.js';
import type { Config, Environment, HostConfig } from '../../config/schema.js';
import { UserError } from '../../evidence/errors.js';
import type { Connection, ExecOptions } from '../../ssh/types.js';
import { parseHostFacts } from '../facts.js';
import type { DirectProbe, HostVisit } from '../model.js';
import { asksFamily } from '../run.js';

/** The arguments of `preflight.sh` for one host: the root folder, then one question each (they are listed in the script). */
export function hostQuestions(config: Config, environment: Environment, host: HostConfig, plan = false): string[] {
  const { preflight } = config;
  const ports = Object.values(servicesOn(config.services, host)).flatMap(({ port }) => (port === undefined ? [] : [port]));
  return [
    environment.root,
    `app=${config.app}`,
    'feature=yes',
    ...(asksFamily('hardening', preflight.severity) ? [`harden=${config.site === undefined ? 'yes' : 'sudo'}`] : []),
    ...(plan ? ['probe=no'] : []),
    ...(host.sudo ? ['sudo=yes'] : []),
    `env=${config.release.envFile}`,
    ...host.path.map((folder) => `path=${folder}`),
    ...preflight.tools.map((name) => `tool=${name}`),
    ...[...new Set(ports)].map((port) => `port=${port}`),
    ...preflight.reachable.map((target) => `reach=${target}`),
    ...preflight.monitors.map((name) => `monitor=${name}`),
    ...preflight.logs.map(({ path }) => `log=${path}`),
  ];
}

export interface VisitOptions {
  /** The text of `src/host/scripts/preflight.sh`. */
  readonly script: string;
  readonly config: Config;
  readonly environment: Environment;
  readonly host: HostConfig;
  /** Milliseconds the connection took to stand. */
  readonly connectTime?: number;
  readonly sudoPassword?: boolean;
  /** Nothing may be written, not even for a moment. */
  readonly plan?: boolean;
  readonly signal?: AbortSignal;
  /** Epoch milliseconds; for tests. */
  readonly now?: () => number;
}

/** Asks one connected host everything in one round trip. A failure becomes part of the visit; only defects are thrown. */
export async function visitHost(connection: Connection, options: VisitOptions): Promise<HostVisit> {
  const { script, config, environment, host, signal, connectTime, sudoPassword } = options;
  const now = options.now ?? Date.now;
  const base = { host, ...(connectTime === undefined ? {} : { connectTime }), ...(sudoPassword === undefined ? {} : { sudoPassword }) };
  const limits: ExecOptions = { limit: 90_000, ...(signal === undefined ? {} : { signal }) };
  // Beside the questions, not before them: the probe may wait for its whole limit.
  const direct = host.jump === undefined ? undefined : probeDirect(host.address, host.port);
  try {
    const askedAt = now();
    const { code, stdout, stderr } = await connection.exec(script, hostQuestions(config, environment, host, options.plan), limits);
    const answeredAt = now();
    if (code !== 0) throw new UserError(`The preflight script ended with ${code}: ${stderr.trim().split('\n').slice(-3).join(' | ')}`, { remedy: 'Preflight asks with sh and the tools every Debian and Ubuntu has: see what is missing or full on the host, then run again.' });
    return { ...base, facts: parseHostFacts(stdout), askedAt, answeredAt, ...(direct === undefined ? {} : { direct: await direct }) };
  } catch (error) {
    return { ...base, error: described(error), ...(direct === undefined ? {} : { direct: await direct }) };
  }
}

/** The visit of a host that could not be connected to. */
export function failedVisit(host: HostConfig, error: unknown, direct?: DirectProbe): HostVisit {
  return { host, error: described(error), ...(direct === undefined ? {} : { direct }) };
}

/** Tries a TCP connection from this machine, past any jump host. A host name that means nothing here counts as unreachable. */
export function probeDirect(address: string, port: number, limit = 4000): Promise<DirectProbe> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const finish = (result: DirectProbe): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => finish('silent'), limit);
    socket.once('connect', () => finish('open'));
    socket.once('error', (error: NodeJS.ErrnoException) => finish(error.code === 'ECONNREFUSED' ? 'refused' : 'unreachable'));
  });
}

function described(error: unknown): NonNullable<HostVisit['error']> {
  if (!(error instanceof UserError)) throw error;
  return { message: error.message, ...(error.remedy === undefined ? {} : { remedy: error.remedy }) };
}
