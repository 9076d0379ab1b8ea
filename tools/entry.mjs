import { plotsFrom } from '../src/main/index.js';

export { run } from '../src/main/index.js';

/* eslint-disable @typescript-eslint/no-require-imports -- what is bundled is CommonJS, and this is evaluated when it is called */

/** What the words of the command line ask for (parts/cli.mjs). */
export const commandLine = () => require('../src/main/cli-commands.js');

// The plots of reports are another bundle beside this one, read when a report is written (see build.mjs).
plotsFrom(() => require('./plots.cjs'));
