import { UserError } from '../evidence/errors.js';
import type { ExecResult } from '../ssh/types.js';

/** A step on a host that did not succeed: names the host, the step, the exit code and the last lines of stderr. */
export class HostError extends UserError {
  readonly host: string;
  readonly step: string;
  readonly code: number;

  constructor(host: string, step: string, result: ExecResult, remedy?: string) {
    const said = lastLines(result.stderr, 15);
    const own = said.length === 1 && said[0]?.startsWith('slipway: ') ? said[0].slice('slipway: '.length) : undefined;
    const message =
      own === undefined
        ? `${host}: ${step} failed with exit code ${result.code}${said.length === 0 ? ' and said nothing on stderr' : `:\n${said.map((line) => `    ${line}`).join('\n')}`}`
        : `${host}: ${step}: ${own}`;
    super(message, { remedy: remedy ?? REMEDIES.get(result.code) });
    this.name = 'HostError';
    this.host = host;
    this.step = step;
    this.code = result.code;
  }
}

/** The exit codes of scripts/lib.sh that mean the same in every script. */
export const EXIT = { refused: 3, leaseLost: 4, lacking: 5, busy: 6, unwritable: 7, moved: 8, again: 10, wentBack: 20, stuck: 21, stopped: 22, stayed: 23,
  suspicious: 30, notWhole: 31, noBackup: 32, dataBusy: 33, halfRestored: 34, drillFailed: 35, noRoom: 36, unfit: 37 } as const;

const REMEDIES = new Map<number, string>([
  [EXIT.refused, 'Check `environments.<name>.root` in slipway.yml. Nothing was changed.'],
  [EXIT.leaseLost, 'Another run took over after this one was silent for too long. See `slipway status`; run again when it has ended.'],
  [EXIT.lacking, 'Install it on the host, then run again.'],
  [EXIT.moved, 'Nobody confirmed the release in time, so the host went back: `slipway releases` shows it. Raise `release.confirm-within` if your checks need longer; deploy again.'],
  [EXIT.suspicious, 'Look at the data: is it what it should be? If so, mend the expectation in slipway.yml, then back up again.'],
  [EXIT.notWhole, '`slipway backup list` shows which backups are good.'],
  [EXIT.noBackup, '`slipway backup list` shows what there is; `slipway backup create` makes one.'],
  [EXIT.dataBusy, 'Wait for it to end, then run again.'],
  [EXIT.halfRestored, 'Restore a good backup whole: `slipway backup restore <environment>`. Nothing else may touch the data before that.'],
  [EXIT.drillFailed, 'This backup would not have saved you. Make another (`slipway backup create`), and drill that.'],
  [EXIT.noRoom, 'Make room on the host, or give backups a disk of their own: `backup.folder`. Nothing was changed.'],
  [EXIT.unfit, 'Try it beside the live data: slipway backup drill <environment> --id <id>. Once that has succeeded on this server, the restore is allowed. Or bring the data to a server like the one that made it.'],
  [EXIT.busy, 'See what is running there: `ps -ef | grep slipway`. Then run again.'],
]);

/** The last `count` lines that are not blank. */
export function lastLines(text: string, count: number): string[] {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .slice(-count);
}
