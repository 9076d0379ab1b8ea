import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunContext } from '../../src/commands/run-context.js';
import { Redactor } from '../../src/evidence/redact.js';
import { plainReporter } from '../../src/evidence/reporters.js';
import { makeContext, type Settings } from '../../src/main/settings.js';

let workspace: string;
beforeAll(() => {
  workspace = mkdtempSync(join(tmpdir(), 'slipway-settings-'));
  writeFileSync(join(workspace, 'slipway.yml'), 'app: shop\nenvironments: { production: { hosts: [deploy@203.0.113.10] } }\n');
});
afterAll(() => rmSync(workspace, { recursive: true }));

const contextOf = (settings: Partial<Settings>, processEnv: NodeJS.ProcessEnv = {}): Promise<RunContext> => makeContext(
  { environment: 'production', config: 'slipway.yml', workspace, credentials: {}, appEnv: undefined, plan: false, excludeHosts: [], ...settings },
  {
    phase: 'deploy', reporter: plainReporter(() => undefined), redactor: new Redactor(), signal: new AbortController().signal,
    author: { actor: 'ann', run: 'a test' }, processEnv, keepLease: false, uses: [],
  },
);

describe('the variables of the build', () => {
  test('reach the team’s commands on the runner, are masked, and are no part of what the hosts get', async () => {
    const { runnerEnv, appEnv, redactor } = await contextOf({ buildEnv: 'NPM_TOKEN=npm_s3cretOfBuild\n' }, { PATH: '/bin' });
    expect(runnerEnv).toEqual({ PATH: '/bin', NPM_TOKEN: 'npm_s3cretOfBuild' });
    expect(redactor.redact('got npm_s3cretOfBuild')).not.toContain('s3cret');
    expect(appEnv).toBeUndefined();
  });

  test('hold nothing of the environment’s secrets, nor of what git is told to reach origin', async () => {
    const { runnerEnv, originEnv } = await contextOf({ appEnv: 'JWT_SECRET=sentinel-value\n', github: { token: 'ghs_sentinel', apiUrl: 'https://api.github.com' } });
    expect(runnerEnv).toEqual({});
    expect(originEnv?.['GIT_CONFIG_KEY_1']).toBe('http.https://github.com/.extraheader');
  });
});
