import { describe, expect, it } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { catalogue, renderCatalogue } from '../../src/checks/catalogue.js';
import type { Outcome } from '../../src/checks/model.js';
import { settingsOf } from '../../src/checks/settings.js';
import { databaseCases } from './cases/databases.js';
import { githubCases } from './cases/github.js';
import { hardeningCases } from './cases/hardening.js';
import { hostCases } from './cases/host.js';
import { runnerCases } from './cases/runner.js';
import { NAME, PAGE, siteCases, TLS } from './cases/site.js';
import { variableCases } from './cases/variables.js';
import { windowCases } from './cases/window.js';
import { configWith, contextWith, RUNNER, visitOf, type Case } from './support.js';

const cases: Case[] = [...hostCases, ...runnerCases, ...githubCases, ...variableCases, ...siteCases, ...databaseCases, ...hardeningCases, ...windowCases];

function answer(item: Case): { outcome: Outcome | undefined; remedy: string } {
  const check = catalogue.find(({ id }) => id === item.id);
  if (check === undefined) throw new Error(`no check ${item.id}`);
  const config = configWith(item.config);
  const context = contextWith(config, item.environment);
  const ask = (): Outcome | undefined => {
    switch (check.scope) {
      case 'runner': return check.run({ ...RUNNER, ...item.runner }, context);
      case 'github': return check.run(item.github ?? {}, context);
      case 'window': return check.run({ open: true, expected: '', observed: '', data: {}, ...item.window }, context);
      case 'environment': return check.run(settingsOf(config, item.env, undefined, item.elsewhere), context);
      case 'name': return check.run({ ...NAME, ...item.dns }, context);
      case 'tls': return check.run({ ...TLS, ...item.tls }, context);
      case 'page': return check.run({ ...PAGE, ...item.page }, context);
      case 'database': return check.run({ database: config.databases['main']!, host: 'deploy@203.0.113.10', ...item.visited }, context);
      case 'visit': return check.run(item.unreached ?? visitOf(item.facts, item.visit), context);
      case 'host': return check.run(visitOf(item.facts, item.visit), context);
    }
  };
  return { outcome: ask(), remedy: check.remedy };
}

describe('each check', () => {
  it.each(cases.map((item) => ({ ...item, name: `${item.id} says ${item.says} when ${item.when}` })))('$name', (item) => {
    const { outcome, remedy } = answer(item);
    expect(outcome?.result ?? 'nothing').toBe(item.says);
    if (item.words !== undefined) expect(`${outcome?.observed ?? ''}\n${outcome?.expected ?? ''}\n${outcome?.remedy ?? remedy}`).toMatch(item.words);
    if (item.hides !== undefined) expect(JSON.stringify(outcome)).not.toContain(item.hides);
  });
});

describe('the catalogue', () => {
  it('has a passing and a failing case for every check', () => {
    const lacking = catalogue.flatMap(({ id }) => (['pass', 'fail'] as const).filter((says) => !cases.some((item) => item.id === id && item.says === says)).map((says) => `${id}: ${says}`));
    expect(lacking).toEqual([]);
  });

  it('names every check once, after its family', () => {
    const ids = catalogue.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { id, family } of catalogue) expect(id).toMatch(new RegExp(`^preflight\\.${family}\\.[a-z0-9-]+$`));
  });

  it('tells for every check what to do', () => {
    for (const { title, remedy, requirement } of catalogue) {
      expect(title).toMatch(/^(?:[A-Z]|npm |nginx |sudo |bash |root ).*[^.]$/);
      expect(remedy.length).toBeGreaterThan(20);
      for (const row of requirement) expect(row).toMatch(/^(?:PF|SV|HD|TL|SM|SC|HC|BK|DP|RB)-\d\d$/);
    }
  });

  it('is what docs/checks.md shows', () => {
    // UPDATE_DOCS=1 writes the page instead of comparing it.
    const path = join(import.meta.dirname, '../../docs/checks.md');
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(path, renderCatalogue());
    expect(readFileSync(path, 'utf8')).toBe(renderCatalogue());
  });
});
