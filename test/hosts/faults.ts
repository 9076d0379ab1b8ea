import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ChildProcess } from 'node:child_process';
import { expectAgrees, expectNothingLeft } from './agreement.js';
import type { Facts, FaultHost } from './fault-host.js';
import { type Cell, cellsOf, type FaultManager, FAULTS, keepOutcomes, type Operation, type Outcome, STEPS } from './fault-matrix.js';
import type { Move } from './load.js';
import { type ActionName, Job, type Ran } from './run-action.js';

/** Which action comes to the steps of an operation. */
const ACTIONS: Readonly<Record<Operation, ActionName>> = { 'deploy': 'deploy', 'deploy with a new site': 'deploy', 'bad deploy': 'deploy', 'rollback': 'rollback', 'revert': 'go-live' };
const PROMISE = 'loses no request, leaves a host that agrees with itself, and lets the next deploy succeed without hands';

/** The tests of one manager: every cell a fault, and after it the deploy that has to succeed, under load all the while. */
export function describeFaults(manager: FaultManager, start: () => Promise<FaultHost>): void {
  describe(`${manager}: a fault`, () => {
    let faults: FaultHost;
    const outcomes: Outcome[] = [];
    /** The good release that is live before a cell; none when a cell before it went wrong. */
    let base: string | undefined;

    beforeAll(async () => {
      faults = await start();
      await good();
      base = await good();
    }, 300_000);
    afterAll(async () => {
      await faults.stop();
    }, 60_000);

    async function good(): Promise<string> {
      const ran = await deploy(faults);
      expect(ran.log).toContain('is live');
      expect(ran).toMatchObject({ code: 0, outputs: { result: 'success', switched: 'true' } });
      return ran.outputs['release']!;
    }

    test.each(cellsOf(manager).map((cell) => [`${FAULTS[cell.fault]}, in a ${cell.operation}, at "${STEPS[cell.step]}"`, cell] as const))(`%s: ${PROMISE}`, async (_, cell) => {
      const before = base ?? (await good());
      base = undefined;
      faults.load.mark();
      faults.load.resume();
      const { mid, after, next, moved } = await tryCell(faults, cell, before);
      await faults.load.pause();
      const answers = faults.load.mark();
      const undone = mid.current === moved && next.live.before === before;
      outcomes.push({ ...cell, manager, text: inWords(cell, mid, before, next.ran) });
      await keepOutcomes(manager, outcomes);

      // A reload of nginx closes connections that wait for a request; one may be on its way (DESIGN §4, law 9).
      if (cell.operation !== 'deploy with a new site') expect(answers.failures.slice(0, 3)).toEqual([]);
      expectAgrees(mid, cell.fault);
      expect(next.ran.log).toContain('is live');
      expect(next.ran).toMatchObject({ code: 0, outputs: { result: 'success', switched: 'true' } });
      const live = next.ran.outputs['release']!;
      expect(after.current).toBe(live);
      expectAgrees(after);
      expectNothingLeft(after);
      const goesBack = undone || cell.operation === 'bad deploy' || cell.operation === 'revert';
      const allowed: Move[] = [{ from: before, to: moved }, { from: before, to: live }, { from: moved, to: live }, ...(goesBack ? [{ from: moved, to: before }] : [])];
      for (const move of answers.moves) expect(allowed).toContainEqual(move);
      if (cell.fault !== 'reboot') expect(answers.moves.at(-1)?.to).toBe(live);
      base = live;
    }, 120_000);
  });
}

/** A deploy of a changed app, by itself and undisturbed. */
async function deploy({ work }: FaultHost): Promise<Ran> {
  await work.configure({ smoke: undefined });
  await work.commit({ text: String(Date.now()), 'worker-is': 'well' });
  const job = await Job.begin(work.folder, { inputs: work.inputs });
  const ran = await job.run('deploy');
  await job.end();
  return ran;
}

/** How often the site's own file was changed. */
let sites = 0;

