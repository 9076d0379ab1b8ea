import { loadConfig } from '../../src/config/load.js';
import type { Config, HostConfig } from '../../src/config/schema.js';
import type { HostFacts } from '../../src/checks/facts.js';
import type { DatabaseVisit } from '../../src/checks/database-facts.js';
import type { GitHubFacts } from '../../src/checks/github-facts.js';
import type { NameFacts } from '../../src/checks/site-facts.js';
import type { PageFacts } from '../../src/probe/page.js';
import type { TlsFacts } from '../../src/probe/tls.js';
import type { CheckContext, HostVisit, RunnerFacts, WindowFacts } from '../../src/checks/model.js';

export const NOW = new Date('2026-11-21T02:00:00Z');

/** A config with one production and one staging host; `extra` is added YAML. */
export function configWith(extra = ''): Config {
  return loadConfig(`
app: demo
environments:
  production: { url: https://app.example.com, hosts: [deploy@203.0.113.10] }
  staging: { url: https://staging.example.com, hosts: [deploy@203.0.113.11] }
${extra}
`, 'slipway.yml');
}

export function contextWith(config: Config, environmentName = 'production'): CheckContext {
  const environment = config.environments[environmentName];
  if (environment === undefined) throw new Error(`no environment ${environmentName}`);
  return { config, environmentName, environment, now: NOW };
}

export const JUMP: HostConfig = {
  name: 'deploy@198.51.100.1', user: 'deploy', address: '198.51.100.1', port: 22, hostKeys: [], sudo: false, path: [], connectTimeout: 15_000, keepalive: 15_000,
};
export const HOST: HostConfig = { ...JUMP, name: 'deploy@203.0.113.10', address: '203.0.113.10' };

/** A healthy Debian server; each test changes what it is about. */
export const HEALTHY: HostFacts = {
  os: { id: 'debian', version: '12', name: 'Debian GNU/Linux 12 (bookworm)' },
  architecture: 'aarch64', kernel: 'Linux 6.1.0', hostname: 'web1', init: 'systemd',
  login: { user: 'deploy', uid: 1000, groups: ['deploy'], home: '/home/deploy', shell: '/bin/bash' },
  cpus: 4, memory: { total: 8e9, available: 6e9 }, swap: { total: 0, free: 0 }, load: [0.47, 0.52, 0.35],
  disk: { total: 96e9, free: 80e9 }, inodes: { total: 6e6, free: 5e6 }, mountOptions: ['rw', 'relatime'],
  root: { path: '/srv/demo', exists: 'yes', parent: '/srv/demo', parentReal: '/srv/demo', parentWritable: true, owner: 'deploy 1000 755', app: 'demo', environment: 'production', content: '.slipway current releases', probe: 'ok', unwritable: [] },
  versions: { node: '24.1.0', npm: '11.0.0', pm2: '7.0.4', python3: '3.11.2', nginx: '1.22.1', bash: '5.2.15' },
  elsewhere: {}, tools: {}, features: { 'find -printf': true, flock: true },
  clock: { begin: NOW.getTime(), end: NOW.getTime() + 100, timezone: 'UTC', synchronised: 'yes' },
  listeners: [], envFiles: [], monitors: {}, logs: {}, reach: {},
};

export function visitOf(facts: Partial<HostFacts> = {}, rest: Partial<HostVisit> = {}): HostVisit & { facts: HostFacts } {
  return { host: HOST, connectTime: 120, askedAt: NOW.getTime() - 50, answeredAt: NOW.getTime() + 150, ...rest, facts: { ...HEALTHY, ...facts } };
}

export const RUNNER: RunnerFacts = { commands: {} };

/** One question put to one check, and what it must say. */
export interface Case {
  readonly id: string;
  /** When what is the case. */
  readonly when: string;
  /** `nothing`: the check does not arise. */
  readonly says: 'pass' | 'fail' | 'skip' | 'nothing';
  readonly config?: string;
  readonly environment?: string;
  readonly facts?: Partial<HostFacts>;
  readonly visit?: Partial<HostVisit>;
  readonly unreached?: HostVisit;
  readonly runner?: Partial<RunnerFacts>;
  readonly github?: GitHubFacts;
  readonly dns?: Partial<NameFacts>;
  readonly tls?: Partial<TlsFacts>;
  readonly page?: Partial<PageFacts>;
  /** Of the database `main` in `config`. */
  readonly visited?: Partial<DatabaseVisit>;
  readonly window?: Partial<WindowFacts>;
  readonly env?: Readonly<Record<string, string>>;
  readonly elsewhere?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Must stand in what was observed, or in the remedy. */
  readonly words?: RegExp;
  /** Must not stand anywhere in the outcome. */
  readonly hides?: string;
}
