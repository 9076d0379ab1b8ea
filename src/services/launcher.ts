import { quote } from '../ssh/quote.js';
import { currentLink, serviceFolder } from '../host/layout.js';
import type { ServiceConfig } from '../config/schema.js';
import type { ServiceContext } from './definition.js';

/**
 * The script by which a manager starts a service in whatever release `current` names at that moment: it reads the
 * release's environment file, then the service's own values, and becomes the start command.
 */
export function renderLauncher(service: ServiceConfig, context: ServiceContext): string {
  const start = service.start ?? ':';
  return [
    '#!/bin/sh',
    '# Written by Slipway for this release; replaced by the next one.',
    'set -eu',
    `release=$(cd -P ${quote(currentLink(context.root))} && pwd)`,
    'SLIPWAY_RELEASE=${release##*/}',
    'export SLIPWAY_RELEASE',
    'set -a',
    `env_file=$release/${quote(context.envFile)}`,
    'if [ -r "$env_file" ]; then . "$env_file"; fi',
    `own_values=${quote(`${serviceFolder(context.root, service.name)}/env`)}`,
    'if [ -r "$own_values" ]; then . "$own_values"; fi',
    'set +a',
    `cd "$release"/${quote(service.directory)}`,
    'if command -v bash >/dev/null; then',
    `  exec bash --norc -euo pipefail -c ${quote(start)}`,
    'fi',
    `exec sh -euc ${quote(start)}`,
    '',
  ].join('\n');
}

/** A start command of the form `node [flags] script [arguments]`, without shell syntax. */
export interface NodeCommand {
  readonly flags: readonly string[];
  readonly script: string;
  readonly args: readonly string[];
}

/**
 * Takes a start command apart when it is plain `node …`, so that PM2 can run the script itself (cluster mode needs that).
 * Flags must carry their value behind `=`; anything a shell would interpret makes the answer undefined.
 */
export function parseNodeCommand(start: string): NodeCommand | undefined {
  if (/["'`$\\|&;<>()*?[\]{}~#!\n]/.test(start)) return undefined;
  const [program, ...words] = start.trim().split(/\s+/);
  if (program !== 'node') return undefined;
  const at = words.findIndex((word) => !word.startsWith('-'));
  const script = words[at];
  if (script === undefined) return undefined;
  return { flags: words.slice(0, at), script, args: words.slice(at + 1) };
}
