import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/**
 * Who waits for whom. On GitHub a run that waits for a person holds the concurrency group it is in, and a group without
 * `queue: max` keeps one waiting run and cancels the others.
 * https://docs.github.com/en/actions/concepts/workflows-and-actions/concurrency
 */
const root = join(import.meta.dirname, '../..');

interface Group { readonly group: string; readonly 'cancel-in-progress'?: unknown; readonly queue?: string }
interface JobText { readonly concurrency?: Group | string; readonly environment?: unknown; readonly uses?: string; readonly steps?: readonly { readonly uses?: string; readonly with?: Readonly<Record<string, unknown>> }[] }
interface Workflow { readonly concurrency?: unknown; readonly jobs: Readonly<Record<string, JobText>> }

const read = (folder: string): Readonly<Record<string, Workflow>> =>
  Object.fromEntries(readdirSync(join(root, folder)).filter((name) => name.endsWith('.yml')).map((name) => [name, parse(readFileSync(join(root, folder, name), 'utf8')) as Workflow]));
const ours = Object.entries(read('.github/workflows')).filter(([name]) => name !== 'ci.yml');
const templates = Object.entries(read('templates'));
const jobs = ours.flatMap(([file, { jobs: all }]) => Object.entries(all).map(([id, job]) => ({ file, id, job })));
const does = (job: JobText, action: string): boolean => job.steps?.some(({ uses }) => uses === `$/actions/${action}`) === true;
const deploying = jobs.filter(({ job }) => does(job, 'deploy'));

describe('a run that waits', () => {
  it('is held against nobody as a whole: no workflow of ours and no template has a group, only jobs have', () => {
    expect([...ours, ...templates].filter(([, workflow]) => workflow.concurrency !== undefined).map(([file]) => file)).toEqual([]);
    expect(templates.flatMap(([file, { jobs: all }]) => Object.values(all).filter(({ concurrency }) => concurrency !== undefined).map(() => file))).toEqual([]);
  });

  it('for a sign-off is in no group, and what reads answers in an issue is in none of a deploy', () => {
    const asking = jobs.filter(({ id }) => id.startsWith('sign-off'));
    expect(asking.map(({ file, id }) => `${file} ${id}`)).toEqual(['release.yml sign-off-before', 'release.yml sign-off-after', 'signoff.yml sign-off']);
    for (const { file, id, job } of asking) {
      const group = file === 'signoff.yml' ? 'slipway-signoff-${{ inputs.issue-number }}' : undefined;
      expect({ file, id, group: (job.concurrency as Group | undefined)?.group }).toEqual({ file, id, group });
    }
  });

  it('to deploy to an environment is in the group of that environment, in line, and nobody in line is dropped', () => {
    expect(deploying.map(({ file, id }) => `${file} ${id}`).sort()).toEqual(['production.yml production', 'release.yml production', 'release.yml staging']);
    for (const { file, id, job } of deploying) {
      const environment = String(job.steps?.find(({ uses }) => uses === '$/actions/deploy')?.with?.['environment']);
      expect({ file, id, ...(job.concurrency as Group) }).toEqual({ file, id, group: `slipway-${environment}`, 'cancel-in-progress': false, queue: 'max' });
    }
  });

  it('to go back waits for no deploy: the lease keeps the two apart', () => {
    const back = jobs.filter(({ job }) => does(job, 'rollback') && !does(job, 'deploy'));
    expect(back.length).toBeGreaterThan(0);
    for (const { file, id, job } of back) expect({ file, id, group: job.concurrency }).toEqual({ file, id, group: undefined });
  });

  it('is never cancelled by the next one half-way', () => {
    for (const { file, id, job } of jobs) if (job.concurrency !== undefined) expect({ file, id, cancels: (job.concurrency as Group)['cancel-in-progress'] }).toEqual({ file, id, cancels: false });
  });
});
