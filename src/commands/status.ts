import { onEvery, type Member } from '../release/fleet.js';
import { rollbackTargets } from '../release/history.js';
import type { Paused } from '../host/findings.js';
import type { ServiceStatus } from '../host/remote-host.js';
import { appliedMigrations } from '../release/data-history.js';
import type { ReleaseRecord } from '../host/history.js';
import { describeReverted } from '../release/recover.js';
import { driftOf } from './drift.js';
import { lookingAtFleet } from './fleet-session.js';
import type { RunContext } from './run-context.js';

/** What is live on one host, and what could be gone back to. */
export interface HostStatus {
  readonly host: string;
  readonly current: string;
  readonly state: string;
  readonly rollbackTo: string | undefined;
  readonly lease: string | undefined;
  readonly unfinished: readonly string[];
  /** What the host will do by itself when nobody confirms the live release. */
  readonly reverts: { readonly to: string; readonly inSeconds: number } | undefined;
  /** What it has done by itself, as long as no run has begun anything since. */
  readonly reverted: string | undefined;
  /** Since when its services are stopped for the data's sake, and why. */
  readonly paused: Paused | undefined;
  /** The schema of each database that a deploy has migrated, as the journal knows it. */
  readonly schemas: readonly string[];
  readonly services: readonly ServiceStatus[];
  /** In what this host is not as it should be, or not as the others are; empty when it is. */
  readonly drift: readonly string[];
}

/** Reads every host; changes nothing. */
export async function status(context: RunContext): Promise<HostStatus[]> {
  const hosts = await lookingAtFleet(context, false, (session) =>
    onEvery(session.members, async ({ name, host, findings }) => ({
      host: name,
      current: findings.current,
      state: findings.history.releases.find(({ id }) => id === findings.current)?.state ?? 'none',
      rollbackTo: rollbackTargets(findings.history, findings.current)[0]?.id,
      lease: findings.held === undefined || findings.held.secondsLeft <= 0 ? undefined : `${findings.held.owner} (expires in ${findings.held.secondsLeft} s)`,
      unfinished: findings.history.unfinished.map(({ kind, release }) => `${kind} ${release}`),
      reverts: findings.armed === undefined || findings.armed.release !== findings.current ? undefined : { to: findings.armed.target, inSeconds: findings.armed.secondsLeft },
      reverted: findings.history.reverted === undefined ? undefined : describeReverted(findings.history.reverted),
      paused: findings.paused,
      schemas: Object.keys(context.config.databases).flatMap((name) => {
        const last = appliedMigrations(findings.history, name).at(-1);
        return last?.after === undefined ? [] : [`${name}: ${last.after}, by ${last.release}`];
      }),
      services: findings.exists ? await host.status() : [],
    })),
  );
  return hosts.map((host) => ({ ...host, drift: driftOf(host, hosts, context.environment.root) }));
}

/** The journal of every host, folded into its releases, newest first. */
export async function releases(context: RunContext): Promise<{ host: string; current: string; releases: ReleaseRecord[] }[]> {
  return lookingAtFleet(context, false, (session) =>
    Promise.resolve(session.members.map(({ name, findings }: Member) => ({ host: name, current: findings.current, releases: [...findings.history.releases].reverse() }))),
  );
}
