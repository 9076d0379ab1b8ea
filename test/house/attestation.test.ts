import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';

interface Step {
  name?: string;
  uses?: string;
  if?: string;
  run?: string;
  env?: Record<string, string>;
}

interface Job {
  permissions: Record<string, string>;
  steps: Step[];
}

const jobOf = (workflow: string, job: string): Job => {
  const file = join(import.meta.dirname, '../../.github/workflows', `${workflow}.yml`);
  return (parse(readFileSync(file, 'utf8')) as { jobs: Record<string, Job> }).jobs[job]!;
};
const verifier = ({ steps }: Job): Step | undefined => steps.find(({ run }) => run?.includes('gh attestation verify') === true);

/** Runs a step's script as a runner does, with a `gh` that writes its arguments down. */
function runStep(script: string, env: Record<string, string>, gh: string | undefined): { code: number | null; out: string } {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-gh-'));
  try {
    if (gh !== undefined) {
      writeFileSync(join(folder, 'gh'), `#!/bin/sh\n${gh}\n`);
      chmodSync(join(folder, 'gh'), 0o755);
    }
    const { status, stdout } = spawnSync('/bin/bash', ['--noprofile', '--norc', '-e', '-o', 'pipefail', '-c', script], { env: { PATH: folder, ...env }, encoding: 'utf8' });
    return { code: status, out: stdout };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const WRITES_DOWN = 'for one in "$@"; do printf "%s\\n" "$one"; done';
const GIVEN = { GH_TOKEN: 't', ARTIFACT: '/tmp/a b/release.tar.gz', WORKFLOW: 'acme/slipway/.github/workflows/release.yml', GITHUB_REPOSITORY: 'acme/shop', GITHUB_SHA: 'c0ffee' };

describe('an attestation', () => {
  it('is verified in the same words by the gate of a release and by the production run that an issue starts', () => {
    const [gate, production] = [verifier(jobOf('release', 'gate')), verifier(jobOf('production', 'production'))];
    expect(production?.run).toBe(gate?.run);
    expect(production?.env).toEqual(gate?.env);
    expect([gate?.if, production?.if]).toEqual(['inputs.attest', 'inputs.attest']);
    // Whoever made the production workflow, the signer is release.yml beside it.
    expect(gate?.env?.['WORKFLOW']).toBe('${{ job.workflow_repository }}/.github/workflows/release.yml');
  });

  it.each([['release', 'gate'], ['production', 'production']])('can be read by %s, in its job %s, and not written', (workflow, job) => {
    expect(jobOf(workflow, job).permissions['attestations']).toBe('read');
  });

  it('is verified before the production run reaches a host, of the very file that is deployed', () => {
    const job = jobOf('production', 'production');
    const { steps } = job;
    const at = steps.indexOf(verifier(job)!);
    expect(steps.findIndex(({ uses = '' }) => uses.startsWith('actions/download-artifact@'))).toBeLessThan(at);
    expect(at).toBeLessThan(steps.findIndex(({ uses = '' }) => uses === '$/actions/deploy'));
    // Nothing between the two could put another file there.
    expect(steps.slice(at + 1).map(({ uses }) => uses)[0]).toBe('$/actions/deploy');
  });

  it('must be of this repository, by release.yml, from this commit, on a runner of GitHub’s; one of their own only for those who say so', () => {
    const script = verifier(jobOf('release', 'gate'))!.run!;
    const said = runStep(script, { ...GIVEN, DENY: 'true' }, WRITES_DOWN);
    expect(said.out.trim().split('\n')).toEqual([
      'attestation', 'verify', '/tmp/a b/release.tar.gz', '--repo', 'acme/shop', '--signer-workflow', 'acme/slipway/.github/workflows/release.yml',
      '--source-digest', 'c0ffee', '--deny-self-hosted-runners=true',
    ]);
    expect(runStep(script, { ...GIVEN, DENY: 'false' }, WRITES_DOWN).out).toContain('--deny-self-hosted-runners=false\n');
    expect(runStep(script, { ...GIVEN, DENY: 'true' }, 'exit 1').code).toBe(1);
  });

  it('that could never be verified is said in the plan: on a runner of their own without leave, or without the GitHub CLI', () => {
    const { steps } = jobOf('release', 'plan');
    const step = steps.find(({ name }) => name === 'What attest needs of a runner of your own')!;
    expect(step.if).toBe("inputs.attest && runner.environment == 'self-hosted'");
    expect(steps.indexOf(step)).toBe(0);
    expect(runStep(step.run!, { ALLOWED: 'true' }, 'exit 0').code).toBe(0);
    const forbidden = runStep(step.run!, { ALLOWED: 'false' }, 'exit 0');
    expect(forbidden).toEqual({ code: 1, out: expect.stringContaining('attest-own-runners: true') as unknown });
    const without = runStep(step.run!, { ALLOWED: 'true' }, undefined);
    expect(without).toEqual({ code: 1, out: expect.stringContaining('(gh) is not installed') as unknown });
  });
});
