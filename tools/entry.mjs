import { version } from '../package.json';
import { cli as commandLine, plotsFrom } from '../src/main/index.js';

export { run } from '../src/main/index.js';

export function cli(argv) {
  commandLine(argv, version);
}

// The plots of reports are another bundle beside this one, read when a report is written (see build.mjs).
// eslint-disable-next-line @typescript-eslint/no-require-imports -- what is bundled is CommonJS
plotsFrom(() => require('./plots.cjs'));
