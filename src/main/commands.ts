import type { BackupOptions } from '../commands/backup.js';
import type { CertbotOptions } from '../commands/certbot.js';
import { preflightAsksHosts } from '../commands/preflight-parts.js';
import type { ReportOptions } from '../commands/report.js';
import type { TellOptions } from '../commands/rollback-issue.js';
import type { RunContext } from '../commands/run-context.js';
import type { ServerOptions } from '../commands/server.js';
import type { SignOffOptions } from '../commands/signoff.js';
import type { Config } from '../config/schema.js';
import type { Phase } from '../evidence/record.js';

/** What a command may be told beside the settings they share. */
export interface Arguments extends BackupOptions, ServerOptions, CertbotOptions, SignOffOptions, ReportOptions, TellOptions {
  readonly artifact?: string | undefined;
  readonly digest?: string | undefined;
  readonly overrideWindow?: string | undefined;
  readonly part?: string | undefined;
  readonly requireTag?: boolean | undefined;
  readonly requireWindow?: boolean | undefined;
  readonly tag?: string | undefined;
  readonly url?: string | undefined;
  readonly junit?: string | undefined;
  readonly release?: string | undefined;
  readonly reason?: string | undefined;
  readonly restoreDatabase?: string | undefined;
  /** Whether there are credentials for the hosts. */
  readonly hosts: boolean;
}

export interface Command {
  readonly title: string;
  readonly phase: Phase;
  readonly uses: readonly (keyof Config)[];
  /** Whether it asks hosts and so needs a key; without it, it does. */
  asksHosts?(args: Arguments): boolean;
  /** Whether it changes hosts, so that its lease may have to outlive it. */
  readonly changes: boolean;
  /** Whether it only tells what other commands have found, and finds nothing of its own. */
  readonly tells?: boolean;
  run(context: RunContext, args: Arguments): Promise<void>;
}

/** The commands that an action and the CLI share, by name; each is evaluated when it is run, as none needs the others. */
export const COMMANDS = {
  build: { title: 'Build', phase: 'deploy', uses: [], changes: false, asksHosts: () => false, run: async (context, args) => (await import('../commands/build.js')).build(context, args) },
  preflight: { title: 'Preflight', phase: 'preflight', uses: [], changes: false, asksHosts: preflightAsksHosts, run: async (context, args) => (await import('../commands/preflight.js')).preflight(context, args) },
  deploy: { title: 'Deploy', phase: 'deploy', uses: ['services'], changes: true, run: async (context, args) => (await import('../commands/deploy.js')).deploy(context, args) },
  smoke: { title: 'Smoke', phase: 'smoke', uses: ['smoke'], changes: true, run: async (context, args) => (await import('../commands/smoke.js')).smoke(context, args) },
  server: { title: 'Server', phase: 'server', uses: [], changes: false, run: async (context, args) => (await import('../commands/server.js')).server(context, args) },
  // The account's variables are looked up when certbot is run.
  certbot: { title: 'Certificate', phase: 'certbot', uses: [], changes: true, run: async (context, args) => (await import('../commands/certbot.js')).certbot(context, args) },
  signoff: { title: 'Sign-off', phase: 'signoff', uses: [], changes: false, asksHosts: () => false, run: async (context, args) => (await import('../commands/signoff.js')).signoff(context, args) },
  report: { title: 'Report', phase: 'deploy', uses: [], changes: false, tells: true, asksHosts: () => false, run: async (context, args) => (await import('../commands/report.js')).report(context, args) },
  watch: { title: 'Watch', phase: 'watch', uses: [], changes: false, run: async (context) => (await import('../commands/watch.js')).watch(context) },
  // Which variables are needed depends on what is done with which database: each says so when it comes to it.
  backup: { title: 'Backup', phase: 'backup', uses: [], changes: true, run: async (context, args) => (await import('../commands/backup.js')).backup(context, args) },
  // A rollback must not fail for a variable that only smoke needs: those are reported when smoke comes to them.
  rollback: { title: 'Rollback', phase: 'rollback', uses: [], changes: true, run: async (context, args) => (await import('../commands/rollback-issue.js')).rollbackAndTell(context, args) },
  'go-live': { title: 'Go-live', phase: 'deploy', uses: ['services', 'smoke'], changes: true, run: async (context, args) => (await import('../commands/go-live.js')).goLive(context, args) },
} satisfies Record<string, Command>;

export type CommandName = keyof typeof COMMANDS;
