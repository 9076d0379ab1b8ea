import { formatCount } from './format.js';
import type { Evidence, Phase, Status } from './record.js';

/** The order in which phases are shown. */
const PHASES: Record<Phase, string> = {
  preflight: 'Preflight', server: 'Server', certbot: 'Certificates', backup: 'Backup', deploy: 'Deploy', smoke: 'Smoke',
  watch: 'Watch', rollback: 'Rollback', signoff: 'Sign-off',
};

/** One character per status, the same in logs and tables. */
export const MARKS: Record<Status, string> = { pass: '✓', warn: '!', fail: '✗', skip: '–' };

const SEVERITY: readonly Status[] = ['fail', 'warn', 'skip', 'pass'];

/** `fail` when any record failed, else `warn` when any warned, else `pass`; `skip` when nothing was looked at. */
export function worstStatus(records: readonly Evidence[]): Status {
  if (records.some(({ status }) => status === 'fail')) return 'fail';
  if (records.some(({ status }) => status === 'warn')) return 'warn';
  return records.some(({ status }) => status === 'pass') ? 'pass' : 'skip';
}

/** `2 failed, 1 warning, 41 passed`; `nothing checked` for no records. */
export function countsText(records: readonly Evidence[]): string {
  const count = (status: Status): number => records.filter((record) => record.status === status).length;
  const [failed, warned, passed, skipped] = [count('fail'), count('warn'), count('pass'), count('skip')];
  const parts = [
    failed > 0 ? `${failed} failed` : '',
    warned > 0 ? formatCount(warned, 'warning') : '',
    passed > 0 ? `${passed} passed` : '',
    skipped > 0 ? `${skipped} skipped` : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'nothing checked' : parts.join(', ');
}

export interface PhaseGroup {
  readonly phase: Phase;
  readonly title: string;
  readonly records: readonly Evidence[];
}

/** The records by phase in the order of a go-live, each group with failures first, then warnings, skips and passes. */
export function byPhase(records: readonly Evidence[]): PhaseGroup[] {
  return (Object.keys(PHASES) as Phase[]).flatMap((phase) => {
    const group = records.filter((record) => record.phase === phase);
    return group.length === 0 ? [] : [{ phase, title: PHASES[phase], records: worstFirst(group) }];
  });
}

/** Failures first, then warnings, skips and passes; otherwise in the order they came. */
export function worstFirst(records: readonly Evidence[]): Evidence[] {
  return SEVERITY.flatMap((status) => records.filter((record) => record.status === status));
}
