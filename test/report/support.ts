import type { Evidence } from '../../src/evidence/record.js';
import { derive } from '../../src/report/derive.js';
import type { Report, ReportInput } from '../../src/report/model.js';

export const HOST = 'deploy@203.0.113.10';
const START = Date.parse('2026-11-21T12:00:00Z');

/** A record some seconds into the run. */
export function record(id: string, seconds: number, rest: Partial<Evidence> = {}): Evidence {
  return {
    id, phase: id.split('.')[0] as Evidence['phase'], title: id, subject: HOST, status: 'pass',
    at: new Date(START + seconds * 1000).toISOString(), duration: 1000, ...rest,
  };
}

export const answer = (name: string, seconds: number, ms: number, rest: Partial<Evidence> = {}): Evidence =>
  record(`smoke.${name}`, seconds, { title: name, subject: `https://shop.example.com/${name}`, duration: ms, data: { responseTime: ms }, ...rest });

/** A go-live whose smoke is red and which goes back by itself, with smoke before it, in between and after it. */
export const WENT_BACK: Evidence[] = [
  record('preflight.tools.node', 0, { status: 'warn', observed: 'old', remedy: 'Upgrade.' }),
  record('deploy.artifact', 1, { subject: 'runner', observed: '15 files', data: { digest: 'f'.repeat(64) } }),
  record('deploy.lease', 2, { observed: 'lease taken; r1 is live' }),
  answer('health', 3, 10),
  record('deploy.switch', 4, { expected: 'r2', observed: 'r2 is live', duration: 5000 }),
  answer('health', 10, 30),
  answer('version', 11, 5, { status: 'fail', expected: 'r2', observed: 'r1', remedy: 'Look.' }),
  record('rollback.switch', 12, { expected: 'r1', observed: 'r1 is live', duration: 3000 }),
  answer('health', 16, 12),
];

export function report(records: readonly Evidence[] = WENT_BACK, rest: Partial<ReportInput> = {}): Report {
  return derive({
    app: 'shop', environment: 'production', url: 'https://shop.example.com', hosts: new Map([[HOST, 'production']]), title: undefined,
    actor: 'ann', run: 'https://github.com/acme/shop/actions/runs/42', tag: 'v1.2.0', jobs: new Map(), unreadable: [],
    sources: [{ name: 'evidence-7-production-1', records }], now: new Date(START + 60_000), ...rest,
  });
}

/** What somebody might put into a title, a comment or a name to leave the place it is shown in. */
export const HOSTILE = `</script><script>alert(1)</script>"'><img src=x onerror=alert(2)> & <!-- --> {a|b} \`code\` *b* [x](javascript:1) <!channel> @everyone : ; # \u202e\u001b[31m`;
