import * as z from 'zod';
import { duration, text, whole } from './fields.js';
import { expect } from './expect.js';
import { environmentName, headerName } from './names.js';
import { codec, record, section, variable, verbatim, type Complain, type Loose } from './section.js';

export const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const;
export type Method = (typeof METHODS)[number];
const METHOD_KEYS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'] as const;
const BODIES = ['json', 'form', 'upload', 'body'] as const;

const url = (method: string) =>
  variable(
    z
      .string()
      .regex(/^(\/|https?:\/\/|\$)\S*$/, {
        error: ({ input }) => `must be a path that begins with / or an http(s) URL, is \`${String(input)}\``,
      })
      .meta({ description: `${method} this path (below the environment's url) or URL.` }),
  ).exactOptional();

const upload = section('A file sent as multipart/form-data.', {
  field: text('The name of the form field.').prefault('file'),
  file: text('The file, relative to the workspace.', 'test/fixtures/logo.png'),
  type: text('Its content type. Default: by the file name.', 'image/png').exactOptional(),
  fields: record(z.string(), variable(verbatim())).exactOptional().meta({ description: 'Further fields of the form.' }),
});

/** A capture: where in the answer a value is found. */
const capture = z
  .string()
  .refine((source) => captureComplaint(source) === undefined, {
    error: ({ input }) => captureComplaint(String(input)) ?? '',
  })
  .meta({
    description: 'A JSONPath ($.token), header:Name, cookie:Name or regex:/…(…)/.',
    examples: ['$.token', 'header:Location', 'cookie:sid', 'regex:/name="csrf" value="([^"]+)"/'],
  });

