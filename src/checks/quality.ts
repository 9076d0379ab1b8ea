import { formatDuration } from '../evidence/format.js';
import { fail, pass, verdict, type CommandFacts, type RunnerCheck } from './model.js';

export const quality: readonly RunnerCheck[] = [
  {
    id: 'preflight.quality.tests',
    title: 'The project\'s own tests pass',
    family: 'quality', scope: 'runner', requirement: ['PF-31'], severity: 'block',
    remedy: 'Run the command in a fresh clone and mend what fails.',
    run({ tests }) {
      if (tests === undefined || tests.length === 0) return undefined;
      const failed = tests.filter(({ code }) => code !== 0);
      const duration = tests.reduce((sum, test) => sum + test.duration, 0);
      const expected = tests.map(({ command }) => command).join(' && ');
      if (failed.length === 0) return pass(`passed in ${formatDuration(duration)}`, expected, { duration });
      return fail(failed.map(ending).join('; '), expected, { duration, data: { tail: failed[0]?.tail ?? [] } });
    },
  },
  {
    id: 'preflight.quality.coverage',
    title: 'Test coverage reaches its floor',
    family: 'quality', scope: 'runner', requirement: ['PF-31'], severity: 'block',
    remedy: 'Test what the report shows as uncovered, or have the tests write the report (jest: coverageReporters json-summary or lcov).',
    run({ coverage }, { config }) {
      const wanted = config.preflight.coverage;
      if (wanted === undefined || coverage === undefined) return undefined;
      const expected = `at least ${percent(wanted.lines)} of lines`;
      if (typeof coverage === 'string') return fail(coverage, expected, { subject: wanted.file });
      return verdict(coverage >= wanted.lines, `${percent(coverage)} of lines`, expected, { subject: wanted.file });
    },
  },
  {
    id: 'preflight.quality.audit',
    title: 'No dependency with a known hole',
    family: 'quality', scope: 'runner', requirement: ['PF-32'], severity: 'block',
    remedy: 'Update the packages the audit names (npm audit fix), or replace those without a fix.',
    run({ audit }) {
      if (audit === undefined) return undefined;
      if (audit.code === 0) return pass('clean', audit.command, { duration: audit.duration });
      return fail(ending(audit), audit.command, { duration: audit.duration, data: { tail: audit.tail } });
    },
  },
];

function ending({ command, code, tail }: CommandFacts): string {
  const last = tail.filter((line) => line.trim() !== '').slice(-3).join(' | ');
  return `${command} ${code === undefined ? 'was ended before it finished' : `ended with ${code}`}${last === '' ? '' : `: ${last}`}`;
}

function percent(share: number): string {
  return `${(Math.floor(share * 1000) / 10).toString()} %`;
}
