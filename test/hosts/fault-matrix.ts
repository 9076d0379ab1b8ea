import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What goes wrong while a script stands at a step. */
export const FAULTS = {
  runner: 'runner killed',
  link: 'link cut',
  shell: 'remote shell killed',
  reboot: 'power cut',
} as const;
export type Fault = keyof typeof FAULTS;

/**
 * The steps that the remote scripts mark, in the order in which a run comes to them, and what has just happened there.
 * `test/house/fault-hook.test.ts` holds them against the scripts.
 */
export const STEPS = {
  'lease-taken': 'lease taken',
  'staging-begun': 'staging begun',
  'received': 'upload received',
  'verified': 'release verified',
  'named': 'release in its place',
  'staged': 'staging journaled',
  'command-begun': 'before an install',
  'command-ended': 'after an install',
  'site-put': "the site's file in its place",
  'site-loaded': 'nginx has loaded the site',
  'switch-begun': 'slot chosen',
  'service-started': 'slot started',
  'slot-healthy': 'slot healthy',
  'switching': 'switch journaled',
  'armed': 'timer armed',
  'renamed': '`current` renamed',
  'active': 'read back, journaled',
  'going-back': 'going back begun',
  'gone-back': 'gone back',
  'confirmed': 'confirmation journaled',
  'draining': 'old slot drains',
  'retired': 'old slot stopped',
  'deleted': 'old release deleted',
  'revert-begun': 'revert begun',
  'revert-switching': 'revert journaled',
  'reverted': '`current` renamed back',
} as const;
export type Step = keyof typeof STEPS;

/** Whose steps: a deploy, one that changes the site's own file, one that fails after its switch, a rollback, and a host that goes back because nobody confirmed. */
export const OPERATIONS = {
  'deploy': [
    ...(['lease-taken', 'staging-begun', 'received', 'verified', 'named', 'staged', 'command-begun', 'command-ended'] as const),
    ...(['switch-begun', 'service-started', 'slot-healthy', 'switching', 'armed', 'renamed', 'active', 'confirmed', 'draining', 'retired', 'deleted'] as const),
  ],
  'deploy with a new site': ['site-put', 'site-loaded'],
  'bad deploy': ['going-back', 'gone-back'],
  'rollback': ['switch-begun', 'service-started', 'slot-healthy', 'switching', 'renamed', 'active', 'confirmed', 'draining', 'retired'],
  'revert': ['revert-begun', 'revert-switching', 'reverted'],
} as const satisfies Record<string, readonly Step[]>;
export type Operation = keyof typeof OPERATIONS;

/** A reboot takes long: it is tried where it can do the most harm. */
const REBOOTS: Readonly<Record<Operation, readonly Step[]>> = {
  'deploy': ['slot-healthy', 'renamed', 'active'],
  'deploy with a new site': [],
  'bad deploy': [],
  'rollback': ['renamed'],
  'revert': ['revert-switching'],
};

export const MANAGERS = ['pm2', 'systemd', 'compose'] as const;
export type FaultManager = (typeof MANAGERS)[number];

export interface Cell {
  readonly operation: Operation;
  readonly step: Step;
  readonly fault: Fault;
}

/** The steps behind which a service was started, stopped or is about to be: only there what keeps it running makes a difference. */
const WITH_SERVICES: ReadonlySet<Step> = new Set<Step>(['switch-begun', 'service-started', 'slot-healthy', 'renamed', 'active', 'draining', 'retired']);

/** Whether one manager stands for all in a short run: only a deploy's own steps with services are tried with each of them. */
export function standsForAll(operation: Operation, step: Step): boolean {
  return operation !== 'deploy' || !WITH_SERVICES.has(step);
}

/** The one that stands for all: its cells take half as long as PM2's. */
const STANDS_FOR_ALL: FaultManager = 'systemd';

/**
 * The cells to try with a manager. All of them take half an hour with each: by default every step of a deploy that concerns
 * services meets one of the three quick faults, another one with each manager, so that the three together meet all; for the other
 * steps and for power cuts one manager stands for all. SLIPWAY_FAULTS=all tries every cell.
 */
export function cellsOf(manager: FaultManager, all = process.env['SLIPWAY_FAULTS'] === 'all'): Cell[] {
  const quick = ['runner', 'link', 'shell'] as const;
  const own = MANAGERS.indexOf(manager);
  let turn = own;
  let reboots = 0;
  return (Object.keys(OPERATIONS) as Operation[]).flatMap((operation) =>
    OPERATIONS[operation].flatMap((step) => {
      const faults: Fault[] = all ? [...quick] : [quick[turn++ % quick.length] ?? 'runner'];
      if (!all && standsForAll(operation, step) && manager !== STANDS_FOR_ALL) faults.length = 0;
      if (all || (REBOOTS[operation].includes(step) && reboots++ % MANAGERS.length === own)) faults.push('reboot');
      return faults.map((fault) => ({ operation, step, fault }));
    }),
  );
}

export interface Outcome extends Cell {
  readonly manager: FaultManager;
  /** What the host did, and what the next run found to do. */
  readonly text: string;
}

const BUILD = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'build');

/**
 * Keeps what a manager's cells ended with, and writes the table of all managers that were tried until now to
 * `build/fault-matrix.md`.
 */
export async function keepOutcomes(manager: FaultManager, outcomes: readonly Outcome[]): Promise<void> {
  const parts = join(BUILD, 'fault-matrix');
  await mkdir(parts, { recursive: true });
  const own = join(parts, `${manager}.json`);
  const known = await readOutcomes(own);
  const sameCell = (one: Cell, other: Cell): boolean => one.operation === other.operation && one.step === other.step && one.fault === other.fault;
  await writeFile(own, JSON.stringify([...known.filter((old) => !outcomes.some((outcome) => sameCell(old, outcome))), ...outcomes]));
  const files = (await readdir(parts)).filter((name) => name.endsWith('.json'));
  const all = (await Promise.all(files.map((name) => readOutcomes(join(parts, name))))).flat();
  await writeFile(join(BUILD, 'fault-matrix.md.new'), table(all));
  await rename(join(BUILD, 'fault-matrix.md.new'), join(BUILD, 'fault-matrix.md'));
}

async function readOutcomes(file: string): Promise<Outcome[]> {
  return JSON.parse(await readFile(file, 'utf8').catch(() => '[]')) as Outcome[];
}

/** One row for each step; a cell says what happened, and with which managers when not with all that tried it. */
export function table(outcomes: readonly Outcome[]): string {
  const faults = Object.keys(FAULTS) as Fault[];
  const rows = (Object.keys(OPERATIONS) as Operation[]).flatMap((operation) =>
    OPERATIONS[operation].map((step) => {
      const cells = faults.map((fault) => {
        const here = outcomes.filter((outcome) => outcome.operation === operation && outcome.step === step && outcome.fault === fault);
        const texts = [...new Set(here.map(({ text }) => text))];
        return texts.map((text) => `${text} (${here.filter((outcome) => outcome.text === text).map(({ manager }) => manager).join(', ')})`).join('<br>') || '–';
      });
      return `| ${operation} | ${STEPS[step]} | ${cells.join(' | ')} |`;
    }),
  );
  return [`| during | after | ${faults.map((fault) => FAULTS[fault]).join(' | ')} |`, `|---|---|${faults.map(() => '---|').join('')}`, ...rows, ''].join('\n');
}
