// The command line. What its words ask for is in index.cjs, read when they are understood: `--help` answers without.
import { version } from '../../package.json';
import { cli as commandLine } from '../../src/main/cli.js';

export function cli(argv) {
  commandLine(argv, version);
}
