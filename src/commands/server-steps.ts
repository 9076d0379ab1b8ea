import type { HostConfig } from '../config/schema.js';
import { inputOf } from '../databases/input.js';
import { UserError } from '../evidence/errors.js';
import type { Evidence } from '../evidence/record.js';
import { HostError } from '../host/failure.js';
import { scriptText } from '../host/script.js';
import { StepReader, type StepAnswer } from '../server/answer.js';
import type { ServerStep } from '../server/steps.js';
import { SshError } from '../ssh/errors.js';
import type { Connection } from '../ssh/types.js';
import type { RunContext } from './run-context.js';

/** One host that is being prepared. */
export interface Preparation {
  readonly name: string;
  readonly host: HostConfig;
  readonly connection: Connection;
  readonly steps: readonly ServerStep[];
  readonly parameters: Readonly<Record<string, string>>;
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
