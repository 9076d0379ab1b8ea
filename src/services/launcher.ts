import { quote } from '../ssh/quote.js';
import { serviceFolder } from '../host/layout.js';
import type { ServiceConfig } from '../config/schema.js';
import type { Instance } from './definition.js';

/**
 * The script by which a manager starts a service in whatever release its base (`current`, or its slot) names at that moment: it reads the
 * release's environment file, then the service's own values, and becomes the start command.
 */
export function renderLauncher(service: ServiceConfig, instance: Instance): string {
  const start = service.start ?? ':';
  return [
    '#!/bin/sh',
    '# Written by Slipway for this release; replaced by the next one.',
    'set -eu',
    // No name of ours may meet one of the environment file's: "$1" to "$3" are beyond its reach.
    `set -- "$(cd -P ${quote(instance.base)} && pwd -P)" ${quote(instance.envFile)} ${quote(`${serviceFolder(instance.root, instance.key)}/env`)}`,
    `cd "$1"/${quote(service.directory)}`,
    'set -a',
    'if [ -r "$1/$2" ]; then . "$1/$2"; fi',
    'if [ -r "$3" ]; then . "$3"; fi',
    'SLIPWAY_RELEASE=${1##*/}',
    'set +a',
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

/** Options of node whose value may be the next word. Source: https://nodejs.org/api/cli.html#options */
const TAKES_A_WORD: ReadonlySet<string> = new Set([
  '-r', '--require', '--import', '-C', '--conditions', '--env-file', '--env-file-if-exists', '--loader', '--experimental-loader',
  '--title', '--unhandled-rejections', '--disable-warning', '--redirect-warnings', '--icu-data-dir', '--openssl-config',
  '--max-http-header-size', '--dns-result-order', '--input-type', '--trace-event-categories', '--report-dir', '--report-directory',
  '--diagnostic-dir', '--inspect-port', '--watch-path', '--secure-heap', '--secure-heap-min', '--localstorage-file',
]);
/** Options with which node runs something else than a script it keeps running. */
const NO_SCRIPT: ReadonlySet<string> = new Set(['-', '--', '-e', '--eval', '-p', '--print', '-pe', '-c', '--check', '-i', '--interactive', '--test', '--run', '--watch', '-v', '--version', '-h', '--help']);

/**
 * Takes a start command apart when it is plain `node …`, so that PM2 can run the script itself (cluster mode needs that).
 * Anything a shell would interpret makes the answer undefined.
 */
export function parseNodeCommand(start: string): NodeCommand | undefined {
  if (/["'`$\\|&;<>()*?[\]{}~#!\n]/.test(start)) return undefined;
  const [program, ...words] = start.trim().split(/\s+/);
  if (program !== 'node') return undefined;
  let at = 0;
  for (let word = words[0]; word?.startsWith('-') === true; word = words[at]) at += TAKES_A_WORD.has(word) ? 2 : 1;
  const script = words[at];
  if (script === undefined || words.slice(0, at).some((word) => NO_SCRIPT.has(word))) return undefined;
  return { flags: words.slice(0, at), script, args: words.slice(at + 1) };
}
