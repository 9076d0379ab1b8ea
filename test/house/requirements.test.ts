import { beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { catalogue } from '../../src/checks/catalogue.js';
import { jsonSchema } from '../../src/config/json-schema.js';
import { SERVER_STEPS } from '../../src/server/steps.js';

interface Row {
  id: string;
  capability: string;
  command: string;
  kind: string;
  status: string;
  'answered-by': string;
  left: string;
}

interface Tool {
  readTable(): Row[];
  render(rows: Row[]): string;
  steps: Record<string, string>;
}

/** How many requirements each family has; the last id of a family carries its number. */
const families = {
  PF: 54, SV: 15, HD: 5, BK: 13, DP: 19, TL: 7, SM: 31, LD: 8, WT: 17, RB: 9, SG: 6, CL: 16, RP: 11, NT: 11, SC: 6, HC: 9, XX: 12,
};
const commands = new Set(['preflight', 'deploy', 'smoke', 'rollback', 'backup', 'go-live', 'status', 'releases', 'trust', 'unlock', 'server', 'certbot', 'signoff', 'build', 'report', 'watch']);

const root = join(import.meta.dirname, '../..');

/** The answers of a row, done or partly done, by their kind: `check`, `command`, `step`, `setting`. */
function answers(row: Row, kind: string): string[] {
  const words = row['answered-by'].split('; ').map((text) => text.split(' '));
  return words.filter(([word]) => word === kind).map(([, name]) => name!);
}

/** Every key that slipway.yml may have, wherever it stands. */
function keysOf(schema: unknown, found = new Set<string>()): Set<string> {
  if (typeof schema !== 'object' || schema === null) return found;
  for (const [name, value] of Object.entries(schema)) {
    if (name === 'properties') for (const key of Object.keys(value as object)) found.add(key);
    keysOf(value, found);
  }
  return found;
}

/** The ids of steps as the sources write them: 'deploy.build', `${phase}.switch`, `deploy.install.${service.name}`. */
function stepsOf(folder: string): Set<string> {
  const texts = readdirSync(join(root, folder)).map((file) => readFileSync(join(root, folder, file), 'utf8'));
  const ids = texts.flatMap((text) => [...text.matchAll(/\bid: ['`]([^'`]+)['`]/g)].map(([, id]) => id!.replace(/\.\$\{.*$/, '')));
  return new Set(ids.flatMap((id) => ['deploy', 'rollback'].map((phase) => id.replace(/^\$\{.*?\}/, phase))));
}

describe('the trace of the requirements', () => {
  let tool: Tool;
  let rows: Row[];
  let done: Row[];

  beforeAll(async () => {
    tool = (await import(pathToFileURL(join(root, 'tools/requirements.mjs')).href)) as Tool;
    rows = tool.readTable();
    done = rows.filter(({ status }) => status === 'done' || status === 'partly');
  });

  it('has every requirement once, in order', () => {
    const wanted = Object.entries(families).flatMap(([family, count]) =>
      Array.from({ length: count }, (_, index) => `${family}-${String(index + 1).padStart(2, '0')}`));
    expect(rows.map(({ id }) => id).sort()).toEqual(wanted.sort());
  });

  it('says of every row what, how and why', () => {
    const wrong = rows.filter(({ left, ...row }) => Object.values(row).some((cell) => cell === '')
      || !['done', 'partly', 'planned', 'out'].includes(row.status) || !['auto', 'assisted', 'human', 'out'].includes(row.kind)
      || (row.status === 'partly') !== (left !== ''));
    expect(wrong).toEqual([]);
  });

  it('answers done rows by checks, commands, steps and settings only', () => {
    const wrong = done.filter((row) => !/^((check|command|step|setting) [\w.-]+(; |$))+$/.test(row['answered-by']));
    expect(wrong).toEqual([]);
  });

  it('names for each requirement exactly the checks that say they answer it', () => {
    const claimed = catalogue.flatMap(({ id, requirement }) => requirement.map((row) => `${row} ${id}`));
    const traced = done.flatMap((row) => answers(row, 'check').map((id) => `${row.id} ${id}`));
    expect(traced.sort()).toEqual(claimed.sort());
  });

  it('names commands that exist and steps that are explained', () => {
    expect(done.flatMap((row) => answers(row, 'command')).filter((name) => !commands.has(name))).toEqual([]);
    expect(done.flatMap((row) => answers(row, 'step')).filter((name) => !(name in tool.steps))).toEqual([]);
  });

  it('explains only steps that the commands leave evidence of', () => {
    const recorded = new Set([...stepsOf('src/commands'), ...SERVER_STEPS.map(({ group, id }) => `${group}.${id}`)]);
    expect(Object.keys(tool.steps).filter((name) => !recorded.has(name))).toEqual([]);
  });

  it('names settings that slipway.yml knows', () => {
    const keys = keysOf(jsonSchema());
    const unknown = done.flatMap((row) => answers(row, 'setting')).filter((path) => path.split('.').some((key) => !keys.has(key)));
    expect(unknown).toEqual([]);
  });

  it('stands in docs/requirements.md as the table has it', () => {
    expect(readFileSync(join(root, 'docs/requirements.md'), 'utf8')).toBe(tool.render(rows));
  });
});
