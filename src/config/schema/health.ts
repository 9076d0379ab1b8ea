import { headerName } from './names.js';
import * as z from 'zod';
import { duration, port, text, whole } from './fields.js';
import { oneOrMany, record, section, verbatim, type Complain, type Loose } from './section.js';

interface HealthLimits {
  /** Milliseconds the service has to become healthy. */
  readonly within: number;
  /** Answers in a row that count as healthy. */
  readonly successes: number;
  /** Milliseconds between two questions. */
  readonly interval: number;
}
export interface HttpHealth extends HealthLimits {
  readonly kind: 'http';
  readonly path: string;
  readonly port: number;
  /** The Host header, when it is not the address asked. */
  readonly host?: string;
  readonly status: number[];
  readonly headers: Record<string, string>;
}
export interface TcpHealth extends HealthLimits {
  readonly kind: 'tcp';
  readonly port: number;
}
export interface CommandHealth extends HealthLimits {
  readonly kind: 'command';
  readonly command: string;
}
/** How a service proves that it works. */
export type HealthConfig = HttpHealth | TcpHealth | CommandHealth;

/** The keys as they stand in the file; which of them go together is said by healthRules. */
export const health = section(
  'How the service proves that it works: an HTTP path, a TCP port or a command.',
  {
    path: z
      .string()
      .regex(/^\/\S*$/, { error: ({ input }) => `must begin with /, is \`${String(input)}\`` })
      .exactOptional()
      .meta({ description: 'The path asked over HTTP on the host itself.', examples: ['/health'] }),
    status: oneOrMany(whole(100, 599, 'An HTTP status.', 200))
      .exactOptional()
      .meta({ description: 'The HTTP status or statuses that count as healthy. Default: 200.' }),
    headers: record(headerName, verbatim()).exactOptional().meta({ description: 'HTTP headers sent along.' }),
    host: text('The Host header sent along.', 'www.example.com').exactOptional(),
    port: port("The port asked. Default: the service's port.").exactOptional(),
    tcp: z
      .union([z.literal(true), port('The port.')])
      .exactOptional()
      .meta({ description: "Healthy when the port accepts connections: true for the service's port, or a port." }),
    command: text(
      'Healthy when this command, run in the folder of the service, ends with 0.',
      'node check.js',
    ).exactOptional(),
    within: duration('How long the service has to become healthy.').prefault('60s'),
    successes: whole(1, 100, 'How many answers in a row count as healthy.').prefault(2),
    interval: duration('Time between two questions.').prefault('1s'),
  },
  { rules: healthRules },
);

type HealthInput = z.output<typeof health>;

/** The kind a section means, with the port of its service as the default. */
export function readHealth(input: HealthInput, servicePort: number | undefined): HealthConfig {
  const { within, successes, interval } = input;
  const limits = { within, successes, interval };
  if (input.command !== undefined) return { kind: 'command', command: input.command, ...limits };
  const own = typeof input.tcp === 'number' ? input.tcp : input.port;
  // A missing port is refused by serviceRules before anyone sees the 0.
  const at = own ?? servicePort ?? 0;
  if (input.tcp !== undefined) return { kind: 'tcp', port: at, ...limits };
  const { path = '/', status = [200], headers = {}, host } = input;
  return { kind: 'http', path, port: at, ...(host !== undefined && { host }), status, headers, ...limits };
}

/** The section that means `config`. */
export function writeHealth(config: HealthConfig): HealthInput {
  const { kind, ...rest } = config;
  if (kind === 'tcp') {
    const { port: tcp, ...limits } = config;
    return { ...pick(limits), tcp };
  }
  return rest;
}

function pick({ within, successes, interval }: HealthLimits): HealthLimits {
  return { within, successes, interval };
}

const KINDS = ['path', 'tcp', 'command'] as const;

function healthRules(value: Loose, complain: Complain): void {
  const kinds = KINDS.filter((key) => value[key] !== undefined);
  if (kinds.length === 0) complain([], 'must have one of path, tcp, command');
  for (const extra of kinds.slice(1))
    complain([extra], `must not stand beside \`${kinds[0]}\`: a service has one health check`);
  if (kinds[0] === 'path') return;
  for (const key of ['status', 'headers', 'host'] as const) {
    if (kinds.length > 0 && value[key] !== undefined) complain([key], 'needs `path`: it belongs to an HTTP check');
  }
  if (kinds[0] === 'tcp' && typeof value['tcp'] === 'number' && value['port'] !== undefined)
    complain(['port'], 'must not stand beside a number in `tcp`');
  if (kinds[0] === 'command' && value['port'] !== undefined) complain(['port'], 'must not stand beside `command`');
}