interface Tried {
  /** When the fault was over and the host had come to rest. */
  readonly mid: Facts;
  /** After the next deploy. */
  readonly after: Facts;
  readonly next: { readonly ran: Ran; readonly live: { readonly before: string } };
  /** The release that the operation brings. */
  readonly moved: string;
}

async function tryCell(faults: FaultHost, cell: Cell, before: string): Promise<Tried> {
  const ran = await strike(faults, cell);
  await faults.settled();
  const mid = await faults.facts();
  const moved = (cell.operation === 'rollback' ? /Switch back to (\S+)/ : /::group::Stage (\S+)/).exec(ran.log)?.[1] ?? before;
  const next = await deploy(faults);
  const found = /lease taken; (\S+) is live/.exec(next.log)?.[1] ?? '';
  const live = { before: next.outputs['previous-release'] ?? found };
  return { mid, after: await faults.facts(), next: { ran: next, live }, moved };
}

/** Runs the operation up to the step, lets the fault happen there, and waits until the run has ended. */
async function strike(faults: FaultHost, { operation, step, fault }: Cell): Promise<Ran> {
  const { work, link, host } = faults;
  if (operation === 'deploy with a new site') await work.configure({ 'site.upload': `${10 + ++sites}MB` });
  if (operation === 'revert') await work.configure({ smoke: [{ name: 'slow', get: '/slow?ms=1500', expect: { status: 200 } }] });
  if (operation !== 'rollback') await work.commit({ text: `${operation} ${step} ${fault}`, 'worker-is': operation === 'bad deploy' ? 'sick' : 'well' });
  await faults.arm(step);
  const job = await Job.begin(work.folder, { inputs: work.inputs });
  let child: ChildProcess | undefined;
  let log = '';
  let switched: () => void;
  const isSwitched = new Promise<void>((resolve) => (switched = resolve));
  const running = job.run(ACTIONS[operation], {
    onLine: (line, process) => {
      child = process;
      log += `${line}\n`;
      if (line.includes('::group::Smoke')) switched();
    },
  });
  const tooSoon = running.then(() => Promise.reject(new Error(`the run ended before "${step}":\n${log.slice(-3000)}`)));
  tooSoon.catch(() => undefined);
  if (operation === 'revert') {
    await Promise.race([isSwitched, tooSoon]);
    // The time is up: what the timer starts is started now.
    await host.run(`systemctl --user start --no-block 'slipway-${work.app}-production-revert.service'`, { user: 'deploy' });
  }
  const pid = await Promise.race([faults.reached(), tooSoon]);
  switch (fault) {
    case 'runner':
      child?.kill('SIGKILL');
      await running;
      await faults.letGo();
      break;
    case 'link':
      link.cut('reset');
      await running;
      await faults.letGo();
      link.restore();
      break;
    case 'shell':
      await faults.killScript(pid);
      break;
    case 'reboot':
      await faults.powerCut();
      break;
  }
  const ran = await running;
  if (fault === 'runner') await job.abandon();
  else await job.end();
  return ran;
}

/** Where the host stood when the fault was over, and what the next run had to do. */
function inWords({ operation }: Cell, mid: Facts, before: string, next: Ran): string {
  const half = mid.unfinished.some(({ kind }) => kind === 'switching');
  const state = mid.releases.find(({ id }) => id === mid.current)?.state ?? 'unfinished';
  const stayed = operation === 'bad deploy' || operation === 'revert' ? 'went back' : 'stayed';
  const host = mid.current === before ? (half ? 'half-way, old one live' : stayed) : half ? 'half-way, new one live' : state === 'good' ? 'finished' : 'switched';
  const told = next.evidence.filter(({ id }) => id.endsWith('.recovery')).map(({ observed = '' }) => observed);
  const did = told.map((text) =>
    /files were removed/.test(text) ? 'removed its files'
    : /the way was finished/.test(text) ? 'finished it'
    : /died during the switch; went back/.test(text) ? 'undid it'
    : /it is marked bad/.test(text) ? 'marked the other bad'
    : /by itself/.test(text) ? 'said so'
    : /timer was lost/.test(text) ? 'went back'
    : text);
  return did.length === 0 ? host : `${host}; next run ${did.join(', ')}`;
}
