import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { certbot } from '../../src/commands/certbot.js';
import type { RunContext } from '../../src/commands/run-context.js';
import { environmentOf } from '../../src/config/environment.js';
import { loadConfig } from '../../src/config/load.js';
import { Redactor } from '../../src/evidence/redact.js';
import { plainReporter } from '../../src/evidence/reporters.js';
import { startEmbeddedHost, type EmbeddedHost } from '../support/embedded-host.js';

/** Let's Encrypt counts failures against its limits: so its staging is asked first. Programs of this host's stand in for certbot, nginx and sudo. */

const ROOT = '/srv/slipway-trial-test';

let server: EmbeddedHost;
let bin: string;

beforeEach(async () => {
  bin = mkdtempSync(join(tmpdir(), 'slipway-trial-'));
  program('sudo', 'while case ${1-} in -*) true ;; *) false ;; esac; do shift; done; exec "$@"');
  program('nginx', 'echo "nginx version: nginx/1.22.1" >&2');
  server = await startEmbeddedHost({ root: ROOT, path: `${bin}:${process.env['PATH'] ?? ''}` });
  // What a first deploy, or `slipway server`, has made.
  mkdirSync(join(server.home, 'app/.slipway'), { recursive: true });
  writeFileSync(join(server.home, 'app/.slipway/app'), 'trial production\n');
});
afterEach(async () => {
  await server.stop();
  rmSync(bin, { recursive: true, force: true });
});

const program = (name: string, text: string): void => writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
/** A certbot that notes what it is asked for, and fails or succeeds at once. */
const answer = (text: string): void => program('certbot', `if [ "$*" = --version ]; then echo 'certbot 2.1.0'; exit; fi\nprintf '%s\\n' "$*" >> '${bin}/asked'\n${text}`);
const asked = (): string[] => (existsSync(join(bin, 'asked')) ? readFileSync(join(bin, 'asked'), 'utf8').trim().split('\n') : []);

function run(): Promise<void> {
  const config = loadConfig(`app: trial
environments: { production: { root: ${ROOT}, hosts: [{ address: "${server.user}@${server.address}:${server.port}", host-key: ${server.hostKeyLine} }] } }
services: { web: { start: node s.js, manager: pm2, port: 3001, health: { path: / } } }
site: { domains: [trial.example.com], routes: { /: web }, tls: { email: ops@example.com, mode: dns, dns: { authenticate: /bin/true } } }
preflight: { severity: { dns.caa: warn }, dns: { resolvers: [], timeout: 1s } }
`, 'slipway.yml');
  const context: RunContext = {
    config, environmentName: 'production', environment: environmentOf(config, 'production'), excluded: [], credentials: { privateKey: server.clientKey }, appEnv: undefined,
    phase: 'certbot', runnerEnv: {}, lookup: () => undefined, workspace: bin, redactor: new Redactor(), signal: new AbortController().signal,
    reporter: { ...plainReporter(() => undefined), evidence: () => undefined }, author: { actor: 'ann', run: 'a test' },
    plan: false, leaseToken: 'token', keepLease: false, outputs: { hosts: new Map() }, now: () => new Date(),
  };
  return certbot(context, {});
}

test('the staging of the authority is asked first; when that fails, the authority itself is not asked', async () => {
  answer('echo "An unexpected error occurred:"; echo "Service busy; retry later."; exit 1');
  await expect(run()).rejects.toThrow(/got no certificate:|Service busy/);
  expect(asked()).toEqual([expect.stringMatching(/^certonly .*-d trial\.example\.com .*--dry-run/)]);
});

test('after a trial that went well the authority is asked for the same', async () => {
  answer('exit 0');
  // It made no certificate, which is found out.
  await expect(run()).rejects.toThrow(/certbot ended well, but .* holds no new certificate for trial\.example\.com/);
  const plain = (line = ''): string => line.replace(' --dry-run', '').replace(/ --config .*/, '');
  const [trial, real, ...others] = asked();
  expect(trial).toContain('--dry-run');
  expect(real).not.toContain('--dry-run');
  expect(plain(real)).toBe(plain(trial));
  expect(others).toEqual([]);
});
