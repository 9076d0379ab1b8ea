import { signoff, type SignOffOptions } from '../../src/commands/signoff.js';
import type { RunContext } from '../../src/commands/run-context.js';
import { loadConfig } from '../../src/config/load.js';
import type { Evidence } from '../../src/evidence/record.js';
import type { Reporter } from '../../src/evidence/reporter.js';
import { signOffSource } from '../../src/github/sign-off.js';
import { type FakeGitHub, MEMBERS_TOKEN, REPOSITORY } from '../support/fake-github.js';
import { clientOf } from '../github/support.js';

export const RUN = 4711;
export const DIGEST = '3f9c2ab1'.repeat(8);

export interface Outcome {
  readonly records: readonly Evidence[];
  readonly outputs: RunContext['outputs'];
  readonly error: Error | undefined;
  /** What was waited for, in milliseconds. */
  readonly waits: readonly number[];
}

export interface Situation {
  readonly config?: Record<string, unknown>;
  readonly options?: Partial<SignOffOptions>;
  readonly plan?: boolean;
  readonly token?: string;
  /** Whether there is a token that may read the members of teams. */
  readonly members?: boolean;
  readonly actor?: string;
  /** The run that asks. */
  readonly runId?: number;
}

/** Runs the command against the fake; `config` is the section sign-off. */
export async function run(fake: FakeGitHub, { config = { before: ['qa'] }, options = {}, plan = false, token, members = false, actor = 'dora', runId = RUN }: Situation = {}): Promise<Outcome> {
  const records: Evidence[] = [];
  const { api, waits } = clientOf(fake, token === undefined ? {} : { token });
  const source = signOffSource({ api, repository: REPOSITORY, runId, ...(members ? { members: clientOf(fake, { token: MEMBERS_TOKEN }).api } : {}) });
  const reporter = {
    group: <T>(_: string, body: () => Promise<T>) => body(), step: () => undefined, block: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined, line: () => undefined,
    progress: () => undefined, evidence: (record: Evidence) => void records.push(record),
  } as unknown as Reporter;
  const context = {
    config: loadConfig(JSON.stringify({ app: 'shop', environments: { production: { hosts: ['deploy@203.0.113.10'] } }, 'sign-off': config }), 'slipway.yml'),
    environmentName: 'production', reporter, plan, outputs: { hosts: new Map() }, now: () => new Date('2026-11-21T12:00:00Z'), signOff: () => Promise.resolve(source),
    author: { actor, run: 'https://github.com/acme/shop/actions/runs/4711' },
  } as unknown as RunContext;
  const error = await signoff(context, { stage: 'before', digest: DIGEST, ...options }).then(() => undefined, (reason: unknown) => reason as Error);
  return { records, outputs: context.outputs, error, waits };
}

/** The one record of the one role. */
export function only({ records }: Outcome): Evidence {
  if (records.length !== 1) throw new Error(`one record was expected, there are ${records.length}`);
  return records[0]!;
}