function captureComplaint(source: string): string | undefined {
  if (source.startsWith('$') || /^(header|cookie):\S+$/.test(source)) return undefined;
  const pattern = /^regex:\/(.*)\/([a-z]*)$/s.exec(source);
  if (pattern === null)
    return `must be a JSONPath ($.token), header:Name, cookie:Name or regex:/…(…)/; is \`${source}\``;
  try {
    new RegExp(pattern[1] ?? '', pattern[2]);
  } catch (error) {
    return `must be a regular expression: ${(error as Error).message}`;
  }
  return /(?<!\\)\((?!\?(?!<[A-Za-z]))/.test(pattern[1] ?? '')
    ? undefined
    : 'must hold a group in parentheses: what it matches is captured';
}

/** The keys of one step as they stand in the file. */
const stepKeys = {
  name: text('What the step shows, for reports.').exactOptional(),
  get: url('GET'),
  post: url('POST'),
  put: url('PUT'),
  patch: url('PATCH'),
  delete: url('DELETE'),
  head: url('HEAD'),
  options: url('OPTIONS'),
  headers: record(headerName, variable(verbatim())).exactOptional().meta({ description: 'Headers sent along.' }),
  json: variable(z.unknown()).exactOptional().meta({ description: 'A body sent as JSON.' }),
  form: record(z.string(), variable(verbatim()))
    .exactOptional()
    .meta({ description: 'A body sent as application/x-www-form-urlencoded.' }),
  upload: upload.exactOptional(),
  body: variable(z.string()).exactOptional().meta({ description: 'A body sent as it stands.' }),
  redirects: whole(
    0,
    20,
    'How many redirects to follow. Default: 0, so that a redirect is seen as such.',
  ).exactOptional(),
  timeout: duration('How long the step may take. Default: 10s; 10m for run.').exactOptional(),
  expect: expect.exactOptional(),
  capture: record(environmentName, capture)
    .exactOptional()
    .meta({ description: 'Values of the answer that later steps use as $NAME.' }),
  run: text('A command on the runner; exit code 0 passes.', 'npx playwright test').exactOptional(),
  env: record(environmentName, variable(verbatim()))
    .exactOptional()
    .meta({ description: 'Environment of the command under run.' }),
};

const step = section('One request, or one command.', stepKeys, { rules: stepRules });

/** A scenario of one step carries the keys of the step itself. */
const scenarioInput = section(
  'One scenario: a request (get, post, …), a command (run) or a list of steps.',
  {
    ...stepKeys,
    steps: z
      .array(step)
      .min(1)
      .exactOptional()
      .meta({ description: 'Several steps, in order, that share cookies and captures.' }),
    retries: whole(0, 100, 'How often a failed scenario is tried again.').prefault(0),
    'retry-delay': duration('Time before it is tried again.').prefault('1s'),
  },
  { rules: scenarioRules },
);

type StepInput = z.output<typeof step>;
type ScenarioInput = z.output<typeof scenarioInput>;

export interface HttpStep {
  readonly name?: string;
  readonly method: Method;
  /** A path below the environment's URL, or a whole URL. */
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly json?: unknown;
  readonly form?: Record<string, string>;
  readonly upload?: {
    readonly field: string;
    readonly file: string;
    readonly type?: string;
    readonly fields?: Record<string, string>;
  };
  readonly body?: string;
  readonly redirects: number;
  /** Milliseconds. */
  readonly timeout: number;
  readonly expect: z.output<typeof expect>;
  readonly capture: Record<string, string>;
}
export interface RunStep {
  readonly name?: string;
  readonly run: string;
  /** Milliseconds. */
  readonly timeout: number;
  readonly env: Record<string, string>;
}
export type Step = HttpStep | RunStep;
export interface Scenario {
  readonly name: string;
  readonly steps: Step[];
  readonly retries: number;
  /** Milliseconds. */
  readonly retryDelay: number;
}

const scenario = codec<typeof scenarioInput, Scenario>(scenarioInput, { decode: readScenario, encode: writeScenario });

export const smoke = z
  .array(scenario)
  .meta({ description: 'Scenarios that show the release works, run after the switch.' });

function readScenario(input: ScenarioInput): Scenario {
  const { steps, retries, retryDelay, ...only } = input;
  const read = steps?.map(readStep) ?? [readStep(only)];
  return {
    name: input.name ?? title(read[0]),
    steps: steps === undefined ? read.map(withoutName) : read,
    retries,
    retryDelay,
  };
}

function title(step: Step | undefined): string {
  if (step === undefined) return '';
  return 'run' in step ? step.run : `${step.method} ${step.url}`;
}

function withoutName({ name: _, ...rest }: Step): Step {
  return rest;
}

function readStep(input: StepInput): Step {
  const named = input.name === undefined ? {} : { name: input.name };
  if (input.run !== undefined)
    return { ...named, run: input.run, timeout: input.timeout ?? 600_000, env: input.env ?? {} };
  const key = METHOD_KEYS.find((method) => input[method] !== undefined) ?? 'get';
  const { json, form, upload, body } = input;
  return {
    ...named,
    method: key.toUpperCase() as Method,
    url: input[key] ?? '/',
    headers: input.headers ?? {},
    ...('json' in input && { json }),
    ...(form !== undefined && { form }),
    ...(upload !== undefined && { upload }),
    ...(body !== undefined && { body }),
    redirects: input.redirects ?? 0,
    timeout: input.timeout ?? 10_000,
    expect: input.expect ?? {},
    capture: input.capture ?? {},
  };
}

function writeScenario({ name, steps, retries, retryDelay }: Scenario): ScenarioInput {
  const [first] = steps;
  const single = steps.length === 1 && first !== undefined && first.name === undefined;
  return {
    name,
    ...(single ? writeStep(first) : { steps: steps.map(writeStep) }),
    retries,
    retryDelay,
  };
}

function writeStep(step: Step): StepInput {
  if ('run' in step) return step;
  const { method, url: target, ...rest } = step;
  return { ...rest, [method.toLowerCase()]: target };
}

function stepRules(value: Loose, complain: Complain): void {
  const kinds = [...METHOD_KEYS, 'run'].filter((key) => value[key] !== undefined);
  if (kinds.length === 0) complain([], `must have one of ${[...METHOD_KEYS, 'run'].join(', ')}`);
  for (const extra of kinds.slice(1))
    complain([extra], `must not stand beside \`${kinds[0]}\`: a step is one request or one command`);
  const bodies = BODIES.filter((key) => key in value && value[key] !== undefined);
  for (const extra of bodies.slice(1))
    complain([extra], `must not stand beside \`${bodies[0]}\`: a request has one body`);
  if (kinds[0] === 'run') {
    for (const key of [...BODIES, 'headers', 'redirects', 'expect', 'capture']) {
      if (value[key] !== undefined) complain([key], 'must not stand beside `run`: it belongs to a request');
    }
  } else if (kinds.length > 0) {
    if (value['env'] !== undefined) complain(['env'], 'needs `run`: it is the environment of a command');
    if ((kinds[0] === 'get' || kinds[0] === 'head') && bodies[0] !== undefined)
      complain([bodies[0]], `must not stand beside \`${kinds[0]}\`, which has no body`);
  }
}

function scenarioRules(value: Loose, complain: Complain): void {
  if (value['steps'] === undefined) {
    stepRules(value, complain);
    return;
  }
  if (value['name'] === undefined) complain([], 'must have a `name` when it has steps');
  for (const key of Object.keys(stepKeys)) {
    if (key !== 'name' && value[key] !== undefined) complain([key], 'must stand inside one of the `steps`');
  }
}
