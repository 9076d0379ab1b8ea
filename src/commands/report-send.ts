import { UserError } from '../evidence/errors.js';
import type { Report } from '../report/model.js';
import { SERVICES, webhookBody, type Service } from '../report/webhooks.js';
import type { RunContext } from './run-context.js';

/** Milliseconds one message may take. */
const LIMIT = 10_000;

/** Where a message goes. The address is a secret: who knows it can write there. */
export interface Webhook {
  readonly service: Service;
  readonly url: string;
}

/**
 * The lines `slack https://…` of the input.
 * @throws UserError for a line that is none of these; it names the line's number, never its text.
 */
export function webhooksOf(text: string): Webhook[] {
  return text.split('\n').map((line) => line.trim()).flatMap((line, index) => {
    if (line === '' || line.startsWith('#')) return [];
    const [service = '', url = '', ...rest] = line.split(/\s+/);
    const at = `line ${index + 1} of \`webhooks\``;
    if (!isService(service)) throw new UserError(`${at} must begin with one of ${SERVICES.join(', ')}`, { remedy: 'Such as: slack https://hooks.slack.com/services/…' });
    if (rest.length > 0 || !URL.canParse(url) || !isPrivate(new URL(url))) throw new UserError(`${at} must be ${service} and one https address`, { remedy: `Such as: ${service} https://…` });
    return [{ service, url }];
  });
}

/** Sends the report to each, at most ten seconds long. What does not arrive is a warning: the release stands as it does. */
export async function sendWebhooks(context: Pick<RunContext, 'reporter' | 'signal'>, report: Report, webhooks: readonly Webhook[]): Promise<void> {
  await Promise.all(webhooks.map(async ({ service, url }, index) => {
    const name = `webhook ${index + 1} (${service})`;
    const started = performance.now();
    try {
      const response = await fetch(url, {
        method: 'POST', redirect: 'error', headers: { 'Content-Type': 'application/json', 'User-Agent': 'slipway' },
        body: JSON.stringify(webhookBody(service, report)), signal: AbortSignal.any([context.signal, AbortSignal.timeout(LIMIT)]),
      });
      await response.body?.cancel();
      if (!response.ok) throw new Answered(`answered ${response.status}`);
      context.reporter.step('report', `${name}: sent`, performance.now() - started);
    } catch (error) {
      context.reporter.warn(`${name}: not sent: ${reasonOf(error)}`);
    }
  }));
}

class Answered extends Error {}

/** Why, without the address or a host: messages of fetch name them. */
function reasonOf(error: unknown): string {
  if (error instanceof Answered) return error.message;
  if (error instanceof DOMException && error.name === 'TimeoutError') return `no answer within ${LIMIT / 1000} s`;
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  if (typeof cause === 'object' && cause !== null && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return 'the connection failed, or it was answered with a redirection';
}

function isService(text: string): text is Service {
  return (SERVICES as readonly string[]).includes(text);
}

/** On the way nobody else can read it. */
function isPrivate({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(hostname));
}
