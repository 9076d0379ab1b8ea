import { servicesOn } from '../config/roles.js';
import type { HostConfig } from '../config/schema.js';
import { UserError } from '../evidence/errors.js';
import { formatCount } from '../evidence/format.js';
import type { Evidence } from '../evidence/record.js';
import { inputOf } from '../databases/input.js';
import { HostError } from '../host/failure.js';
import { scriptText } from '../host/script.js';
import { onEvery } from '../release/fleet.js';
import { StepReader, type StepAnswer } from '../server/answer.js';
import { serverParameters } from '../server/parameters.js';
import { stepsFor, type ServerStep } from '../server/steps.js';
import { parsePrivateKey } from '../ssh/private-key.js';
import { publicKeyOf } from '../ssh/public-key.js';
import { SshError } from '../ssh/errors.js';
import type { Connection } from '../ssh/types.js';
import { closeRisky } from './harden.js';
import { backupTimers } from './server-backups.js';
import { cameIn, logIn } from './server-login.js';
import type { RunContext } from './run-context.js';

/** What `server` may be told beside the configuration. */
export interface ServerOptions {
  /** The user to prepare the hosts as, `user` or `user:port`; without it the deploy user, and root where that one is refused. */
  readonly login?: string | undefined;
}

/** One host that is being prepared. */
export interface Preparation {
  readonly name: string;
  readonly host: HostConfig;
  readonly connection: Connection;
  readonly steps: readonly ServerStep[];
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Prepares the hosts: each step is asked for first, and done only where it is not so already; afterwards it is read back.
 * Hosts are prepared beside each other, but hardened one after the other: what goes wrong there goes wrong once.
 * @throws UserError naming the host and the step; what came before it stays done, and the next run goes on from there.
 */
export async function server(context: RunContext, options: ServerOptions): Promise<void> {
  const { environment, reporter, outputs } = context;
  const hosts = await onEvery(environment.hosts, (host) => prepare(context, host, options));
  const changed: string[] = [];
  try {
    await reporter.group(context.plan ? 'What would be changed' : 'Prepare the hosts', () =>
      onEvery(hosts, async (host) => changed.push(...(await runSteps(context, host, host.steps.filter(({ risky }) => risky !== true))))));
    for (const host of hosts) {
      const risky = host.steps.filter((step) => step.risky === true);
      if (risky.length === 0) continue;
      await reporter.group(`${context.plan ? 'What would be closed' : 'Close what need not be open'}: ${host.name}`, async () => {
        changed.push(...(context.plan ? await runSteps(context, host, risky) : await closeRisky(context, host, risky, runSteps)));
      });
    }
    changed.push(...(await backupTimers(context, hosts)));
  } finally {
    await Promise.all(hosts.map(({ connection }) => connection.close().catch(() => undefined)));
  }
  outputs.outcome = changed.length === 0 ? 'nothing to change' : `${context.plan ? 'plan only: would change' : 'changed'} ${formatCount(changed.length, 'step')}: ${changed.join(', ')}`;
}

async function prepare(context: RunContext, host: HostConfig, { login }: ServerOptions): Promise<Preparation> {
  const { config, environment, environmentName } = context;
  const wanted = { config, host, services: servicesOn(config.services, host) };
  // Somebody else's key lets that person in, and not the deploy user.
  const deployKeys = [...(login === undefined || /^root(:|$)/.test(login) ? ownKey(context) : []), ...config.server.keys];
  const steps = stepsFor(wanted);
  const connection = await logIn(context, host, login);
  const parameters = serverParameters(wanted, { environment: environmentName, root: environment.root, deployKeys, connection: await cameIn(connection) });
  return { name: host.name, host, connection, steps, parameters };
}

/** The public half of the key that the run logs in with. An agent's key is not known: then `server.keys` must name one. */
function ownKey({ credentials: { privateKey, passphrase } }: RunContext): string[] {
  if (privateKey === undefined) return [];
  const key = publicKeyOf(parsePrivateKey(privateKey, passphrase).key.getPublicSSH());
  return key === undefined ? [] : [key.line];
}

/**
 * Has the host ask or do some steps, and records each.
 * @returns the ids of those that were changed, or would be.
 * @throws UserError when one was refused or failed.
 */
export async function runSteps(context: RunContext, { name, host, connection, parameters }: Preparation, steps: readonly ServerStep[], mode: 'plan' | 'apply' | 'confirm' | 'undo' = context.plan ? 'plan' : 'apply'): Promise<string[]> {
  const { reporter } = context;
  const byId = new Map(steps.map((step) => [step.id, step]));
  const reader = new StepReader((answer) => tell(context, name, byId.get(answer.id), answer), (text) => reporter.line(name, text));
  const result = await connection.exec(scriptText('server'), [mode, ...byId.keys()], {
    input: inputOf(parameters), sudo: true, label: `server ${mode}`, signal: context.signal, onStdout: reader.take, idleLimit: 900_000,
  }).catch((error: unknown) => {
    const [admin] = Object.keys(context.config.server.admins);
    if (admin === undefined || connection.user !== host.user || !(error instanceof SshError && error.kind === 'sudo')) throw error;
    throw new UserError(`${name}: ${connection.user} may not do this: it has narrow sudo, as there are \`server.admins\``, { cause: error, remedy: `Log in as one of them: \`--login ${admin}\` (input \`login\`), with that person's key.` });
  });
  const bad = reader.answers.find(({ state }) => state === 'failed' || state === 'refused');
  if (bad !== undefined && !(context.plan && bad.state === 'refused')) {
    throw new UserError(`${name}: ${byId.get(bad.id)?.title ?? bad.id} (${bad.id}): ${bad.observed}`, {
      remedy: `What came before stays done, and nothing after it was begun. Mend it, then run \`slipway server\` again${again(context, host)}: it goes on from there.`,
    });
  }
  if (result.code !== 0) throw new HostError(name, `preparing the host (${mode})`, result);
  return reader.answers.filter(({ state }) => state === 'changed' || state === 'armed' || state === 'differs').map(({ id }) => id);
}

/** With people who have a login the deploy user may be there by now, with narrow sudo: the next run needs one of them. */
function again({ config }: RunContext, { user }: HostConfig): string {
  const [admin] = Object.keys(config.server.admins);
  return admin === undefined || user === 'root' ? '' : ` (\`--login ${admin}\`)`;
}

function tell(context: RunContext, host: string, step: ServerStep | undefined, answer: StepAnswer): void {
  const { reporter } = context;
  const title = step?.title ?? answer.id;
  reporter.step(host, `${title}: ${WORDS[answer.state]}${answer.observed === '' ? '' : `${WORDS[answer.state] === '' ? '' : ', '}${answer.observed}`}`, answer.duration);
  if (answer.diff.length > 0 && answer.state !== 'ok') reporter.block(answer.diff.map((line) => `    ${line}`).join('\n'));
  const status: Evidence['status'] = answer.state === 'failed' || answer.state === 'refused' ? 'fail' : answer.state === 'differs' ? 'warn' : 'pass';
  reporter.evidence({
    id: `${step?.group ?? 'server'}.${answer.id}`, phase: 'server', title, subject: host, status, expected: title,
    observed: `${WORDS[answer.state]}${answer.observed === '' ? '' : `${WORDS[answer.state] === '' ? '' : ', '}${answer.observed}`}`,
    at: context.now().toISOString(), duration: answer.duration,
    ...(status === 'warn' ? { remedy: `\`slipway server ${context.environmentName}\` makes it so.` } : {}),
    ...(answer.diff.length === 0 ? {} : { data: { diff: answer.diff } }),
  });
}

const WORDS: Readonly<Record<StepAnswer['state'], string>> = {
  ok: '', differs: 'would be changed', changed: 'changed', armed: 'changed, not proven yet', refused: 'cannot be done', failed: 'failed', confirmed: 'proven', undone: 'taken back',
};
